"""Would anybody notice a damaged rule? Each is broken on purpose, and a sample must object.

A mutant is *killed* when a sample of the rule comes out otherwise. Two kinds must be killed:

- ``removed``: without the rule, at least one of its hits must be decided otherwise. A rule whose
  hits are all decided the same by other rules is redundant, as far as its samples tell.
- ``raised``: the threshold just above the score of its weakest hit. Where every hit scores 1 this
  is the removal; where a detector's scores are graded it says whether the weak end is shown.

The others are reported as advice: ``lowered`` (the threshold at 0 takes no miss in), ``unless`` and
``part`` (a condition dropped, and no miss fires), ``alternative`` (a branch of ``any`` dropped, and
every hit still fires).

Findings are made once per sample and judged by the pure ``Policy.decide`` under each mutated rule
set; only the matchers of the advice are compiled again, one small detector each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from guard.compile import Engine
from guard.model import Action, Content, Finding, Matcher, Rule, Verdict
from guard.policies.policy import Policy
from guard.samples import day_of

Kind = Literal["removed", "raised", "lowered", "unless", "part", "alternative"]
#: Kinds that must be killed; the others are advice.
FATAL: Final[tuple[Kind, ...]] = ("removed", "raised")
#: Literals that name a part of a matcher in a report.
_NAMED: Final = 4


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule broken in one way. ``what`` names the place, ``mend`` the sample that is missing;
    ``mend`` is empty when a sample objects."""

    rule: str
    kind: Kind
    what: str
    mend: str = ""

    @property
    def must(self) -> bool:
        """Whether a sample must object to damage of this kind."""
        return self.kind in FATAL

    @property
    def fatal(self) -> bool:
        """Whether it survived and must not."""
        return self.must and bool(self.mend)


def mutants(engine: Engine, packs: Iterable[str] | None = None) -> Iterator[Mutant]:
    """Every mutant of every rule in force, in rule order, survivors (with ``mend``) and killed.

    Args:
        packs: the packs whose rules are broken; all when None.
    """
    policy = engine.policy
    chosen = set(packs) if packs is not None else {rule.pack for rule in policy.rules}
    off = {override.rule for override in policy.overrides if override.off}
    for rule in policy.rules:
        if rule.pack in chosen and rule.status != "deprecated" and rule.id not in off:
            yield from _of_decisions(engine, rule)
            yield from _of_matcher(rule)


@dataclass(frozen=True, slots=True)
class _Judged:
    """A sample with what was found in it and the score of the rule's strongest finding."""

    content: Content
    findings: Sequence[Finding]
    verdict: Verdict
    score: float


def _judged(engine: Engine, rule: Rule, samples: Sequence[Content]) -> list[_Judged]:
    alone = replace(engine.policy, rules=(replace(rule, threshold=0.0),))
    day = day_of(rule)
    return [
        _Judged(
            content,
            findings,
            engine.policy.decide(content, findings, on=day),
            _score(alone.decide(content, findings, on=day)),
        )
        for content, findings in zip(samples, engine.find(samples), strict=True)
    ]


def _score(verdict: Verdict) -> float:
    return max((verdict.findings[n].score for r in verdict.rules for n in r.findings), default=0.0)


def _of_decisions(engine: Engine, rule: Rule) -> Iterator[Mutant]:
    """The mutants of a rule that only ``decide`` has to know of."""
    policy = engine.policy
    hits = _judged(engine, rule, [Content(s.text, s.role) for s in rule.hits])
    hits = [hit for hit in hits if any(fired.id == rule.id for fired in hit.verdict.rules)]
    if not hits:
        yield Mutant(rule.id, "removed", "no hit", "add a hit sample")
        return
    rest = tuple(other for other in policy.rules if other.id != rule.id)
    yield _fatal(rule, "removed", hits, replace(policy, rules=rest))
    weakest = min(hit.score for hit in hits)
    if any(hit.score > weakest for hit in hits):  # else the same as the removal
        raised = replace(rule, threshold=weakest + 1e-9)
        weak = [hit for hit in hits if hit.score == weakest]
        rules = tuple(raised if other.id == rule.id else other for other in policy.rules)
        yield _fatal(rule, "raised", weak, replace(policy, rules=rules))
        yield _lowered(engine, rule)


def _fatal(rule: Rule, kind: Kind, hits: Sequence[_Judged], broken: Policy) -> Mutant:
    """Whether a hit is decided otherwise by the broken policy; if not, by which rules instead."""
    day = day_of(rule)
    after = [broken.decide(hit.content, hit.findings, on=day) for hit in hits]
    what = f"threshold {rule.threshold:g} > {hits[0].score:g}" if kind == "raised" else ""
    if any(_shows(rule, h.verdict, v) for h, v in zip(hits, after, strict=True)):
        return Mutant(rule.id, kind, what)
    others = sorted({fired.id for verdict in after for fired in verdict.rules} - {rule.id})
    said = f"{', '.join(others) or 'the rest of the policy'} decide the {len(hits)} it has alike"
    weak = "as weak " if kind == "raised" else ""
    return Mutant(rule.id, kind, what, f"add a hit {weak}that only this rule decides: {said}")


def _shows(rule: Rule, before: Verdict, after: Verdict) -> bool:
    """Whether the change shows: in the action or the text, and for a rule that only records, in
    the categories that are recorded."""
    own = next(fired for fired in before.rules if fired.id == rule.id)
    if own.observe or own.waived or own.action is Action.PASS:
        return {r.category for r in before.rules} != {r.category for r in after.rules}
    return (before.action, before.text) != (after.action, after.text)


def _lowered(engine: Engine, rule: Rule) -> Mutant:
    misses = _judged(engine, rule, [Content(s.text, s.role) for s in rule.misses])
    what = f"threshold {rule.threshold:g} > 0"
    if any(miss.score > 0 for miss in misses):
        return Mutant(rule.id, "lowered", what)
    return Mutant(rule.id, "lowered", what, "add a miss that scores just under the threshold")


def _of_matcher(rule: Rule) -> Iterator[Mutant]:
    """The mutants of a rule's matcher: a condition or a branch left out."""
    broken = list(_broken(rule.match))
    if not broken:
        return
    hits = [Content(s.text, s.role) for s in rule.hits]
    misses = [Content(s.text, s.role) for s in rule.misses]
    # What fires only by way of a decoded payload says nothing of the matcher alone.
    hits = [hit for hit, fires in zip(hits, _fires(rule.match, hits), strict=True) if fires]
    misses = [miss for miss, fires in zip(misses, _fires(rule.match, misses), strict=True)
              if not fires]  # fmt: skip
    for kind, what, matcher in broken:
        if kind == "alternative":
            killed, mend = not all(_fires(matcher, hits)), "add a hit that needs it"
        else:
            killed, mend = any(_fires(matcher, misses)), "add a miss that fires without it"
        yield Mutant(rule.id, kind, what, "" if killed else mend)


def _fires(matcher: Matcher, texts: Sequence[Content]) -> list[bool]:
    from guard.detectors.lexicon import LexiconDetector

    return [bool(found) for found in LexiconDetector([matcher]).find(texts)]


def _broken(matcher: Matcher) -> Iterator[tuple[Kind, str, Matcher]]:
    """The matcher with one condition or branch left out, each in turn."""
    if matcher.unless is not None:
        yield "unless", f"unless {_name(matcher.unless)}", replace(matcher, unless=None)
    for number, part in enumerate(matcher.parts):
        before, after = matcher.parts[:number], matcher.parts[number + 1 :]
        if before or after:
            kind: Kind = "alternative" if matcher.kind == "any" else "part"
            # Of one part that is left, `any` keeps the `unless` around it.
            shape = matcher.kind if len(matcher.parts) > 2 else "any"
            yield kind, _name(part), replace(matcher, kind=shape, parts=before + after)
        for inner, what, broken in _broken(part):
            yield inner, what, replace(matcher, parts=(*before, broken, *after))


def _name(matcher: Matcher) -> str:
    """A matcher as its first literals."""
    if matcher.kind == "pattern":
        return matcher.pattern[:40]
    if matcher.parts:
        joint = " | " if matcher.kind == "any" else f" {matcher.kind} "
        return "(" + joint.join(_name(part) for part in matcher.parts) + ")"
    more = ", …" if len(matcher.words) > _NAMED else ""
    return ", ".join(matcher.words[:_NAMED]) + more
