# ruff: noqa: SIM905 (a list of words reads better without quotes and commas)
"""Words that are spelled otherwise: by sound, pinyin, shape, components, emoji, or backwards.

Folding and squeezing undo what leaves the characters themselves alone. Here the characters have
been replaced. A scan over codes (sounds, shape classes, joined components) proposes candidates, and
a candidate is believed by its length and by whether the replaced characters form ordinary Chinese:
海落因 holds no ordinary word, 读博 is one. The limits follow measured false hits of random lists on
plain text (docs/evasion.md): four and more characters may act alone, three where the spelling is
odd, two only beside a second signal.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from guard.detectors.automaton import Automaton
from guard.detectors.normalise import HAN, View
from guard.detectors.oddness import is_odd, ordinary
from guard.detectors.sound import code_words, fits, read_emoji, same_sound, sounds
from guard.detectors.spelled import HAS_HAN, LATIN_RUN, end_of, readings

#: Scores. A rule acts from 0.5; below SURE its action goes no further than REVIEW. What is below
#: LIKELY counts only beside a second signal: WEAK beside another weak one or a likely one, SLIGHT
#: beside a likely one, FAINT beside a sure one.
ALONE, LIKELY, WEAK, SLIGHT, FAINT = 0.85, 0.6, 0.4, 0.3, 0.2
_DATA = Path(__file__).parent / "data"
_HAN_WORD = re.compile(f"[{HAN}]{{2,16}}")
#: A letter beside a syllable's code, with no letter or digit beside it (10W is no initial).
_LONE_LETTER = re.compile(
    "(?<![a-z0-9])(?:(?<=[\ue000-\uf8ff])[a-z]|[a-z](?=[\ue000-\uf8ff]))(?![a-z0-9])"
)
_MOST_LONE, _MOST_JOINS, _WINDOW = 4, 8, 16
_MOST_INITIALS = 20_000
#: With more two-character words than this, two weak ones meet by chance in one prompt of a hundred:
#: then they do not back each other.
_MOST_WEAK = 4_000
#: English words and abbreviations that read as syllables and stand in Chinese sentences.
_ENGLISH = frozenset(
    "ai ban bi bin bing can chat chi china da dan de di die en er fan gang ha hang he hi la le "
    "li long lu ma man me mi mo mu ne pan pang pi pin ping pose rang run sang she side so song "
    "sun tan tang ten ti to wan wang yang ye you".split()
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A disguised word: its number, its stretch in the base view, how far it is believed, why."""

    word: int
    start: int
    end: int
    score: float
    why: str


def _classes(name: str) -> dict[int, int]:
    """Code point -> the first character of its class, of the classes of a file."""
    table: dict[int, int] = {}
    for line in (_DATA / name).read_text(encoding="utf-8").split("\n"):
        table |= {ord(char): ord(line[0]) for char in line}
    # Ordinary characters map to themselves, so that a look-up never raises inside translate.
    return {cp: cp for cp in (*range(0x20, 0x7F), *range(0x4E00, 0xA000), 10)} | table


@functools.cache
def _likenesses() -> tuple[dict[int, int], ...]:
    """Two ways of being alike: sharing a component (赌睹), and being drawn alike (未末)."""
    return _classes("kin.tsv"), _classes("shape.tsv")


@functools.cache
def _components() -> tuple[Automaton, list[str]]:
    """(finder of adjacent components, the character each pair makes)."""
    rows = (_DATA / "split.tsv").read_text(encoding="utf-8").split("\n")
    pairs = [row.split("\t") for row in rows if row]
    return Automaton([pair for pair, _ in pairs]), [char for _, char in pairs]


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
        self._crowded = sum(len(word) == 2 for word in han) > _MOST_WEAK
        sound: dict[str, list[int]] = {}
        for index, code in code_words(han):
            sound.setdefault(code, []).append(owners[index])
        self._sound, self._sound_words = Automaton(list(sound)), list(sound.values())
        self._shapes = []
        for table in _likenesses():
            shape = _grouped(han, owners, table)
            self._shapes.append((table, Automaton(list(shape)), list(shape.values())))
        longer = [n for n, word in enumerate(han) if len(word) >= 3]
        self._initials: dict[str, list[int]] = {}
        if len(longer) <= _MOST_INITIALS:
            letters = sounds().initials
            self._initials = _grouped(
                [han[n] for n in longer], [owners[n] for n in longer], letters
            )

    def __bool__(self) -> bool:
        return bool(self._words)

    def find(self, view: View, sure: bool) -> list[Candidate]:
        """Candidates in a folded or squeezed view, those included that count beside others only.

        Args:
            sure: whether a word was found as it is written: then faint ones are looked for too.
        """
        least = FAINT if sure else LIKELY if self._crowded else WEAK
        found = self._find(view, least)
        best = max((candidate.score for candidate in found), default=0.0)
        if not sure and best >= LIKELY:
            found = self._find(view, FAINT if best >= ALONE else SLIGHT)
        if self._crowded:
            found = [replace(c, score=SLIGHT) if c.score == WEAK else c for c in found]
        return found

    def _find(self, view: View, least: float) -> list[Candidate]:
        """Candidates of at least a score; what is not asked for costs least."""
        text = view.text
        found = [*self._by_shape(text, least), *self._backwards(text), *self._split(text)]
        latin = LATIN_RUN.search(text) is not None
        for coded in readings(view):
            found += self._by_sound(text, coded, least)
            if latin:
                found += self._by_letter(text, coded)
        if latin:
            found += self._initial_runs(text)
        return [c for c in dict.fromkeys(found) if c.score >= least] if found else found

    def _by_sound(self, text: str, coded: View, least: float) -> Iterator[Candidate]:
        shifted = len(coded.text) != len(text)
        for first, last, index in self._sound.scan(coded.text):
            start, end = first, last
            if shifted:
                start, end = coded.origin(first), end_of(coded, last, text)
            written = text[start:end]
            if last - first == 2 == end - start and _is_plain(text, start, written, least):
                continue
            for number in self._sound_words[index]:
                word = self._words[number]
                if written != word and _sounds(coded, first, text, word):
                    judged = _judge_sound(text, start, written, word)
                    if judged is not None:
                        yield Candidate(number, start, end, *judged)

    def _by_letter(self, text: str, coded: View) -> Iterator[Candidate]:
        """One letter for one character: d博."""
        codes = coded.text
        places = [m.start() for m in itertools.islice(_LONE_LETTER.finditer(codes), _MOST_LONE)]
        for place in places:
            low = max(0, place - _WINDOW)
            for code in _codes_of(codes[place]):
                window = codes[low:place] + code + codes[place + 1 : place + _WINDOW]
                for first, last, index in self._sound.scan(window):
                    if first <= place - low < last:
                        start = coded.origin(low + first)
                        end = end_of(coded, low + last, text)
                        for number in self._sound_words[index]:
                            score = _by_length(self._words[number], ALONE, LIKELY, SLIGHT)
                            yield Candidate(number, start, end, score, "initial letter")

    def _initial_runs(self, text: str) -> Iterator[Candidate]:
        """A run of letters for all characters: dbwz."""
        if self._initials and not text.isascii():
            for run in LATIN_RUN.finditer(text):
                for number in self._initials.get(run.group(), ()):
                    yield Candidate(number, run.start(), run.end(), SLIGHT, "initials")

    def _by_shape(self, text: str, least: float) -> Iterator[Candidate]:
        for table, automaton, words in self._shapes:
            for start, end, index in automaton.scan(text.translate(table)):
                written = text[start:end]
                if end - start == 2 and _is_plain(text, start, written, least):
                    continue
                for number in words[index]:
                    word = self._words[number]
                    if written != word:
                        changed = (start + n for n, c in enumerate(written) if c != word[n])
                        if is_odd(text, changed):
                            score = _by_length(word, ALONE, LIKELY, WEAK)
                        else:
                            score = _by_length(word, LIKELY, FAINT, FAINT)
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
        joins: list[tuple[int, int, str]] = []
        for start, end, index in finder.scan(text):
            if not joins or start >= joins[-1][1]:
                joins.append((start, end, made[index]))
        if not joins:
            return
        odd = [join for join in joins if is_odd(text, range(join[0], join[1]))]
        options = [joins]
        if odd and odd != joins:
            options.append(odd)
        if 1 < len(odd) <= _MOST_JOINS:
            options += [[join] for join in odd]
        for option in options:
            yield from self._joined(text, option, odd)

    def _joined(
        self,
        text: str,
        joins: Sequence[tuple[int, int, str]],
        odd: Sequence[tuple[int, int, str]],
    ) -> Iterator[Candidate]:
        pieces, at, back, done, length = [], [], [], 0, 0
        marks: list[tuple[int, bool]] = []
        for join in joins:
            start, end, char = join
            pieces += [text[done:start], char]
            at += [length, length + start - done]
            back += [done, start]
            length += start - done + 1
            marks.append((length - 1, join in odd))
            done = end
        at.append(length)
        back.append(done)
        pieces.append(text[done:])
        view = View("".join(pieces), text, (at, back))
        for first, last, index in self._plain.scan(view.text):
            if index not in self._words:
                continue
            parts = [is_part_odd for mark, is_part_odd in marks if first <= mark < last]
            if parts:
                start, end = view.origin(first), end_of(view, last, text)
                score = _judge_split(last - first, parts)
                yield Candidate(index, start, end, score, "characters taken apart")


def _is_plain(text: str, start: int, written: str, least: float) -> bool:
    """Whether no word behind two characters would be believed as far as ``least``: they are a word
    of their own, none of them is odd, or two characters are too few."""
    known = ordinary()
    if written in known:
        return True
    if least <= FAINT:
        return False
    if least > WEAK and _HAN_WORD.fullmatch(written):
        return True
    end = start + 2
    return (text[start - 1 : start + 1] in known or not is_odd(text, (start,))) and (
        text[end - 1 : end + 1] in known or not is_odd(text, (end - 1,))
    )


def _by_length(word: str, four: float, three: float, two: float) -> float:
    return four if len(word) >= 4 else three if len(word) == 3 else two


def _judge_split(size: int, parts: Sequence[bool]) -> float:
    """The score of a word with characters taken apart; ``parts`` says of each whether it is odd."""
    if any(parts):
        return ALONE if (size >= 3 or len(parts) >= 2) and all(parts) else LIKELY
    return LIKELY if size >= 4 else FAINT


@functools.cache
def _codes_of(letter: str) -> tuple[str, ...]:
    """The codes of all syllables that begin with a letter."""
    table = sounds().syllables
    return tuple(sorted({code for syllable, code in table.items() if syllable[0] == letter}))


def _judge_sound(text: str, start: int, written: str, word: str) -> tuple[float, str] | None:
    """(score, why) of a spelling that sounds like ``word``, or None where it is plain Chinese."""
    size, end = len(word), start + len(written)
    runs = LATIN_RUN.findall(written)
    if not runs and len(written) == size:
        return _judge_characters(text, start, written, word)
    if LATIN_RUN.match(text, start - 1 if start else 0, start) or LATIN_RUN.match(text, end):
        return None  # a part of a longer word: 看reno is not 看 ren
    if HAS_HAN.search(written) is None:
        return _by_length(word, ALONE, LIKELY, WEAK), "pinyin"
    if size == 2 and _typeset(text, start, written, runs):
        return SLIGHT, "mixed with pinyin"
    return (ALONE if size >= 3 else LIKELY), "mixed with pinyin"


def _sounds(coded: View, first: int, text: str, word: str) -> bool:
    """Whether every code of a hit can stand for its character: words are indexed by more codes
    than their own."""
    return all(
        fits(coded.text[first + n], text[coded.origin(first + n)], char)
        for n, char in enumerate(word)
    )


def _typeset(text: str, start: int, written: str, runs: Sequence[str]) -> bool:
    """Whether letters beside a Han character are more likely English: AI 的, 用 PIN."""
    han = [start + n for n, char in enumerate(written) if HAS_HAN.match(char)]
    return " " in written or not _ENGLISH.isdisjoint(runs) or not is_odd(text, han)


def _judge_characters(text: str, start: int, written: str, word: str) -> tuple[float, str] | None:
    size = len(word)
    changed = [n for n, char in enumerate(written) if char != word[n]]
    if any(written[n] in read_emoji() for n in changed):
        return (ALONE if size >= 3 else LIKELY), "emoji"
    exact = all(same_sound(written[n], word[n]) for n in changed)
    why = "same sound" if exact else "near sound"
    if is_odd(text, (start + n for n in changed)):
        return _by_length(word, ALONE, LIKELY, WEAK if exact else SLIGHT), why
    return _by_length(word, LIKELY, FAINT, FAINT), why
