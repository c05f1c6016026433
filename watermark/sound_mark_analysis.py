"""What writer and reader of the invisible sound mark both see of a sound.

The sound itself is the noise here, so it is held down first: the loudness of each cell is taken as
a logarithm (which makes volume and equalisers a constant), the mean of its surroundings in pitch
and time is removed (tones that last, syllables), and what stands out is cut.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from guard.watermark.sound_mark_pattern import (
    BANDS,
    FIRST_LINE,
    LINES_PER_BAND,
    SLOT,
    SLOTS,
    Floats,
)

#: Samples of a window, and from one to the next: four windows per slot.
WINDOW: Final = 500
HOP: Final = 125
STEPS: Final = SLOT // HOP
#: Windows in one run of the pattern.
TURN: Final = SLOTS * STEPS
#: Lines kept of each spectrum: enough for a sound played 3 % too fast.
_LINES: Final = 132
#: Power below this part of a band's mean counts as silence.
_FLOOR: Final = 2e-4
_SILENCE: Final = 1e-10
#: Surroundings: bands, and windows.
_AROUND_BANDS: Final = 7
_AROUND_TIME: Final = 11
_NEAR_BANDS: Final = 9
_NEAR_TIME: Final = 17
_CUT: Final = 2.5
_HANN: Final = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(WINDOW) + 0.5) / WINDOW)).astype("f4")
_BATCH: Final = 2048


def powers(samples: Floats) -> Floats:
    """Power of spectral lines, shape (windows, 132), of samples at 16 kHz.

    Window k is centred on sample k * HOP + WINDOW / 2.
    """
    if len(samples) < WINDOW:
        return np.zeros((0, _LINES), np.float32)
    windows = sliding_window_view(samples, WINDOW)[::HOP]
    out = np.empty((len(windows), _LINES), np.float32)
    for start in range(0, len(windows), _BATCH):
        lines = np.fft.rfft(windows[start : start + _BATCH] * _HANN, axis=1)[:, :_LINES]
        out[start : start + _BATCH] = lines.real**2 + lines.imag**2
    return out


def bands(lines: Floats, pitch: float = 1.0) -> Floats:
    """Power of the pattern's bands, shape (windows, 58), if all pitches were multiplied so."""
    sums = np.concatenate([np.zeros((len(lines), 1)), np.cumsum(lines, axis=1, dtype=float)], 1)
    # Line n stands for the frequencies around n, so that its left edge is at n - 1/2.
    edges = (FIRST_LINE + LINES_PER_BAND * np.arange(BANDS + 1)) * pitch + (pitch - 1) / 2
    whole = edges.astype(int)
    part = edges - whole
    at = sums[:, whole] * (1 - part) + sums[:, whole + 1] * part
    out: Floats = np.maximum(np.diff(at, axis=1), 0).astype(np.float32)
    return out


def whitened(power: Floats) -> Floats:
    """Loudness against the surroundings, in local sigmas, cut; shape as given."""
    mean = power.mean(0, keepdims=True) if len(power) else power
    floor = np.float32(_FLOOR) * mean + np.float32(_SILENCE) * mean.sum() + np.float32(1e-30)
    level = np.log(power + floor)
    level -= box(level, _AROUND_BANDS, 1)
    level -= box(level, _AROUND_TIME, 0)
    spread = box(box(level * level, _NEAR_TIME, 0), _NEAR_BANDS, 1)
    # Digital silence is flat and says nothing; its rounding errors must not be blown up.
    out: Floats = np.clip(level / np.sqrt(spread + np.float32(1e-2)), -_CUT, _CUT)
    return out


def box(values: Floats, size: int, axis: int) -> Floats:
    """Mean over ``size`` (odd) neighbours along an axis, the border repeated."""
    values = np.moveaxis(values, axis, 0)
    if not len(values):
        return values if axis == 0 else values.T
    padded = np.pad(values, ((size // 2 + 1, size // 2), (0, 0)), mode="edge").astype(float)
    sums = np.cumsum(padded, axis=0)
    means = ((sums[size:] - sums[:-size]) / size).astype(np.float32)
    out: Floats = np.moveaxis(means, 0, axis)
    return out


def folded(seen: Floats, first: float = 0.0, tempo: float = 1.0) -> Floats:
    """All runs of the pattern summed, shape (256, 58).

    Row k sums the windows that a pattern which begins at window ``first`` and runs ``tempo`` times
    as fast has at its own window k.
    """
    turns = ((np.arange(len(seen)) - first) * tempo).round().astype(np.intp) % TURN
    out = np.zeros((TURN, BANDS), np.float32)
    if tempo == 1.0 and first == 0:
        whole = len(seen) // TURN * TURN
        out += seen[:whole].reshape(-1, TURN, BANDS).sum(0)
        out[: len(seen) - whole] += seen[whole:]
        return out
    np.add.at(out, turns, seen)
    return out


#: Weights of the windows that see a slot: centred in it, or half in it.
WEIGHTS: Final = {-1: 0.5, 0: 1.0, 1: 1.0, 2: 1.0, 3: 0.5}


def cells(turn: Floats, phase: int = 0) -> Floats:
    """The slots of a folded sound, shape (64, 58), if the pattern begins at window ``phase``.

    A slot's first window is centred on the slot's first quarter.
    """
    out: Floats = sum(
        (np.float32(w) * np.roll(turn, -k - phase, axis=0)[::STEPS] for k, w in WEIGHTS.items()),
        np.zeros((), np.float32),
    )
    return out
