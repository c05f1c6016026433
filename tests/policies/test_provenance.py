"""Where words come from: said by the pack, shown for a rule, counted, missed where wanting."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guard.cli import main
from guard.compile import build_engine
from guard.coverage import word_lines
from guard.errors import PolicyError
from guard.lint import lint
from guard.policies.load import built_in, load_policy
from guard.policies.provenance import Block

MakePack = Callable[..., Path]

REST = {"source": "客服记录", "reviewer": "甲", "date": dt.date(2026, 1, 2), "evidence": "抽查"}
OWN = {**REST, "source": "监管通报"}
MATCH = {
    "near": [{"words": ["佐布石", "佐布"]}, {"group": "sell"}, {"lexicon": "more.tsv"}],
    "unless": {"words": ["谨防"]},
}


@pytest.fixture
def pack(make_pack: MakePack) -> Callable[..., Path]:
    """A pack with words in a rule, in a group and in a lexicon."""

    def make(**head: Any) -> Path:
        rules = [{"match": MATCH, "samples": {}}]
        folder = make_pack(rules, groups={"sell": ["卖", "售", "出手"]}, **head)
        (folder / "more.tsv").write_text("word\n紫水晶\n绿水晶\n", encoding="utf-8")
        return folder

    return make


def blocks(pack: Path) -> dict[str, Block]:
    return {block.name: block for block in load_policy(str(pack)).blocks}


def test_the_nearest_key_counts(pack: Callable[..., Path]) -> None:
    found = blocks(pack(provenance={"*": REST, "more.tsv": OWN}))
    sources = {name: block.provenance.source for name, block in found.items() if block.provenance}
    assert sources == {"shop.zorb": "客服记录", "groups.sell": "客服记录", "more.tsv": "监管通报"}
    assert {name: block.entries for name, block in found.items()} == {
        "shop.zorb": 2,  # 谨防 finds nothing
        "groups.sell": 3,
        "more.tsv": 2,
    }
    assert {block.rules for block in found.values()} == {("shop.zorb",)}


def test_a_shared_group_is_no_block_of_the_pack(make_pack: MakePack) -> None:
    pack = make_pack([{"match": {"group": "refusal"}, "samples": {}}])
    assert blocks(pack) == {}


@pytest.mark.parametrize("key", ["shop.other", "less.tsv", "sell", "groups.refusal"])
def test_a_key_of_no_block_is_an_error(pack: Callable[..., Path], key: str) -> None:
    with pytest.raises(PolicyError, match="no block"):
        load_policy(str(pack(provenance={key: REST})))


@pytest.mark.parametrize("field", list(REST))
def test_every_field_is_wanted(pack: Callable[..., Path], field: str) -> None:
    form = {name: value for name, value in REST.items() if name != field}
    with pytest.raises(PolicyError, match=field):
        load_policy(str(pack(provenance={"*": form})))


def test_it_is_shown_for_a_rule(
    pack: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pack(provenance={"more.tsv": OWN})
    assert main(["policy", "show", "shop.zorb", "--policy", str(folder), "--json"]) == 0
    shown = {b["block"]: b for b in json.loads(capsys.readouterr().out)["words"]}
    assert shown["more.tsv"]["provenance"] == {**OWN, "date": "2026-01-02"}
    assert shown["groups.sell"]["provenance"] is None


def test_it_is_counted(pack: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = pack(provenance={"more.tsv": OWN})
    want = {"shop": {"blocks": 3, "entries": 7, "with_provenance": 2}}
    assert word_lines(load_policy(str(folder))) == want
    assert main(["policy", "coverage", "--policy", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["words"] == want


def remarks(pack: Path, own: frozenset[str]) -> list[tuple[str, str]]:
    policy = load_policy(str(pack))
    found = lint(policy, build_engine(policy), own)
    return [(p.level, p.message) for p in found if p.rule == "shop"]


def test_lint_misses_it_in_a_shipped_pack_only(pack: Callable[..., Path]) -> None:
    folder = pack(provenance={"more.tsv": OWN})
    assert remarks(folder, frozenset()) == []
    (words, versions) = remarks(folder, frozenset({"shop"}))
    assert words[0] == versions[0] == "warning"
    assert words[1].startswith("5 words in 2 blocks")


@pytest.mark.parametrize(("versions", "level"), [(["1"], ""), (["0"], "error"), ([], "warning"),
                                                 (["1", "1"], "error")])  # fmt: skip
def test_a_shipped_pack_tells_of_its_version(
    pack: Callable[..., Path], versions: list[str], level: str
) -> None:
    note = {"date": dt.date(2026, 1, 1), "zh": "首版", "en": "First"}
    told = [{"version": version, **note} for version in versions]
    folder = pack(provenance={"*": REST}, changes=told)
    assert [found for found, _ in remarks(folder, frozenset({"shop"}))] == [level][: bool(level)]


def test_the_packs_of_the_default_set_tell_of_their_versions() -> None:
    policy = load_policy("cn")
    newest = {change.pack: change.version for change in reversed(policy.changes)}
    assert newest.items() <= dict(policy.packs).items()
    assert newest.keys() <= built_in().keys()
    assert len(newest) >= 5
