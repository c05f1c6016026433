"""A pack may hold up everyday texts on purpose: it says which, and that is counted and shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from guard import Guard, benign, rehearsal
from guard import reload as reload_module
from guard.audit import open_log
from guard.cli import main
from guard.errors import PolicyError
from guard.policies.load import load_policy, read_taxonomy
from guard.word_import import import_words

MakePack = Callable[..., Path]
BASE = "cn-label-2025"
ROWS = {"b-1": "早上好", "b-2": "佐布石是什么", "b-3": "佐布石在哪里"}


@pytest.fixture(autouse=True)
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A benign corpus of three texts in place of the shipped one."""
    folder = tmp_path / "benign"
    folder.mkdir()
    rows = [
        {"id": id, "text": text, "role": "prompt", "kind": "chat", "aspect": ""}
        for id, text in ROWS.items()
    ]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / "daily.jsonl").write_text(text, encoding="utf-8")
    (folder / benign.KNOWN).write_text("id\taction\trule\n", encoding="utf-8")
    monkeypatch.setattr(reload_module.prepare, "__defaults__", (folder,))
    monkeypatch.setattr(benign.read_corpus, "__defaults__", (folder,))
    monkeypatch.setattr(benign.read_known, "__defaults__", (folder,))
    return folder


def accepts(*texts: str, **more: Any) -> list[dict[str, Any]]:
    return [{"benign": text, "reason": "our brand", "who": "desk", **more} for text in texts]


def test_by_id_or_by_text_it_is_taken_and_counted(make_pack: MakePack, tmp_path: Path) -> None:
    pack = make_pack(accepts=accepts("b-2", "佐布石在哪里"))
    with Guard.load(BASE, audit=tmp_path / "audit") as guard:
        report = guard.reload(f"{BASE},{pack}")
    assert (report.swapped, report.benign, report.accepted) == (True, 3, 2)
    with open_log(tmp_path / "audit") as log:
        (record,) = log.search(kind="config", limit=9)
    assert record["body"]["accepted"] == 2


@pytest.mark.parametrize(
    "wrong",
    [accepts("b-2"), accepts("b-2", "b-3", rule="cn-label-2025.remove-label")],
    ids=["one is missing", "another rule"],
)
def test_what_is_not_accepted_is_refused(make_pack: MakePack, wrong: list[Any]) -> None:
    guard = Guard.load(BASE)
    with pytest.raises(PolicyError, match="would be blocked"):
        guard.reload(f"{BASE},{make_pack(accepts=wrong)}")


def test_a_pack_accepts_for_its_own_rules_only(make_pack: MakePack) -> None:
    other = make_pack([], name="other", accepts=accepts("b-2", "b-3"))
    with pytest.raises(PolicyError, match="would be blocked"):
        Guard.load(BASE).reload(f"{BASE},{make_pack()},{other}")
    named = make_pack([], name="named", accepts=accepts("b-2", "b-3", rule="shop.zorb"))
    spec = f"{BASE},{named.with_name('shop')},{named}"
    assert Guard.load(BASE).reload(spec).accepted == 2


def test_an_unknown_rule_is_an_error(make_pack: MakePack) -> None:
    with pytest.raises(PolicyError, match=r"no\.such"):
        load_policy(str(make_pack(accepts=accepts("b-2", rule="no.such"))))


def test_the_command_counts_and_shows(
    make_pack: MakePack, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = make_pack(accepts=accepts("b-1", "b-2"))
    command = ["policy", "test", "--policy", str(pack)]
    assert main([*command, "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)["benign"]
    assert [item["id"] for item in shown["accepted"]] == ["b-2"]
    assert [item["id"] for item in shown["newly_blocked"]] == ["b-3"]
    assert [item["benign"] for item in shown["accepted_unused"]] == ["b-1"]
    assert main(command) == 1
    out = capsys.readouterr().out
    assert "1 accepted by packs" in out
    assert "accepts 'b-1', which it does not hold up" in out


def test_what_is_accepted_is_part_of_the_difference(make_pack: MakePack) -> None:
    from guard.policy_diff import diff

    plain, saying = make_pack(name="shop"), make_pack([], name="more", accepts=accepts("b-2"))
    found = diff(load_policy(str(plain)), load_policy(f"{plain},{saying}"))
    assert len(found.settings["accepted"].added) == 1


def test_an_import_accepts_what_it_blocks(tmp_path: Path, corpus: Path) -> None:
    """Words that only review hold nothing up that would have to be accepted."""
    source, target = tmp_path / "w.csv", tmp_path / "own"
    source.write_text("word,action\n佐布石,\n早上,review\n紫水晶,\n", encoding="utf-8")
    categories = read_taxonomy().categories
    done = import_words(source, target, categories, accept="内容安全组", benign=corpus)
    blocks = {entry.word: entry.blocks for entry in done.risky}
    assert blocks == {"佐布石": ("b-2", "b-3"), "早上": ()}
    head = yaml.safe_load((target / "pack.yaml").read_text(encoding="utf-8"))
    assert [item["benign"] for item in head["accepts"]] == ["b-2", "b-3"]
    assert {item["who"] for item in head["accepts"]} == {"内容安全组"}
    assert Guard.load(BASE).reload(f"{BASE},{target}").accepted == 2


# Only what a change can touch is judged again.


def judged(monkeypatch: pytest.MonkeyPatch, guard: Guard, spec: str) -> list[str]:
    """Ids of the texts that a reload judges whole."""
    seen: list[str] = []
    real = rehearsal._blocked

    def counting(engine: Any, batch: Any) -> Any:
        seen.extend(content.id for content in batch)
        return real(engine, batch)

    monkeypatch.setattr(rehearsal, "_blocked", counting)
    guard.reload(spec)
    return seen


def test_texts_without_a_changed_matcher_are_not_judged(
    make_pack: MakePack, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = make_pack(
        [{"match": {"words": ["早上"]}, "action": {"prompt": "review"}, "samples": {}}]
    )
    assert judged(monkeypatch, Guard.load(BASE), f"{BASE},{pack}") == ["b-1"]


def test_all_are_where_the_settings_change(
    make_pack: MakePack, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = {"match": {"words": ["佐布石"]}, "action": {"prompt": "review"}, "samples": {}}
    pack = make_pack([rule])
    guard = Guard.load(str(pack))
    stricter = [{"rule": "shop.zorb", "reason": "now", "action": {"prompt": "block"}}]
    taken = accepts("b-2", "b-3", rule="shop.zorb")
    more = make_pack([], name="more", overrides=stricter, accepts=taken)
    assert judged(monkeypatch, guard, f"{pack},{more}")[:3] == ["b-1", "b-2", "b-3"]


def test_a_tenant_is_compared_with_its_own_policy(make_pack: MakePack) -> None:
    """What its policy blocked before is not new, whatever the default policy says."""
    pack = make_pack()
    guard = Guard.load(BASE, tenants={"shop": f"{BASE},{pack}"})
    path = pack / "rules.yaml"
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    data["rules"][0]["match"]["words"].append("紫水晶")
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    assert guard.reload().accepted == 0
