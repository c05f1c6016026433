"""Law 8 and its kin: the one function that judges is pure, and more rules never mean less."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.model import (
    CHANNELS,
    DETECTOR_FAILED,
    ROLES,
    Action,
    Content,
    Finding,
    Matcher,
    Requirement,
    Rule,
    Where,
)
from guard.policies.policy import Category, Override, Policy, Taxonomy, Waiver

TODAY = dt.date(2026, 5, 1)
DAY = dt.timedelta(days=1)
TEXT = "联系人小明电话一二三四五，地址某某路，谢谢您的来信。"

CATEGORIES = {
    "pii.phone": Category("privacy", ("A.4.f",), "手机号", "phone"),
    "pii.name": Category("privacy", ("A.4.f", "A.4.e"), "姓名", "name"),
    "illegal.x": Category("illegal_activity", ("A.1.h",), "违法", "illegal"),
    "quality.x": Category("none", (), "质量", "quality"),
}
TAXONOMY = Taxonomy("1", "TC260-003", ("privacy", "illegal_activity", "none"), {}, CATEGORIES)
REQUIREMENT = Requirement(
    "T/1", "某办法", "第一条", "义务", "duty", "provider", "prompt", True, "A", "made up"
)
REPLIES = {
    "default": ("换个话题吧。", "Let us talk of something else."),
    "privacy": ("不能提供个人信息。", "No personal information."),
    "self_harm": ("请拨打12356。", "Please call 12356."),
}


def rule(id: str = "t.r", match: str = "t.r", **changes: Any) -> Rule:
    """A rule; ``match`` is a category when it begins with one, else the id of a word list."""
    if match.startswith("category:"):
        matcher = Matcher(match, "category", category=match.partition(":")[2])
    else:
        matcher = Matcher(match, "words", words=("x",))
    fields: dict[str, Any] = {
        "id": id,
        "title_zh": "规则",
        "title_en": "rule",
        "basis": ("T/1",),
        "category": "illegal.x",
        "match": matcher,
        "actions": dict.fromkeys(ROLES, Action.BLOCK),
        "pack": "t",
    }
    return Rule(**{**fields, **changes})


def policy(*rules: Rule, **changes: Any) -> Policy:
    fields: dict[str, Any] = {
        "id": "t",
        "version": "1",
        "digest": "0" * 64,
        "rules": rules,
        "requirements": {"T/1": REQUIREMENT},
        "taxonomy": TAXONOMY,
        "replies": REPLIES,
    }
    return Policy(**{**fields, **changes})


def finding(
    matcher: str = "t.r",
    category: str = "illegal.x",
    at: tuple[int, int] = (0, 2),
    score: float = 1.0,
) -> Finding:
    return Finding("d@1", matcher, category, score, Where(*at))


def decide(rules: Policy, *findings: Finding, on: dt.date = TODAY, **about: Any) -> Any:
    return rules.decide(Content(TEXT, **about), findings, on=on)


# Random policies and findings.

MATCHES = [
    "t.a",
    "t.b",
    "category:pii",
    "category:pii.phone",
    "category:illegal",
    "category:quality.x",
]
ACTIONS = st.dictionaries(st.sampled_from(ROLES), st.sampled_from(list(Action)), min_size=1)
DATES = st.none() | st.dates(TODAY - 3 * DAY, TODAY + 3 * DAY)


@st.composite
def rules_(draw: st.DrawFn, prefix: str = "r") -> tuple[Rule, ...]:
    def one(number: int) -> Rule:
        return rule(
            f"t.{prefix}{number}",
            draw(st.sampled_from(MATCHES)),
            category=draw(st.sampled_from(list(CATEGORIES))),
            actions=draw(ACTIONS),
            threshold=draw(st.sampled_from([0.0, 0.5, 0.9])),
            severity=draw(st.sampled_from(["low", "medium", "high", "critical"])),
            observe=draw(st.booleans()),
            status=draw(st.sampled_from(["stable", "test", "deprecated"])),
            since=draw(DATES),
            until=draw(DATES),
            channels=tuple(draw(st.lists(st.sampled_from(CHANNELS), max_size=2))),
            confidence=draw(st.sampled_from([0.0, 0.5, 1.0])),
        )

    return tuple(one(number) for number in range(draw(st.integers(0, 5))))


FINDING = st.builds(
    lambda matcher, category, start, length, score: Finding(
        "d@1", matcher or category, category, score, Where(start, start + length)
    ),
    st.sampled_from(["t.a", "t.b", ""]),
    st.sampled_from([*CATEGORIES, "pii.card", "unknown.slug"]),
    st.integers(0, 15),
    st.integers(1, 8),
    st.sampled_from([0.0, 0.4, 0.5, 0.95, 1.0]),
)
FAILURE = st.just(Finding("d@1", DETECTOR_FAILED, DETECTOR_FAILED, 1.0))
FINDINGS = st.lists(FINDING | FAILURE, max_size=6)
CONTENT = st.builds(
    Content, st.just(TEXT), st.sampled_from(ROLES), channel=st.sampled_from(CHANNELS)
)


@given(rules_(), CONTENT, FINDINGS)
def test_deciding_is_pure(
    rules: tuple[Rule, ...], content: Content, findings: list[Finding]
) -> None:
    used = policy(*rules)
    before = copy.deepcopy((rules, content, findings))
    first = used.decide(content, findings, on=TODAY)
    assert used.decide(content, findings, on=TODAY) == first
    assert policy(*rules).decide(content, findings, on=TODAY) == first
    assert (rules, content, findings) == before


@given(rules_(), CONTENT, FINDINGS, FINDINGS)
def test_what_was_judged_before_does_not_matter(
    rules: tuple[Rule, ...], content: Content, earlier: list[Finding], findings: list[Finding]
) -> None:
    used = policy(*rules)
    used.decide(content, earlier, on=TODAY)
    fresh = policy(*rules).decide(content, findings, on=TODAY)
    assert used.decide(content, findings, on=TODAY) == fresh


@given(rules_(), rules_("added"), CONTENT, FINDINGS)
def test_adding_rules_never_lowers_the_action(
    rules: tuple[Rule, ...], added: tuple[Rule, ...], content: Content, findings: list[Finding]
) -> None:
    less = policy(*rules)
    before = less.decide(content, findings, on=TODAY)
    after = replace(less, rules=(*rules, *added)).decide(content, findings, on=TODAY)
    assert after.action >= before.action
    assert {r.id for r in before.rules} <= {r.id for r in after.rules}
    assert all(after.risks.get(key, 0) >= value for key, value in before.risks.items())


@given(rules_(), CONTENT, FINDINGS, FINDING)
def test_a_further_finding_never_lowers_the_action(
    rules: tuple[Rule, ...], content: Content, findings: list[Finding], more: Finding
) -> None:
    used = policy(*rules)
    before = used.decide(content, findings, on=TODAY).action
    assert used.decide(content, [*findings, more], on=TODAY).action >= before


@given(rules_(), CONTENT, FINDINGS)
def test_a_verdict_is_that_of_its_acting_rules(
    rules: tuple[Rule, ...], content: Content, findings: list[Finding]
) -> None:
    verdict = policy(*rules).decide(content, findings, on=TODAY)
    acting = [r.action for r in verdict.rules if not (r.observe or r.waived)]
    if any(f.matcher == DETECTOR_FAILED for f in findings):
        acting.append(Action.BLOCK)
    assert verdict.action == max(acting, default=Action.PASS)
    assert list(verdict.rules) == sorted(verdict.rules, key=lambda r: -r.action)
    for fired in verdict.rules:
        assert fired.findings, "a rule names what fired it"
        assert [c.id for c in fired.clauses] == ["T/1"]
    assert verdict.risk == max(verdict.risks.values(), default=0.0)


@given(rules_(), CONTENT, FINDINGS)
def test_redactions_are_sorted_apart_and_applied_whatever_the_action(
    rules: tuple[Rule, ...], content: Content, findings: list[Finding]
) -> None:
    verdict = policy(*rules).decide(content, findings, on=TODAY)
    pieces, done = [], 0
    for item in verdict.redactions:
        assert done <= item.start < item.end
        pieces += [TEXT[done : item.start], item.replacement]
        done = item.end
    assert verdict.text == "".join(pieces) + TEXT[done:]
    hidden = {i for r in verdict.redactions for i in range(r.start, r.end)}
    wanted = {
        i
        for fired in verdict.rules
        if fired.action is Action.REDACT and not (fired.observe or fired.waived)
        for n in fired.findings
        for start, end in findings[n].where.pieces()  # type: ignore[union-attr]
        for i in range(start, end)
    }
    assert hidden == wanted, "what a rule redacts is gone, and nothing else"


# One thing at a time.


def test_nothing_found_passes() -> None:
    verdict = decide(policy(rule()))
    assert (verdict.action, verdict.text, verdict.risk) == (Action.PASS, TEXT, 0.0)


@pytest.mark.parametrize(
    ("day", "fires"),
    [(TODAY - DAY, False), (TODAY, True), (TODAY + DAY, True), (TODAY + 2 * DAY, False)],
)
def test_since_and_until_are_inclusive(day: dt.date, fires: bool) -> None:
    used = policy(rule(since=TODAY, until=TODAY + DAY))
    assert bool(decide(used, finding(), on=day).rules) is fires


def test_a_role_that_is_not_named_is_left_alone() -> None:
    used = policy(rule(actions={"output": Action.BLOCK}))
    assert decide(used, finding(), role="prompt").action is Action.PASS
    assert decide(used, finding(), role="output").action is Action.BLOCK


def test_channels_and_modalities_select() -> None:
    used = policy(rule(channels=("reasoning",)))
    assert decide(used, finding(), channel="content").action is Action.PASS
    assert decide(used, finding(), channel="reasoning").action is Action.BLOCK
    assert decide(used, finding(), channel="reasoning", modality="image").action is Action.PASS


def test_observing_records_and_does_not_act() -> None:
    verdict = decide(policy(rule(observe=True)), finding())
    assert verdict.action is Action.PASS
    assert [(r.id, r.observe) for r in verdict.rules] == [("t.r", True)]
    assert verdict.risks["illegal_activity"] == 0.9
    assert verdict.reply == ""


def test_the_threshold_is_inclusive() -> None:
    used = policy(rule(threshold=0.8))
    assert decide(used, finding(score=0.79)).action is Action.PASS
    assert decide(used, finding(score=0.8)).action is Action.BLOCK


def test_a_category_rule_answers_its_whole_family() -> None:
    used = policy(rule("t.family", "category:pii"), rule("t.one", "category:pii.phone"))
    phone = finding("pii.phone", "pii.phone")
    name = finding("pii.name", "pii.name")
    assert {r.id for r in decide(used, phone).rules} == {"t.family", "t.one"}
    assert {r.id for r in decide(used, name).rules} == {"t.family"}
    assert not decide(used, finding("pi", "pi")).rules
    assert not decide(used, finding("piii.x", "piii.x")).rules


def test_one_matcher_with_two_categories_is_looked_up_for_each() -> None:
    used = policy(rule("t.phone", "category:pii.phone"), rule("t.name", "category:pii.name"))
    assert [r.id for r in decide(used, finding("mine", "pii.phone")).rules] == ["t.phone"]
    assert [r.id for r in decide(used, finding("mine", "pii.name")).rules] == ["t.name"]


def test_a_replaced_policy_looks_up_anew() -> None:
    used = policy(rule("t.old"))
    assert {r.id for r in decide(used, finding()).rules} == {"t.old"}
    more = replace(used, rules=(rule("t.old"), rule("t.new")))
    assert {r.id for r in decide(more, finding()).rules} == {"t.old", "t.new"}
    assert more.rule("t.new").id == "t.new"


def override(**changes: Any) -> Override:
    return Override(**{"rule": "t.r", "reason": "trial", **changes})


@pytest.mark.parametrize(
    ("change", "action", "fired"),
    [
        (override(actions={"prompt": Action.REVIEW}), Action.REVIEW, True),
        (override(actions={"output": Action.REVIEW}), Action.PASS, False),
        (override(observe=True), Action.PASS, True),
        (override(off=True), Action.PASS, False),
        (override(off=True, until=TODAY), Action.PASS, False),
        (override(off=True, until=TODAY - DAY), Action.BLOCK, True),
        (override(rule="t.other", off=True), Action.BLOCK, True),
    ],
)
def test_overrides_change_a_rule(change: Override, action: Action, fired: bool) -> None:
    verdict = decide(policy(rule(), overrides=(change,)), finding())
    assert (verdict.action, bool(verdict.rules)) == (action, fired)


def test_an_override_may_wake_an_observing_rule() -> None:
    used = policy(rule(observe=True), overrides=(override(observe=False),))
    assert decide(used, finding()).action is Action.BLOCK


def test_the_last_override_holds() -> None:
    review, redact = ({"prompt": action} for action in (Action.REVIEW, Action.REDACT))
    used = policy(rule(), overrides=(override(actions=review), override(actions=redact)))
    assert decide(used, finding()).action is Action.REDACT


def waiver(**changes: Any) -> Waiver:
    return Waiver(**{"rule": "t.r", "reason": "own product", "who": "legal", **changes})


@pytest.mark.parametrize(
    ("given", "about", "waived"),
    [
        (waiver(), {}, True),
        (waiver(tenants=("acme",)), {"tenant": "acme"}, True),
        (waiver(tenants=("acme",)), {"tenant": "other"}, False),
        (waiver(words=("电话",)), {}, True),
        (waiver(words=("广告",)), {}, False),
        (waiver(until=TODAY), {}, True),
        (waiver(until=TODAY - DAY), {}, False),
        (waiver(rule="t.other"), {}, False),
    ],
)
def test_waivers_are_shown_and_take_the_effect_away(
    given: Waiver, about: Mapping[str, Any], waived: bool
) -> None:
    verdict = decide(policy(rule(), waivers=(given,)), finding(), **about)
    assert verdict.action is (Action.PASS if waived else Action.BLOCK)
    assert verdict.rules[0].waived == ("own product (legal)" if waived else "")
    assert bool(verdict.risks) is not waived


def test_a_waiver_by_words_needs_them_beside_every_finding() -> None:
    used = policy(rule(), waivers=(waiver(words=("联系",)),))
    far = Content("联系" + "字" * 60)
    near, away = finding(at=(2, 4)), finding(at=(50, 52))
    assert used.decide(far, [near], on=TODAY).action is Action.PASS
    assert used.decide(far, [near, away], on=TODAY).action is Action.BLOCK


REDACT = dict.fromkeys(ROLES, Action.REDACT)


def test_redacted_text_names_what_was_there() -> None:
    used = policy(rule(match="category:pii", actions=REDACT))
    phone = finding("pii.phone", "pii.phone", at=(7, 12))
    assert decide(used, phone).text == "联系人小明电话【手机号】，地址某某路，谢谢您的来信。"
    english = Content("call 12345 now")
    verdict = used.decide(english, [finding("pii.phone", "pii.phone", at=(5, 10))], on=TODAY)
    assert verdict.text == "call [phone] now"


def test_a_blocked_text_is_redacted_too() -> None:
    used = policy(rule("t.red", "category:pii", actions=REDACT), rule())
    verdict = decide(used, finding("pii.phone", "pii.phone", at=(7, 12)), finding())
    assert verdict.action is Action.BLOCK
    assert "一二三四五" not in verdict.text


def test_pieces_are_redacted_one_by_one() -> None:
    used = policy(rule(actions=REDACT))
    split = Finding("d@1", "t.r", "pii.phone", 1.0, Where(0, 12, ((0, 3), (7, 12))))
    assert decide(used, split).text.startswith("【手机号】小明电话【手机号】，")


@pytest.mark.parametrize(
    ("action", "category", "lang", "text", "reply"),
    [
        (Action.BLOCK, "illegal.x", "", TEXT, "换个话题吧。"),
        (Action.BLOCK, "pii.phone", "", TEXT, "不能提供个人信息。"),
        (Action.BLOCK, "pii.phone", "", "plain ascii", "No personal information."),
        (Action.BLOCK, "pii.phone", "en", TEXT, "No personal information."),
        (Action.BLOCK, "pii.phone", "zh", "plain ascii", "不能提供个人信息。"),
        (Action.REVIEW, "pii.phone", "", TEXT, ""),
        (Action.REDACT, "pii.phone", "", TEXT, ""),
    ],
)
def test_replies_follow_class_and_language(
    action: Action, category: str, lang: str, text: str, reply: str
) -> None:
    used = policy(rule(category=category, actions={"prompt": action}))
    assert used.decide(Content(text, lang=lang), [finding()], on=TODAY).reply == reply


def test_a_crisis_line_is_shown_beside_a_reviewed_text() -> None:
    used = policy(rule(reply="self_harm", actions={"prompt": Action.REVIEW}))
    assert decide(used, finding()).reply == "请拨打12356。"


def test_risks_are_keyed_by_class_and_by_the_standards_ids() -> None:
    used = policy(
        rule("t.a", "category:pii", category="pii.name", confidence=0.5),
        rule("t.b", "category:pii.phone", category="pii.phone", confidence=0.8),
    )
    verdict = decide(
        used, finding("pii.phone", "pii.phone", score=0.5), finding("t.x", "quality.x")
    )
    assert dict(verdict.risks) == {"privacy": 0.4, "A.4.f": 0.4, "A.4.e": 0.25}
    assert verdict.risk == 0.4


@given(st.lists(st.sampled_from(list(Action)), min_size=1))
def test_actions_are_ordered_as_the_contract_says(actions: Sequence[Action]) -> None:
    order = ["PASS", "REDACT", "REVIEW", "BLOCK"]
    assert max(actions).name == max((a.name for a in actions), key=order.index)
