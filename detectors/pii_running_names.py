"""Names of persons in running text, where no label or role stands before them.

Three kinds: what scores as a surname and given name (pii_name_score.py), names made of parts that
are known from Tibetan, Uyghur and Mongolian ones (扎西顿珠), and names with a dot between their
parts (努尔兰·哈布力) where something says that they are a person's.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path

from guard.detectors.automaton import Longest
from guard.detectors.normalise import HAN
from guard.detectors.oddness import ordinary
from guard.detectors.pii_hit import Hit
from guard.detectors.pii_name_score import Candidate, Scored, likely
from guard.detectors.pii_name_tables import TITLE, refused_name
from guard.detectors.pii_names import DOTTED, PLACEHOLDER

#: Log-odds from which a stretch counts as a name by itself, and beside one that does.
SURE, LISTED = -1.0, -1.7
_DOTS = "·•"
#: What joins the names of a list, a roster or a table.
_JOINS = frozenset("、/ |,和与及\n\t")


#: Compound surnames that are ordinary words or parts of place names as well, and what such a name
#: must reach: 东方财富 does not, 东方明慧 may.
_PLACES = re.compile("[东南西]方|百里|[东南西]门|南宫|第五|东郭|太史|闻人|微生|单于|完颜|子车|太叔")
#: So must a word: 乌龟 among animals does not, 高洁 may.
_MORE = 1.8


def _refused(text: str, scored: Scored) -> bool:
    start, given, end = scored.candidate
    worded = end - start == 2 and text[start:end] in ordinary()
    if scored.weight < SURE + _MORE and (worded or _PLACES.match(text, start, given)):
        return True
    if refused_name(text[start:end]) or PLACEHOLDER.match(text, start) or TITLE.match(text, given):
        return True
    return _dot(text, end) or _dot(text, start - 1)


def _dot(text: str, at: int) -> bool:
    """Whether ``at`` holds the dot of a foreign name rather than that of a list."""
    return 0 < at < len(text) - 1 and text[at] in _DOTS and not text[at - 1].isspace()


def _scored(text: str) -> Iterator[Hit]:
    found = [scored for scored in likely(text, LISTED) if not _refused(text, scored)]
    if not found:
        return
    sure = [weight >= SURE for weight, _ in found]
    for here, there in (*_neighbours(len(found)), *_neighbours(len(found), back=True)):
        sure[here] = sure[here] or (sure[there] and _joined(text, found[here][1], found[there][1]))
    names = {text[c.start : c.end] for (_, c), yes in zip(found, sure, strict=True) if yes}
    for _, (start, _, end) in found:
        if text[start:end] in names:
            yield Hit(start, end, "pii.name", 0.7, "surname and given name in running text")


def _neighbours(count: int, back: bool = False) -> Iterator[tuple[int, int]]:
    if back:
        return ((i, i + 1) for i in range(count - 2, -1, -1))
    return ((i, i - 1) for i in range(1, count))


def _joined(text: str, one: Candidate, other: Candidate) -> bool:
    """Whether nothing but a mark of a list stands between two candidates."""
    left, right = sorted((one, other))
    gap = text[left.end : right.start]
    return 0 < len(gap) <= 2 and set(gap) <= _JOINS


@functools.cache
def _units() -> Longest:
    rows = (Path(__file__).parent / "data" / "name_units.txt").read_text(encoding="utf-8")
    return Longest(sorted(set(rows.split("\n", 1)[1].split())))


def _pieced(text: str) -> Iterator[Hit]:
    """扎西顿珠: two or more known parts in a row."""
    start = end = count = 0
    for at, stop, _ in (*_units().scan(text), (len(text) + 1, 0, 0)):
        if at == end and count:
            end, count = stop, count + 1
            continue
        if count > 1 and end - start > 2:
            yield Hit(start, end, "pii.name", 0.75, "parts of a Tibetan, Uyghur or Mongolian name")
        start, end, count = at, stop, 1


_DOT = re.compile("[·•]")
_CALLED = re.compile(r"(?:叫|名字?是|名为|同学|同事|老师|员|房东|师傅|朋友)[:\"“]?\Z")
_POLITE = re.compile(r"先生|女士|小姐|同学|老师|师傅|大哥|大姐|医生|护士|警官")


def _dotted(text: str) -> Iterator[Hit]:
    """伊万诺娃·玛莎女士: a dotted name with a title behind it or a word for persons before it."""
    past = 0
    for dot in _DOT.finditer(text):
        begin = dot.start()
        while begin > max(past, dot.start() - 8) and "\u4e00" <= text[begin - 1] <= "\u9fff":
            begin -= 1
        if match := DOTTED.match(text, begin):
            past = match.end()
            yield from _person(text, begin, match.end())


def _person(text: str, start: int, end: int) -> Iterator[Hit]:
    """The dotted name within a stretch that may begin with 我叫 and end with 女士."""
    called = _CALLED.search(text, max(0, start - 4), start) is not None
    if inner := _CALLED_WITHIN.match(text, start, end):
        called, start = True, inner.end()
    if polite := _POLITE.search(text, start, end + 2):
        called, end = True, min(end, polite.start())
    if called and set(text[start:end]) & set(_DOTS):
        yield Hit(start, end, "pii.name", 0.75, "dotted name of a person")


_CALLED_WITHIN = re.compile(rf"[{HAN}]{{0,5}}?(?:叫|名字是|名为|老师|同学|同事)(?=[{HAN}]{{2}})")


def find_running(text: str) -> Iterator[Hit]:
    """Names in running text. Linear: each place where a name may begin is looked at once."""
    yield from _scored(text)
    yield from _pieced(text)
    if "·" in text or "•" in text:
        yield from _dotted(text)
