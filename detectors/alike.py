"""Characters that one takes for another: 赌睹, 未末, 己已. Likeness is no
equivalence: 味 is like 未 and 未 like 木, but 味 is not like 木.

``data/alike.tsv`` names for each character those most like it, and puts it into a class in each of
a few tables. A scan over classes proposes candidates, and the neighbours decide.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

#: The first so many neighbours are so like that any number of characters may be replaced by them;
#: by the others, at most half of a word.
_CLOSE = 8
_FAR = 99
TABLES = 4


class _Classes(dict[int, str]):
    """Code point -> its class in each table; what has none is a class of its own."""

    def __missing__(self, cp: int) -> str:
        return chr(cp) * TABLES


@functools.cache
def _tables() -> tuple[_Classes, dict[str, str]]:
    """(classes, character -> those most like it, the likest first), read on first use."""
    # Punctuation and letters are listed too, since a call of __missing__ is slow.
    classes = _Classes(
        {cp: chr(cp) * TABLES for cp in (*range(0x20, 0x7F), *range(0x3000, 0x3030))}
    )
    near: dict[str, str] = {}
    with (Path(__file__).parent / "data" / "alike.tsv").open(encoding="utf-8") as file:
        for line in file:
            char, names, alike = line.rstrip("\n").split("\t")
            classes[ord(char)], near[char] = names, alike
    return classes, near


def classed(text: str) -> list[str]:
    """A text as the classes of its characters, by table.

    One translation to all classes at once and a slice for each: half the cost of one for each.
    """
    wide = text.translate(_tables()[0])
    return [wide[n::TABLES] for n in range(TABLES)]


def taken_for(written: str, word: str) -> list[int]:
    """Which characters of ``word`` others are written for; empty where none is, or where what is
    written does not look like the word. Most candidates are given up at the first character."""
    near = _tables()[1]
    changed: list[int] = []
    worst = 0
    if len(written) != len(word):
        return changed
    for n, (one, other) in enumerate(zip(written, word, strict=True)):
        if one != other:
            rank = _rank(near, one, other)
            if rank >= _FAR:
                return []
            worst = max(worst, rank)
            changed.append(n)
    return changed if worst < _CLOSE or 2 * len(changed) <= len(word) else []


def _rank(near: Mapping[str, str], one: str, other: str) -> int:
    """How many are more like one of two characters than the other is; ``_FAR``: very many."""
    there, back = near.get(one, "").find(other), near.get(other, "").find(one)
    if there < 0:
        return back if back >= 0 else _FAR
    return min(there, back) if back >= 0 else there
