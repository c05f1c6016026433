"""Reading the invisible image mark: present, unsure or absent, with a bound on false alarms.

First the cheap way: the picture is taken to be at the size at which it was marked, cropped,
flipped or turned by quarters at most. If its payload cannot be read, scale and angle are searched.

*Present* means that a payload was read whose CRC-24 is right: for noise, at most one in 2**24 per
attempt, of which there are at most seven. *Unsure* means that the pilots of this key are there
beyond doubt, but the payload is damaged. *Absent* says that no mark of this key was found, which
proves nothing about where a picture comes from.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from guard.watermark.image_mark_analysis import code_sums, folded, lines_of, whitened
from guard.watermark.image_mark_code import FALSE_PASS, decode
from guard.watermark.image_mark_offset import orientations, pilot_shift, ramp
from guard.watermark.image_mark_pattern import TILE, Floats, Lines, Pattern
from guard.watermark.image_mark_search import Geometry, candidates, power_spectrum
from guard.watermark.image_mark_straighten import shrunk, straightened

#: Geometries that are tried, each with its turn by 180 degrees, and payloads that are decoded.
_GEOMETRIES: Final = 6
_TRIED_SHIFTS: Final = TILE**2 * (8 + 2 * _GEOMETRIES)
_ATTEMPTS: Final = 1 + _GEOMETRIES
#: Largest chance of a false alarm that is accepted.
FALSE_ALARM: Final = 1e-6
#: Score of the pilots that is beyond doubt: _TRIED_SHIFTS * exp(-t*t / 2) = FALSE_ALARM.
SURE: Final = math.sqrt(2 * math.log(_TRIED_SHIFTS / FALSE_ALARM))
#: Short side beyond which a picture is searched at less than its size.
_SEARCHED: Final = 768


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read. ``false_alarm`` bounds the chance of this state, or more, without the mark.

    ``score`` is that of the pilots. ``scale`` and ``angle`` (degrees, counter-clockwise) say what
    the picture went through, as far as the search tells.
    """

    state: Literal["present", "unsure", "absent"]
    payload: int | None
    score: float
    false_alarm: float
    scale: float = 1.0
    angle: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Attempt:
    """The lines of a picture brought to the pattern's origin, and the pilots' score."""

    score: float
    lines: Lines
    geometry: Geometry | None = None
    upside_down: bool = False


def detect(luma: Floats, pattern: Pattern, *, search: bool = True) -> Reading:
    """What a luma picture (rows, columns; grey levels 0..255) says, at most 1024 px its short side.

    Without ``search`` only crops, flips and quarter turns are undone.
    """
    first = max(map(_aligner(pattern), orientations(_spectrum(luma))), key=_score)
    payload = _payload(first, pattern)
    if payload is not None or not search:
        return _judged(payload, first)
    return _searched(luma, pattern, first)


def _searched(luma: Floats, pattern: Pattern, first: _Attempt) -> Reading:
    """Geometries in the order of their pilots' scores, until one has a payload."""
    small = shrunk(luma, _SEARCHED / min(luma.shape))
    power = power_spectrum(whitened(small))
    tried = []
    for geometry in candidates(power, pattern, _GEOMETRIES):
        attempt = _at(small, geometry, pattern)
        tried.append(attempt)
        if attempt.score >= SURE and (payload := _payload(attempt, pattern)) is not None:
            return _judged(payload, attempt)
    tried.sort(key=_score, reverse=True)
    for attempt in tried:
        if attempt.score < SURE and (payload := _payload(attempt, pattern)) is not None:
            return _judged(payload, attempt)
    return _judged(None, max([first, *tried], key=_score))


def _judged(payload: int | None, attempt: _Attempt) -> Reading:
    chance = min(1.0, _TRIED_SHIFTS * math.exp(-(attempt.score**2) / 2))
    if payload is not None:
        chance = min(chance, _ATTEMPTS * FALSE_PASS)
    state: Literal["present", "unsure", "absent"] = "absent"
    if chance <= FALSE_ALARM:
        state = "unsure" if payload is None else "present"
    if attempt.geometry is None:
        return Reading(state, payload, attempt.score, chance)
    return Reading(state, payload, attempt.score, chance, *_described(attempt))


def _score(attempt: _Attempt) -> float:
    return attempt.score


def _described(attempt: _Attempt) -> tuple[float, float]:
    """Scale and angle of an attempt with a geometry; the angle from -180 to 180 degrees."""
    assert attempt.geometry
    matrix = attempt.geometry.matrix
    scale = 1 / math.sqrt(abs(float(np.linalg.det(matrix))))
    angle = -math.degrees(math.atan2(matrix[1, 0], matrix[0, 0])) + 180 * attempt.upside_down
    return scale, (angle + 180) % 360 - 180


def _spectrum(luma: Floats) -> Lines:
    return folded(whitened(luma))


def _aligner(pattern: Pattern) -> Callable[[Lines], _Attempt]:
    def align(spectrum: Lines) -> _Attempt:
        lines = lines_of(spectrum, pattern)
        score, shift = pilot_shift(lines, pattern)
        return _Attempt(score, lines * ramp(pattern, shift))

    return align


def _payload(attempt: _Attempt, pattern: Pattern) -> int | None:
    return decode(code_sums(attempt.lines, pattern, pattern.chips) * pattern.scramble)


def _at(luma: Floats, geometry: Geometry, pattern: Pattern) -> _Attempt:
    """The picture with a geometry undone, upright or turned by 180 degrees."""
    straight, inside = straightened(luma, geometry)
    spectrum = folded(whitened(straight) * inside)
    align = _aligner(pattern)
    upright, turned = align(spectrum), align(spectrum.conj())
    if upright.score >= turned.score:
        return replace(upright, geometry=geometry)
    return replace(turned, geometry=geometry, upside_down=True)
