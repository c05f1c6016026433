"""Trying new policies before they serve: their samples, and the everyday texts they must not block.

Only what a change can touch is tried. That keeps a reload short, and is exact: a text on which
nothing new can be found is decided as before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from guard.benign import acceptance, read_corpus
from guard.compile import Engine
from guard.errors import PolicyError
from guard.model import Action, Content
from guard.policies.policy import Policy
from guard.samples import failing_samples
from guard.tenants import Serving

_BATCH: Final = 256
#: The detector that is built from a policy's words and patterns.
_LEXICON: Final = "lexicon"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How many samples and benign texts were passed, and how many benign texts are newly blocked
    because a pack accepts it."""

    samples: int = 0
    benign: int = 0
    accepted: int = 0


def rehearse(new: Serving, old: Serving, benign: Path) -> Rehearsal:
    """Try every engine of ``new`` whose policy is not in ``old``.

    The samples of every rule that the old policies do not have in the same form are tried, and the
    benign texts: one that the policy of a tenant lets pass must not be blocked by its new one,
    unless a pack accepts that.

    Raises:
        PolicyError: a sample or benign text says no; names it.
    """
    known = {engine.policy.name for engine in old.engines()}
    fresh = [engine for engine in new.engines() if engine.policy.name not in known]
    samples = sum(_try_samples(engine, old) for engine in fresh)
    corpus = [Content(t.text, t.role, id=t.id) for t in read_corpus(benign)] if fresh else []
    accepted = sum(_try_benign(engine, _before(engine, new, old), corpus) for engine in fresh)
    return Rehearsal(samples, len(fresh) * len(corpus), accepted)


def _before(engine: Engine, new: Serving, old: Serving) -> list[Engine]:
    """The engines that judge now whom ``engine`` is to judge."""
    olds = [old.of(tenant) for tenant in ("", *new.tenants) if new.of(tenant) is engine]
    return list({id(e): e for e in olds}.values())


def _try_samples(engine: Engine, old: Serving) -> int:
    """Try the samples of rules that are new or changed; how many there were."""
    policy = engine.policy
    same = {rule.id: rule for e in old.engines() for rule in e.policy.rules}
    # An override may silence a rule on purpose: its samples then say nothing.
    overridden = {override.rule for override in policy.overrides}
    rules = tuple(r for r in policy.rules if same.get(r.id) != r and r.id not in overridden)
    failing = next(failing_samples(replace(engine, policy=replace(policy, rules=rules))), None)
    if failing is not None:
        raise PolicyError(f"not taken: {failing}", "mend it; the old policy goes on serving")
    return sum(len(rule.hits) + len(rule.misses) for rule in rules)


def _try_benign(engine: Engine, before: Sequence[Engine], corpus: Sequence[Content]) -> int:
    """Judge the benign texts that the change may touch; how many newly blocked are accepted."""
    count = 0
    for batch in _batches(_touched(engine, before, corpus)):
        for content, rules in _blocked(engine, batch):
            if all(any(_blocked(old, [content])) for old in before):
                continue
            said = [acceptance(engine.policy, content.id, content.text, rule) for rule in rules]
            if not (said and all(said)):
                raise PolicyError(
                    f"not taken: benign text {content.id} would be blocked: {content.text[:60]!r}",
                    "narrow the rule, or accept the text (`accepts` in pack.yaml); "
                    "the old policy goes on serving",
                )
            count += 1
    return count


def _touched(
    engine: Engine, before: Sequence[Engine], corpus: Sequence[Content]
) -> Sequence[Content]:
    """The texts on which the engine may decide otherwise than one of those before.

    Where nothing but words and patterns was added or changed, those are the texts in which such a
    matcher finds something, and the lexicon alone is asked.
    """
    changed: dict[str, str] = {}
    for old in before:
        same = {rule.id: rule for rule in old.policy.rules}
        fresh = (rule for rule in engine.policy.rules if same.get(rule.id) != rule)
        changed |= {rule.match.id: rule.match.kind for rule in fresh}
    alike = all(old.names == engine.names and _same_around(old.policy, engine.policy)
                for old in before)  # fmt: skip
    if not alike or "category" in changed.values():
        return corpus
    lexicon = tuple(detector for detector in engine.detectors if detector.name == _LEXICON)
    asked = Engine(engine.policy, lexicon)
    return [
        content
        for batch in _batches(corpus)
        for content, findings in zip(batch, asked.find(batch), strict=True)
        if any(finding.matcher in changed for finding in findings)
    ]


def _same_around(old: Policy, new: Policy) -> bool:
    """Whether the settings around the rules, which can make any rule stricter, are the same."""
    names = ("overrides", "waivers", "on_failure")
    return all(getattr(old, name) == getattr(new, name) for name in names)


def _batches(texts: Sequence[Content]) -> Iterator[Sequence[Content]]:
    return (texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH))


def _blocked(engine: Engine, batch: Sequence[Content]) -> Iterator[tuple[Content, list[str]]]:
    """The texts of a batch that are blocked, with the rules that block them."""
    today = dt.date.today()
    for content, findings in zip(batch, engine.find(batch), strict=True):
        verdict = engine.policy.decide(content, findings, on=today)
        if verdict.action is Action.BLOCK:
            acting = [rule for rule in verdict.rules if not (rule.observe or rule.waived)]
            yield content, [rule.id for rule in acting if rule.action is Action.BLOCK]
