"""What writer and reader of the invisible image mark both see of a picture.

The picture itself is the noise here, so it is held down first: slow shading is removed, and what
is left is divided by its own local strength, so that no busy region outshouts a calm one. Then all
tiles are summed, and the lines of the sum are divided by the strength of their neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from guard.watermark.image_mark_code import CODE_BITS
from guard.watermark.image_mark_pattern import TILE, Floats, Lines, Pattern

#: Widths in pixels of the boxes that take the shading out and measure local strength.
_SHADING: Final = 9
_NEAR: Final = 15
#: Power, in squared grey levels, below which a region counts as flat.
_FLAT: Final = 6.0
#: Residuals beyond this many local sigmas are edges of things, and are cut.
_CUT: Final = 3.0
_NEIGHBOURS: Final = 7


@dataclass(frozen=True, slots=True, eq=False)
class Residual:
    """``detail``: the picture without shading, in grey levels. ``power``: its local mean square."""

    detail: Floats
    power: Floats


def residual(luma: Floats) -> Residual:
    """Detail and local power of a luma picture (rows, columns; grey levels 0..255)."""
    shading = box_mean(box_mean(luma, _SHADING), _SHADING)
    detail = luma - shading
    return Residual(detail, np.maximum(box_mean(detail * detail, _NEAR), 0))


def response(power: Floats) -> Floats:
    """What one grey level of detail becomes by whitening, where the local power is this."""
    out: Floats = 1 / np.sqrt(power + np.float32(_FLAT))
    return out


def whitened(luma: Floats) -> Floats:
    """The detail of a picture in local sigmas, cut."""
    seen = residual(luma)
    out: Floats = np.clip(seen.detail * response(seen.power), -_CUT, _CUT)
    return out


def box_mean(values: Floats, size: int) -> Floats:
    """Mean over a square of odd ``size`` around each pixel, the border repeated."""
    padded = np.pad(values, size // 2, mode="edge")
    sums = _window_sums(_window_sums(padded, size).T, size).T
    out: Floats = sums * np.float32(1 / size**2)
    return out


def _window_sums(values: Floats, size: int) -> Floats:
    """Sums of ``size`` rows from each row on, put together from sums of 1, 2, 4 ... rows."""
    count = len(values) - size + 1
    total = np.zeros((), np.float32)
    done, span = 0, 1
    while span <= size:
        if size & span:
            total = total + values[done : done + count]
            done += span
        values = values[:-span] + values[span:]
        span *= 2
    return total


def detail_gain(pattern: Pattern) -> Floats:
    """What removing the shading leaves of each line, 0..1."""

    def box(k: NDArray[np.intp]) -> NDArray[np.float64]:
        half = np.pi * np.where(k == 0, 1e-9, k) / TILE
        out: NDArray[np.float64] = np.sin(_SHADING * half) / (_SHADING * np.sin(half))
        return out

    gain: Floats = (1 - (box(pattern.ky) * box(pattern.kx)) ** 2).astype(np.float32)
    return gain


def folded(values: Floats) -> Lines:
    """Spectrum of the sum of all tiles of a picture, shape (128, 128)."""
    height, width = values.shape
    padded = np.zeros((-(-height // TILE) * TILE, -(-width // TILE) * TILE), np.float32)
    padded[:height, :width] = values
    tiles = padded.reshape(-1, TILE, padded.shape[1] // TILE, TILE)
    out: Lines = np.fft.fft2(tiles.sum((0, 2))).astype(np.complex64)
    return out


def levels(spectrum: Lines) -> Floats:
    """Root mean square of the neighbours of each line, per real dimension."""
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    half = _NEIGHBOURS // 2
    around = box_mean(np.pad(power, half, mode="wrap"), _NEIGHBOURS)[half:-half, half:-half]
    out: Floats = np.sqrt(np.maximum(around, 0) / 2 + np.float32(1e-9))
    return out


def lines_of(spectrum: Lines, pattern: Pattern) -> Lines:
    """The lines of a pattern in a folded spectrum, each in units of its neighbours."""
    return spectrum[pattern.places] / levels(spectrum)[pattern.places]


def code_sums(values: Lines, pattern: Pattern, signs: Floats) -> Floats:
    """Sum of the signed data dimensions of each code bit, shape (352,)."""
    data = values[pattern.data]
    both = np.concatenate([data.real, data.imag]) * signs
    return np.bincount(pattern.owner, both, CODE_BITS).astype(np.float32)
