"""The keyed pattern of the invisible sound mark: which cells of time and pitch become louder.

Two seconds of 64 slots, each of 58 bands of 64 Hz, repeat through the whole sound. The band, 320 Hz
to 4 kHz, is what telephones, low bit rates and small loudspeakers keep. Some cells are *pilots*:
their signs are fixed by the key, which finds where the pattern begins, and how fast it runs. The
others carry code bits, each spread over about a dozen cells.

Everything is drawn from the key by SHAKE-256 (FIPS 202), with a domain of its own, so that one key
file serves pictures and sounds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from guard.errors import InputError
from guard.watermark.image_mark_pattern import LEAST_KEY
from guard.watermark.sound_mark_code import CODE_BITS

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]

#: Samples per second at which marks are made and read, whatever the file has.
RATE: Final = 16_000
#: Samples of one slot, slots and seconds of the pattern.
SLOT: Final = 500
SLOTS: Final = 64
PERIOD: Final = SLOTS * SLOT // RATE
#: Spectral lines are 32 Hz apart; a band has two, the lowest begins at 320 Hz.
LINES_PER_BAND: Final = 2
FIRST_LINE: Final = 10
BANDS: Final = 58
#: Share of the cells that are pilots.
_PILOT_SHARE: Final = 0.22
_DOMAIN: Final = b"aigc-guard sound mark 1\0"


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """What a key stands for; cells are numbered slot * BANDS + band.

    ``chips``: the sign of each cell, shape (64 * 58,). ``pilots``, ``data``: their cells. ``owner``
    is the code bit of each data cell. ``scramble``: a sign per code bit, so that no sound favours a
    payload.
    """

    chips: Floats
    pilots: Ints
    data: Ints
    owner: Ints
    scramble: Floats

    def signs(self, code: Floats) -> Floats:
        """The signs of all cells, shape (64, 58), for code signs of shape (192,)."""
        out = self.chips.copy()
        out[self.data] *= (code * self.scramble)[self.owner]
        return out.reshape(SLOTS, BANDS)

    def soft(self, cells: Floats) -> Floats:
        """Sums of the code bits' cells, shape (192,), of cells of shape (64, 58)."""
        seen = cells.reshape(-1)[self.data] * self.chips[self.data]
        return np.bincount(self.owner, seen, CODE_BITS).astype(np.float32) * self.scramble


@lru_cache(maxsize=8)
def pattern(secret: bytes) -> Pattern:
    """The pattern of a secret of at least 16 bytes.

    Raises:
        InputError: the secret is shorter.
    """
    if len(secret) < LEAST_KEY:
        raise InputError(
            f"the watermark key has {len(secret)} bytes, it needs {LEAST_KEY}",
            "make one with `head -c 32 /dev/urandom > mark.key`",
        )
    count = SLOTS * BANDS
    order, chips, scramble = np.split(_words(secret, 2 * count + CODE_BITS), [count, 2 * count])
    cells = np.argsort(order, kind="stable")
    pilots, data = np.split(cells, [round(_PILOT_SHARE * count)])
    owner = np.arange(len(data)) % CODE_BITS
    return Pattern(_signs(chips), pilots, data, owner, _signs(scramble))


def _words(secret: bytes, count: int) -> NDArray[np.uint64]:
    length = len(secret).to_bytes(8, "big")
    stream = hashlib.shake_256(_DOMAIN + length + secret).digest(8 * count)
    return np.frombuffer(stream, "<u8").astype(np.uint64)


def _signs(words: NDArray[np.uint64]) -> Floats:
    return np.where(words >> np.uint64(63), -1.0, 1.0).astype(np.float32)
