"""The disguises of the evasion benchmark: each turns a word into what an evader would type.

A disguise takes the word and a source of chance and gives the shown form, or None where it cannot
be done to this word (no look-alike known, say). The tables are those of ``evasion_words``.
"""

from __future__ import annotations

import base64
import functools
import random
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from evasion_words import EMOJI, LOOKALIKES, POLYPHONES, SPLITS, SPOKEN

_SOUNDS = Path(__file__).resolve().parents[1] / "detectors" / "data" / "sound.tsv"
#: What accents and typing confuse, either way.
_NEAR = (
    [(a, b) for a, b in (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"))],
    [(a, b) for a, b in (("ang", "an"), ("eng", "en"), ("ing", "in"), ("iang", "ian"))],
)
Disguise = Callable[[str, random.Random], str | None]
#: What can be done to a word of Latin letters.
FOR_LATIN = (
    "plain",
    "full-width",
    "circled, styled",
    "Cyrillic",
    "zero-width",
    "spaces",
    "symbols",
)


@functools.cache
def common() -> tuple[str, ...]:
    """The 3,755 characters of GB 2312 level 1."""
    rows = range(0xB0, 0xD8)
    codes = [bytes([r, c]) for r in rows for c in range(0xA1, 0xFF) if not (r == 0xD7 and c > 0xF9)]
    return tuple(code.decode("gb2312") for code in codes)


def random_words(rng: random.Random, length: int, count: int) -> list[str]:
    """Distinct words of random common characters."""
    words: dict[str, None] = {}
    while len(words) < count:
        words.setdefault("".join(rng.sample(common(), length)))
    return list(words)


@functools.cache
def _readings() -> dict[str, str]:
    """Character -> its usual reading (a dictionary's, which is no choice of the product)."""
    lines = _SOUNDS.read_text(encoding="utf-8").splitlines()
    return {line[0]: line[2:].split(" ")[0] for line in lines if line}


@functools.cache
def _by_reading() -> dict[str, str]:
    """Reading -> all common characters that have it, second readings included."""
    table: dict[str, str] = {}
    for char in common():
        readings = {_readings()[char], *POLYPHONES.get(char, "").split()}
        for reading in readings:
            table[reading] = table.get(reading, "") + char
    return table


def spoken(word: str) -> list[str]:
    """The syllables of a word: usual readings, but 银行 is yin hang."""
    syllables = [_readings()[char] for char in word]
    for known, sounds in SPOKEN.items():
        at = word.find(known)
        if at >= 0:
            syllables[at : at + len(known)] = sounds.split()
    return syllables


def _some(word: str, rng: random.Random) -> list[int]:
    """Which characters are replaced: all of a short word, one or more of a longer one."""
    if len(word) == 2 and rng.random() < 0.5:
        return [0, 1]
    return sorted(rng.sample(range(len(word)), rng.randint(1, len(word))))


def homophone(word: str, rng: random.Random) -> str | None:
    shown, syllables = list(word), spoken(word)
    for n in _some(word, rng):
        choices = _by_reading().get(syllables[n], "").replace(word[n], "")
        if choices:
            shown[n] = rng.choice(choices)
    return "".join(shown) if shown != list(word) else None


def _confused(syllable: str, rng: random.Random) -> str | None:
    """A syllable that sounds nearly the same, of those that exist."""
    options = []
    for long, short in _NEAR[0]:
        if syllable.startswith(long):
            options.append(short + syllable[len(long) :])
        elif syllable.startswith(short) and not syllable.startswith(short + "h"):
            options.append(long + syllable[len(short) :])
    for long, short in _NEAR[1]:
        if syllable.endswith(long):
            options.append(syllable[: -len(long)] + short)
        elif syllable.endswith(short):
            options.append(syllable[: -len(short)] + long)
    options = [o for o in options if o in _by_reading()]
    return rng.choice(options) if options else None


def near_homophone(word: str, rng: random.Random) -> str | None:
    shown, syllables, done = list(word), spoken(word), False
    for n in _some(word, rng):
        other = _confused(syllables[n], rng)
        if other:
            shown[n], done = rng.choice(_by_reading()[other]), True
    return "".join(shown) if done else None


def pinyin_spaced(word: str, rng: random.Random) -> str:
    return " ".join(spoken(word)).replace("v", "u" if rng.random() < 0.5 else "v")


def pinyin_joined(word: str, rng: random.Random) -> str:
    joined = "".join(spoken(word))
    return rng.choice((joined, joined.upper(), joined.title()))


def mixed(word: str, rng: random.Random) -> str:
    """Some characters spelled: du博."""
    chosen = rng.sample(range(len(word)), rng.randint(1, len(word) - 1))
    syllables = spoken(word)
    return "".join(syllables[n] if n in chosen else char for n, char in enumerate(word))


def initials(word: str, rng: random.Random) -> str:
    return "".join(s[0] for s in spoken(word))


def one_initial(word: str, rng: random.Random) -> str:
    at = rng.randrange(len(word))
    return word[:at] + spoken(word)[at][0] + word[at + 1 :]


def _from(table: dict[str, str], whole: bool = False, most: int = 9) -> Disguise:
    """Some of the characters that a table knows, replaced, at most half of the word: it must stay
    readable. ``whole``: by the entry, not by one character of it."""

    def disguise(word: str, rng: random.Random) -> str | None:
        places = [n for n, char in enumerate(word) if char in table]
        if not places:
            return None
        chosen = rng.sample(places, rng.randint(1, min(most, len(places), max(1, len(word) // 2))))
        pick = (lambda entry: entry) if whole else rng.choice
        return "".join(pick(table[c]) if n in chosen else c for n, c in enumerate(word))

    return disguise


@functools.cache
def _to_traditional() -> dict[int, str]:
    from opencc import OpenCC

    to = OpenCC("s2t")
    return {ord(char): to.convert(char) for char in common()}


def traditional(word: str, rng: random.Random) -> str | None:
    shown = word.translate(_to_traditional())
    return shown if shown != word else None


def _joined(*signs: str) -> Disguise:
    return lambda word, rng: rng.choice(signs).join(word)


def repeats(word: str, rng: random.Random) -> str:
    return "".join(char * rng.choice((1, 2, 3)) for char in word[:-1]) + word[-1] * 2


def column(word: str, rng: random.Random) -> str:
    """One character a line."""
    return "\n" + "\n".join(word) + "\n"


def _tags(word: str, rng: random.Random) -> str:
    """Pinyin in invisible tag characters."""
    return "".join(chr(0xE0000 + ord(c)) for c in " ".join(spoken(word)))


def _selectors(word: str, rng: random.Random) -> str:
    """Bytes as variation selectors behind an emoji."""
    return "😀" + "".join(
        chr(0xFE00 + b if b < 16 else 0xE0100 + b - 16) for b in f"我要{word}".encode()
    )


def _sentence(word: str) -> bytes:
    """An encoded payload is a sentence rather than a bare word."""
    return f"请告诉我{word}怎么弄".encode()


def _full_width(word: str, rng: random.Random) -> str | None:
    return "".join(chr(ord(c) + 0xFEE0) for c in word) if word.isascii() else None


def _styled(word: str, rng: random.Random) -> str | None:
    """Circled, bold or squared letters."""
    first = rng.choice((0x24D0, 0x1D41A, 0x1D5EE, 0x1F130))
    return "".join(chr(first + ord(c) - 97) for c in word) if word.isascii() else None


def _cyrillic(word: str, rng: random.Random) -> str | None:
    table = str.maketrans("aceopxyikm", "асеорхуікм")
    shown = word.translate(table)
    return shown if word.isascii() and shown != word else None


DISGUISES: dict[str, Disguise] = {
    "plain": lambda word, rng: word,
    "traditional": traditional,
    "full-width": _full_width,
    "circled, styled": _styled,
    "Cyrillic": _cyrillic,
    "zero-width": _joined("\u200b", "\u200c", "\u2060", "\ufeff", "\u00ad"),
    "spaces": _joined(" ", "  ", "\u3000"),
    "symbols": _joined("*", "-", "·", "_", "/", "|", "~", "★", "#", "."),
    "repeats": repeats,
    "homophone": homophone,
    "near-homophone": near_homophone,
    "pinyin spaced": pinyin_spaced,
    "pinyin joined": pinyin_joined,
    "mixed pinyin": mixed,
    "one initial": one_initial,
    "all initials": initials,
    "split": _from(SPLITS, whole=True),
    "look-alike": _from(LOOKALIKES, most=2),
    "emoji": _from(EMOJI, whole=True),
    "reversed": lambda word, rng: word[::-1] if word != word[::-1] else None,
    "column": column,
    "base64": lambda word, rng: base64.b64encode(_sentence(word)).decode(),
    "hex": lambda word, rng: _sentence(word).hex(),
    "URL escapes": lambda word, rng: urllib.parse.quote(f"我要{word}"),
    "\\u escapes": lambda word, rng: "".join(f"\\u{ord(c):04x}" for c in f"要{word}"),
    "HTML entities": lambda word, rng: "".join(f"&#{ord(c)};" for c in f"要{word}"),
    "Unicode tags": _tags,
    "selectors": _selectors,
}
