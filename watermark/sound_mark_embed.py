"""Writing the invisible sound mark: cells of time and pitch made a little louder or softer.

Three things make it strong at a given audibility. Each cell changes by as much as its surroundings
mask, and no more. The whole stays a given distance below the sound. And since the writer knows the
sound, it spends more on the code bits that the sound speaks against, less on those it speaks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from guard.watermark.sound_mark_analysis import bands, cells, folded, powers, whitened
from guard.watermark.sound_mark_code import CODE_BITS, encode
from guard.watermark.sound_mark_pattern import (
    BANDS,
    FIRST_LINE,
    LINES_PER_BAND,
    SLOT,
    SLOTS,
    Floats,
    Pattern,
)

#: Samples of a window of the change, and from one to the next: two per slot.
WINDOW: Final = 500
STEP: Final = 250
_WINDOWS_PER_SLOT: Final = SLOT // STEP
_SINE: Final = np.sin(np.pi * (np.arange(WINDOW) + 0.5) / WINDOW).astype("f4")
#: The lines that are changed.
_LINES: Final = slice(FIRST_LINE, FIRST_LINE + LINES_PER_BAND * BANDS)
#: Least and most change of a cell's amplitude, natural logarithm (0.38 is 3.3 dB).
_LEAST: Final = 0.0
_MOST: Final = 0.38
#: How far below the power around it a change is masked, in decibels, for tones and for noise.
_MASKED_TONE: Final = 18.0
_MASKED_NOISE: Final = 8.5
#: Power spills over into higher and lower bands with these slopes, per band of the pattern.
_UPWARD: Final = 0.5
_DOWNWARD: Final = 0.2
#: Rounds in which the writer looks at what the reader would see.
#: Energy of a stretch that counts as digital silence.
_NOTHING: Final = 1e-9
_ROUNDS: Final = 4
_CORRECTIONS: Final = (0.0, 3.0)


@dataclass(frozen=True, slots=True)
class Limit:
    """What a mark may cost: the sound's power over the change's, in decibels."""

    snr: float


#: The usual limit, and what short or nearly silent sounds need.
LIMITS: Final = (Limit(27.0), Limit(24.5), Limit(22.0))
#: Windows overlap, so that neighbours with different changes cancel a part of them.
_OVERLAP: Final = 0.6


def gains(samples: Floats, pattern: Pattern, payload: int, first: int, limit: Limit) -> Floats:
    """Factors of the changed lines, shape (windows, 116), for a stretch of sound at 16 kHz.

    ``samples`` has the shape (samples, channels); the reader will hear the mean of the channels.
    Window j covers the samples from j * STEP on. ``first`` is the slot of the pattern at sample 0.
    """
    power = np.mean([np.abs(_spectra(one)) ** 2 for one in samples.T], axis=0)
    samples = samples.mean(1)
    count = len(power)
    allowed = _allowed(power[:, _LINES])
    slots = (first + np.arange(count) // _WINDOWS_PER_SLOT) % SLOTS
    signs = pattern.signs(encode(payload))
    owner = np.full(SLOTS * BANDS, CODE_BITS)
    owner[pattern.data] = pattern.owner
    owner = owner.reshape(SLOTS, BANDS)[slots]
    strength = np.ones(CODE_BITS + 1, np.float32)
    budget = float(power.sum()) / 10 ** (limit.snr / 10) / _OVERLAP
    if budget < _NOTHING:
        return np.ones((count, LINES_PER_BAND * BANDS), np.float32)
    power = power[:, _LINES]
    for left in reversed(range(_ROUNDS)):
        wanted = np.repeat(strength[owner], LINES_PER_BAND, axis=1)
        change = _within(allowed, wanted, power, budget)
        change *= np.repeat(signs[slots], LINES_PER_BAND, axis=1)
        if left:
            strength = _evened(samples, change, pattern, payload, first, strength)
    return np.exp(change)


def _within(allowed: Floats, wanted: Floats, power: Floats, budget: float) -> Floats:
    """The largest changes whose power is within the budget: quiet cells first, they are cheap."""
    cells = power.reshape(len(power), BANDS, LINES_PER_BAND).sum(2)
    cheap = np.repeat(1 / np.sqrt(cells / cells.mean() + 1e-9), LINES_PER_BAND, axis=1)
    low, high = -6.0, 3.0
    for _ in range(20):
        middle = (low + high) / 2
        change = np.minimum(allowed, np.float32(10**middle) * cheap * wanted)
        if float((np.expm1(change) ** 2 * power).sum()) > budget:
            high = middle
        else:
            low = middle
    out: Floats = np.minimum(allowed, np.float32(10**low) * cheap * wanted)
    return out


def apply(samples: Floats, factors: Floats) -> Floats:
    """The change of one channel's samples, of the same shape, by the factors of its windows."""
    lines = _spectra(samples)
    lines[:, _LINES] *= factors - 1
    lines[:, : _LINES.start] = 0
    lines[:, _LINES.stop :] = 0
    return _overlapped(np.fft.irfft(lines, WINDOW, axis=1).astype(np.float32), len(samples))


def _spectra(samples: Floats) -> NDArray[np.complex64]:
    windows = sliding_window_view(samples, WINDOW)[::STEP]
    return np.fft.rfft(windows * _SINE, axis=1).astype(np.complex64)


def _overlapped(windows: Floats, length: int) -> Floats:
    out = np.zeros((len(windows) + 1, STEP), np.float32)
    windows = windows * _SINE
    out[:-1] += windows[:, :STEP]
    out[1:] += windows[:, STEP:]
    whole = np.zeros(length, np.float32)
    whole[: out.size] = out.reshape(-1)[:length]
    return whole


def _allowed(power: Floats) -> Floats:
    """How much each line of each window may change: the mask's amplitude over the line's."""
    around = _spread(power)
    tonal = np.clip(_tonality(power), 0, 1)
    below = _MASKED_NOISE + (_MASKED_TONE - _MASKED_NOISE) * tonal
    mask = around * np.float32(10) ** (-below / 10)
    one = np.sqrt(mask / (power + np.float32(1e-20)))
    # The two lines of a band and the two windows of a slot change together.
    pairs = one.reshape(len(one), BANDS, LINES_PER_BAND).min(2)
    out: Floats = np.repeat(np.clip(pairs, _LEAST, _MOST), LINES_PER_BAND, axis=1)
    return out


def _spread(power: Floats) -> Floats:
    """Power that masks: each line's own and what spills from the others, steeper downwards."""
    out = power.copy()
    up, down = power.copy(), power.copy()
    for i in range(1, power.shape[1]):
        up[:, i] = np.maximum(up[:, i], up[:, i - 1] * np.float32(_UPWARD))
        down[:, -1 - i] = np.maximum(down[:, -1 - i], down[:, -i] * np.float32(_DOWNWARD))
    np.maximum(out, up, out=out)
    return np.maximum(out, down)


def _tonality(power: Floats) -> Floats:
    """0 for noise, 1 for a pure tone, by the flatness of 9 lines around (Johnston 1988)."""
    width = 9
    padded = np.pad(power + np.float32(1e-20), ((0, 0), (width // 2, width // 2)), mode="edge")
    around = sliding_window_view(padded, width, axis=1)
    flat = 10 * (np.log10(around).mean(2) - np.log10(around.mean(2)))
    out: Floats = (flat / -12).astype(np.float32)
    return out


def _evened(
    samples: Floats,
    change: Floats,
    pattern: Pattern,
    payload: int,
    first: int,
    strength: Floats,
) -> Floats:
    """Strength of the code bits (and of the pilots, the last) such that all are read as surely."""
    marked = samples + apply(samples, np.exp(change))
    turn = folded(whitened(bands(powers(marked))))
    seen = np.roll(cells(turn), first, axis=0)
    sums = pattern.soft(seen) * encode(payload)
    target = np.float32(sums.mean())
    step = np.clip((target - sums) / max(float(target), 1e-6), -1, 1)
    out = strength.copy()
    out[:CODE_BITS] = np.clip(strength[:CODE_BITS] + 0.7 * step, *_CORRECTIONS)
    return out
