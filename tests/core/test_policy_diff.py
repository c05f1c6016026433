"""The difference of two policies says every change, and says nothing where there is none."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from guard.cli import main
from guard.policies.load import load_policy
from guard.policy_diff import PolicyDiff, Words, diff

MakePack = Callable[..., Path]


@pytest.fixture
def changed(make_pack: MakePack, tmp_path: Path) -> Callable[..., PolicyDiff]:
    """The difference that a change of the made-up rule makes; ``head`` changes pack.yaml."""

    def change(head: dict[str, Any] | None = None, **rule: Any) -> PolicyDiff:
        old = make_pack()
        new = tmp_path / "later" / "shop"
        shutil.copytree(old, new)
        for name, update in (("pack.yaml", head or {}), ("rules.yaml", rule)):
            data = yaml.safe_load((new / name).read_text(encoding="utf-8"))
            (data["rules"][0] if name == "rules.yaml" else data).update(update)
            (new / name).write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
        return diff(load_policy(str(old)), load_policy(str(new)))

    return change


def test_a_policy_does_not_differ_from_itself() -> None:
    assert not diff(load_policy("cn"), load_policy("cn"))


def test_rules_added_and_removed(make_pack: MakePack) -> None:
    two = f"cn-label-2025,{make_pack()}"
    there = diff(load_policy("cn-label-2025"), load_policy(two))
    back = diff(load_policy(two), load_policy("cn-label-2025"))
    assert there.added == back.removed == ("shop.zorb",)
    assert there.removed == back.added == there.changed == ()
    assert there.settings["packs"] == Words(added=("[shop, 1]",))


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"action": {"prompt": "review"}}, "actions"),
        ({"severity": "low"}, "severity"),
        ({"threshold": 0.9}, "threshold"),
        ({"observe": True}, "observe"),
        ({"until": dt.date(2030, 1, 1)}, "until"),
        ({"title": {"zh": "新", "en": "Selling zorbs"}}, "title_zh"),
        ({"reply": "fraud"}, "reply"),
        ({"samples": {"hit": ["佐布石", "卖佐布石"]}}, "hits"),
        ({"match": {"all": [{"words": ["佐布石"]}, {"words": ["卖"]}]}}, "match"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_changed_field_is_told(
    changed: Callable[..., PolicyDiff], rule: dict[str, Any], field: str
) -> None:
    (change,) = changed(**rule).changed
    assert field in change.fields
    old, new = change.fields[field]
    assert old != new


def test_words_gained_lost_and_excused(changed: Callable[..., PolicyDiff]) -> None:
    match = {"words": ["佐布", "紫水晶"], "unless": {"words": ["谨防"]}}
    (change,) = changed(match=match).changed
    assert change.words == Words(("unless:谨防", "佐布", "紫水晶"), ("佐布石",))


def test_settings_around_the_rules(changed: Callable[..., PolicyDiff]) -> None:
    waiver = {"rule": "shop.zorb", "reason": "a", "who": "b"}
    found = changed({"waivers": [waiver], "on_failure": {"pii": "review"}, "version": "2"})
    assert found.changed == ()
    assert set(found.settings) == {"waivers", "on_failure", "packs"}
    assert found.settings["on_failure"] == Words(("[pii, REVIEW]",), ())


FIRST = {"version": "1", "date": dt.date(2026, 1, 1), "zh": "首版", "en": "First"}
SECOND = {"version": "2", "date": dt.date(2026, 2, 1), "zh": "加词", "en": "More words"}
THIRD = {"version": "3", "date": dt.date(2026, 3, 1), "zh": "去词", "en": "Fewer words"}


def test_notes_of_the_versions_between_are_told(
    make_pack: MakePack, capsys: pytest.CaptureFixture[str]
) -> None:
    """Back from 3 to 1 the same notes are undone; a pack that is new has nothing to upgrade."""
    old = make_pack(changes=[FIRST])
    old.rename(old.with_name("old"))
    new = make_pack(version="3", changes=[THIRD, SECOND, FIRST])
    one, two = load_policy(str(old.with_name("old"))), load_policy(str(new))
    assert [note.en for note in diff(one, two).notes] == ["Fewer words", "More words"]
    assert diff(one, two).undone == ()
    assert [note.version for note in diff(two, one).undone] == ["3", "2"]
    assert diff(load_policy("cn-label-2025"), two).notes == ()
    assert main(["policy", "diff", str(old.with_name("old")), str(new)]) == 0
    assert "+ shop 3 (2026-03-01) 去词 | Fewer words" in capsys.readouterr().out


def test_other_rules_under_one_version_are_told(changed: Callable[..., PolicyDiff]) -> None:
    assert changed(severity="low").unversioned == ("shop",)


def test_another_version_may_have_other_rules(changed: Callable[..., PolicyDiff]) -> None:
    assert changed({"version": "2"}, severity="low").unversioned == ()


def test_the_command_with_texts(
    make_pack: MakePack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "佐布石"}\n{"text": "你好"}\n', encoding="utf-8")
    words = ["policy", "diff", "cn-label-2025", f"cn-label-2025,{make_pack()}", "--on", str(rows)]
    assert main([*words, "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["added"] == ["shop.zorb"]
    assert [change["line"] for change in out["decisions"]["newly_blocked"]] == [1]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "1 rules added, 0 removed, 0 changed" in shown
    assert "佐布石" in shown
