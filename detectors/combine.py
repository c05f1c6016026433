"""Combining hits: any, all, near, and unless. Works on stretches of the folded text.

A *plan* is a matcher with its leaves replaced by numbers; hits are given per leaf.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: What ends a sentence: evidence of one conduct does not reach over it.
_ENDS = re.compile(r"[。！？!?；;\n]|\.(?=\s)")

Stretch = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Hit:
    """A match: its outer stretch and its pieces, in folded code points."""

    start: int
    end: int
    pieces: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a matcher's leaves combine. ``leaf`` is set for leaves, ``parts`` otherwise."""

    kind: str
    leaf: int = -1
    parts: tuple[Plan, ...] = ()
    within: int = 0
    ordered: bool = False
    unless: Plan | None = None

    def leaves(self) -> set[int]:
        """The leaves that can make this plan match (not those of ``unless``)."""
        if self.leaf >= 0:
            return {self.leaf}
        return set().union(*(part.leaves() for part in self.parts))


class Sentences:
    """Sentence numbers of positions, computed only when a combination asks."""

    __slots__ = ("_ends", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends: list[int] | None = None

    def number(self, position: int) -> int:
        """The number of the sentence that the character at ``position`` is in."""
        if self._ends is None:
            self._ends = [match.start() for match in _ENDS.finditer(self._text)]
        return bisect_left(self._ends, position)


def match(plan: Plan, hits: Mapping[int, Sequence[Stretch]], sentences: Sentences) -> list[Hit]:
    """All matches of a plan, sorted by place.

    Args:
        hits: sorted stretches per leaf.
        sentences: of the same folded text.
    """
    if plan.leaf >= 0:
        found = [Hit(s, e, ((s, e),)) for s, e in hits.get(plan.leaf, ())]
    elif plan.kind == "any":
        found = [hit for part in plan.parts for hit in match(part, hits, sentences)]
    else:
        parts = []
        for part in plan.parts:
            matches = match(part, hits, sentences)
            if not matches:
                return []
            parts.append(matches)
        found = (
            _near(plan, parts, sentences)
            if plan.kind == "near"
            else [_joined([p[0] for p in parts])]
        )
    if found and plan.unless is not None:
        excuses = match(plan.unless, hits, sentences)
        if excuses:
            excused = {sentences.number(hit.start) for hit in excuses}
            found = [hit for hit in found if not _touches(hit, excused, sentences)]
    return sorted(set(found), key=lambda hit: (hit.start, hit.end)) if len(found) > 1 else found


def _touches(hit: Hit, numbers: set[int], sentences: Sentences) -> bool:
    first, last = sentences.number(hit.start), sentences.number(max(hit.start, hit.end - 1))
    return any(number in numbers for number in range(first, last + 1))


def _joined(hits: Sequence[Hit]) -> Hit:
    """One hit from several: the evidence is in the pieces."""
    pieces = sorted(piece for hit in hits for piece in hit.pieces)
    merged = [pieces[0]]
    for start, end in pieces[1:]:
        if start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return Hit(merged[0][0], max(end for _, end in merged), tuple(merged))


def _near(plan: Plan, parts: list[list[Hit]], sentences: Sentences) -> list[Hit]:
    """Matches of every part in one sentence, each at most ``within`` from its neighbour.

    Starts from each hit of the rarest part and takes the nearest hit of every other part, so the
    cost is (hits of the rarest part) x (parts) x log(hits).
    """
    rarest = min(range(len(parts)), key=lambda n: len(parts[n]))
    ordered_parts = [sorted(part, key=lambda hit: hit.start) for part in parts]
    starts = [[hit.start for hit in part] for part in ordered_parts]
    found = []
    for anchor in parts[rarest]:
        chosen: list[Hit | None] = [None] * len(parts)
        chosen[rarest] = anchor
        left = right = anchor
        for n in _outward(rarest, len(parts)):
            low, high = left, right
            if plan.ordered:
                side = -1 if n < rarest else 1
                low = high = left if side < 0 else right
            else:
                side = 0
            hit = _nearest(ordered_parts[n], starts[n], low, high, side, plan.within)
            if hit is None:
                break
            chosen[n] = hit
            left = hit if hit.start < left.start else left
            right = hit if hit.end > right.end else right
        hits = [hit for hit in chosen if hit is not None]
        if len(hits) == len(parts) and sentences.number(left.start) == sentences.number(
            right.end - 1
        ):
            found.append(_joined(hits))
    return found


def _outward(origin: int, count: int) -> list[int]:
    """Part numbers by distance from ``origin``: neighbours first."""
    return sorted((n for n in range(count) if n != origin), key=lambda n: abs(n - origin))


def _nearest(
    part: list[Hit], starts: list[int], left: Hit, right: Hit, side: int, within: int
) -> Hit | None:
    """The hit of ``part`` nearest to the stretch left..right that does not overlap it.

    ``side`` -1 looks before only, 1 after only, 0 on both sides.
    """
    best: tuple[int, Hit] | None = None
    if side >= 0:
        at = bisect_left(starts, right.end)
        if at < len(part) and part[at].start - right.end <= within:
            best = (part[at].start - right.end, part[at])
    if side <= 0:
        at = bisect_right(starts, left.start) - 1
        while at >= 0 and left.start - starts[at] <= within + 64:
            gap = left.start - part[at].end
            if 0 <= gap <= within and (best is None or gap < best[0]):
                best = (gap, part[at])
                break
            at -= 1
    return best[1] if best else None
