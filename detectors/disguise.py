"""Words that are spelled otherwise: by sound, pinyin, shape, components, emoji, or backwards.

Folding and squeezing undo what leaves the characters themselves alone. Here the characters have
been replaced. A scan over codes (sounds, shape classes, joined components) proposes candidates, and
a candidate is believed by its length and by whether the replaced characters form ordinary Chinese:
海落因 holds no ordinary word, 读博 is one. The limits follow measured false hits of random lists on
plain text (docs/benchmarks.md): four and more characters by sound may act alone, three where the
spelling is odd, two only beside a second signal.
"""

from __future__ import annotations

import functools
import gzip
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from guard.detectors.automaton import Automaton
from guard.detectors.normalise import CLAUSE, HAN, SOFT, View
from guard.detectors.sound import code_words, read_emoji, same_sound, sounds, spelled

#: Scores. A rule acts from 0.5; below SURE its action goes no further than REVIEW.
ALONE, LIKELY, WEAK = 0.85, 0.6, 0.4
_DATA = Path(__file__).parent / "data"
_HAN_WORD = re.compile(f"[{HAN}]{{2,16}}")
_LATIN_RUN = re.compile(r"[a-z]+")
_TOKEN = re.compile(f"(?P<latin>[a-z]+)(?P<tone>[1-5]?)|(?P<gap>[{SOFT}]{{1,4}})|[^a-z{SOFT}]+")
#: A letter beside a syllable's code, with no letter beside it.
_LONE_LETTER = re.compile(
    "(?<![a-z])(?:(?<=[\ue000-\uf8ff])[a-z]|[a-z](?=[\ue000-\uf8ff]))(?![a-z])"
)
_HAS_HAN = re.compile(f"[{HAN}]")
_MOST_LONE, _MOST_JOINS, _WINDOW = 4, 8, 16
_MOST_INITIALS = 20_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A disguised word: its number, its stretch in the base view, how far it is believed, why."""

    word: int
    start: int
    end: int
    score: float
    why: str


@functools.cache
def ordinary() -> frozenset[str]:
    """Words and frequent pairs of ordinary Chinese, two to four characters."""
    data = gzip.decompress((_DATA / "usual.txt.gz").read_bytes())
    return frozenset(data.decode().split("\n"))


def is_odd(text: str, places: Iterable[int]) -> bool:
    """Whether none of the characters at ``places`` is part of an ordinary word of the text."""
    usual = ordinary()
    for place in places:
        # Pairs first: most ordinary words are pairs.
        if text[place : place + 2] in usual or (place and text[place - 1 : place + 1] in usual):
            return False
        for start in range(max(0, place - 3), place + 1):
            for end in range(max(place + 1, start + 3), min(len(text), start + 4) + 1):
                if text[start:end] in usual:
                    return False
    return True


@functools.cache
def _shapes() -> dict[int, int]:
    """Code point -> the first character of its class of look-alikes."""
    table: dict[int, int] = {}
    for line in (_DATA / "shape.tsv").read_text(encoding="utf-8").split("\n"):
        table |= {ord(char): ord(line[0]) for char in line}
    # Ordinary characters map to themselves, so that a look-up never raises inside translate.
    return {cp: cp for cp in (*range(0x20, 0x7F), *range(0x4E00, 0xA000), 10)} | table


@functools.cache
def _components() -> tuple[Automaton, list[str]]:
    """(finder of adjacent components, the character each pair makes)."""
    rows = (_DATA / "split.tsv").read_text(encoding="utf-8").split("\n")
    pairs = [row.split("\t") for row in rows if row]
    return Automaton([pair for pair, _ in pairs]), [char for _, char in pairs]


@functools.cache
def _emoji() -> dict[str, str]:
    return read_emoji()


def sounded(view: View) -> View:
    """A view whose characters are the coarse codes of syllables; what has no sound stays.

    Latin letters become syllables where a whole run is pinyin (du, d u, du3); soft gaps beside
    them go.
    """
    codes = sounds().codes
    text = view.text
    if _LATIN_RUN.search(text) is None or not _looks_spelled(text):
        return View(text.translate(codes), view.original, None, view)
    pieces: list[str] = []
    at: list[int] = []
    back: list[int] = []
    length = 0
    for piece, runs in _coded_tokens(view):
        pieces.append(piece)
        for offset, origin in runs:
            at.append(length + offset)
            back.append(origin)
        length += len(piece)
    return View("".join(pieces), view.original, (at, back), view)


def _coded_tokens(view: View) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """(codes, runs for the way back) of each stretch; a gap beside a spelled syllable is dropped,
    unless it parts clauses."""
    codes, text = sounds().codes, view.text
    spelled_before, gap = False, None
    for token in _TOKEN.finditer(text):
        start = token.start()
        if token["gap"]:
            gap = token
            continue
        piece, runs, spelled_now = (
            _spell(token["latin"], start)
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
    if _HAS_HAN.search(text):
        return True
    runs = _LATIN_RUN.findall(text[:400])
    syllables = [spelled(run) for run in runs]
    return sum(s is not None for s in syllables) >= 0.8 * len(runs)


def _spell(letters: str, start: int) -> tuple[str, list[tuple[int, int]], bool]:
    """(codes, runs for the way back, whether it was pinyin) of a run of letters."""
    syllables = spelled(letters)
    if syllables is None:
        return letters, [(0, start)], False
    table = sounds().syllables
    runs, place = [], start
    for n, syllable in enumerate(syllables):
        # The code stands for the syllable's first letter; its end is found by the next run.
        runs.append((n, place))
        place += len(syllable)
    return "".join(table[s] for s in syllables), runs, True


def _grouped(
    words: Sequence[str], numbers: Sequence[int], table: dict[int, int]
) -> dict[str, list[int]]:
    """Numbers by the word as ``table`` translates it, all words in one translation."""
    groups: dict[str, list[int]] = {}
    coded = "\n".join(words).translate(table).split("\n") if words else []
    for number, code in zip(numbers, coded, strict=True):
        groups.setdefault(code, []).append(number)
    return groups


class Disguises:
    """Finds replaced spellings of a list of words."""

    def __init__(self, words: Sequence[str], plain: Automaton, numbers: Sequence[int]) -> None:
        """Build the scans.

        Args:
            words: folded words; only those of two or more Han characters are looked for.
            plain: the automaton of the undisguised text, in which word ``k`` of ``words`` has the
                number ``numbers[k]``.
        """
        kept = [n for n, word in enumerate(words) if _HAN_WORD.fullmatch(word)]
        han = [words[n] for n in kept]
        owners = [numbers[n] for n in kept]
        self._words = dict(zip(owners, han, strict=True))
        self._plain = plain
        sound: dict[str, list[int]] = {}
        for index, code in code_words(han):
            sound.setdefault(code, []).append(owners[index])
        self._sound, self._sound_words = Automaton(list(sound)), list(sound.values())
        shape = _grouped(han, owners, _shapes())
        self._shape, self._shape_words = Automaton(list(shape)), list(shape.values())
        longer = [n for n, word in enumerate(han) if len(word) >= 3]
        self._initials: dict[str, list[int]] = {}
        if len(longer) <= _MOST_INITIALS:
            letters = sounds().initials
            self._initials = _grouped(
                [han[n] for n in longer], [owners[n] for n in longer], letters
            )

    def __bool__(self) -> bool:
        return bool(self._words)

    def find(self, view: View) -> list[Candidate]:
        """Candidates in a folded or squeezed view, weak ones (score below 0.5) included."""
        text = view.text
        found = [*self._by_shape(text), *self._backwards(text)]
        coded = sounded(view)
        found += self._by_sound(text, coded)
        if _LATIN_RUN.search(text) is not None:
            found += self._by_letter(text, coded)
        found += self._split(text)
        return found

    def _by_sound(self, text: str, coded: View) -> Iterator[Candidate]:
        usual = ordinary()
        for first, last, index in self._sound.scan(coded.text):
            start = coded.origin(first)
            end = _end_of(coded, last, len(text))
            written = text[start:end]
            if last - first == 2 and written in usual:
                continue
            for number in self._sound_words[index]:
                word = self._words[number]
                if written != word:
                    judged = _judge_sound(text, start, written, word)
                    if judged is not None:
                        yield Candidate(number, start, end, *judged)

    def _by_letter(self, text: str, coded: View) -> Iterator[Candidate]:
        """Initials: one letter for one character (d博), or a run for all of them."""
        codes = coded.text
        places = [m.start() for m in itertools.islice(_LONE_LETTER.finditer(codes), _MOST_LONE)]
        for place in places:
            low = max(0, place - _WINDOW)
            for code in _codes_of(codes[place]):
                window = codes[low:place] + code + codes[place + 1 : place + _WINDOW]
                for first, last, index in self._sound.scan(window):
                    if first <= place - low < last:
                        start = coded.origin(low + first)
                        end = _end_of(coded, low + last, len(text))
                        for number in self._sound_words[index]:
                            size = len(self._words[number])
                            score = ALONE if size >= 4 else LIKELY if size == 3 else WEAK
                            yield Candidate(number, start, end, score, "initial letter")
        if self._initials and not text.isascii():
            for run in _LATIN_RUN.finditer(text):
                for number in self._initials.get(run.group(), ()):
                    yield Candidate(number, run.start(), run.end(), WEAK, "initials")

    def _by_shape(self, text: str) -> Iterator[Candidate]:
        for start, end, index in self._shape.scan(text.translate(_shapes())):
            written = text[start:end]
            for number in self._shape_words[index]:
                word = self._words[number]
                if written == word:
                    continue
                changed = [start + n for n, c in enumerate(written) if c != word[n]]
                if len(word) >= 4 or is_odd(text, changed):
                    score = ALONE if len(word) >= 4 else LIKELY if len(word) == 3 else WEAK
                    yield Candidate(number, start, end, score, "look-alike characters")

    def _backwards(self, text: str) -> Iterator[Candidate]:
        for first, last, index in self._plain.scan(text[::-1]):
            size = last - first
            if index not in self._words or size < 3:
                continue
            word = self._words[index]
            if word == word[::-1]:
                continue
            start, end = len(text) - last, len(text) - first
            if size >= 4 or is_odd(text, range(start, end)):
                score = ALONE if size >= 4 else LIKELY
                yield Candidate(index, start, end, score, "written backwards")

    def _split(self, text: str) -> Iterator[Candidate]:
        """Characters taken apart: 火乍 for 炸."""
        finder, made = _components()
        joins = [(s, e, made[n]) for s, e, n in finder.scan(text)]
        if not joins:
            return
        chosen: list[tuple[int, int, str]] = []
        for join in joins:
            if (not chosen or join[0] >= chosen[-1][1]) and is_odd(text, range(join[0], join[1])):
                chosen.append(join)
        if not chosen:
            return
        options = [chosen]
        if 1 < len(chosen) <= _MOST_JOINS:
            options += [[join] for join in chosen]
        for option in options:
            yield from self._joined(text, option)

    def _joined(self, text: str, joins: Sequence[tuple[int, int, str]]) -> Iterator[Candidate]:
        pieces, at, back, done, length = [], [], [], 0, 0
        marks = set()
        for start, end, char in joins:
            pieces += [text[done:start], char]
            at += [length, length + start - done]
            back += [done, start]
            length += start - done + 1
            marks.add(length - 1)
            done = end
        at.append(length)
        back.append(done)
        pieces.append(text[done:])
        view = View("".join(pieces), text, (at, back))
        for first, last, index in self._plain.scan(view.text):
            if index not in self._words or not any(first <= mark < last for mark in marks):
                continue
            start, end = view.origin(first), _end_of(view, last, len(text))
            size = last - first
            parts = sum(first <= mark < last for mark in marks)
            score = ALONE if size >= 3 or parts >= 2 else LIKELY
            yield Candidate(index, start, end, score, "characters taken apart")


def _end_of(view: View, end: int, length: int) -> int:
    """Where a stretch that ends before ``end`` of a derived view ends in its parent.

    A derived character may stand for several (a syllable's letters), so the end is where the next
    one begins, less what was dropped between.
    """
    last = view.origin(end - 1)
    if end >= len(view.text):
        return _trim(view, last, length)
    return _trim(view, last, view.origin(end))


def _trim(view: View, last: int, end: int) -> int:
    """``end`` moved back over soft gaps and tone digits' followers, not before ``last`` + 1."""
    parent = view._parent.text if view._parent is not None else view.original
    while end > last + 1 and parent[end - 1] in _SOFT_SET:
        end -= 1
    return end


_SOFT_SET = frozenset(SOFT.replace("\\", "") + "\\")


@functools.cache
def _codes_of(letter: str) -> tuple[str, ...]:
    """The codes of all syllables that begin with a letter."""
    table = sounds().syllables
    return tuple(sorted({code for syllable, code in table.items() if syllable[0] == letter}))


def _judge_sound(text: str, start: int, written: str, word: str) -> tuple[float, str] | None:
    """(score, why) of a spelling that sounds like ``word``, or None where it is plain Chinese."""
    size, end = len(word), start + len(written)
    if not written.isascii() and len(written) == size and _LATIN_RUN.search(written) is None:
        return _judge_characters(text, start, written, word)
    if _LATIN_RUN.match(text, start - 1 if start else 0, start) or _LATIN_RUN.match(text, end):
        return None  # a part of a longer word: 看reno is not 看 ren
    if _HAS_HAN.search(written) is None:
        score = ALONE if size >= 4 else LIKELY if size == 3 else WEAK
        return score, "pinyin"
    return (ALONE if size >= 3 else LIKELY), "mixed with pinyin"


def _judge_characters(text: str, start: int, written: str, word: str) -> tuple[float, str] | None:
    size = len(word)
    changed = [n for n, char in enumerate(written) if char != word[n]]
    emoji = [n for n in changed if written[n] in _emoji()]
    if emoji:
        return (ALONE if size >= 3 else LIKELY), "emoji"
    exact = all(same_sound(written[n], word[n]) for n in changed)
    why = "same sound" if exact else "near sound"
    odd = is_odd(text, (start + n for n in changed))
    if size >= 4:
        return (ALONE if odd else LIKELY), why
    if not odd:
        return None
    return (LIKELY if size == 3 else WEAK), why
