"""Build ``fold.tsv``: what each code point becomes before matching. Run by hand, result committed.

Per code point: NFKC, casefold, generic combining marks dropped, decimal digits of any script to
ASCII, Latin look-alikes of Greek, Cyrillic and enclosed letters to Latin, traditional to simplified
Chinese by OpenCC's single-character reading. A line is ``hex code point <TAB> replacement``; an
empty replacement drops the character (format, control, variation selectors, fillers).

    python detectors/data/make_fold.py > detectors/data/fold.tsv
"""

from __future__ import annotations

import sys
import unicodedata

import opencc

#: Marks that stack on any letter (Zalgo); script-specific vowel signs are kept.
MARKS = [(0x300, 0x36F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F)]
#: Invisible characters that are not in category Cf.
FILLERS = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
#: Letters drawn like Latin ones (after casefolding), a subset of Unicode TR39 confusables.
LOOKALIKES = {
    "а": "a", "е": "e", "о": "o", "р": "p", "с": "c", "у": "y", "х": "x", "і": "i", "ѕ": "s",
    "ј": "j", "ԛ": "q", "ԝ": "w", "һ": "h", "ԁ": "d", "ӏ": "l", "ѵ": "v", "ɡ": "g", "ɑ": "a",
    "ı": "i", "ο": "o", "α": "a", "ρ": "p", "ν": "v", "ι": "i", "κ": "k", "υ": "u", "χ": "x",
    "ᴀ": "a", "ʙ": "b", "ᴄ": "c", "ᴅ": "d", "ᴇ": "e", "ꜰ": "f", "ɢ": "g", "ʜ": "h", "ɪ": "i",
    "ᴊ": "j", "ᴋ": "k", "ʟ": "l", "ᴍ": "m", "ɴ": "n", "ᴏ": "o", "ᴘ": "p", "ʀ": "r", "ꜱ": "s",
    "ᴛ": "t", "ᴜ": "u", "ᴠ": "v", "ᴡ": "w", "ʏ": "y", "ᴢ": "z", "к": "k", "м": "m", "т": "t",
    "в": "b", "н": "h", "ԍ": "g", "ʐ": "z", "τ": "t",
}  # fmt: skip
#: Capitals that look like another Latin letter than their small forms do.
CAPITALS = {"Β": "b", "Ζ": "z", "Η": "h", "Μ": "m", "Ν": "n", "Υ": "y"}


def is_mark(cp: int) -> bool:
    return any(low <= cp <= high for low, high in MARKS)


def is_dropped(cp: int) -> bool:
    category = unicodedata.category(chr(cp))
    return (
        (category == "Cf")
        or (category == "Cc" and cp not in (0x09, 0x0A, 0x0D))
        or is_mark(cp)
        or cp in FILLERS
        or 0xFE00 <= cp <= 0xFE0F
        or 0xE0000 <= cp <= 0xE0FFF
    )


def enclosed(cp: int) -> str | None:
    """Letters and digits in circles and squares that NFKC leaves alone."""
    for start in (0x1F150, 0x1F170, 0x1F1E6):
        if start <= cp < start + 26:
            return chr(ord("a") + cp - start)
    try:
        return str(unicodedata.digit(chr(cp)))
    except ValueError:
        return None


def fold(cp: int, simplify: opencc.OpenCC) -> str:
    if 0xD800 <= cp <= 0xDFFF:
        return "\ufffd"  # a lone surrogate cannot be encoded; one for one keeps the offsets
    if is_dropped(cp):
        return ""
    if chr(cp) in CAPITALS:
        return CAPITALS[chr(cp)]
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", chr(cp)).casefold())
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not is_mark(ord(c)))
    text = unicodedata.normalize("NFC", bare)
    out = []
    for char in text:
        char = LOOKALIKES.get(char) or enclosed(ord(char)) or char
        # Twice: 薴 becomes 苧, which as a traditional form becomes 苎.
        out.append(simplify.convert(simplify.convert(char)) if ord(char) >= 0x2E80 else char)
    return "".join(c for c in out if not is_dropped(ord(c)))


def main() -> None:
    simplify = opencc.OpenCC("t2s")
    for cp in range(sys.maxunicode + 1):
        if 0xE000 <= cp <= 0xF8FF or cp >= 0xE1000:
            continue  # private use and unassigned planes stay as they are
        result = fold(cp, simplify)
        if result != chr(cp):
            body = result.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
            sys.stdout.write(f"{cp:x}\t{body}\n")


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    main()
