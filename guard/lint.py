"""What is wrong with a policy that loads: advice for the authors of rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from guard.compile import Engine, unanswered
from guard.model import Action, Matcher, Rule
from guard.policies.policy import Policy

#: (a+)+ and its kin: a repeated group that itself repeats without bound.
_NESTED = re.compile(r"\((?:[^()\\]|\\.)*[*+](?:[^()\\]|\\.)*\)(?:[*+]|\{\d+,\})")
#: Unbounded "anything", the usual cause of quadratic search.
_WIDE_OPEN = re.compile(r"(?<!\\)\.[*+]")
SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """A remark on a rule. Errors make ``guard policy lint`` exit 1, warnings do not."""

    level: Literal["error", "warning"]
    rule: str
    message: str


def lint(policy: Policy, engine: Engine, own: frozenset[str]) -> list[Problem]:
    """All remarks, errors first.

    Args:
        own: ids of the library's packs: for them missing samples are errors.
    """
    problems = [problem for rule in policy.rules for problem in _rule(rule, policy, own)]
    problems += [
        Problem("error", slug, "no detector gives this category")
        for slug in unanswered(policy, engine)
    ]
    problems += [problem for pack in policy.packs for problem in _pack(*pack, policy, own)]
    return sorted(problems, key=lambda problem: (problem.level, problem.rule))


def _pack(pack: str, version: str, policy: Policy, own: frozenset[str]) -> Iterator[Problem]:
    """What a shipped pack must say of itself; an operator's may."""
    if pack not in own:
        return
    bare = [block for block in policy.blocks if block.pack == pack and not block.provenance]
    if bare:
        words, first = sum(block.entries for block in bare), bare[0].name
        said = f"{words} words in {len(bare)} blocks ({first}, …) without provenance in pack.yaml"
        yield Problem("warning", pack, said)
    notes = [change for change in policy.changes if change.pack == pack]
    if not notes:
        yield Problem("warning", pack, "no `changes` tell what its versions brought")
    elif version != notes[0].version:
        yield Problem("error", pack, f"version {version} is not the first of `changes`")
    if len({note.version for note in notes}) < len(notes):
        yield Problem("error", pack, "`changes` tells of a version twice")


def _rule(rule: Rule, policy: Policy, own: frozenset[str]) -> Iterator[Problem]:
    if rule.category not in policy.taxonomy.categories:
        yield Problem("error", rule.id, f"category {rule.category} is not in taxonomy.yaml")
    if rule.reply and rule.reply not in policy.replies:
        yield Problem("error", rule.id, f"reply {rule.reply} is not in replies.yaml")
    if rule.since and rule.until and rule.until < rule.since:
        yield Problem("error", rule.id, "`until` is before `since`")
    certainties = {policy.requirements[requirement].certainty for requirement in rule.basis}
    if certainties == {"C"} and not rule.observe:
        yield Problem("error", rule.id, "cites only clauses of certainty C: set observe: true")
    level: Literal["error", "warning"] = "error" if rule.pack in own else "warning"
    for kind, samples in (("hit", rule.hits), ("miss", rule.misses)):
        if len(samples) < SAMPLES:
            yield Problem(level, rule.id, f"{len(samples)} {kind} samples, {SAMPLES} are wanted")
    if rule.pack in own and not rule.id.startswith(f"{rule.pack}."):
        yield Problem("error", rule.id, f"the id must begin with {rule.pack}.")
    acting = [action for action in rule.actions.values() if action >= Action.REVIEW]
    yield from _matcher(rule, rule.match, alone=bool(acting))


def _matcher(rule: Rule, matcher: Matcher, *, alone: bool) -> Iterator[Problem]:
    if matcher.kind == "pattern":
        if _NESTED.search(matcher.pattern):
            yield Problem("error", rule.id, f"nested repetition in {matcher.pattern!r}: not linear")
        if _WIDE_OPEN.search(matcher.pattern):
            yield Problem("error", rule.id, f"unbounded . in {matcher.pattern!r}: write .{{0,20}}")
        if r"\b" in matcher.pattern:
            yield Problem(
                "error", rule.id, r"\b takes Han characters for letters: use look-arounds"
            )
    if matcher.kind == "words" and alone and not rule.observe:
        short = [word for word in matcher.words if len(word.strip()) < 2]
        if short:
            yield Problem("error", rule.id, f"a single character acts alone: {short[0]!r}")
    for part in matcher.parts:
        yield from _matcher(rule, part, alone=alone and matcher.kind == "any")
    if matcher.unless:
        yield from _matcher(rule, matcher.unless, alone=False)
