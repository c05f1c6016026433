"""Reading the invisible sound mark: present, unsure or absent, with a bound on false alarms.

The pilots' score has a bound that holds for any sound: it is a sum of values seen, each with a sign
drawn from the key, divided by their root sum of squares. Without the mark the signs are as good as
coins, so P(score >= t) <= exp(-t*t / 2) at each place that is tried (Hoeffding 1963). A payload
whose CRC is right besides is a coincidence of one in 2**16 more.

*Present* means that a payload was read and that all this together bounds the chance of a false
alarm by one in a million. *Unsure* means that the pilots alone do, but the payload is damaged.
*Absent* says that no mark of this key was found, which proves nothing about where a sound is from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from guard.watermark.sound_mark_analysis import (
    HOP,
    STEPS,
    TURN,
    WEIGHTS,
    bands,
    cells,
    folded,
    powers,
    whitened,
)
from guard.watermark.sound_mark_code import FALSE_PASS, decode
from guard.watermark.sound_mark_pattern import BANDS, PERIOD, RATE, Floats, Pattern

#: Largest chance of a false alarm that is accepted.
FALSE_ALARM: Final = 1e-6
#: Seconds of sound that are looked at together, and from one stretch to the next.
STRETCH: Final = 12
_ADVANCE: Final = 6
#: Largest change of speed that is looked for, and its steps: after six seconds, half a slot's rise.
_SPEEDS: Final = 0.025
_SPEED_STEP: Final = 0.00125
#: Pitches are looked at in coarser steps: a fifth of a band at its highest.
_PITCH_STEP: Final = 0.0025
#: Stretches in which changes of speed are looked for, the loudest first.
_SEARCHED: Final = 3
#: Scores worth decoding, and as many of them per attempt.
_WORTH: Final = 3.5
_DECODED: Final = 2


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read. ``false_alarm`` bounds the chance of this state, or more, without the mark.

    ``score`` is that of the pilots, ``second`` where the stretch begins in which it was seen.
    ``tempo`` and ``pitch`` say what the sound went through: 1.02 is 2 % faster, or higher.
    """

    state: Literal["present", "unsure", "absent"]
    payload: int | None
    score: float
    false_alarm: float
    second: float = 0.0
    tempo: float = 1.0
    pitch: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Stretch:
    second: float
    lines: Floats
    energy: float


def detect(pieces: Iterable[Floats], pattern: Pattern, *, search: bool = True) -> Reading:
    """What a sound says, given as pieces of one channel at 16 kHz, of any lengths.

    It is read until the mark is found, in stretches of 12 s, then as a whole; then, with
    ``search``, its loudest stretches are taken to be played faster or slower, by 2.5 % at most.
    """
    best = Reading("absent", None, 0.0, 1.0)
    total = np.zeros((TURN, BANDS), np.float32)
    kept: list[_Stretch] = []
    count = 0
    for count, stretch in enumerate(_stretches(pieces), 1):
        turn = folded(whitened(bands(stretch.lines)))
        # Stretches overlap by half, and each begins at a whole number of runs of the pattern.
        total += turn
        seen = _judged(turn, pattern, count * (count + 1), stretch.second)
        best = _surer(best, seen)
        if best.state == "present":
            return best
        kept = sorted([*kept, stretch], key=lambda item: -item.energy)[:_SEARCHED]
    if count > 1:
        best = _surer(best, _judged(total, pattern, 2, 0.0))
    if search and best.state != "present":
        for number, stretch in enumerate(kept, 1):
            best = _surer(best, _searched(stretch, pattern, number * (number + 1)))
            if best.state == "present":
                break
    return best


def _surer(one: Reading, other: Reading) -> Reading:
    order = ("absent", "unsure", "present")
    return max(
        one, other, key=lambda seen: (order.index(seen.state), -seen.false_alarm, seen.score)
    )


def _stretches(pieces: Iterable[Floats]) -> Iterator[_Stretch]:
    held = np.zeros(0, np.float32)
    start = 0
    for piece in pieces:
        held = np.concatenate([held, piece])
        while len(held) >= STRETCH * RATE:
            yield _stretch(held[: STRETCH * RATE], start)
            held, start = held[_ADVANCE * RATE :], start + _ADVANCE
    unseen = len(held) - (STRETCH - _ADVANCE) * RATE
    if not start or unseen >= PERIOD * RATE:
        yield _stretch(held, start)


def _stretch(samples: Floats, second: float) -> _Stretch:
    lines = powers(samples)
    return _Stretch(second, lines, float(lines.sum()))


def _searched(stretch: _Stretch, pattern: Pattern, share: int) -> Reading:
    """The surest reading over changes of speed, then of tempo alone."""
    best = Reading("absent", None, 0.0, 1.0)
    trials = list(_trials())
    pitch, seen = 0.0, stretch.lines[:0]
    for tempo, wanted in trials:
        if wanted != pitch:
            pitch, seen = wanted, whitened(bands(stretch.lines, wanted))
        turn = folded(seen, tempo=tempo)
        found = _judged(turn, pattern, share * len(trials), stretch.second)
        best = _surer(best, replace(found, tempo=tempo, pitch=pitch))
        if best.state == "present":
            break
    return best


def _trials() -> Iterator[tuple[float, float]]:
    """Tempo and pitch: both changed alike (played faster), then the tempo alone."""
    steps = round(_SPEEDS / _SPEED_STEP)
    tempos = [1 + _SPEED_STEP * i for i in range(-steps, steps + 1)]
    for tempo in tempos:
        yield tempo, 1 + _PITCH_STEP * round((tempo - 1) / _PITCH_STEP)
    yield from ((tempo, 1.0) for tempo in tempos)


def _judged(turn: Floats, pattern: Pattern, share: int, second: float) -> Reading:
    """What one folded stretch says; it may spend one part in ``share`` of the false alarms."""
    scores = _scores(turn, pattern)
    best = _reading(float(scores.max()), None, share, second)
    for _ in range(_DECODED):
        place = int(scores.argmax())
        if scores[place] < _WORTH:
            break
        payload = decode(pattern.soft(cells(turn, place)))
        if payload is not None:
            return _reading(float(scores[place]), payload, share, second)
        scores[np.arange(place - STEPS, place + STEPS + 1) % TURN] = 0
    return best


def _reading(score: float, payload: int | None, share: int, second: float) -> Reading:
    chance = min(1.0, share * TURN * math.exp(-(max(score, 0.0) ** 2) / 2))
    whole = chance * FALSE_PASS
    if payload is not None and whole <= FALSE_ALARM:
        return Reading("present", payload, score, whole, second)
    state: Literal["unsure", "absent"] = "unsure" if chance <= FALSE_ALARM else "absent"
    return Reading(state, None, score, chance, second)


def _scores(turn: Floats, pattern: Pattern) -> Floats:
    """Scores of the pilots for every window at which the pattern may begin, shape (256,)."""
    smooth = sum(
        (np.float32(w) * np.roll(turn, -k, axis=0) for k, w in WEIGHTS.items()),
        np.zeros((), np.float32),
    )
    chips = np.zeros(pattern.chips.shape, np.float32)
    chips[pattern.pilots] = pattern.chips[pattern.pilots]
    signed = np.zeros((TURN, BANDS), np.float32)
    signed[::STEPS] = chips.reshape(-1, BANDS)
    sums = _correlated(smooth, signed)
    sizes = _correlated(smooth * smooth, np.abs(signed))
    out: Floats = (sums / np.sqrt(np.maximum(sizes, 1e-9))).astype(np.float32)
    return out


def _correlated(values: Floats, mask: Floats) -> Floats:
    """Sum over slots and bands for every shift of the values in time."""
    spectrum = np.fft.rfft(values, axis=0) * np.fft.rfft(mask, axis=0).conj()
    out: Floats = np.fft.irfft(spectrum.sum(1), TURN).astype(np.float32)
    return out


assert PERIOD * RATE == TURN * HOP
assert _ADVANCE % PERIOD == 0
