"""A judge that needs no policy: words decide, so that a test says what it means."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest

from guard.model import (
    DETECTOR_FAILED,
    Action,
    Content,
    Decision,
    Finding,
    FiredRule,
    Redaction,
    Where,
)

PHONE = re.compile(r"1[3-9][0-9]{9}")
RULES = {
    "违禁词": ("cn-test/blocked", "illegal.test", Action.BLOCK),
    "可疑词": ("cn-test/review", "abuse.test", Action.REVIEW),
}


def decide(content: Content) -> Decision:
    """BLOCK on 违禁词, REVIEW on 可疑词, REDACT phone numbers, incomplete on 检测器失败."""
    text = content.text
    if "裁判崩溃" in text:
        raise RuntimeError("the judge fell over")
    findings: list[Finding] = []
    rules: list[FiredRule] = []

    def fire(rule: str, category: str, action: Action, spans: Sequence[tuple[int, int]]) -> None:
        indexes = []
        for start, end in spans:
            indexes.append(len(findings))
            findings.append(Finding("fake@1", category, category, 0.9, Where(start, end)))
        rules.append(FiredRule(rule, rule, category, action, "high", (), tuple(indexes)))

    for word, (rule, category, action) in RULES.items():
        if spans := [match.span() for match in re.finditer(word, text)]:
            fire(rule, category, action, spans)
    phones = [match.span() for match in PHONE.finditer(text)]
    if phones:
        fire("cn-test/phone", "pii.phone", Action.REDACT, phones)
    failed = "检测器失败" in text
    if failed:
        findings.append(Finding("broken@1", DETECTOR_FAILED, DETECTOR_FAILED, 1.0))
    return Decision(
        action=Action.BLOCK if failed else max((r.action for r in rules), default=Action.PASS),
        text=PHONE.sub("[电话]", text),
        redactions=tuple(Redaction(s, e, "[电话]", "pii.phone") for s, e in phones),
        findings=tuple(findings),
        rules=tuple(rules),
        policy="test@1#0",
        complete=not failed,
        id=content.id,
    )


@pytest.fixture(scope="session")
def judge() -> Callable[[Sequence[Content]], list[Decision]]:
    return lambda batch: [decide(content) for content in batch]
