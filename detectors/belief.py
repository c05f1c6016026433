"""Which guesses to believe: a weak spelling counts beside a second signal only.

A two-character word spelled by sound is too often chance, and so is one that reads as ordinary
Chinese; near a match that is sure, or near another guess, chance is unlikely.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

from guard.detectors.combine import Hit, Sentences
from guard.detectors.disguise import ALONE, FAINT, LIKELY, WEAK

#: Within this many characters two weak hits back each other, a sure hit a faint one, and a likely
#: hit a weak one.
_CLOSE, _NEAR, _FAR = 12, 40, 200


def believed(
    matches: Sequence[tuple[int, Hit]], sentences: Sentences, text: str
) -> list[tuple[int, Hit]]:
    """Matches without the weak ones that stand alone.

    A two-character word spelled by sound is too often chance. It counts beside a second signal:
    a likely match, or another weak one, of another spelling, close by in the same sentence. A
    spelling that is itself ordinary Chinese counts only near a match that is sure.
    """
    hits = [hit for _, hit in matches]
    likely = _Row([hit for hit in hits if hit.score >= LIKELY])
    if len(likely.hits) == len(hits):
        return list(matches)
    weak = _Row([hit for hit in hits if WEAK <= hit.score < LIKELY])

    def backed(hit: Hit) -> bool:
        least, reach = (ALONE, _NEAR) if hit.score <= FAINT else (LIKELY, _FAR)
        if any(o.score >= least and _distance(hit, o) >= 0 for o in likely.around(hit, reach)):
            return True
        if hit.score < WEAK:
            return False
        number, written = sentences.number(hit.start), _letters(text, hit)
        return any(
            # Two that touch are one odd stretch, a foreign name more often than not.
            _distance(hit, other) >= 1
            and sentences.number(other.start) == number
            and _letters(text, other) != written
            for other in weak.around(hit, _CLOSE)
        )

    return [
        (root, hit if hit.score >= LIKELY else replace(hit, score=LIKELY))
        for root, hit in matches
        if hit.score >= LIKELY or backed(hit)
    ]


class _Row:
    """Hits in a row, so that those around a place are found without going through all."""

    __slots__ = ("_reach", "_starts", "hits")

    def __init__(self, hits: Sequence[Hit]) -> None:
        self.hits = sorted(hits, key=lambda hit: hit.start)
        self._starts = [hit.start for hit in self.hits]
        self._reach = max((hit.end - hit.start for hit in hits), default=0)

    def around(self, hit: Hit, reach: int) -> Iterator[Hit]:
        """Hits at most ``reach`` characters away."""
        low = bisect_left(self._starts, hit.start - reach - self._reach)
        high = bisect_right(self._starts, hit.end + reach)
        return (self.hits[n] for n in range(low, high) if _distance(hit, self.hits[n]) <= reach)


def _letters(text: str, hit: Hit) -> str:
    """What is written under a hit, without the tone digit that pinyin may end with."""
    return text[hit.start : hit.end].rstrip("12345")


def _distance(hit: Hit, other: Hit) -> int:
    """The characters between two hits; negative where they overlap."""
    return max(hit.start, other.start) - min(hit.end, other.end)
