"""Keyed draws of the text mark: 64 fair bits for every (context, token), the same on any machine.

The mark of transformers draws from torch's generators, whose streams differ between CPU and GPU,
or from a table of 2**16 bits that every n-gram shares. Ours: BLAKE2b (RFC 7693), keyed, turns the
last tokens into a 64-bit seed; a SplitMix64 finaliser turns seed and candidate into 64 bits. The
first is what keeps the key, once a step; the second is cheap, for every candidate. Whoever solves
a seed has learned the draws of that one context.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Final

from guard.errors import InputError

#: SplitMix64 (Steele, Lea, Flood 2014): the step and the two multipliers with their shifts.
STEP: Final = 0x9E3779B97F4A7C15
ROUNDS: Final = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
LAST_SHIFT: Final = 31
MASK: Final = 2**64 - 1
#: Token numbers are hashed as 32-bit words.
MOST_TOKEN: Final = 2**32 - 1

_PERSON: Final = b"aigc text mark 1"


def seed(words: bytes, window: Sequence[int]) -> int:
    """The 64-bit seed of a context, for a key's ``words`` (32 bytes)."""
    packed = struct.pack(f"<{len(window)}I", *window)
    return int.from_bytes(
        blake2b(packed, digest_size=8, key=words, person=_PERSON).digest(), "little"
    )


def draw(start: int, token: int) -> int:
    """64 bits for a candidate token after the context of this seed."""
    bits = (start + token * STEP) & MASK
    for shift, factor in ROUNDS:
        bits = ((bits ^ (bits >> shift)) * factor) & MASK
    return bits ^ (bits >> LAST_SHIFT)


def first_seen(tokens: Sequence[int], context: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """Every context of a text once, in order, with the token that first followed it.

    Repeated text says the same thing again: counted each time, every fourth unmarked loop of
    seven tokens passes for a marked text (green list, z > 3, 200 tokens).

    Raises:
        InputError: a token number is negative or needs more than 32 bits.
    """
    if tokens and not (min(tokens) >= 0 and max(tokens) <= MOST_TOKEN):
        raise InputError("a token number is not between 0 and 2**32 - 1")
    seen = set()
    for end in range(context, len(tokens)):
        window = tuple(tokens[end - context : end])
        if window not in seen:
            seen.add(window)
            yield window, tokens[end]


def draws(words: bytes, tokens: Sequence[int], context: int) -> Iterator[int]:
    """The draws of a text, one for every context in it."""
    return (draw(seed(words, window), token) for window, token in first_seen(tokens, context))
