"""How likely a stretch of running text is a person's name: a log-linear score.

Chinese names wear no capitals, so no single sign tells 陈静 from 陈旧: the score adds up how often
the characters stand in names rather than in ordinary text, how likely each of them follows its
neighbour in ordinary text (陈旧, and 静说 but not 旧说), and what stands before and behind. The
weights come from detectors/data/make_name_scores.py.
"""

from __future__ import annotations

import functools
import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from guard.detectors.oddness import ordinary
from guard.detectors.pii_name_tables import name_tables

_DATA = Path(__file__).parent / "data"
#: Steps of how much likelier than by chance two characters stand together; 0 for hardly ever.
LEVELS = 8


class Candidate(NamedTuple):
    """A stretch that may be a name: the surname ``start..given``, the given name ``given..end``."""

    start: int
    given: int
    end: int


@functools.cache
def pair_levels() -> dict[str, int]:
    """How strongly two characters belong together in ordinary text, 1 to LEVELS - 1."""
    levels: dict[str, int] = {}
    # Most pairs stand among the ordinary words too: their strings are shared, not made twice.
    known = {pair: pair for pair in ordinary() if len(pair) == 2}
    body = gzip.decompress((_DATA / "name_pairs.txt.gz").read_bytes()).decode()
    for line in body.split("\n"):
        first = line[:1]
        for level, seconds in enumerate(line[2:].split("\t"), 1):
            for second in seconds:
                pair = first + second
                levels[known.get(pair, pair)] = level
    return levels


def edge(text: str, at: int) -> str:
    """The class of the character at ``at``: a line's end, a gap, a mark, a word."""
    return _edge(text[at]) if 0 <= at < len(text) else "^"


@functools.lru_cache(8192)
def _edge(char: str) -> str:
    if char == "\n":
        return "^"
    if "\u4e00" <= char <= "\u9fff":
        return "h"
    if char.isascii() and char.isalnum():
        return "a" if char.isalpha() else "0"
    return "_" if char in " \t|" else "."


def near(text: str, at: int) -> str:
    """The character at ``at``, digits and Latin letters as one sign each."""
    kind = edge(text, at)
    return text[at] if kind in "h._" else kind


def _bond(levels: dict[str, int], pair: str) -> int:
    """Whether the two characters beside a candidate make a word themselves: 0 hardly, 1, 2."""
    level = levels.get(pair, 0)
    return (level > 2) + (level > 4)


def signs(text: str, candidate: Candidate) -> Iterator[str]:
    """The names of all signs of a candidate that carry a weight."""
    start, given, end = candidate
    one = end - given == 1
    levels, known = pair_levels(), ordinary()
    yield f"surname {text[start:given]}"
    if one:
        yield f"single {text[given]}"
    else:
        yield f"first {text[given]}"
        yield f"second {text[given + 1]}"
        yield f"inside {levels.get(text[given:end], 0)}"
    before, behind = near(text, start - 1), near(text, end)
    left, right = edge(text, start - 1), edge(text, end)
    yield f"edges {left}{right}{1 if one else 2}"
    yield f"joint {levels.get(text[given - 1 : given + 1], 0)}{1 if one else 2}"
    yield f"left {before}"
    yield f"right {behind}"
    if left == "h":
        yield f"enter {levels.get(text[start - 1 : start + 1], 0)}"
        yield f"left {near(text, start - 2)}{before}"
        yield f"lead {_bond(levels, text[max(0, start - 2) : start])}"
    if right == "h":
        yield f"leave {levels.get(text[end - 1 : end + 1], 0)}{1 if one else 2}"
        yield f"right {behind}{near(text, end + 1)}"
        yield f"trail {_bond(levels, text[end : end + 2])}"
    yield from _words(text, candidate, known)


def _words(text: str, candidate: Candidate, known: frozenset[str]) -> Iterator[str]:
    """Ordinary words of three or four characters that swallow parts of a candidate."""
    start, given, end = candidate
    if text[start:end] in known:
        yield f"word {end - start}"
    low = max(0, start - 3)
    for begin in range(low, end):
        for stop in (begin + 3, begin + 4):
            # Crosses the beginning, or the end, or covers all of it and more.
            if (
                stop > start
                and (begin < start or stop > end)
                and (stop > given or begin >= start)
                and text[begin:stop] in known
            ):
                yield "swallowed"
                return


@functools.cache
def _weights() -> dict[str, float]:
    rows = (_DATA / "name_scores.tsv").read_text(encoding="utf-8").split("\n")[1:]
    pairs = (row.rsplit("\t", 1) for row in rows if row)
    return {sign.replace("⏎", "\n").replace("⇥", "\t"): float(w) for sign, w in pairs}


@functools.cache
def _places() -> re.Pattern[str]:
    firsts = "".join(sorted(name_tables().firsts))
    return re.compile(f"[{firsts}](?=[{''.join(sorted(given_chars()))}])")


@functools.cache
def given_chars() -> frozenset[str]:
    """Characters that stand in given names often enough to be asked for."""
    path = _DATA / "name_given.txt"
    seconds = {c for name in name_tables().compounds for c in name[1:]}
    chars = path.read_text(encoding="utf-8").split("\n", 1)[1]
    return frozenset(chars) - {"\n"} | seconds


def candidates(text: str) -> Iterator[Candidate]:
    """All stretches that begin with a surname and go on with one or two Han characters."""
    for match in _places().finditer(text):
        yield from _at(text, match.start())


def _at(text: str, at: int) -> Iterator[Candidate]:
    tables, allowed = name_tables(), given_chars()
    if text[at] in tables.singles:
        yield from _lengths(text, at, at + 1, allowed)
    for length in (2, 4):
        if text[at : at + length] in tables.compounds:
            yield from _lengths(text, at, at + length, allowed)


def _lengths(text: str, at: int, given: int, allowed: frozenset[str]) -> Iterator[Candidate]:
    if text[given : given + 1] in allowed:
        yield Candidate(at, given, given + 1)
        if text[given + 1 : given + 2] in allowed:
            yield Candidate(at, given, given + 2)


class _Model(NamedTuple):
    """The weights, laid out for look-up: by character, or by pair level (lists)."""

    head: dict[str, list[float]]
    second: dict[str, float]
    first: dict[str, float]
    single: dict[str, float]
    surname: dict[str, float]
    left: dict[str, float]
    right: dict[str, float]
    edges: dict[str, float]
    inside: list[float]
    joint: tuple[list[float], list[float]]
    leave: tuple[list[float], list[float]]
    enter: list[float]
    lead: list[float]
    trail: list[float]


@functools.cache
def _model() -> _Model:
    weights = _weights()

    def keyed(kind: str) -> dict[str, float]:
        start = kind + " "
        return {s[len(start) :]: w for s, w in weights.items() if s.startswith(start)}

    def steps(kind: str, tail: str = "") -> list[float]:
        return [weights.get(f"{kind} {level}{tail}", 0.0) for level in range(LEVELS)]

    none = dict.fromkeys(given_chars(), 0.0)
    singles = name_tables().singles
    surname = dict.fromkeys(singles, 0.0) | keyed("surname")
    one, two = steps("joint", "1"), steps("joint", "2")
    best = [max(pair) for pair in zip(one, two, strict=True)]
    return _Model(
        head={c: [surname[c] + step for step in best] for c in singles},
        second=none | keyed("second"),
        first=none | keyed("first"),
        single=none | keyed("single"),
        surname=surname,
        left=keyed("left"),
        right=keyed("right"),
        edges=keyed("edges"),
        inside=steps("inside"),
        joint=(one, two),
        leave=(steps("leave", "1"), steps("leave", "2")),
        enter=steps("enter"),
        lead=steps("lead"),
        trail=steps("trail"),
    )


#: What surname and joint, then all of a candidate's own characters must reach before anything
#: more is weighed: of the names found in ordinary text hardly one in twenty lies below.
_HEAD, _WORTH = -1.0, 0.5
#: What a side is worth at best.
_FREE = 1.0


def _own(text: str, candidate: Candidate, model: _Model, levels: dict[str, int]) -> float:
    """The weight of a candidate's own characters, without how they join their neighbours."""
    start, given, end = candidate
    total = model.surname.get(text[start:given], 0.0)
    joint = levels.get(text[given - 1 : given + 1], 0)
    if end - given == 1:
        return total + model.joint[0][joint] + model.single.get(text[given], 0.0)
    total += model.first.get(text[given], 0.0) + model.second.get(text[given + 1], 0.0)
    return total + model.joint[1][joint] + model.inside[levels.get(text[given:end], 0)]


def _weigh(text: str, candidate: Candidate, least: float) -> float:
    """The sum of the weights of :func:`signs`; any value below ``least`` where it is below."""
    start, given, end = candidate
    model, levels, two = _model(), pair_levels(), end - given - 1
    total = _own(text, candidate, model, levels)
    before, behind = near(text, start - 1), near(text, end)
    left, right = edge(text, start - 1), edge(text, end)
    enter = model.enter[levels.get(text[start - 1 : start + 1], 0)] if left == "h" else 0.0
    leave = model.leave[two][levels.get(text[end - 1 : end + 1], 0)] if right == "h" else 0.0
    total += enter + leave + model.left.get(before, 0.0) + model.right.get(behind, 0.0)
    total += model.edges.get(f"{left}{right}{two + 1}", 0.0)
    if left == "h":
        total += model.left.get(near(text, start - 2) + before, 0.0)
        total += model.lead[_bond(levels, text[max(0, start - 2) : start])]
    if right == "h":
        total += model.right.get(behind + near(text, end + 1), 0.0)
        total += model.trail[_bond(levels, text[end : end + 2])]
    if total < least:  # what is left only lowers it
        return total
    weights = _weights()
    return total + sum(weights.get(sign, 0.0) for sign in _words(text, candidate, ordinary()))


def weight(text: str, candidate: Candidate) -> float:
    """The same sum, sign by sign: what the weights were trained on."""
    weights = _weights()
    return sum(weights.get(sign, 0.0) for sign in signs(text, candidate))


class Scored(NamedTuple):
    """A candidate and its weight: the log-odds that it is a name."""

    weight: float
    candidate: Candidate


def likely(text: str, least: float) -> list[Scored]:
    """The candidates whose log-odds reach ``least``, the likeliest of overlapping ones, in text
    order."""
    found: list[Scored] = []
    for candidate in _worthy(text):
        total = _weigh(text, candidate, least)
        if total < least:
            continue
        while found and found[-1].candidate.end > candidate.start and found[-1].weight < total:
            found.pop()
        if not found or found[-1].candidate.end <= candidate.start:
            found.append(Scored(total, candidate))
    return found


def _worthy(text: str) -> Iterator[Candidate]:
    """The candidates whose own characters, and how these join their neighbours, leave a chance:
    one in six. Nearly all of the time for a text goes here, hence one long loop."""
    model, level, opens = _model(), pair_levels().get, _compound_opens()
    head, second, first = model.head, model.second, model.first
    single, surname = model.single, model.surname
    (one, two), inside, enter, (_, leave) = model.joint, model.inside, model.enter, model.leave
    for match in _places().finditer(text):
        at = match.start()
        pair = text[at : at + 2]
        if pair in opens:
            yield from _at(text, at)
            continue
        joint = level(pair, 0)
        entry = enter[level(text[at - 1 : at + 1], 0)] if at else _FREE
        char = pair[0]
        if char not in head or head[char][joint] + entry < _HEAD:
            continue
        third, inner = text[at + 2 : at + 3], level(text[at + 1 : at + 3], 0)
        base = surname[char] + entry
        if third in second:
            total = base + two[joint] + first[pair[1]] + second[third] + inside[inner]
            if total + leave[level(text[at + 2 : at + 4], 0)] >= _WORTH:
                yield Candidate(at, at + 1, at + 3)
        if base + one[joint] + single[pair[1]] + _FREE - (inner > 3) >= _WORTH:
            yield Candidate(at, at + 1, at + 2)


@functools.cache
def _compound_opens() -> frozenset[str]:
    return frozenset(name[:2] for name in name_tables().compounds)


def best_at(text: str, at: int, least: float) -> int:
    """The end of the likeliest name that begins at ``at`` with log-odds of ``least``; 0: none."""
    if text[at : at + 1] not in name_tables().firsts:
        return 0
    total, end = max(((_weigh(text, c, least), c.end) for c in _at(text, at)), default=(least, 0))
    return end if total > least else 0
