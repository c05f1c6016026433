"""The invisible mark on sound of any rate and number of channels, piece by piece.

The change is made at 16 kHz and brought to the sound's own rate, where it is added: all that the
mark does not touch stays as it is, whatever the rate. All channels are changed by the same factors,
so the mark survives a mix-down, and nothing of one channel leaks into another.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from scipy.signal import resample_poly  # type: ignore[import-untyped]

from guard.watermark.sound_mark_embed import STEP, Limit, apply, gains
from guard.watermark.sound_mark_pattern import RATE, SLOT, SLOTS, Floats, Pattern

#: Seconds of one piece, of the stretch whose code bits are evened out, and of context on each side.
PIECE: Final = 8
_EVENED: Final = 4
_CONTEXT: Final = 1


def at_rate(samples: Floats, rate: int, wanted: int) -> Floats:
    """Samples (first axis) at another rate. Whole seconds become whole seconds."""
    if rate == wanted:
        return samples
    common = math.gcd(rate, wanted)
    out: Floats = resample_poly(samples, wanted // common, rate // common, axis=0)
    return out.astype(np.float32)


def mono(pieces: Iterable[Floats], rate: int) -> Iterator[Floats]:
    """The mean of all channels at 16 kHz, of pieces of shape (samples, channels)."""
    for before, piece, after in _with_context(pieces, rate):
        whole = np.concatenate([before, piece, after]).mean(1)
        out = at_rate(whole, rate, RATE)
        yield out[_CONTEXT * RATE :][: -(-len(piece) * RATE // rate)]


def changes(
    pieces: Iterable[Floats], rate: int, pattern: Pattern, payload: int, limit: Limit
) -> Iterator[Floats]:
    """What to add to each piece, of its shape (samples, channels), full scale 1.

    All pieces but the last have ``PIECE`` seconds.
    """
    tail = np.zeros((0, 1), np.float32)
    first = 0
    for before, piece, after in _with_context(pieces, rate):
        whole = _padded(np.concatenate([before, piece, after]), rate)
        low = at_rate(whole, rate, RATE)
        change = at_rate(_changed(low, pattern, payload, first, limit), RATE, rate)
        out = np.zeros_like(piece)
        out += change[_CONTEXT * rate :][: len(piece)]
        out[: len(tail)] += tail[: len(piece)]
        tail = change[_CONTEXT * rate + len(piece) :]
        yield out
        first = (first + PIECE * RATE // SLOT) % SLOTS


def _changed(low: Floats, pattern: Pattern, payload: int, first: int, limit: Limit) -> Floats:
    """The change of a piece with its context at 16 kHz; none in the context, but a fading tail."""
    out = np.zeros_like(low)
    for start in range(0, PIECE * RATE, _EVENED * RATE):
        part = slice(_CONTEXT * RATE + start, _CONTEXT * RATE + start + _EVENED * RATE + STEP)
        slot = (first + start // SLOT) % SLOTS
        factors = gains(low[part], pattern, payload, slot, limit)
        for channel in range(low.shape[1]):
            out[part, channel] += apply(low[part, channel], factors)
    return out


def _padded(samples: Floats, rate: int) -> Floats:
    missing = (PIECE + 2 * _CONTEXT) * rate - len(samples)
    return np.pad(samples, ((0, missing), (0, 0)))


def _with_context(pieces: Iterable[Floats], rate: int) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Each piece between the second before and the second after it, zeros beyond the ends."""
    context = _CONTEXT * rate
    before = current = None
    for piece in pieces:
        if current is not None and before is not None:
            yield before, current, piece[:context]
            before = current[-context:]
        else:
            before = np.zeros((context, piece.shape[1]), np.float32)
        current = piece
    if current is not None and before is not None:
        yield before, current, np.zeros((context, current.shape[1]), np.float32)
