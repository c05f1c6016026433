"""Combining hits: any, all, near, and unless. Works on stretches of the folded text.

A *plan* is a matcher with its leaves replaced by numbers; hits are given per leaf.
"""

from __future__ import annotations

import functools
import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: What ends a sentence: evidence of one conduct does not reach over it.
_ENDS = re.compile(r"[。！？!?；;\n]|\.(?=\s)")

Stretch = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Hit:
    """A match: its outer stretch and its pieces, in folded code points.

    ``score`` is below 1 where the words were disguised, ``why`` says how.
    """

    start: int
    end: int
    pieces: tuple[Stretch, ...]
    score: float = 1.0
    why: str = ""


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

    __slots__ = ("_ends", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._ends: list[int] | None = None

    def number(self, position: int) -> int:
        """The number of the sentence that the character at ``position`` is in."""
        if self._ends is None:
            self._ends = [match.start() for match in _ENDS.finditer(self.text)]
        return bisect_left(self._ends, position)


_NONE: Mapping[int, Sequence[Hit]] = {}


def match(
    plan: Plan,
    hits: Mapping[int, Sequence[Stretch]],
    sentences: Sentences,
    disguised: Mapping[int, Sequence[Hit]] = _NONE,
) -> list[Hit]:
    """All matches of a plan, sorted by place.

    Args:
        hits: sorted stretches per leaf.
        sentences: of the same folded text.
        disguised: further hits per leaf, of words spelled otherwise.
    """
    if plan.leaf >= 0:
        found = [Hit(s, e, ((s, e),)) for s, e in hits.get(plan.leaf, ())]
        found += disguised.get(plan.leaf, ())
    elif plan.kind == "any":
        found = [hit for part in plan.parts for hit in match(part, hits, sentences, disguised)]
    else:
        parts = []
        for part in plan.parts:
            matches = match(part, hits, sentences, disguised)
            if not matches:
                return []
            parts.append(matches)
        found = _near(plan, parts, sentences) if plan.kind == "near" else _apart(parts)
    if found and plan.unless is not None:
        excuses = match(plan.unless, hits, sentences)
        if excuses:
            excused = {sentences.number(hit.start) for hit in excuses}
            found = [hit for hit in found if not _touches(hit, excused, sentences)]
    if len(found) <= 1:
        return found
    return sorted(set(found), key=lambda hit: (hit.start, hit.end, -hit.score, hit.why))


#: So many hits of a part are tried for places apart: more would let hostile text cost time.
_TRIED = 8


def _apart(groups: Sequence[Sequence[Hit]]) -> list[Hit]:
    """One hit of each group, no two on the same characters: one phrase is not two signs."""

    def choose(n: int, chosen: tuple[Hit, ...]) -> tuple[Hit, ...] | None:
        if n == len(groups):
            return chosen
        for hit in groups[n][:_TRIED]:
            if not any(_overlap(hit, other) for other in chosen):
                whole = choose(n + 1, (*chosen, hit))
                if whole is not None:
                    return whole
        return None

    found = choose(0, ())
    return [_joined(found)] if found else []


def _overlap(one: Hit, other: Hit) -> bool:
    return any(s < end and start < e for s, e in one.pieces for start, end in other.pieces)


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
    score, why = min((hit.score, hit.why) for hit in hits)
    return Hit(merged[0][0], max(end for _, end in merged), tuple(merged), score, why)


class _Part:
    """The hits of one part, to be walked rightwards or leftwards from a place."""

    __slots__ = ("_by_end", "_by_start", "_ends", "_starts")

    def __init__(self, hits: Sequence[Hit]) -> None:
        self._by_start = sorted(hits, key=lambda hit: hit.start)
        self._starts = [hit.start for hit in self._by_start]
        self._by_end = sorted(hits, key=lambda hit: hit.end)
        self._ends = [hit.end for hit in self._by_end]

    def beside(self, hit: Hit, within: int, *, right: bool) -> list[Hit]:
        """Hits at most ``within`` after (before) ``hit`` that do not overlap it, nearest first."""
        if right:
            low = bisect_left(self._starts, hit.end)
            return self._by_start[low : bisect_right(self._starts, hit.end + within, low)]
        low = bisect_left(self._ends, hit.start - within)
        return self._by_end[low : bisect_right(self._ends, hit.start, low)][::-1]


def _chain(
    hit: Hit, parts: Sequence[_Part], plan: Plan, sentences: Sentences, *, right: bool
) -> list[Hit] | None:
    """The nearest run of one hit of each part, in their order, going one way from ``hit``.

    A hit from which the rest could not be reached is not tried again, so the cost is the number
    of hits within reach.
    """
    home = sentences.number(hit.start)
    dead: set[tuple[int, Hit]] = set()

    def extend(last: Hit, depth: int) -> list[Hit] | None:
        if depth == len(parts):
            return []
        for near in parts[depth].beside(last, plan.within, right=right):
            if sentences.number(near.end - 1 if right else near.start) != home:
                break
            if (depth, near) in dead:
                continue
            rest = extend(near, depth + 1)
            if rest is not None:
                return [near, *rest]
            dead.add((depth, near))
        return None

    return extend(hit, 0)


@functools.cache
def _arrangements(
    rarest: int, count: int, ordered: bool
) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """(parts going left, parts going right) of the rarest part, outwards."""
    if ordered:
        return ((tuple(range(rarest - 1, -1, -1)), tuple(range(rarest + 1, count))),)
    others = [n for n in range(count) if n != rarest]
    return tuple(
        (order[:cut], order[cut:])
        for order in itertools.permutations(others)
        for cut in range(count)
    )


def _near(plan: Plan, groups: list[list[Hit]], sentences: Sentences) -> list[Hit]:
    """For each hit of the rarest part, the tightest match it belongs to, if there is one.

    Every part is in one sentence, and each is at most ``within`` from its neighbour in the text.
    """
    rarest = min(range(len(groups)), key=lambda n: len(groups[n]))
    parts = [_Part(group) for group in groups]
    found = []
    for anchor in groups[rarest]:
        if sentences.number(anchor.start) != sentences.number(anchor.end - 1):
            continue
        choices = []
        for left, right in _arrangements(rarest, len(parts), plan.ordered):
            before = _chain(anchor, [parts[n] for n in left], plan, sentences, right=False)
            if before is None:
                continue
            after = _chain(anchor, [parts[n] for n in right], plan, sentences, right=True)
            if after is not None:
                choices.append(_joined([anchor, *before, *after]))
        if choices:
            found.append(min(choices, key=lambda hit: (hit.end - hit.start, hit.start)))
    return found
