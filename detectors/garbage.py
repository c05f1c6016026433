"""Text that is broken rather than bad: loops, ruined encodings, noise.

``quality.repetition``: one piece of text over and over (a character, a phrase, a line), as models
do when they get caught in a loop. ``quality.encoding``: text read in a wrong encoding.
``quality.garbage``: symbols, controls or letters without any language in them.

Scores say how severe it is: how much of the text is affected, and how long the stretch is. Short
laughter (哈哈哈哈), refrains, tables, rules of dashes, code, emoji and lists of numbers stay silent
or below 0.5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import islice

from guard.detectors.garbage_loops import find_duplicates, find_loops
from guard.detectors.garbage_signs import find_garbage, find_mojibake, reads_as_chinese
from guard.model import Content, Finding, Modality, Where

NAME, VERSION = "garbage", "1"

CATEGORIES: tuple[str, ...] = ("quality.repetition", "quality.encoding", "quality.garbage")

#: Longest stretch judged at once; the shares of a longer text are those of its parts.
WINDOW = 4096

Mark = tuple[int, int, str, float, str]
_FINDERS: tuple[Callable[[str], list[Mark]], ...] = (
    find_loops,
    find_duplicates,
    find_mojibake,
    find_garbage,
)
_LOOPS = _FINDERS[:1]
#: One text is not reported more often than this.
_MOST = 20
_BLANK = re.compile(r"\s+")


def _finding(text: str, mark: Mark) -> Finding:
    start, end, category, score, why = mark
    sample = _BLANK.sub(" ", text[start : min(end, start + 12)])
    return Finding(
        detector=f"{NAME}@{VERSION}",
        matcher=category,
        category=category,
        score=round(score, 2),
        where=Where(start, end),
        evidence=f"{sample}…",
        why=why,
    )


class GarbageDetector:
    """Finds text of no quality; categories in :data:`CATEGORIES`.

    It judges the original text, not the folded one: folding mends part of what it looks for.
    """

    name = NAME
    version = VERSION
    modalities: tuple[Modality, ...] = ("text",)
    window = WINDOW
    late = True  # how much of a text repeats is known at its end

    def find(self, batch: Sequence[Content]) -> list[list[Finding]]:
        """Findings per item in text order. Never raises on any text; linear in its length."""
        return [self._find(content.text) for content in batch]

    def _find(self, text: str) -> list[Finding]:
        finders = _LOOPS if reads_as_chinese(text) else _FINDERS
        marks = sorted(mark for finder in finders for mark in finder(text))
        return [_finding(text, mark) for mark in islice(marks, _MOST)]
