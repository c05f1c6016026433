"""How Chinese sounds, as codes that compare at the speed of characters.

A syllable is a private-use character. Coarse codes join what accents and typing confuse (n/l,
zh/z, ch/c, sh/s, -ng/-n), so one pass of an automaton finds same-sound and near-sound spellings;
the exact readings then tell which it was. Readings come from pypinyin's tables
(``data/make_disguise.py``).
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_FIRST_CODE = 0xE000
_MOST_WAYS, _MOST_VARIED = 3, 3
#: Emoji that stand in for a character, by meaning or by sound.
_EMOJI = "emoji.tsv"
_MERGED_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"))
_NASAL = re.compile(r"(?<=[aei])ng$|(?<=ia)ng$|(?<=ua)ng$")
#: Second readings in daily use, of characters that have one (most listed heteronyms are archaic).
_SECOND = (
    "行hang 长zhang 重chong 乐yue 率lv 降xiang 还huan 会kuai 角jue 调diao 差chai 参shen 藏zang "
    "曾zeng 朝zhao 传zhuan 弹dan 都du 单shan 觉jiao 卡qia 落la 模mu 校jiao 石dan 宿xiu 系ji "
    "削xue 血xie 吓he 车ju 省xing 给ji 露lou 薄bo 便pian 柏bo 叶xie 盛cheng 折she 奇ji 嚼jue "
    "贾gu 提di 否pi 强jiang 厦sha 秘bi 仇qiu 查zha 解xie 区ou 尉yu 大dai 什shi 剥bao 圈juan "
    "屏bing 堡bu 茄jia 塞se 色shai 杉sha 熟shou 说shui 拓ta 钥yue 咽ye 轧zha 粘nian 着zhao "
    "没mo 得dei 地di 了liao 的di 和huo 将qiang 度duo 暴pu 曝bao 泊po 炮bao 壳qiao 巷hang 艾yi "
    "脉mo 埋man 绿lu 陆liu 六lu 洗xian 迫pai 辟bi 陂pi 龟jun 万mo 沈chen"
)


def _second() -> dict[str, str]:
    return {pair[0]: pair[1:] for pair in _SECOND.split()}


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
    ``turns[n]`` to that of the n-th meaning of an emoji; ``others`` maps characters to a second
    code in daily use; ``readings``
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
    code, second = _Codes(), _second()
    path = Path(__file__).parent / "data" / "sound.tsv"
    for line in path.read_text(encoding="utf-8").split("\n"):
        if not line:
            continue
        char, body = line[0], line[2:]
        usual = body.partition(" ")[0]
        readings[char] = body
        codes[ord(char)] = code[usual]
        initials[ord(char)] = ord(usual[0])
        if char in second and code[second[char]] != code[usual]:
            others[char] = chr(code[second[char]])
    syllables = {syllable: chr(found) for syllable, found in code.items()}
    # v is how ü is typed; folding also drops its dots.
    for syllable in [s for s in syllables if "v" in s]:
        syllables.setdefault(syllable.replace("v", "u"), syllables[syllable])
    turns = (codes, dict(codes), dict(codes))
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
    found: list[list[tuple[str, ...]]] = [[()], *([] for _ in letters)]
    for end in range(1, len(letters) + 1):
        longer = [
            (*way, letters[start:end])
            for start in range(max(0, end - 6), end)
            if letters[start:end] in known
            for way in found[start]
        ]
        found[end] = sorted(longer, key=len)[:_MOST_WAYS]
    return tuple(found[-1])


#: Where emoji are: two ranges are looked for faster than two hundred characters.
EMOJI = re.compile("[\u2190-\u2bff\U0001f000-\U0001faff]")


def ways(emoji: str) -> int:
    """In how many ways an emoji can be meant."""
    return len(read_emoji().get(emoji, "?"))


@functools.cache
def _variants() -> dict[str, tuple[str, ...]]:
    """Character -> codes under which it must be looked for besides its usual one: its second
    reading (银行 is yin hang, whatever 行 reads alone), and the usual readings of characters by
    whose second reading it may be written (都博 for 赌博)."""
    table = sounds()
    writers: dict[str, set[str]] = {}
    for char, code in table.others.items():
        writers.setdefault(code, set()).add(chr(table.turns[0][ord(char)]))
    variants = {}
    for cp, usual in table.turns[0].items():
        char = chr(cp)
        more = {table.others[char]} if char in table.others else set()
        more |= writers.get(chr(usual), set())
        if more and char in table.readings:
            variants[char] = tuple(sorted(more))
    return variants


def code_words(words: Sequence[str], rich: Sequence[bool]) -> Iterator[tuple[int, str]]:
    """(index of the word, coarse code string) of words, with their variants.

    At most two characters of a word are varied at a time; of those that are not ``rich`` only one,
    and only by its own second reading, so that 60,000 entries load within a second.
    """
    many = _variants() if any(rich) else {}
    few = {char: (code,) for char, code in sounds().others.items()}
    # One translation of all words: far cheaper than one each.
    coded = "\n".join(words).translate(sounds().turns[0]).split("\n") if words else []
    for index, (word, usual) in enumerate(zip(words, coded, strict=True)):
        yield index, usual
        variants = many if rich[index] else few
        several = [n for n, char in enumerate(word) if char in variants][:_MOST_VARIED]
        if several:
            for changes in _changes(word, several, variants, 2 if rich[index] else 1):
                form = list(usual)
                for n, code in changes:
                    form[n] = code
                yield index, "".join(form)


def _changes(
    word: str, several: Sequence[int], variants: Mapping[str, tuple[str, ...]], most: int
) -> Iterator[tuple[tuple[int, str], ...]]:
    single = [(n, code) for n in several for code in variants[word[n]]]
    for change in single:
        yield (change,)
    for one, other in itertools.combinations(single, 2) if most > 1 else ():
        if one[0] != other[0]:
            yield one, other


def fits(code: str, written: str, meant: str) -> bool:
    """Whether a coarse code read at ``written`` (a character or a syllable's first letter) can
    stand for ``meant``: by either reading of either."""
    table = sounds()
    own = (chr(table.turns[0].get(ord(meant), 0)), table.others.get(meant))
    return code in own or table.others.get(written, "") in own


def same_sound(written: str, meant: str) -> bool:
    """Whether two characters share an exact reading (ma/ma, not zhang/zan)."""
    table = sounds().readings
    return not set(table.get(written, "").split()).isdisjoint(table.get(meant, "").split())
