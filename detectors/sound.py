"""How Chinese sounds, as codes that compare at the speed of characters.

A syllable is a private-use character. Coarse codes join what accents and typing confuse (n/l,
zh/z, ch/c, sh/s, -ng/-n), so one pass of an automaton finds same-sound and near-sound spellings;
the exact readings then tell which it was. Readings come from pypinyin's tables
(``data/make_disguise.py``).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_FIRST_CODE = 0xE000
_MOST_WAYS = 3
#: In almost every text: that these are meant by their second reading is not looked for.
_UNREAD = frozenset("的地得了着")
#: Emoji that stand in for a character, by meaning or by sound.
_EMOJI = "emoji.tsv"
_MERGED_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"))
_NASAL = re.compile(r"(?<=[aei])ng$|(?<=ia)ng$|(?<=ua)ng$")
#: Characters of which two readings are in daily use (most listed heteronyms are archaic).
_POLYPHONIC = frozenset(
    "行长重乐率降还会角调差参藏曾朝传弹都发干更冠好号和横哄划几济夹假间将教校解尽禁劲据卷觉卡看空累量落没模宁弄"
    "炮屏曝强切曲塞散丧色扇上少舍什盛石似宿提挑通为系吓相削兴血要应扎占涨着中种转钻作大得地的了露绿埋脉埃熬扒"
    "把薄背奔辟便别泊伯卜逮担单当倒度恶佛服给供够勾观核荷华晃混奇缉茄侵亲圈任撒厦折正只粘仔"
)


def coarse(syllable: str) -> str:
    """The accent-blind form of a syllable: zhang -> zan, nian -> lian."""
    for long, short in _MERGED_INITIALS:
        if syllable.startswith(long):
            syllable = short + syllable[len(long) :]
            break
    return _NASAL.sub("n", syllable)


@dataclass(frozen=True, slots=True)
class SoundTable:
    """Lookups of readings.

    ``turns[0]`` maps code points to the coarse code of the usual reading (for ``str.translate``),
    ``turns[n]`` to the n-th further one, of polyphonic characters and of emoji with several
    meanings; ``others`` has the characters with a second coarse reading in daily use; ``readings``
    characters to their exact syllables, separated by spaces; ``syllables`` spelled syllables to
    their coarse code; ``initials`` code points to the first letter of the usual reading.
    """

    turns: tuple[dict[int, int], ...]
    others: dict[str, str]
    readings: dict[str, str]
    syllables: dict[str, str]
    initials: dict[int, int]


@functools.cache
def read_emoji() -> dict[str, str]:
    """Emoji -> the characters it stands in for, the likeliest first."""
    path = Path(__file__).parent / "data" / _EMOJI
    pairs: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line and not line.startswith("#"):
            emoji, _, chars = line.partition("\t")
            pairs[emoji] = chars
    return pairs


class _Codes(dict[str, int]):
    """Syllable -> code point of its coarse code, numbered as they come."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __missing__(self, syllable: str) -> int:
        number = self._numbers.setdefault(coarse(syllable), len(self._numbers))
        self[syllable] = found = _FIRST_CODE + number
        return found


@functools.cache
def sounds() -> SoundTable:
    """The table, read on first use."""
    codes = {cp: cp for cp in (*range(0x20, 0x7F), 10, *range(0x3000, 0x3030))}
    others: dict[str, str] = {}
    readings: dict[str, str] = {}
    initials: dict[int, int] = {}
    code = _Codes()
    path = Path(__file__).parent / "data" / "sound.tsv"
    for line in path.read_text(encoding="utf-8").split("\n"):
        if not line:
            continue
        char, body = line[0], line[2:]
        usual, _, rest = body.partition(" ")
        readings[char] = body
        codes[ord(char)] = code[usual]
        initials[ord(char)] = ord(usual[0])
        if rest and char in _POLYPHONIC:
            second = next((code[r] for r in rest.split(" ") if code[r] != code[usual]), None)
            if second is not None:
                others[char] = chr(second)
    syllables = {syllable: chr(found) for syllable, found in code.items()}
    # v is how ü is typed; folding also drops its dots.
    for syllable in [s for s in syllables if "v" in s]:
        syllables.setdefault(syllable.replace("v", "u"), syllables[syllable])
    turns = (codes, dict(codes), dict(codes))
    turns[1].update((ord(char), ord(second)) for char, second in others.items())
    for emoji, chars in read_emoji().items():
        readings[emoji] = " ".join(readings[char] for char in chars)
        for turn, char in zip(turns, chars + chars[-1] * len(turns), strict=False):
            turn[ord(emoji)] = codes[ord(char)]
    return SoundTable(turns, others, readings, syllables, initials)


@functools.lru_cache(maxsize=8192)
def spellings(letters: str) -> tuple[tuple[str, ...], ...]:
    """The ways (at most three) to read a run of letters as pinyin, those of fewest syllables first;
    empty when it is not all pinyin.

    >>> spellings("dubo"), spellings("xian")
    ((('du', 'bo'),), (('xian',), ('xi', 'an')))
    """
    if len(letters) > 36:
        return ()
    known = sounds().syllables
    ways: list[list[tuple[str, ...]]] = [[()]] + [[] for _ in letters]
    for end in range(1, len(letters) + 1):
        found = [
            (*way, letters[start:end])
            for start in range(max(0, end - 6), end)
            if letters[start:end] in known
            for way in ways[start]
        ]
        ways[end] = sorted(found, key=len)[:_MOST_WAYS]
    return tuple(ways[-1])


@functools.cache
def _polyphonic() -> re.Pattern[str]:
    return re.compile(f"[{''.join(sounds().others)}]")


@functools.cache
def ambiguous() -> re.Pattern[str]:
    """A character of a text that can be meant in more than one way."""
    emoji = "".join(emoji for emoji, chars in read_emoji().items() if len(chars) > 1)
    return re.compile(f"[{''.join(sounds().others.keys() - _UNREAD)}{emoji}]")


def ways(char: str) -> int:
    """In how many ways a character found by :func:`ambiguous` can be meant."""
    return len(read_emoji().get(char, "??"))


def code_words(words: Sequence[str]) -> Iterator[tuple[int, str]]:
    """(index of the word, coarse code string) of words, polyphonic characters both ways.

    银行 is yin hang, whatever 行 reads alone.
    """
    table, several = sounds(), _polyphonic()
    # One translation of all words: far cheaper than one each.
    coded = "\n".join(words).translate(table.turns[0]).split("\n") if words else []
    for index, (word, usual) in enumerate(zip(words, coded, strict=True)):
        yield index, usual
        if several.search(word):
            forms = [usual]
            for n, char in enumerate(word):
                if char in table.others:
                    forms += [f[:n] + table.others[char] + f[n + 1 :] for f in forms[:2]]
            for form in forms[1:]:
                yield index, form


def same_sound(written: str, meant: str) -> bool:
    """Whether two characters share an exact reading (ma/ma, not zhang/zan)."""
    table = sounds().readings
    return not set(table.get(written, "").split()).isdisjoint(table.get(meant, "").split())
