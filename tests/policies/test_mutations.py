"""Damage to a rule must show in its samples: the check itself, and the shipped rules under it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guard.cli import main
from guard.compile import build_engine
from guard.mutations import FATAL, Mutant, mutants
from guard.policies.load import load_policy

MakePack = Callable[..., Path]

#: Shipped rules whose hits other rules decide alike: a debt that may only shrink.
KNOWN: set[str] = set()


def broken(pack: Path, rule: str) -> dict[tuple[str, str], Mutant]:
    """The mutants of a rule by kind and place."""
    engine = build_engine(load_policy(str(pack)))
    return {(m.kind, m.what): m for m in mutants(engine) if m.rule == rule}


def other(id: str, words: list[str], **more: Any) -> dict[str, Any]:
    return {"id": id, "match": {"words": words}, **more}


def test_a_rule_alone_is_missed(make_pack: MakePack) -> None:
    assert broken(make_pack(), "shop.zorb") == {("removed", ""): Mutant("shop.zorb", "removed", "")}


def test_a_rule_that_another_covers_survives_and_the_other_is_named(make_pack: MakePack) -> None:
    pack = make_pack([{}, other("shop.all", ["佐布"], samples={"hit": ["佐布"]})])
    removed = broken(pack, "shop.zorb")["removed", ""]
    assert removed.fatal
    assert removed.mend == (
        "add a hit that only this rule decides: shop.all decide the 1 it has alike"
    )
    assert not broken(pack, "shop.all")["removed", ""].mend


def test_one_hit_of_its_own_is_enough(make_pack: MakePack) -> None:
    samples = {"hit": ["佐布石", "紫水晶"]}
    rule = {"match": {"words": ["佐布石", "紫水晶"]}, "samples": samples}
    pack = make_pack([rule, other("shop.all", ["佐布"], samples={"hit": ["佐布"]})])
    assert not broken(pack, "shop.zorb")["removed", ""].mend


def test_a_milder_rule_beside_it_covers_nothing(make_pack: MakePack) -> None:
    mild = other("shop.mild", ["佐布"], action={"prompt": "review"}, samples={"hit": ["佐布"]})
    assert not broken(make_pack([{}, mild]), "shop.zorb")["removed", ""].mend


@pytest.mark.parametrize(("category", "missed"), [("custom.word", False), ("illegal.drug", True)])
def test_a_rule_that_observes_is_missed_in_what_is_recorded(
    make_pack: MakePack, category: str, missed: bool
) -> None:
    hit = {"hit": ["佐布石"]}
    watching = other("shop.watch", ["佐布石"], observe=True, category=category, samples=hit)
    removed = broken(make_pack([{}, watching]), "shop.watch")["removed", ""]
    assert removed.fatal is not missed


def test_without_hits_nothing_can_be_shown(make_pack: MakePack) -> None:
    assert broken(make_pack([{"samples": {}}]), "shop.zorb")["removed", "no hit"].fatal


def test_the_weak_end_of_a_graded_rule_must_be_shown(make_pack: MakePack) -> None:
    """Spelled by sound a word scores less: alone that hit must be decided by the rule."""
    hit = {"hit": ["佐布石头", "佐 布 石 头"]}
    rule = {"match": {"words": ["佐布石头"]}, "samples": hit}
    found = broken(make_pack([rule]), "shop.zorb")
    raised = [mutant for (kind, _), mutant in found.items() if kind == "raised"]
    assert [mutant.mend for mutant in raised] == [""]
    assert [m.must for (kind, _), m in found.items() if kind == "lowered"] == [False]


def test_conditions_and_branches_that_no_sample_shows_are_advice(make_pack: MakePack) -> None:
    match = {
        "any": [
            {"near": [{"words": ["出售"]}, {"words": ["佐布石"]}], "unless": {"words": ["玩具"]}},
            {"words": ["紫水晶"]},
        ]
    }
    shown = {"hit": ["出售佐布石", "紫水晶"], "miss": ["出售佐料", "看佐布石", "出售玩具佐布石"]}
    pack = make_pack([{"match": match, "samples": shown}])
    assert not [m for m in broken(pack, "shop.zorb").values() if m.mend]
    poor = {"hit": ["出售佐布石"], "miss": ["出售佐料"]}
    pack = make_pack([{"match": match, "samples": poor}], name="poor")
    mends = {key: m.mend for key, m in broken(pack, "shop.zorb").items() if m.mend}
    assert mends == {
        ("alternative", "紫水晶"): "add a hit that needs it",
        ("part", "出售"): "add a miss that fires without it",
        ("unless", "unless 玩具"): "add a miss that fires without it",
    }
    assert not any(m.fatal for m in broken(pack, "shop.zorb").values())


def test_silent_rules_are_not_broken(make_pack: MakePack) -> None:
    off = [{"rule": "shop.zorb", "reason": "not ours", "off": True}]
    assert broken(make_pack(overrides=off), "shop.zorb") == {}
    assert broken(make_pack([{"status": "deprecated"}], name="old"), "shop.zorb") == {}


def test_the_command_fails_on_survivors(
    make_pack: MakePack, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = make_pack([{}, other("shop.all", ["佐布"], samples={"hit": ["佐布"]})])
    command = ["policy", "test", "--policy", str(pack)]
    assert main([*command, "--json"]) == 0
    assert "mutations" not in json.loads(capsys.readouterr().out)
    assert main([*command, "--mutations", "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)["mutations"]
    assert [survivor["rule"] for survivor in shown["survivors"]] == ["shop.zorb"]
    assert main([*command, "--mutations"]) == 1
    assert "no sample objects to 1" in capsys.readouterr().out


@pytest.mark.slow
def test_every_shipped_rule_is_missed_by_its_samples() -> None:
    found = list(mutants(build_engine(load_policy("cn"))))
    survivors = {mutant.rule: mutant.mend for mutant in found if mutant.fatal}
    assert survivors.keys() <= KNOWN, survivors
    assert {mutant.kind for mutant in found} >= set(FATAL)
