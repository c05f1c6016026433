"""The packs for deep synthesis, minors and companions, and the label packs, on texts of their own.

``tests/data/further_packs.jsonl`` has violations and hard look-alikes in three parts. ``first`` was
written before the rules and ``second`` after their first draft, in other words on purpose (1 of 80
was found then); the rules were mended on both. ``fresh`` was written last, as a user would say it:
29 of 40 were found and 1 of 40 look-alikes was hit before anything was mended. All of it is by the
authors of the rules, so the floors below guard against regressions and estimate nothing.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from pathlib import Path

import pytest

from guard.compile import build_engine
from guard.model import Action, Content, Verdict
from guard.policies.load import load_policy

PATH = Path(__file__).parents[1] / "data" / "further_packs.jsonl"
ROWS = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
PACKS = "cn-ds-2023,cn-minor,cn-anthro-2026,eu-aia,us-ca-942"
POLICY = load_policy(PACKS)
#: A day on which every rule is in force.
DAY = dt.date(2027, 2, 1)
#: Least share of violations that their own rule finds, per part.
FLOORS = {"first": 0.94, "second": 0.85, "fresh": 0.85}


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    batch = [Content(row["text"], row["role"]) for row in ROWS]
    found = build_engine(POLICY, "rules").find(batch)
    return [POLICY.decide(c, f, on=DAY) for c, f in zip(batch, found, strict=True)]


def fires(rule: str, verdict: Verdict) -> bool:
    return any(fired.id == rule for fired in verdict.rules)


def test_every_rule_is_tried_on_ten_violations_and_ten_look_alikes() -> None:
    tried = Counter((row["rule"], row["label"]) for row in ROWS)
    assert {rule for rule, _ in tried} == {rule.id for rule in POLICY.rules}
    assert min(tried.values()) >= 10
    assert len({row["text"] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("part", FLOORS)
def test_violations_are_found(part: str, verdicts: list[Verdict]) -> None:
    found = [
        fires(row["rule"], verdict)
        for row, verdict in zip(ROWS, verdicts, strict=True)
        if row["part"] == part and row["label"] == "unsafe"
    ]
    assert sum(found) / len(found) >= FLOORS[part]


def test_each_rule_finds_most_of_its_violations(verdicts: list[Verdict]) -> None:
    pairs = [p for p in zip(ROWS, verdicts, strict=True) if p[0]["label"] == "unsafe"]
    asked = Counter(row["rule"] for row, _ in pairs)
    found = Counter(row["rule"] for row, verdict in pairs if fires(row["rule"], verdict))
    assert {rule for rule, n in asked.items() if found[rule] / n < 0.7} == set()


def test_look_alikes_are_left_alone_by_all_of_the_packs(verdicts: list[Verdict]) -> None:
    pairs = [p for p in zip(ROWS, verdicts, strict=True) if p[0]["label"] == "safe"]
    assert [row["text"] for row, verdict in pairs if verdict.action >= Action.REVIEW] == []


def test_a_veiled_farewell_is_answered_with_help_and_never_blocked(
    verdicts: list[Verdict],
) -> None:
    rule = "cn-anthro-2026.crisis-signal"
    for row, verdict in zip(ROWS, verdicts, strict=True):
        if row["rule"] == rule and fires(rule, verdict):
            assert verdict.action is Action.REVIEW
            assert verdict.text == row["text"]
            assert "12356" in verdict.reply


def test_label_packs_are_asked_for_by_name() -> None:
    default = {name for name, _ in load_policy("cn").packs}
    assert not default & {"eu-aia", "us-ca-942"}
    both = {name for name, _ in load_policy("cn,eu-aia,us-ca-942").packs}
    assert both == default | {"eu-aia", "us-ca-942"}
