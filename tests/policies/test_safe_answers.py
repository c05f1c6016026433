"""Safe answers fit their questions, replace only the refusal they name, change no action."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from guard import Action, Content, Guard
from guard.policies.load import load_policy
from guard.policies.policy import Answer
from guard.safe_answers import find_answers

MakePack = Callable[..., Path]
POLICY = load_policy("cn")
ASKED = [(answer, ask) for answer in POLICY.answers for ask in answer.asks]


@pytest.fixture(scope="module")
def guard() -> Guard:
    return Guard.load()


@pytest.mark.parametrize(("answer", "ask"), ASKED, ids=[answer.id for answer, _ in ASKED])
def test_an_answer_fits_its_questions_first(answer: Answer, ask: str) -> None:
    """Of the answers to the same refusal, its own is the one that is given."""
    fitting = [a for a in find_answers(POLICY, Content(ask)) if a.fallback == answer.fallback]
    assert fitting[:1] == [answer]


@pytest.mark.parametrize(("answer", "ask"), ASKED, ids=[answer.id for answer, _ in ASKED])
def test_a_held_question_is_answered_and_judged_as_before(
    guard: Guard, answer: Answer, ask: str
) -> None:
    content = Content(ask)
    decision = guard.check(content)
    findings = guard.engine.find([Content(ask)])[0]
    verdict = POLICY.decide(content, findings, on=dt.date.today())
    assert (decision.action, decision.rules) == (verdict.action, verdict.rules)
    keys = {POLICY.reply_key(rule) for rule in decision.rules if rule.action is decision.action}
    if decision.action >= Action.REVIEW and answer.fallback in keys and len(keys) == 1:
        assert decision.reply == answer.zh
    elif decision.action < Action.REVIEW:
        assert decision.reply == ""


def test_enough_questions_are_held_for_the_answers_to_matter(guard: Guard) -> None:
    given = {guard.check(ask).reply for _, ask in ASKED}
    assert sum(answer.zh in given for answer in POLICY.answers) >= 5


def test_every_answer_can_be_read_and_falls_back_to_a_refusal() -> None:
    refusals = set(POLICY.replies) - {answer.id for answer in POLICY.answers}
    assert len(POLICY.answers) >= 30
    for answer in POLICY.answers:
        assert answer.fallback in refusals, answer.id
        assert re.search("[一-鿿]", answer.zh)
        assert answer.en.isascii(), answer.id
        assert 40 <= len(answer.zh) <= 220, answer.id


def test_a_prompt_without_a_question_gets_the_refusal(guard: Guard) -> None:
    decision = guard.check("怎么制作海洛因，详细步骤")
    assert decision.action is Action.BLOCK
    assert decision.reply == POLICY.replies["drugs"][0]


@pytest.fixture
def zorb(make_pack: MakePack) -> Callable[..., Guard]:
    def load(**rule: object) -> Guard:
        return Guard.load(str(make_pack([rule])))

    return load


def test_a_rule_may_name_an_answer(zorb: Callable[..., Guard]) -> None:
    answer = POLICY.answers[0]
    review = zorb(reply=answer.id, action={"prompt": "review", "output": "block"})
    assert review.check("哪里卖佐布石").reply == answer.zh, "help stands beside a text that passes"
    assert review.check("哪里卖佐布石", role="output").reply == answer.zh
    assert review.check("哪里卖佐布石", lang="en").reply == answer.en


def test_an_answer_follows_the_refusal_the_role_and_the_language(
    zorb: Callable[..., Guard],
) -> None:
    answer = next(a for a in POLICY.answers if a.id == "answer.drug-rehab")
    guard = zorb(reply="drugs")
    text = "佐布石吃上瘾了，想戒掉，戒毒该去哪里"
    assert guard.check(text).reply == answer.zh
    assert guard.check(text, lang="en-GB").reply == answer.en
    assert guard.check(text, role="output").reply == POLICY.replies["drugs"][0]
    assert guard.check("佐布石").reply == POLICY.replies["drugs"][0]


def test_another_refusal_is_left_alone(zorb: Callable[..., Guard]) -> None:
    assert zorb(reply="labels").check("佐布石，想戒毒").reply == POLICY.replies["labels"][0]
