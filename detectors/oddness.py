"""Whether a stretch of text is ordinary Chinese: 海落因 holds no ordinary word, 读博 is one."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Iterable
from pathlib import Path


@functools.cache
def ordinary() -> frozenset[str]:
    """Words and frequent pairs of ordinary Chinese, two to four characters."""
    path = Path(__file__).parent / "data" / "usual.txt.gz"
    return frozenset(gzip.decompress(path.read_bytes()).decode().split("\n"))


def is_odd(text: str, places: Iterable[int]) -> bool:
    """Whether none of the characters at ``places`` is part of an ordinary word of the text."""
    known = ordinary()
    for place in places:
        # Pairs first: most ordinary words are pairs.
        if text[place : place + 2] in known or (place and text[place - 1 : place + 1] in known):
            return False
        for start in range(max(0, place - 3), place + 1):
            for end in range(max(place + 1, start + 3), min(len(text), start + 4) + 1):
                if text[start:end] in known:
                    return False
    return True
