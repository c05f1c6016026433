"""Many words in one pass: an Aho-Corasick automaton that takes any text of any length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from daachorse import MATCH_KIND_LEFTMOST_LONGEST, CharwiseDoubleArrayAhoCorasick

#: Characters scanned at once: bounds the list of hits held for a hostile text.
_SLICE = 100_000


class Automaton:
    """Finds every occurrence, overlapping ones included, of a list of words.

    Scanning hardly grows from fifty words to sixty thousand (bench/rule_layer.py, "scan").
    """

    def __init__(self, words: Sequence[str]) -> None:
        """``words`` are matched literally; none may be empty."""
        self.longest = max(map(len, words), default=0)
        self._find = None
        if words:
            self._find = CharwiseDoubleArrayAhoCorasick(list(words)).find_overlapping

    def scan(self, text: str) -> Iterator[tuple[int, int, int]] | list[tuple[int, int, int]]:
        """(start, end, word index) of every hit, in code points, end exclusive.

        ``text`` must not hold lone surrogates (folding replaces them).
        """
        if self._find is None:
            return []
        if len(text) <= _SLICE:
            return self._find(text)
        return self._scan_long(text)

    def _scan_long(self, text: str) -> Iterator[tuple[int, int, int]]:
        """Slices that overlap by the longest word; a hit counts in the slice where it ends."""
        assert self._find is not None
        for start in range(0, len(text), _SLICE):
            base = max(0, start - self.longest + 1)
            for s, e, word in self._find(text[base : start + _SLICE]):
                if base + e > start:
                    yield base + s, base + e, word


class Longest:
    """Finds the words of a list that do not overlap: leftmost, and of those the longest."""

    def __init__(self, words: Sequence[str]) -> None:
        """``words`` are matched literally; none may be empty."""
        self.scan = CharwiseDoubleArrayAhoCorasick(list(words), MATCH_KIND_LEFTMOST_LONGEST).find
