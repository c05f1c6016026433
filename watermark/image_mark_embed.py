"""Writing the invisible image mark: the change of luma that carries a payload.

Three things make it strong at a given visibility. The strength follows local detail, within a
limit for the error (PSNR) and one for the structure (SSIM). The origin of the pattern is put where
the picture itself happens to agree with the pilots best. And since the writer knows the picture,
it spends more on the code bits that the picture speaks against, less on those it speaks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from guard.watermark.image_mark_analysis import (
    code_sums,
    detail_gain,
    folded,
    levels,
    lines_of,
    residual,
    response,
)
from guard.watermark.image_mark_code import encode
from guard.watermark.image_mark_offset import Shift, best_shift, ramp
from guard.watermark.image_mark_pattern import TILE, Floats, Lines, Pattern

#: Rounding to whole grey levels adds this much to the mean squared error.
_ROUNDING: Final = 1 / 12
#: The constants of SSIM (Wang et al. 2004: K1 = 0.01, K2 = 0.03), and its window, about.
_SSIM_C1: Final = (0.01 * 255) ** 2
_SSIM_C2: Final = (0.03 * 255) ** 2
_SSIM_BLOCK: Final = 8
#: Strength is (local power + floor) ** exponent.
_FLOOR: Final = 9.0
_EXPONENT: Final = 0.25
#: Share of the energy that goes to the pilots; how far they lean towards what is there already.
_PILOT_SHARE: Final = 0.3
_LEAN: Final = 0.35
#: Least and most amplitude of a line against the mean.
_SHAPES: Final = (0.5, 2.0)
#: Parts of the picture's own unevenness that may be taken back; the power that attacks add to the
#: mean of a code bit's dimensions; least and most factor of a line's amplitude.
_BETAS: Final = np.arange(0, 1, 0.05)
_ATTACK: Final = 0.02
_CORRECTIONS: Final = (-1.0, 4.0)


@dataclass(frozen=True, slots=True)
class Limit:
    """What a mark may cost: peak signal to noise in decibels, structural similarity 0..1."""

    psnr: float
    ssim: float


#: The usual limit, 42 dB and 0.98 once rounded and cut, and what small pictures need.
LIMITS: Final = (Limit(42.01, 0.9825), Limit(40, 0.97), Limit(38, 0.955), Limit(36, 0.93))


@dataclass(frozen=True, slots=True, eq=False)
class _Host:
    """The picture as noise: its folded ``spectrum``, and the ``gain`` of each line of a mark."""

    spectrum: Lines
    gain: Floats


def delta(
    luma: Floats,
    channels: Sequence[Floats],
    pattern: Pattern,
    payload: int,
    limit: Limit = LIMITS[0],
) -> Floats:
    """The change to add to every channel, in grey levels, before rounding.

    ``luma`` and each of ``channels`` have the same shape (rows, columns) and grey levels 0..255.
    """
    seen = residual(luma)
    allowed = _Allowed.of(channels, limit)
    strength = (seen.power + np.float32(_FLOOR)) ** np.float32(_EXPONENT)
    strength *= allowed.factor(strength)
    answer = response(seen.power + strength * strength)
    gain = detail_gain(pattern) * np.float32((strength * answer).sum())
    host = _Host(folded(seen.detail * answer), gain)
    wave = _tile(_compose(host, pattern, payload), pattern)
    height, width = luma.shape
    out = strength * np.tile(wave, (-(-height // TILE), -(-width // TILE)))[:height, :width]
    out *= np.float32(allowed.factor(out))
    return out * np.float32(min(1, allowed.correction(out)))


@dataclass(frozen=True, slots=True, eq=False)
class _Allowed:
    """How much of a change nobody sees, judged on blocks: their ``means`` and ``variances``."""

    limit: Limit
    channels: Sequence[Floats]
    means: Sequence[Floats]
    variances: Sequence[Floats]

    @classmethod
    def of(cls, channels: Sequence[Floats], limit: Limit) -> _Allowed:
        means = [_blocks(channel) for channel in channels]
        variances = [_variance(c, m) for c, m in zip(channels, means, strict=True)]
        return cls(limit, channels, means, variances)

    def factor(self, change: Floats) -> float:
        """By what to multiply a change so that it stays within both limits, about.

        For a change without relation to the picture, SSIM falls by about p / (2 v + C2), where p
        is the power of the change and v the local variance of the picture.
        """
        power = _blocks(change * change)
        error = 255**2 / 10 ** (self.limit.psnr / 10) - _ROUNDING
        loss = float(np.mean([(power / (2 * v + _SSIM_C2)).mean() for v in self.variances]))
        least = max(float(power.mean()) / error, loss / (1 - self.limit.ssim))
        return float(1 / np.sqrt(least))

    def correction(self, change: Floats) -> float:
        """The same for SSIM as it comes out: where black or white cuts the change, more is lost."""
        parts = zip(self.channels, self.means, self.variances, strict=True)
        loss = 1 - float(np.mean([_similarity(*part, change) for part in parts]))
        return float(np.sqrt((1 - self.limit.ssim) / max(loss, 1e-9)))


def _similarity(channel: Floats, mean: Floats, variance: Floats, change: Floats) -> float:
    """Mean SSIM of the blocks of a channel before and after the change."""
    changed = np.clip(np.rint(channel + change), 0, 255)
    after = _blocks(changed)
    spread = _variance(changed, after)
    together = _blocks(channel * changed) - mean * after
    light = (2 * mean * after + _SSIM_C1) / (mean * mean + after * after + _SSIM_C1)
    return float((light * (2 * together + _SSIM_C2) / (variance + spread + _SSIM_C2)).mean())


def _variance(values: Floats, means: Floats) -> Floats:
    return np.maximum(_blocks(values * values) - means * means, 0)


def _blocks(values: Floats) -> Floats:
    """Means of whole blocks of 8 x 8 pixels."""
    rows, columns = (size // _SSIM_BLOCK for size in values.shape)
    cut = values[: rows * _SSIM_BLOCK, : columns * _SSIM_BLOCK]
    sums = cut.reshape(rows, _SSIM_BLOCK, -1).sum(1).reshape(rows, columns, _SSIM_BLOCK).sum(2)
    out: Floats = sums * np.float32(1 / _SSIM_BLOCK**2)
    return out


def _compose(host: _Host, pattern: Pattern, payload: int) -> Lines:
    """The lines of the tile, such that their squares sum to 1/2 (a wave of unit variance)."""
    signs = (encode(payload) * pattern.scramble)[pattern.owner] * pattern.chips
    real, imaginary = np.split(signs, 2)
    plan = np.empty(len(pattern.ky), np.complex64)
    plan[pattern.data] = real + 1j * imaginary
    plan[pattern.pilots] = pattern.phases
    turn = ramp(pattern, _origin(host, pattern, plan))
    there = host.spectrum[pattern.places] * turn
    lines = _shared(plan * _shape(host, pattern), pattern)
    level = _level(host, lines * turn.conj(), pattern)
    there, seen = there / level, host.gain * lines / level
    lines[pattern.data] = _evened(lines, there, seen, pattern, signs)
    lean = there[pattern.pilots] / np.abs(seen[pattern.pilots])
    lines[pattern.pilots] *= 1 + np.float32(_LEAN) * lean * pattern.phases.conj()
    return _shared(lines, pattern) * turn.conj()


def _origin(host: _Host, pattern: Pattern, plan: Lines) -> Shift:
    """The shift at which the picture alone agrees best with pilots and data together."""
    agreed = lines_of(host.spectrum, pattern) * plan.conj()
    for part in (pattern.pilots, pattern.data):
        agreed[part] /= np.sqrt((np.abs(agreed[part]) ** 2).sum()) + 1e-9
    return best_shift(agreed, pattern.ky, pattern.kx)[1]


def _shape(host: _Host, pattern: Pattern) -> Floats:
    """Amplitudes of the lines: more where the picture is quiet, within limits."""
    even = host.gain / np.sqrt(2 * len(host.gain))
    quiet = host.gain / np.sqrt(levels(host.spectrum)[pattern.places] ** 2 + even**2)
    out: Floats = np.clip(quiet / quiet.mean(), *_SHAPES)
    return out


def _level(host: _Host, lines: Lines, pattern: Pattern) -> Floats:
    """What the reader will divide each line by."""
    grid = host.spectrum.copy()
    grid[pattern.places] += host.gain * lines
    return levels(grid)[pattern.places]


def _evened(lines: Lines, there: Lines, seen: Lines, pattern: Pattern, signs: Floats) -> Lines:
    """The data lines, less a part of what the picture adds to some code bits and takes from others.

    Improved spread spectrum (Malvar and Florencio 2003): the part ``beta`` that is taken back costs
    its own energy, and is chosen so that the sums of the code bits become most certain.
    """
    count = np.bincount(pattern.owner)
    mean = float((code_sums(seen, pattern, signs) / count).mean())
    uneven = code_sums(there, pattern, signs) / count
    own = float(uneven.mean())
    spread = float(uneven.var())
    left = np.sqrt(np.maximum(mean**2 - _BETAS**2 * spread, 0)) + own
    beta = _BETAS[np.argmax(left**2 / ((1 - _BETAS) ** 2 * spread + _ATTACK))]
    wanted = np.clip(1 - beta * (uneven - own) / mean, *_CORRECTIONS)
    real, imaginary = np.split(wanted.astype(np.float32)[pattern.owner], 2)
    data = lines[pattern.data]
    out: Lines = data.real * real + 1j * data.imag * imaginary
    return out


def _shared(lines: Lines, pattern: Pattern) -> Lines:
    """The lines with their energy divided between pilots and data."""
    out = lines.copy()
    for part, share in ((pattern.pilots, _PILOT_SHARE), (pattern.data, 1 - _PILOT_SHARE)):
        out[part] *= np.sqrt(share / 2 / (np.abs(lines[part]) ** 2).sum())
    return out


def _tile(lines: Lines, pattern: Pattern) -> Floats:
    """The wave of the lines, shape (128, 128)."""
    grid = np.zeros((TILE, TILE), np.complex64)
    grid[pattern.places] = lines
    rows, columns = pattern.places
    grid[-rows % TILE, -columns % TILE] = lines.conj()
    out: Floats = (np.fft.ifft2(grid).real * TILE**2).astype(np.float32)
    return out
