"""The keyed pattern of the invisible image mark: one periodic tile, described by its spectrum.

A tile of 128 x 128 pixels repeats over the picture, so all its energy sits on the lines k / 128
cycles per pixel. The band keeps what JPEG 50, half size and a light blur keep, and what is above
the slow shading of a picture. Some lines are *pilots*: their phases are fixed by the key, which
finds scale, angle, flip and offset. The others carry code bits, each spread over several lines.

Everything is drawn from the key by SHAKE-256 (FIPS 202), never from numpy's generators, whose
streams may change between releases.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from guard.errors import InputError
from guard.watermark.image_mark_code import CODE_BITS

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]
Lines = NDArray[np.complex64]

#: Period of the pattern in pixels.
TILE: Final = 128
#: Band of all lines, and of the pilots within it, in cycles per tile.
_BAND: Final = (6.0, 30.0)
_PILOT_BAND: Final = (9.0, 26.0)
#: Pilots: few make sharp peaks (geometry), many make a certain offset (at most sqrt(2 n) sigmas).
PILOTS: Final = 48
#: Edges of things made by people, and JPEG's blocks, lie on the axes: no pilot this near to them.
_AXES: Final = 2
_APART: Final = 5
_DOMAIN: Final = b"aigc-guard image mark 1\0"
LEAST_KEY: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """What a key stands for.

    ``ky``, ``kx``: the lines of one half-plane, in cycles per tile. ``pilots``: indices of the
    pilot lines, ``phases`` their unit numbers. ``data``: indices of the other lines; their real
    parts, then their imaginary parts are the data dimensions: ``owner`` is the code bit of each,
    ``chips`` its sign. ``scramble``: a sign per code bit, so that no picture favours a payload.
    """

    ky: Ints
    kx: Ints
    pilots: Ints
    phases: Lines
    data: Ints
    owner: Ints
    chips: Floats
    scramble: Floats

    @property
    def places(self) -> tuple[Ints, Ints]:
        """Where the lines are in a spectrum of shape (128, 128)."""
        return self.ky % TILE, self.kx % TILE


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
    ky, kx = _half_plane()
    words = _words(secret, 7 * len(ky))
    orders, phases, dims, chips, scramble = np.split(words, np.cumsum([1, 1, 2, 2]) * len(ky))
    pilots = _choose_pilots(ky, kx, np.argsort(orders, kind="stable"))
    data = np.setdiff1d(np.arange(len(ky)), pilots)
    size = 2 * len(data)
    owner = np.empty(size, np.intp)
    owner[np.argsort(dims[:size], kind="stable")] = np.arange(size) % CODE_BITS
    return Pattern(
        ky,
        kx,
        pilots,
        np.exp(2j * np.pi * (phases[: len(pilots)] / 2.0**64)).astype(np.complex64),
        data,
        owner,
        _signs(chips[:size]),
        _signs(scramble[:CODE_BITS]),
    )


def _words(secret: bytes, count: int) -> NDArray[np.uint64]:
    length = len(secret).to_bytes(8, "big")
    stream = hashlib.shake_256(_DOMAIN + length + secret).digest(8 * count)
    return np.frombuffer(stream, "<u8").astype(np.uint64)


def _signs(words: NDArray[np.uint64]) -> Floats:
    return np.where(words >> np.uint64(63), -1.0, 1.0).astype(np.float32)


def _half_plane() -> tuple[Ints, Ints]:
    """The lines of the band, one of each pair k and -k."""
    axis = np.arange(-TILE // 2, TILE // 2)
    ky, kx = np.meshgrid(axis, axis, indexing="ij")
    radius = np.hypot(ky, kx)
    inside = (radius >= _BAND[0]) & (radius <= _BAND[1]) & ((ky > 0) | ((ky == 0) & (kx > 0)))
    return ky[inside], kx[inside]


def _choose_pilots(ky: Ints, kx: Ints, order: Ints) -> Ints:
    """The first lines in keyed order that lie in the pilot band, off the axes and apart.

    Where too few fit far apart, the rest lie nearer.
    """
    radius = np.hypot(ky, kx)
    fit = (radius >= _PILOT_BAND[0]) & (radius <= _PILOT_BAND[1])
    fit &= (np.abs(kx) > _AXES) & (np.abs(ky) > _AXES)
    chosen: list[int] = []
    for apart in range(_APART, 0, -1):
        for i in order[fit[order]]:
            near = np.abs(ky[chosen] - ky[i]) + np.abs(kx[chosen] - kx[i])
            if len(chosen) < PILOTS and not (near < apart).any():
                chosen.append(int(i))
    return np.array(chosen)
