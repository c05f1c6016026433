"""Safe answers (代答): a better reply than a refusal, where a sensitive question can be answered.

The policy decides as before; only what the user reads changes. An answer is given in place of the
refusal it names as its fallback, so a text that asks for help is answered even where its words
made a rule fire.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

from guard.detectors.lexicon import LexiconDetector
from guard.model import Action, Content, Decision
from guard.policies.policy import Answer, Policy


@functools.lru_cache(maxsize=8)
def _finder(answers: tuple[Answer, ...]) -> LexiconDetector:
    return LexiconDetector([answer.match for answer in answers])


def find_answers(policy: Policy, content: Content) -> list[Answer]:
    """The answers that fit a content, in the order of ``policies/answers.yaml``."""
    found = {finding.matcher for finding in _finder(policy.answers).find([content])[0]}
    return [answer for answer in policy.answers if answer.id in found]


def answered(
    policy: Policy, items: Sequence[Content], decisions: Sequence[Decision]
) -> list[Decision]:
    """Decisions with the reply of the first answer that fits, where a prompt is held up."""
    return [
        _answered(policy, content, decision)
        if decision.action >= Action.REVIEW and content.role == "prompt" and decision.rules
        else decision
        for content, decision in zip(items, decisions, strict=True)
    ]


def _answered(policy: Policy, content: Content, decision: Decision) -> Decision:
    acting = [
        rule
        for rule in decision.rules
        if rule.action is decision.action and not (rule.observe or rule.waived)
    ]
    keys = {policy.reply_key(rule) for rule in acting}
    if not any(answer.fallback in keys for answer in policy.answers):
        return decision
    for answer in find_answers(policy, content):
        if answer.fallback in keys:
            english = policy.speaks_english(content.text, content.lang)
            return replace(decision, reply=answer.en if english else answer.zh)
    return decision
