"""Where the pattern begins: the shift of the pilots, whatever was cropped, flipped or turned by 90.

The score has a bound that holds for any picture. It is a sum of cosines, weighted with the
picture's own magnitudes and divided by their root mean square, and without the mark each angle is
evenly spread over the keys. Such a sum is sub-Gaussian: P(score >= t) <= exp(-t*t / 2) at each of
the tried shifts (from E exp(a cos x) = I0(a) <= exp(a*a / 4)).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from guard.watermark.image_mark_pattern import TILE, Ints, Lines, Pattern

Shift = tuple[float, float]

#: Parts of a pixel at which the shift is looked for around the best whole one.
_PARTS = np.arange(-3, 4) / 4


def best_shift(agreed: Lines, ky: Ints, kx: Ints) -> tuple[float, Shift]:
    """Score and shift (rows, columns) at which lines become real and positive together.

    ``agreed``: lines seen, each times the conjugate of what is expected at shift 0; ``ky``, ``kx``:
    their places. The score is taken over the 128 x 128 whole shifts; the shift is refined to a
    quarter pixel.
    """
    grid = np.zeros((TILE, TILE), np.complex64)
    grid[ky, kx] = agreed
    sums = np.fft.ifft2(grid).real
    row, column = divmod(int(sums.argmax()), TILE)
    size = math.sqrt(float((np.abs(agreed) ** 2).sum()) / 2) or 1.0
    score = float(sums[row, column]) * TILE**2 / size
    rows = np.exp(2j * np.pi / TILE * np.outer(row + _PARTS, ky))
    columns = np.exp(2j * np.pi / TILE * np.outer(column + _PARTS, kx))
    a, b = divmod(int(((rows * agreed) @ columns.T).real.argmax()), len(_PARTS))
    return score, (row + float(_PARTS[a]), column + float(_PARTS[b]))


def pilot_shift(lines: Lines, pattern: Pattern) -> tuple[float, Shift]:
    """:func:`best_shift` of the pilots among the lines of a pattern."""
    at = pattern.pilots
    return best_shift(lines[at] * pattern.phases.conj(), pattern.ky[at], pattern.kx[at])


def ramp(pattern: Pattern, shift: Shift) -> Lines:
    """Unit numbers that bring lines seen at ``shift`` to the pattern's own origin."""
    turns = (pattern.ky * shift[0] + pattern.kx * shift[1]) / TILE
    out: Lines = np.exp(2j * np.pi * turns).astype(np.complex64)
    return out


def orientations(spectrum: Lines) -> Iterator[Lines]:
    """The folded spectra of the eight flips and quarter turns of a picture."""
    for turned in (spectrum, spectrum.T):
        for rows in (turned, _reversed(turned, 0)):
            yield rows
            yield _reversed(rows, 1)


def _reversed(spectrum: Lines, axis: int) -> Lines:
    """Frequency k to -k along an axis; 0 stays in its place."""
    out: Lines = np.roll(np.flip(spectrum, axis), 1, axis)
    return out
