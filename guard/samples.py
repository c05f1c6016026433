"""Rules against their own samples: every hit must fire its rule, every miss must not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from guard.compile import Engine
from guard.model import Content, Rule, Sample


@dataclass(frozen=True, slots=True)
class SampleFailure:
    """A sample its rule contradicts; ``wanted`` is "hit" or "miss"."""

    rule: str
    wanted: str
    sample: Sample

    def __str__(self) -> str:
        said = "does not fire on its hit" if self.wanted == "hit" else "fires on its miss"
        return f"rule {self.rule} {said} sample {self.sample.text!r} (role {self.sample.role})"


def day_of(rule: Rule) -> dt.date:
    """A day on which the rule is in force."""
    today = dt.date.today()
    if rule.since and today < rule.since:
        return rule.since
    if rule.until and rule.until < today:
        return rule.until
    return today


def failing_samples(
    engine: Engine, packs: Collection[str] | None = None
) -> Iterator[SampleFailure]:
    """Samples that their rules contradict, in rule order.

    Args:
        packs: the packs whose rules are tried; all when None.
    """
    for rule in engine.policy.rules:
        if packs is not None and rule.pack not in packs:
            continue
        wanted = [("hit", s) for s in rule.hits] + [("miss", s) for s in rule.misses]
        batch = [Content(sample.text, sample.role) for _, sample in wanted]
        found = engine.find(batch)
        for (kind, sample), content, findings in zip(wanted, batch, found, strict=True):
            verdict = engine.policy.decide(content, findings, on=day_of(rule))
            fired = any(item.id == rule.id for item in verdict.rules)
            if fired != (kind == "hit"):
                yield SampleFailure(rule.id, kind, sample)
