"""Which scale, angle and flip a picture was put through: found from the pilots' frequencies alone.

Pilots are sharp peaks in the power spectrum, wherever the picture was cropped. Scaling and turning
the picture moves all of them together, which in log-polar coordinates is one shift: so the whole
search is a sum of as many shifted pictures as there are pilots. The best few are then refined
between the bins, also for a slight change of proportions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from guard.watermark.image_mark_analysis import box_mean
from guard.watermark.image_mark_pattern import TILE, Floats, Pattern

Matrix = NDArray[np.floating[Any]]

#: Scales looked for, against the size at which the mark was written.
SCALES: Final = (0.42, 2.1)
_ANGLES: Final = 540
#: One step of the grid, in radians of angle and in log scale.
_STEP: Final = math.pi / _ANGLES
#: Side of the blocks whose power spectra are averaged.
_BLOCK: Final = 512
#: Power is taken in units of its surroundings of this many bins, and cut.
_SURROUND: Final = 33
_CUT: Final = 6.0
#: Above this frequency (cycles per pixel) there is nothing.
_NYQUIST: Final = 0.49
#: A scale at which fewer pilots can be seen is held to as many.
_LEAST_SEEN: Final = 8
#: How far around a maximum no second one is looked for, in steps.
_CLOSE: Final = 3


@dataclass(frozen=True, slots=True)
class Geometry:
    """Frequencies of the picture (columns, rows; cycles per pixel) = ``matrix`` @ pattern's.

    ``flipped``: the picture was mirrored, left to right, before that. ``peak``
    tells how clear the pilots are, in standard deviations, about.
    """

    peak: float
    matrix: Matrix
    flipped: bool


@dataclass(frozen=True, slots=True, eq=False)
class Power:
    """Half a power spectrum: rows from -1/2 to 1/2 cycles per pixel, columns from 0 to 1/2."""

    values: Floats
    size: int

    def at(self, fx: NDArray[np.floating], fy: NDArray[np.floating]) -> Floats:
        """Power at frequencies in cycles per pixel, between the bins. Any equal shapes."""
        sign = np.where(fx < 0, -1, 1)
        x = np.clip(fx * sign * self.size, 0, self.values.shape[1] - 2)
        y = np.clip(fy * sign * self.size + self.size // 2, 0, self.size - 2)
        column, row = x.astype(np.intp), y.astype(np.intp)
        x, y = x - column, y - row
        near = row * self.values.shape[1] + column
        flat = self.values.reshape(-1)
        upper = flat[near] * (1 - x) + flat[near + 1] * x
        near += self.values.shape[1]
        lower = flat[near] * (1 - x) + flat[near + 1] * x
        out: Floats = (upper * (1 - y) + lower * y).astype(np.float32)
        return out


def power_spectrum(whitened: Floats) -> Power:
    """Mean power spectrum of overlapping blocks, in units of its surroundings."""
    side = min(_BLOCK, max(whitened.shape))
    size = 2 * _even(side)
    total = np.zeros((size, size // 2 + 1), np.float32)
    for top in _starts(whitened.shape[0], side):
        for left in _starts(whitened.shape[1], side):
            block = np.fft.rfft2(whitened[top : top + side, left : left + side], (size, size))
            total += (block.real**2 + block.imag**2).astype(np.float32)
    total = np.roll(total, size // 2, axis=0)
    around = np.maximum(box_mean(total, _SURROUND), 0)
    return Power(np.minimum(total / (around + 1e-6 * around.max() + 1e-30), _CUT), size)


def _even(side: int) -> int:
    """A size that transforms quickly: the next multiple of 32."""
    return -(-side // 32) * 32


def _starts(length: int, side: int) -> list[int]:
    count = max(1, math.ceil(1.5 * (length / side - 1)) + 1)
    return [(length - side) * i // (count - 1) if count > 1 else 0 for i in range(count)]


def candidates(power: Power, pattern: Pattern, count: int) -> list[Geometry]:
    """The ``count`` likeliest geometries, the best first; angles within half a turn."""
    polar = _log_polar(power, pattern)
    found = [peak for flip in (False, True) for peak in _coarse(polar, pattern, flip, count)]
    found.sort(key=lambda peak: -peak[0])
    return [_refined(power, pattern, *peak) for peak in found[:count]]


def _pilots(pattern: Pattern, flipped: bool) -> Matrix:
    """Frequencies of the pilots in cycles per pixel, shape (2, pilots): columns, rows."""
    kx, ky = pattern.kx[pattern.pilots], pattern.ky[pattern.pilots]
    return np.stack([-kx if flipped else kx, ky]) / TILE


@dataclass(frozen=True, slots=True, eq=False)
class _Polar:
    """Power less its mean: rows by log frequency from ``low`` on, columns by angle, a turn."""

    values: Floats
    low: float


def _log_polar(power: Power, pattern: Pattern) -> _Polar:
    """All places that the pilots may be moved to; the half turn of angles is there twice."""
    radius = _log_radius(pattern)
    low = float(radius.min()) - math.log(SCALES[1])
    high = min(float(radius.max()) - math.log(SCALES[0]), math.log(_NYQUIST))
    rows = np.exp(low + _STEP * np.arange(int((high - low) / _STEP) + 1))[:, None]
    angle = _STEP * np.arange(_ANGLES)
    values = power.at(rows * np.cos(angle), rows * np.sin(angle)) - 1
    return _Polar(np.concatenate([values, values], axis=1), low)


def _log_radius(pattern: Pattern) -> Matrix:
    fx, fy = _pilots(pattern, flipped=False)
    out: Matrix = np.log(np.hypot(fx, fy))
    return out


def _coarse(
    polar: _Polar, pattern: Pattern, flipped: bool, count: int
) -> list[tuple[float, float, float, bool]]:
    """Peak, log scale, angle, flip of the likeliest points of the grid."""
    smallest, largest = (math.log(scale) for scale in SCALES)
    fx, fy = _pilots(pattern, flipped)
    rows = np.rint((_log_radius(pattern) - largest - polar.low) / _STEP).astype(int)
    columns = np.rint(np.arctan2(fy, fx) / _STEP).astype(int) % _ANGLES
    sums = np.zeros((int((largest - smallest) / _STEP), _ANGLES), np.float32)
    seen = np.zeros((len(sums), 1), np.float32)
    for row, column in zip(rows, columns, strict=True):
        part = polar.values[row : row + len(sums), column : column + _ANGLES]
        sums[: len(part)] += part
        seen[: len(part)] += 1
    sums /= np.sqrt(np.maximum(seen, _LEAST_SEEN))
    return [(p, largest - _STEP * y, _STEP * x, flipped) for p, y, x in _maxima(sums, count)]


def _maxima(sums: Floats, count: int) -> list[tuple[float, int, int]]:
    """The largest values with their places, not two from one hill."""
    found = []
    sums = sums.copy()
    for _ in range(count):
        y, x = divmod(int(sums.argmax()), _ANGLES)
        found.append((float(sums[y, x]), y, x))
        near = np.arange(x - _CLOSE, x + _CLOSE + 1) % _ANGLES
        sums[max(0, y - _CLOSE) : y + _CLOSE + 1, near] = -np.inf
    return found


def _refined(
    power: Power, pattern: Pattern, peak: float, scale: float, angle: float, flipped: bool
) -> Geometry:
    """Scale, angle and two stretches by ever finer steps, two of the four at a time."""
    pilots = _pilots(pattern, flipped)
    best = np.array([scale, angle, 0.0, 0.0])
    grid = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(-2, 3)), -1).reshape(-1, 2)
    for step in (_STEP / 2, _STEP / 4, _STEP / 8):
        for first in (0, 2, 0):
            tries = np.repeat(best[None], len(grid), 0)
            tries[:, first : first + 2] += step * grid
            moved = _matrices(tries) @ pilots
            best = tries[power.at(moved[:, 0], moved[:, 1]).sum(1).argmax()]
    return Geometry(peak, _matrices(best[None])[0], flipped)


def _matrices(parameters: Matrix) -> Matrix:
    """Of rows (log scale, angle, stretch, shear): turn @ stretch / scale, shape (n, 2, 2)."""
    scale, angle, stretch, shear = parameters.T
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]]) / np.exp(scale)
    pull = np.array([[1 + stretch, shear], [shear, 1 - stretch]])
    out: Matrix = np.moveaxis(turn, 2, 0) @ np.moveaxis(pull, 2, 0)
    return out
