"""Loops and repeated lines or sentences. Character work is left to ``str.find`` and slices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

Mark = tuple[int, int, str, float, str]

#: A probe of this many characters, taken every _STEP, is looked for within the next _PERIOD.
_PROBE, _STEP, _PERIOD = 12, 64, 600
#: Least length of a loop by the length of what repeats: (longest period, length, repetitions).
_LEAST = ((2, 40, 20), (8, 60, 10), (40, 120, 6), (_PERIOD, 240, 4))
#: A word character: rules of dashes, dots or box drawing are layout up to _RULE characters.
_WORDY = re.compile(r"[^\W_]")
_DIGITS = re.compile(r"[\d\s,.;:|/+-]+\Z")
_RULE = 400
#: One long sequence of letters, as in DNA or base64 padding, is no language but no loop either.
_SENTENCES = re.compile(r"[^。！？!?\n]+")


def _run(text: str, start: int, period: int) -> int:
    """The end of the stretch from ``start`` that repeats with ``period``. Doubling slices."""
    end, size = start + period, 64
    while end < len(text):
        size = min(size, len(text) - end)
        if text[end : end + size] == text[end - period : end - period + size]:
            end += size
            size *= 2
        elif size == 1:
            break
        else:
            size = max(1, size // 4)
    return end


def _least(period: int) -> int:
    """How long a loop of this period has to be."""
    for longest, length, times in _LEAST:
        if period <= longest:
            return max(length, times * period)
    raise AssertionError(period)


def _loops(text: str) -> Iterator[tuple[int, int, int]]:
    """(start, end, period) of stretches that repeat exactly."""
    at = 0
    while at + _PROBE < len(text):
        again = text.find(text[at : at + _PROBE], at + 1, at + _PERIOD + _PROBE)
        least = at + _least(again - at) if again >= 0 else 0
        if again >= 0 and least <= len(text) and text[at : least - again + at] == text[again:least]:
            end = _run(text, at, again - at)
            yield at, end, again - at
            at = end
        else:
            at += _STEP


def _severity(length: int, total: int) -> float:
    """0.55 for a short loop in a long text, towards 1 for one that is all of it or very long."""
    return min(1.0, 0.5 + 0.4 * length / total + 0.1 * min(1.0, length / 1000))


def find_loops(text: str) -> list[Mark]:
    """A stretch that repeats exactly: at least 40 characters of one or two, 240 of a paragraph."""
    marks: list[Mark] = []
    if len(text) < _LEAST[0][1]:
        return marks
    for start, end, period in _loops(text):
        while start and text[start - 1] == text[start - 1 + period]:
            start -= 1
        unit = text[start : start + period]
        if unit.isspace() or (not _WORDY.search(unit) and end - start < _RULE):
            continue
        score = _severity(end - start, len(text))
        if _DIGITS.match(unit) and end - start < _RULE:
            score = 0.4  # zeros of a table or a number
        why = f"period {period}, {(end - start) // period} times"
        marks.append((start, end, "quality.repetition", score, why))
    return marks


def find_duplicates(text: str) -> list[Mark]:
    """Sentences or lines that come again and again, not necessarily in a row.

    At least 12 sentences of 8 or more characters, of which the repeated ones (their second and
    later occurrences) make up over 40 % of the text.
    """
    if len(text) < 200:
        return []
    sentences = [s for s in map(str.strip, _SENTENCES.findall(text)) if len(s) >= 8]
    if len(sentences) < 12 or len(set(sentences)) > 0.8 * len(sentences):
        return []
    again = sum(len(s) * (n - 1) for s, n in Counter(sentences).items() if n > 2)
    share = again / len(text)
    if share < 0.4:
        return []
    first = text.find(Counter(sentences).most_common(1)[0][0])
    why = f"{share:.0%} repeated sentences"
    return [(first, len(text), "quality.repetition", min(1.0, 0.4 + 0.6 * share), why)]
