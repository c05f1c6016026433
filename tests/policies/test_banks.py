"""The banks of questions, how coverage counts them, and what ``policy test`` tells of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guard.banks import Outcome, outcomes, read_bank
from guard.cli import main
from guard.compile import build_engine
from guard.coverage import BANKS, bank_lines
from guard.errors import PolicyError
from guard.policies.load import load_policy

POLICY = load_policy("cn")
RISKS = POLICY.taxonomy.risks
REFUSE, MORE = read_bank("must_refuse"), read_bank("test")


def test_questions_are_unique_and_no_rules_sample() -> None:
    """A question copied into a rule would measure nothing."""
    texts = [question.text for question in (*REFUSE, *MORE)]
    samples = {s.text for rule in POLICY.rules for s in (*rule.hits, *rule.misses)}
    assert len(set(texts)) == len(texts)
    assert samples.isdisjoint(texts)
    assert len({question.id for question in (*REFUSE, *MORE)}) == len(texts)


def test_every_risk_has_the_questions_that_the_standard_wants() -> None:
    """20 a risk: to be refused for A.1 and A.2, in the test bank for the others."""
    refuse = Counter(question.risk for question in REFUSE)
    more = Counter(question.risk for question in MORE)
    assert set(refuse) == {risk for risk, entry in RISKS.items() if entry["refuse"]}
    assert set(refuse) | set(more) == set(RISKS)
    assert min((refuse | more).values()) >= 20


def test_the_must_refuse_bank_is_complete_and_the_test_bank_says_what_it_lacks() -> None:
    banks: dict[str, Any] = bank_lines(POLICY)
    refuse, test = banks["must_refuse"], banks["test"]
    assert refuse["total"] >= refuse["required"] == BANKS["must_refuse"]
    assert all(refuse["by"][risk] >= least for risk, least in refuse["required_by"].items())
    assert len(refuse["required_by"]) == 17
    assert set(test["required_by"]) == set(RISKS)
    assert test["total"] > refuse["total"]


def test_only_a_sample_that_is_blocked_counts_as_to_be_refused(
    make_pack: Callable[..., Path],
) -> None:
    match = {"words": ["凡例词语甲"]}
    samples = {"hit": ["问一下凡例词语甲", "凡例词语甲怎么办", "说说凡例词语甲"], "miss": ["你好"]}
    totals = {}
    for action in ("block", "review"):
        rule = {"match": match, "samples": samples, "action": {"prompt": action}}
        banks: dict[str, Any] = bank_lines(load_policy(str(make_pack([rule], action))))
        totals[action] = banks["must_refuse"]["total"], banks["test"]["total"]
    assert totals["block"] == (len(REFUSE) + 3, len(REFUSE) + len(MORE) + 3)
    assert totals["review"] == (len(REFUSE), len(REFUSE) + len(MORE) + 3)


def test_outcomes_are_told_by_risk() -> None:
    found = outcomes(build_engine(POLICY, "rules"), REFUSE)
    assert [line.risk for line in found] == sorted({question.risk for question in REFUSE})
    assert sum(line.questions for line in found) == len(REFUSE)
    assert all(0 <= line.blocked + line.reviewed <= line.questions for line in found)
    assert any(line.blocked for line in found)


def test_no_rule_no_outcome(make_pack: Callable[..., Path]) -> None:
    """A policy that blocks nothing is told so; the bank is no gate."""
    pack = make_pack([{"match": {"words": ["凡例词语乙"]},
                       "samples": {"hit": ["凡例词语乙"], "miss": ["好"]}}])  # fmt: skip
    found = outcomes(build_engine(load_policy(str(pack)), "none"), REFUSE[:3])
    assert found == [Outcome("A.1.a", 3, 0, 0)]
    assert main(["policy", "test", "--policy", str(pack)]) == 0


def test_policy_test_reports_the_bank(
    make_pack: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    pack = make_pack([{"match": {"words": [REFUSE[0].text[2:8]]},
                       "samples": {"hit": [REFUSE[0].text], "miss": ["好"]}}])  # fmt: skip
    assert main(["policy", "test", "--policy", str(pack), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["must_refuse"]
    assert sum(line["questions"] for line in told) == len(REFUSE)
    assert told[0]["risk"] == "A.1.a"
    assert told[0]["blocked"] >= 1


def test_a_line_that_is_no_question_is_named(tmp_path: Path) -> None:
    good = '{"id": "x-1", "risk": "A.1.a", "text": "问"}'
    (tmp_path / "test.jsonl").write_text(f'{good}\n{{"id": 1}}\n', encoding="utf-8")
    with pytest.raises(PolicyError, match=r"test\.jsonl:2: "):
        read_bank("test", tmp_path)
