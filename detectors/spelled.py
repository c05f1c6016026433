"""A text as the sounds it is read with: one code for each character or spelled syllable."""

from __future__ import annotations

import re
from collections.abc import Iterator

from guard.detectors.normalise import CLAUSE, HAN, SOFT, View
from guard.detectors.sound import EMOJI, sounds, spellings, ways

LATIN_RUN = re.compile(r"[a-z]+")
HAS_HAN = re.compile(f"[{HAN}]")
_TOKEN = re.compile(f"(?P<latin>[a-z]+)(?P<tone>[1-5]?)|(?P<gap>[{SOFT}]{{1,4}})|[^a-z{SOFT}]+")
_SOFT = frozenset(SOFT.replace("\\", "") + "\\")
#: A text with more syllables than this is not read in other ways as well.
_MOST_RUNS = 40

Runs = list[tuple[int, int]]


def readings(view: View, spelled: bool = True) -> Iterator[View]:
    """The view as sounds: first by usual readings, then, where an emoji or a run of letters can be
    read otherwise, by the others.

    Args:
        spelled: False where the text is known to hold neither letters nor emoji.
    """
    if not spelled:
        yield View(view.text.translate(sounds().turns[0]), view.original, None, view)
        return
    first = sounded(view, 0)
    yield first
    text = view.text
    latin, emoji = LATIN_RUN.search(text), EMOJI.search(text)
    if (latin is None and emoji is None) or first.text == text:
        return
    several = max(map(ways, EMOJI.findall(text)), default=1)
    runs = LATIN_RUN.findall(text)
    if len(runs) <= _MOST_RUNS:
        several = max([several, *(len(spellings(run)) for run in runs)])
    for turn in range(1, several):
        yield sounded(view, turn)


def sounded(view: View, turn: int) -> View:
    """A view whose characters are the coarse codes of syllables; what has no sound stays.

    Latin letters become syllables where a whole run is pinyin (du, d u, du3); soft gaps beside
    them go.

    Args:
        turn: which reading to take of what can be read in several ways, from 0.
    """
    text = view.text
    if LATIN_RUN.search(text) is None or not _looks_spelled(text):
        return View(text.translate(sounds().turns[turn]), view.original, None, view)
    pieces: list[str] = []
    at: list[int] = []
    back: list[int] = []
    length = 0
    for piece, runs in _coded_tokens(view, turn):
        pieces.append(piece)
        for offset, origin in runs:
            at.append(length + offset)
            back.append(origin)
        length += len(piece)
    return View("".join(pieces), view.original, (at, back), view)


def end_of(view: View, end: int, parent: str) -> int:
    """Where a stretch that ends before ``end`` of a derived view ends in its parent's text.

    A derived character may stand for several (a syllable's letters), so the end is where the next
    one begins, less the gaps dropped between.
    """
    last = view.origin(end - 1)
    stop = len(parent) if end >= len(view.text) else view.origin(end)
    while stop > last + 1 and parent[stop - 1] in _SOFT:
        stop -= 1
    return stop


def _coded_tokens(view: View, turn: int) -> Iterator[tuple[str, Runs]]:
    """(codes, runs for the way back) of each stretch; a gap beside a spelled syllable is dropped,
    unless it parts clauses."""
    codes, text = sounds().turns[turn], view.text
    spelled_before, gap = False, None
    for token in _TOKEN.finditer(text):
        start = token.start()
        if token["gap"]:
            gap = token
            continue
        piece, runs, spelled_now = (
            _spell(token["latin"], start, turn)
            if token["latin"]
            else (token.group().translate(codes), [(0, start)], False)
        )
        if gap is not None:
            noise = (spelled_before or spelled_now) and _inserted(view, gap.start(), gap.end())
            if not noise:
                yield gap.group(), [(0, gap.start())]
            gap = None
        yield piece, runs
        spelled_before = spelled_now
    if gap is not None:
        yield gap.group(), [(0, gap.start())]


def _inserted(view: View, start: int, end: int) -> bool:
    return not any(view.original[view.span(i, i + 1)[0]] in CLAUSE for i in range(start, end))


def _looks_spelled(text: str) -> bool:
    """Whether Latin letters here may be pinyin: beside Han, or nearly all runs are syllables."""
    if HAS_HAN.search(text):
        return True
    runs = LATIN_RUN.findall(text[:400])
    return sum(bool(spellings(run)) for run in runs) >= 0.8 * len(runs)


def _spell(letters: str, start: int, turn: int) -> tuple[str, Runs, bool]:
    """(codes, runs for the way back, whether it was pinyin) of a run of letters."""
    found = spellings(letters)
    if not found:
        return letters, [(0, start)], False
    table = sounds().syllables
    syllables = found[min(turn, len(found) - 1)]
    runs, place = [], start
    for n, syllable in enumerate(syllables):
        # The code stands for the syllable's first letter; its end is found by the next run.
        runs.append((n, place))
        place += len(syllable)
    return "".join(table[s] for s in syllables), runs, True
