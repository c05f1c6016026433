"""The audible label (GB 45438-2025 clause 5.3): the rhythm short-long-short-short.

It is "AI" in Morse code, as the note to the clause says, so its proportions are Morse's: a long
tone is three short ones, so is the pause between the letters. The standard fixes neither pitch nor
length; here a short tone has 100 ms and a long one 300 ms.
"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Sequence
from typing import Final, Literal

from guard.errors import LabelError

Dtype = Literal["uint8", "int16", "int24", "int32", "float32", "float64"]

_UNIT: Final = 0.1
#: (tone, pause behind it) in units.
_RHYTHM: Final = ((1, 1), (3, 3), (1, 1), (1, 0))
#: Silence between cue and content, in units.
_REST: Final = 4
_HERTZ: Final = 880.0
#: Full scale is 1: as loud as ordinary speech, and never clipped.
_LEVEL: Final = 0.35
#: Tones swell and fade, or their edges would click.
_RAMP: Final = 0.008
_BYTES: Final[dict[str, int]] = {
    "uint8": 1,
    "int16": 2,
    "int24": 3,
    "int32": 4,
    "float32": 4,
    "float64": 8,
}
#: Least share of the tones' strength by which they must exceed the pauses to be heard as tones.
_CLEAR: Final = 4.0
_HEARD: Final = 0.05
_STEP: Final = 0.01

#: Beyond these a file is damaged, and its cue would fill the memory.
_FASTEST: Final = 768_000
_WIDEST: Final = 256

#: Length of the bare cue in seconds.
SECONDS: Final = _UNIT * sum(tone + pause for tone, pause in _RHYTHM)


def cue_for_turn(
    sample_rate: int, channels: int = 1, dtype: Dtype = "int16", *, before: bool = True
) -> bytes:
    """The cue as interleaved little-endian samples, for streams of speech.

    In a conversation by voice each turn has its own label (note to clause 5.3): send this before
    the first samples of a turn (``before``, with a pause behind it) or after the last ones.

    Args:
        sample_rate: in hertz, 4,000 to 768,000.
        channels: each gets the same.
        dtype: form of a sample; ``int24`` has three bytes, ``uint8`` its zero at 128.

    Raises:
        LabelError: a rate, number of channels or form that there is not.
    """
    if not (4000 <= sample_rate <= _FASTEST and 1 <= channels <= _WIDEST and dtype in _BYTES):
        raise LabelError(
            f"no cue of {sample_rate} Hz, {channels} channels, {dtype!r}",
            f"4000 to {_FASTEST} Hz, 1 to {_WIDEST} channels, one of {', '.join(_BYTES)}",
        )
    rest = [0.0] * round(_REST * _UNIT * sample_rate)
    wave = [*_wave(sample_rate), *rest] if before else [*rest, *_wave(sample_rate)]
    return b"".join(sample * channels for sample in _samples(wave, dtype))


def frames(sample_rate: int) -> int:
    """Samples per channel of :func:`cue_for_turn`."""
    return len(cue_for_turn(sample_rate, 1, "uint8"))


def heard(samples: Sequence[int], sample_rate: int) -> bool:
    """Whether 16-bit mono ``samples`` have the rhythm, wherever in them."""
    step = round(_STEP * sample_rate)
    strength = [
        sum(map(abs, samples[at : at + step])) / step / 32768
        for at in range(0, len(samples) - step + 1, step)
    ]
    per = round(_UNIT / _STEP)
    pattern = [on for tone, pause in _RHYTHM for on in [1] * tone * per + [0] * pause * per]
    return any(
        _matches(strength[at : at + len(pattern)], pattern)
        for at in range(len(strength) - len(pattern) + 1)
    )


def quietest(samples: Sequence[int], sample_rate: int) -> float:
    """The moment in seconds of the quietest 100 ms in 16-bit mono ``samples``."""
    step = max(1, round(0.1 * sample_rate))
    places = range(0, max(1, len(samples) - step + 1), max(1, step // 2))
    best = min(places, key=lambda at: sum(map(abs, samples[at : at + step])))
    return (best + step / 2) / sample_rate


def _matches(strength: Sequence[float], pattern: Sequence[int]) -> bool:
    """Inner parts of the tones against inner parts of the pauses: edges may smear."""
    sure = [
        (level, on)
        for i, (level, on) in enumerate(zip(strength, pattern, strict=True))
        if 1 < i < len(pattern) - 2 and len(set(pattern[i - 2 : i + 3])) == 1
    ]
    on = min(level for level, is_on in sure if is_on)
    off = max(level for level, is_on in sure if not is_on)
    return on > _HEARD and on > _CLEAR * off


def _wave(rate: int) -> list[float]:
    hertz = min(_HERTZ, rate / 5)
    out: list[float] = []
    for tone, pause in _RHYTHM:
        count = round(tone * _UNIT * rate)
        ramp = _RAMP * rate
        for n in range(count):
            edge = min(1.0, (n + 0.5) / ramp, (count - n - 0.5) / ramp)
            swell = 0.5 - 0.5 * math.cos(math.pi * edge)
            out.append(_LEVEL * swell * math.sin(2 * math.pi * hertz * n / rate))
        out += [0.0] * round(pause * _UNIT * rate)
    return out


def _samples(wave: list[float], dtype: Dtype) -> list[bytes]:
    """Each sample as bytes."""
    if dtype == "uint8":
        return [bytes((128 + round(v * 127),)) for v in wave]
    if dtype.startswith("float"):
        form = "<f" if dtype == "float32" else "<d"
        return [struct.pack(form, v) for v in wave]
    size = _BYTES[dtype]
    top = (1 << (8 * size - 1)) - 1
    return [round(v * top).to_bytes(size, "little", signed=True) for v in wave]


def mono16(raw: bytes, channels: int, dtype: Dtype) -> array[int]:
    """The first channel of interleaved samples as 16-bit numbers, for measuring."""
    size = _BYTES[dtype]
    step = size * channels
    if dtype.startswith("float"):
        form = "f" if dtype == "float32" else "d"
        values = array(form)
        values.frombytes(raw[: len(raw) // step * step])
        return array("h", (round(max(-1, min(1, v)) * 32767) for v in values[::channels]))
    if dtype == "uint8":
        return array("h", ((v - 128) * 256 for v in raw[::channels]))
    low, high = raw[size - 2 :: step], raw[size - 1 :: step]
    both = bytearray(2 * len(high))
    both[0::2], both[1::2] = low[: len(high)], high
    return array("h", struct.unpack(f"<{len(high)}h", both))
