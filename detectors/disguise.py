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
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace

from guard.detectors.alike import TABLES, classed, taken_for
from guard.detectors.automaton import Automaton
from guard.detectors.budget import MOST_JUDGED, Budget
from guard.detectors.normalise import HAN, View
from guard.detectors.oddness import is_odd, ordinary
from guard.detectors.sound import EMOJI, code_words, fits, read_emoji, same_sound, sounds
from guard.detectors.spelled import HAS_HAN, LATIN_RUN, end_of, readings
from guard.detectors.taken_apart import joined

#: Scores. A rule acts from 0.5; below SURE its action goes no further than REVIEW. What is below
#: LIKELY counts only beside a second signal: WEAK beside another weak one or a likely one, SLIGHT
#: beside a likely one, FAINT beside a sure one.
ALONE, LIKELY, WEAK, SLIGHT, FAINT = 0.85, 0.6, 0.4, 0.3, 0.2
_HAN_WORD = re.compile(f"[{HAN}]{{2,16}}")
#: A letter beside a syllable's code, with no letter or digit beside it (10W is no initial).
_LONE_LETTER = re.compile(
    "(?<![a-z0-9])(?:(?<=[\ue000-\uf8ff])[a-z]|[a-z](?=[\ue000-\uf8ff]))(?![a-z0-9])"
)
_MOST_LONE, _WINDOW = 4, 16
_MOST_INITIALS = 20_000
#: With more two-character words than this, two weak ones meet by chance in one prompt of a hundred:
#: then they do not back each other.
_MOST_WEAK = 4_000
#: Longer lists are indexed under fewer tables of look-alikes.
_MOST_RICH, _FEW_TABLES = 20_000, 3
#: Words of two characters alone: chance hits are many, so fewer tables propose them.
_SHORT_TABLES = 2
SoundScan = tuple[Automaton, list[list[int]]]
#: (table, finder of coded pieces, behind each the numbers of words and where in them it stands)
ShapeScan = tuple[int, Automaton, list[tuple[int, ...]]]
#: Of a long word a piece is looked for, so that one replaced character outside it needs no class in
#: common; a piece of more words than this tells too little, they are looked for whole.
_PIECE, _MOST_SHARING = 3, 8
#: A word has at most 16 characters, so a place in it takes four bits.
_BITS, _OFFSET = 4, 15
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


def _grouped(
    words: Sequence[str], numbers: Sequence[int], table: dict[int, int]
) -> dict[str, list[int]]:
    """Numbers by the word as ``table`` translates it, all words in one translation."""
    groups: dict[str, list[int]] = {}
    coded = "\n".join(words).translate(table).split("\n") if words else []
    for number, code in zip(numbers, coded, strict=True):
        groups.setdefault(code, []).append(number)
    return groups


Matters = Callable[[Sequence[Candidate]], bool]


class Disguises:
    """Finds replaced spellings of a list of words."""

    def __init__(
        self,
        words: Sequence[str],
        plain: Automaton,
        numbers: Sequence[int],
        alone: Set[int] | None = None,
    ) -> None:
        """Build the scans.

        Words that are matches by themselves are looked for most thoroughly, up to
        ``_MOST_RICH`` of them; half of a combination is guessed at less.

        Args:
            words: folded words; only those of two or more Han characters are looked for.
            plain: the automaton of the undisguised text, in which word ``k`` of ``words`` has the
                number ``numbers[k]``.
            alone: the numbers of words that are matches by themselves; all by default.
        """
        kept = [n for n, word in enumerate(words) if _HAN_WORD.fullmatch(word)]
        han = [words[n] for n in kept]
        owners = [numbers[n] for n in kept]
        self._words = dict(zip(owners, han, strict=True))
        self._plain = plain
        self._crowded = sum(len(word) == 2 for word in han) > _MOST_WEAK
        rich = [alone is None or owner in alone for owner in owners]
        if sum(rich) > _MOST_RICH:
            rich = [False] * len(han)
        self._sounds = _sound_scans(han, owners, self._crowded, rich)
        self._shapes, self._late_shapes = _shape_scans(han, owners, self._crowded, rich)
        longer = [n for n, word in enumerate(han) if len(word) >= 3]
        self._initials: dict[str, list[int]] = {}
        if len(longer) <= _MOST_INITIALS:
            letters = sounds().initials
            self._initials = _grouped(
                [han[n] for n in longer], [owners[n] for n in longer], letters
            )

    def __bool__(self) -> bool:
        return bool(self._words)

    def find(self, view: View, sure: bool, matters: Matters = bool) -> list[Candidate]:
        """Candidates in a folded or squeezed view, those included that count beside others only.

        Args:
            sure: whether a word was found as it is written: then faint ones are looked for too.
            matters: whether likely candidates make a match: only then can faint ones count.
        """
        least = FAINT if sure else LIKELY if self._crowded else WEAK
        found = self._find(view, least)
        best = max((candidate.score for candidate in found), default=0.0)
        # Where so much was found, faint ones add nothing.
        if not sure and best >= LIKELY and len(found) < MOST_JUDGED and matters(found):
            found = self._find(view, FAINT if best >= ALONE else SLIGHT)
        if self._crowded:
            found = [replace(c, score=SLIGHT) if c.score == WEAK else c for c in found]
        return found

    def _find(self, view: View, least: float) -> list[Candidate]:
        """Candidates of at least a score; what is not asked for costs least."""
        text, budget = view.text, Budget(len(view.text))
        found = [*self._by_shape(text, least), *self._backwards(text, budget)]
        found += self._split(text, budget)
        latin = LATIN_RUN.search(text) is not None
        # Two characters in other characters never count alone; pinyin and emoji among them do.
        spelled = latin or EMOJI.search(text) is not None
        scans = self._sounds if spelled or least < LIKELY else self._sounds[:1]
        for coded in readings(view, spelled):
            for scan in scans:
                found += self._by_sound(text, coded, least, scan, budget)
                if latin:
                    found += self._by_letter(text, coded, scan)
        if latin:
            found += self._initial_runs(text)
        return [c for c in dict.fromkeys(found) if c.score >= least] if found else found

    def _by_sound(
        self, text: str, coded: View, least: float, scan: SoundScan, budget: Budget
    ) -> Iterator[Candidate]:
        shifted = len(coded.text) != len(text)
        finder, words = scan
        known = ordinary()
        for first, last, index in finder.scan(coded.text):
            start, end = first, last
            if shifted:
                start, end = coded.origin(first), end_of(coded, last, text)
            written = text[start:end]
            if last - first == 2 == end - start and (
                written in known or not budget.look() or _is_plain(text, start, written, least)
            ):
                continue
            for number in words[index]:
                word = self._words[number]
                if (
                    written != word
                    and budget.spend(number, len(word))
                    and _sounds(coded, first, text, word)
                ):
                    judged = _judge_sound(text, start, written, word)
                    if judged is not None:
                        yield Candidate(number, start, end, *judged)

    def _by_letter(self, text: str, coded: View, scan: SoundScan) -> Iterator[Candidate]:
        """One letter for one character: d博."""
        codes = coded.text
        finder, words = scan
        places = [m.start() for m in itertools.islice(_LONE_LETTER.finditer(codes), _MOST_LONE)]
        for place in places:
            low = max(0, place - _WINDOW)
            for code in _codes_of(codes[place]):
                window = codes[low:place] + code + codes[place + 1 : place + _WINDOW]
                for first, last, index in finder.scan(window):
                    if first <= place - low < last:
                        start = coded.origin(low + first)
                        end = end_of(coded, low + last, text)
                        for number in words[index]:
                            score = _by_length(self._words[number], ALONE, LIKELY, SLIGHT)
                            yield Candidate(number, start, end, score, "initial letter")

    def _initial_runs(self, text: str) -> Iterator[Candidate]:
        """A run of letters for all characters: dbwz."""
        if self._initials and not text.isascii():
            for run in LATIN_RUN.finditer(text):
                for number in self._initials.get(run.group(), ()):
                    yield Candidate(number, run.start(), run.end(), SLIGHT, "initials")

    def _by_shape(self, text: str, least: float) -> Iterator[Candidate]:
        seen: set[tuple[int, int]] = set()
        scans = self._shapes if least >= WEAK else [*self._shapes, *self._late_shapes]
        coded, known, budget = classed(text), ordinary(), Budget(len(text))
        for table, automaton, pieces in scans:
            for first, last, index in automaton.scan(coded[table]):
                if last - first == 2:
                    pair = text[first:last]
                    if pair in known or not budget.look() or _is_plain(text, first, pair, least):
                        continue
                for packed in pieces[index]:
                    number, start = packed >> _BITS, first - (packed & _OFFSET)
                    if (start, number) in seen:
                        continue
                    seen.add((start, number))
                    word = self._words[number]
                    if text.startswith(word, max(start, 0)):
                        continue
                    changed = taken_for(text[max(start, 0) : start + len(word)], word)
                    if changed and budget.spend(number, len(word)):
                        score = _judge_shape(text, start, word, changed)
                        end = start + len(word)
                        yield Candidate(number, start, end, score, "look-alike characters")

    def _split(self, text: str, budget: Budget) -> Iterator[Candidate]:
        """Characters taken apart: 火乍 for 炸."""
        for view, parts in joined(text):
            places = [part.at for part in parts]
            for first, last, index in self._plain.scan(view.text):
                inside = parts[bisect_left(places, first) : bisect_left(places, last)]
                if inside and index in self._words and budget.spend(index, last - first):
                    start, end = view.origin(first), end_of(view, last, text)
                    score = _judge_split(last - first, [part.odd for part in inside])
                    yield Candidate(index, start, end, score, "characters taken apart")

    def _backwards(self, text: str, budget: Budget) -> Iterator[Candidate]:
        for first, last, index in self._plain.scan(text[::-1]):
            size = last - first
            if index not in self._words or size < 3:
                continue
            word = self._words[index]
            if word == word[::-1] or not budget.spend(index, size):
                continue
            start, end = len(text) - last, len(text) - first
            if size >= 4 or is_odd(text, range(start, end)):
                score = ALONE if size >= 4 else LIKELY
                yield Candidate(index, start, end, score, "written backwards")


def _is_plain(text: str, start: int, written: str, least: float) -> bool:
    """Whether no word behind two characters would be believed as far as ``least``: they are a word
    of their own, none of them is odd, or two characters are too few."""
    known = ordinary()
    if least <= FAINT:
        return False
    if least > WEAK and _HAN_WORD.fullmatch(written):
        return True
    end = start + 2
    return (text[start - 1 : start + 1] in known or not is_odd(text, (start,))) and (
        text[end - 1 : end + 1] in known or not is_odd(text, (end - 1,))
    )


def _sound_scans(
    han: Sequence[str], owners: Sequence[int], crowded: bool, rich: Sequence[bool]
) -> list[SoundScan]:
    """(finder of codes, the words behind each), words of two characters apart in a crowded list."""
    groups: list[dict[str, list[int]]] = [{}, {}] if crowded else [{}]
    for index, code in code_words(han, rich):
        group = groups[-1 if len(code) == 2 else 0]
        group.setdefault(code, []).append(owners[index])
    return [(Automaton(list(group)), list(group.values())) for group in groups]


def _shape_scans(
    han: Sequence[str], owners: Sequence[int], crowded: bool, rich: Sequence[bool]
) -> tuple[list[ShapeScan], list[ShapeScan]]:
    """Two lists of (table, finder of coded words, the words behind each code): those always used,
    and those for words of two characters, of use beside a second signal only."""
    short = [n for n, word in enumerate(han) if len(word) == 2]
    longer = [n for n, word in enumerate(han) if len(word) > 2]
    always: list[ShapeScan] = []
    late: list[ShapeScan] = []
    for table in range(TABLES):
        if table == _FEW_TABLES:
            longer, short = ([n for n in group if rich[n]] for group in (longer, short))
        deferred = crowded or table >= _SHORT_TABLES
        main = longer if deferred else [*longer, *short]
        for chosen, scans in ((main, always), (short if deferred else [], late)):
            if chosen:
                codes = classed("\n".join(han[n] for n in chosen))[table].split("\n")
                pieces = _pieces(codes, [owners[n] for n in chosen], [rich[n] for n in chosen])
                scans.append((table, Automaton(list(pieces)), list(map(tuple, pieces.values()))))
    return always, late


def _pieces(
    codes: Sequence[str], owners: Sequence[int], rich: Sequence[bool]
) -> dict[str, list[int]]:
    """What to look for, with the words it stands for and where in them (packed into one number,
    since there are tens of thousands): the first and the last characters of long words, other words
    whole."""
    pieces: dict[str, list[int]] = {}
    long = [n for n, code in enumerate(codes) if rich[n] and len(code) > _PIECE]
    sharing = Counter(piece for n in long for piece in (codes[n][:_PIECE], codes[n][-_PIECE:]))
    for n, code in enumerate(codes):
        tail = len(code) - _PIECE
        ends = [(code[:_PIECE], 0), (code[tail:], tail)]
        if not rich[n] or tail <= 0 or any(sharing[piece] > _MOST_SHARING for piece, _ in ends):
            ends = [(code, 0)]
        for piece, offset in ends:
            pieces.setdefault(piece, []).append(owners[n] << _BITS | offset)
    return pieces


def _judge_shape(text: str, start: int, word: str, changed: Sequence[int]) -> float:
    """The score of characters that look like ``word``."""
    if is_odd(text, (start + n for n in changed)):
        return _by_length(word, ALONE, LIKELY, WEAK)
    return _by_length(word, LIKELY, FAINT, FAINT)


def _judge_split(size: int, odd: Sequence[int]) -> float:
    """The score of a word with characters taken apart; ``odd`` says of each how odd it stands."""
    if max(odd) == 2:
        return ALONE if (size >= 3 or len(odd) >= 2) and min(odd) == 2 else LIKELY
    return LIKELY if size >= 4 or (size == 3 and any(odd)) else FAINT


def _by_length(word: str, four: float, three: float, two: float) -> float:
    return four if len(word) >= 4 else three if len(word) == 3 else two


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
