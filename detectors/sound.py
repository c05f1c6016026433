"""How Chinese sounds, as codes that compare at the speed of characters.

A syllable is a private-use character. Coarse codes join what accents and typing confuse (n/l,
zh/z, ch/c, sh/s, -ng/-n), so one pass of an automaton finds same-sound and near-sound spellings;
the exact readings then tell which it was. Readings come from pypinyin's tables
(``data/make_disguise.py``).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

_FIRST_CODE = 0xE000
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
_MOST_READINGS = 3


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

    ``codes`` maps code points to the coarse code of the usual reading (for ``str.translate``);
    ``others`` the characters with a second coarse reading; ``readings`` characters to exact
    syllables; ``syllables`` spelled syllables to their coarse code; ``initials`` code points to
    the first letter of the usual reading.
    """

    codes: dict[int, int]
    others: dict[str, str]
    readings: dict[str, tuple[str, ...]]
    syllables: dict[str, str]
    initials: dict[int, str]


def read_emoji() -> dict[str, str]:
    """Emoji -> the character it stands in for."""
    path = Path(__file__).parent / "data" / _EMOJI
    pairs: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line and not line.startswith("#"):
            emoji, _, char = line.partition("\t")
            pairs[emoji] = char
    return pairs


@functools.cache
def sounds() -> SoundTable:
    """The table, read on first use."""
    codes: dict[int, int] = {}
    others: dict[str, str] = {}
    readings: dict[str, tuple[str, ...]] = {}
    numbers: dict[str, int] = {}
    syllables: dict[str, str] = {}
    initials: dict[int, str] = {}

    def code(syllable: str) -> int:
        found = _FIRST_CODE + numbers.setdefault(coarse(syllable), len(numbers))
        syllables[syllable] = chr(found)
        return found

    path = Path(__file__).parent / "data" / "sound.tsv"
    for line in path.read_text(encoding="utf-8").split("\n"):
        char, tab, body = line.partition("\t")
        if not tab:
            continue
        known = tuple(body.split(" ")[:_MOST_READINGS])
        readings[char] = known
        found = [code(syllable) for syllable in known]
        codes[ord(char)] = found[0]
        initials[ord(char)] = known[0][0]
        second = next((c for c in found if c != found[0]), None)
        if second is not None and char in _POLYPHONIC:
            others[char] = chr(second)
    # v is how ü is typed; folding also drops its dots.
    for syllable in [s for s in syllables if "v" in s]:
        syllables.setdefault(syllable.replace("v", "u"), syllables[syllable])
    for emoji, char in read_emoji().items():
        if ord(char) in codes:
            codes[ord(emoji)] = codes[ord(char)]
            readings[emoji] = readings[char]
    identity = {cp: cp for cp in (*range(0x20, 0x7F), 10, *range(0x3000, 0x3030))}
    return SoundTable({**identity, **codes}, others, readings, syllables, initials)


@functools.lru_cache(maxsize=8192)
def spelled(letters: str) -> tuple[str, ...] | None:
    """A run of letters as pinyin syllables, fewest first; None when it is not all pinyin.

    >>> spelled("dubo")
    ('du', 'bo')
    """
    if len(letters) > 36:
        return None
    known = sounds().syllables
    best: list[tuple[str, ...] | None] = [()] + [None] * len(letters)
    for end in range(1, len(letters) + 1):
        for start in range(max(0, end - 6), end):
            before = best[start]
            if before is None or letters[start:end] not in known:
                continue
            now = best[end]
            if now is None or len(before) + 1 < len(now):
                best[end] = (*before, letters[start:end])
    return best[-1]


def code_words(word: str) -> list[str]:
    """The coarse code strings of a word: its usual reading, and one with every second reading
    (polyphonic characters: 银行 is yin hang, whatever 行 reads alone)."""
    table = sounds()
    usual = word.translate(table.codes)
    forms = [usual]
    for n, char in enumerate(word):
        if char in table.others:
            forms += [form[:n] + table.others[char] + form[n + 1 :] for form in forms[:2]]
    return forms


def same_sound(written: str, meant: str) -> bool:
    """Whether two characters share an exact reading (ma/ma, not zhang/zan)."""
    table = sounds().readings
    return bool(set(table.get(written, ())) & set(table.get(meant, ())))
