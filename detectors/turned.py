# ruff: noqa: SIM905 (a list of words reads better without quotes and commas)
"""Latin text turned round letter by letter: ROT13, and lines written backwards.

Every text can be turned, so a stretch counts only where at least two different everyday words show
that it was; plain English and code show none. What comes out is then searched like any text.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator

#: Words of which few English orders or questions hold less than two. None of them turned is a word.
_EVERYDAY = (
    "the you your how with for this that what please tell ignore previous instructions prompt "
    "system rules answer make write give without from into about need want build where which "
    "online buy sell first above following reveal print repeat"
).split()
_LINE = re.compile(r"[ -~]{12,4096}")
_WORD = re.compile("[a-z]+")


def rot13(text: str) -> str:
    """Each Latin letter as the thirteenth after it."""
    return codecs.encode(text, "rot13")


def backwards(text: str) -> str:
    """The characters from the last to the first."""
    return text[::-1]


_WAYS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("ROT13", rot13),
    ("written backwards", backwards),
)
_SIGNS = [
    (kind, turn, frozenset(map(turn, _EVERYDAY)).difference(_EVERYDAY)) for kind, turn in _WAYS
]
_ANY = frozenset[str]().union(*(signs for *_, signs in _SIGNS))


def turned(text: str) -> Iterator[tuple[int, int, str, str]]:
    """(start, end, what it says, how it was turned) of each turned stretch of a line."""
    if _ANY.isdisjoint(text.lower().split()):
        return  # one cheap look, for nearly all texts
    for line in _LINE.finditer(text):
        words = set(_WORD.findall(line.group().lower()))
        for kind, turn, signs in _SIGNS:
            if len(words & signs) >= 2:
                yield line.start(), line.end(), turn(line.group()), kind
