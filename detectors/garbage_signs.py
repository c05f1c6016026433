"""Ruined encodings and noise, judged by what kinds of characters a text is made of."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter

Mark = tuple[int, int, str, float, str]

#: What a debugger's fill bytes and U+FFFD become in GBK: EF BF BD EF BF BD, CC CC, CD CD.
_GBK_SCARS = re.compile("(?:锟斤拷?|斤拷){1,200}|烫{3,}|屯{3,}|葺葺葺+|�{2,}|(?:ï¿½){1,200}")
#: UTF-8 read as Latin-1 or Windows-1252: a lead byte, then its continuation bytes.
_CONT = "\x80-\xbfŒœŠšŸŽžƒˆ˜–—‘’‚“”„†‡•…‰‹›€™"
_LATIN_SCARS = re.compile(f"(?:[Â-ß][{_CONT}]|[à-ï][{_CONT}]{{2}}|ð[{_CONT}]{{3}}){{2,100}}")
#: Characters that common Chinese becomes when its UTF-8 is read as GBK (，: 锛, 。: 銆, 的: 鐨).
_UTF8_AS_GBK = re.compile("[锛銆鐨鏄鍦鍚鎴杩鏈浠鍙鑰鍒瀛銇闂鐢绗璇缁浣甯鈥熷勫]")
_SCAR_HINT = re.compile("[锟斤烫屯葺�Â-ï]")
#: A rule of one sign, and box drawing: layout.
_FRAME = frozenset("-=_*#~+|.…─━│┃┌┐└┘├┤┬┴┼═║╔╗╚╝╠╣╦╩╬▀▄█▌▐░▒▓/\\")
_WORD = re.compile("[a-z]{4,}", re.IGNORECASE)
_VOWEL = re.compile("[aeiouy]", re.IGNORECASE)
#: Five consonants in a row happen in a few words (strengths); in noise, in most.
_CLUSTER = re.compile(
    "[bcdfghjklmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZ][bcdfghjklmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZ]{4}"
)
_NO_LETTER = re.compile(r"[^\w\s]")
_EMOJI = re.compile("[\u2190-\U0010ffff]")
#: The most frequent characters of Chinese: no text of some length does without all of them.
_ORDINARY = re.compile(
    "[的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能子那年]"
)
_LEAST = 24
#: Of a long text this much of the beginning and the end is judged.
_END = 500


def reads_as_chinese(text: str) -> bool:
    """A short text in which the commonest characters are as frequent as in any Chinese, and that
    has no scar of a wrong decoding. It may loop, but it is neither ruined nor noise."""
    return (
        len(text) < 200
        and 6 * len(_ORDINARY.findall(text)) >= len(text)
        and _SCAR_HINT.search(text) is None
    )


def find_mojibake(text: str) -> list[Mark]:
    """Stretches that were decoded with the wrong encoding."""
    marks: list[Mark] = []
    if text.isascii():
        return marks
    total = len(text)
    if _SCAR_HINT.search(text):
        for pattern, why in ((_GBK_SCARS, "decoding scars"), (_LATIN_SCARS, "utf-8 as latin-1")):
            for match in pattern.finditer(text):
                length = match.end() - match.start()
                if match.group() == "斤拷":
                    continue
                score = min(1.0, 0.5 + 0.05 * length + 0.3 * length / total)
                marks.append((*match.span(), "quality.encoding", score, why))
    if len(text) >= 6:
        found = _UTF8_AS_GBK.findall(text)
        if len(set(found)) >= 3 and len(found) >= 0.08 * total:
            marks.append((0, len(text), "quality.encoding", 0.9, "utf-8 as gbk"))
    return marks


def _share(text: str, categories: str) -> float:
    """The share of characters whose Unicode general category begins with one of the letters."""
    hit = sum(n for c, n in Counter(text).items() if unicodedata.category(c)[0] in categories)
    return hit / len(text)


def _mash(text: str) -> float:
    """The share of Latin words that nobody can pronounce, 0 where Latin is not the text."""
    if len(_CLUSTER.findall(text)) < 2:
        return 0.0
    words = _WORD.findall(text)
    if len(words) < 4 or sum(map(len, words)) < 0.6 * len(text):
        return 0.0
    bad = sum(_VOWEL.search(w) is None or _CLUSTER.search(w) is not None for w in words)
    return bad / len(words)


@functools.cache
def _common() -> frozenset[str]:
    """The 3,755 characters of level 1 of GB/T 2312: rows 16 to 55."""
    pairs = (bytes((0xA0 + row, cell)) for row in range(16, 56) for cell in range(0xA1, 0xFF))
    return frozenset("".join(pair.decode("gb2312", "ignore") for pair in pairs))


def _rare(text: str) -> float:
    """The share of different Chinese characters that are beyond level 1, 0 in other text."""
    han = {c for c in text[:200] if "\u4e00" <= c <= "\u9fff"}
    return 1 - len(han & _common()) / len(han) if len(han) >= 16 else 0.0


def _no_letters(text: str) -> tuple[float, str] | None:
    plain = sum(text.count(c) for c in "\t\n\r\u200d\u200b\ufeff") / len(text)
    odd = _share(text, "C") - plain
    if odd > 0.15:
        return min(1.0, 0.6 + odd), "control or unassigned characters"
    if _share(text, "M") > 0.4:
        return 0.8, "stacked marks"
    signs = _share(text, "PS") - sum(text.count(c) for c in _FRAME) / len(text)
    if signs > 0.6 and len(_EMOJI.findall(text)) < 0.3 * len(text):
        return min(1.0, signs), "symbols without language"
    return None


def _verdict(text: str) -> tuple[float, str] | None:
    if len(_NO_LETTER.findall(text)) > 0.5 * len(text):
        return _no_letters(text)
    if (mash := _mash(text)) > 0.5:
        return min(1.0, 0.3 + 0.6 * mash), "letters without words"
    if text[0] > "\u2fff" and not _ORDINARY.search(text):
        rare = _rare(text)
        return (min(1.0, 0.2 + rare), "rare characters without words") if rare > 0.5 else None
    return None


def find_garbage(text: str) -> list[Mark]:
    """The whole text, where nothing in it reads as a language (judged by its two ends)."""
    if len(text) < _LEAST:
        return []
    verdict = _verdict(text if len(text) <= 2 * _END else text[:_END] + text[-_END:])
    if verdict is None or len("".join(text.split())) < _LEAST:
        return []
    return [(0, len(text), "quality.garbage", *verdict)]
