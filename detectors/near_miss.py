"""Why a matcher did NOT fire: what of it was there, and what was missing.

For people who write rules (``guard check --explain``); no part of judging.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from guard.detectors.combine import Hit, Plan, Sentences, Stretch, match
from guard.detectors.lexicon import LexiconDetector
from guard.model import Content, Matcher

_SHOWN = 6


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A matcher that came near: ``present`` are the words found, ``reason`` what kept it silent."""

    matcher: str
    category: str
    present: tuple[str, ...]
    reason: str


def near_misses(detector: LexiconDetector, content: Content) -> list[NearMiss]:
    """Matchers of which a telling part was found but which gave no finding, in rule order."""
    view, hits, disguised = detector.hits(content)
    fired = {finding.matcher for finding in detector.find([content])[0]}
    sentences = Sentences(view.text)
    found = []
    for matcher, plan in detector.touched([*hits, *disguised]):
        if matcher.id in fired:
            continue
        reason = _reason(matcher, plan, hits, sentences, disguised)
        present = _present(plan, view.text, hits, disguised)
        found.append(NearMiss(matcher.id, matcher.category, present, reason))
    return found


def _present(
    plan: Plan,
    text: str,
    hits: Mapping[int, Sequence[Stretch]],
    disguised: Mapping[int, Sequence[Hit]],
) -> tuple[str, ...]:
    words = [text[s:e] for leaf in plan.leaves() for s, e in hits.get(leaf, ())]
    words += [
        f"{text[hit.start : hit.end]} ({hit.why})"
        for leaf in plan.leaves()
        for hit in disguised.get(leaf, ())
    ]
    return tuple(dict.fromkeys(words))


def _reason(
    matcher: Matcher,
    plan: Plan,
    hits: Mapping[int, Sequence[Stretch]],
    sentences: Sentences,
    disguised: Mapping[int, Sequence[Hit]],
) -> str:
    if match(plan, hits, sentences, disguised):
        return "another spelling of a short word counts only beside a second signal"
    if plan.kind in ("all", "near"):
        missing = [
            part
            for part, sub in zip(matcher.parts, plan.parts, strict=True)
            if not match(sub, hits, sentences, disguised)
        ]
        if missing:
            return "missing: " + " + ".join(_names(part) for part in missing)
    if match(replace(plan, unless=None), hits, sentences, disguised):
        assert plan.unless is not None
        excuses = match(plan.unless, hits, sentences)
        return "excused in the same sentence by " + ", ".join(
            dict.fromkeys(sentences.text[hit.start : hit.end] for hit in excuses[:_SHOWN])
        )
    return f"the parts are not within {matcher.within} characters in one sentence" + (
        ", in this order" if matcher.ordered else ""
    )


def _names(matcher: Matcher) -> str:
    """A few words of what a part looks for."""
    if matcher.kind == "pattern":
        return f"pattern {matcher.pattern}"
    words = list(matcher.words)
    for part in matcher.parts:
        words += part.words
    more = f" … ({len(words)})" if len(words) > _SHOWN else ""
    return "one of " + ", ".join(words[:_SHOWN]) + more
