"""The invisible sound mark: a number of 32 bits in a recording, which only the key's owner reads.

>>> from guard.watermark import sound_mark
>>> done = sound_mark.mark_file(source, target, key)  # doctest: +SKIP
>>> sound_mark.read_file(target, key).payload == done.payload  # doctest: +SKIP
True

Needs numpy and scipy, no learned weights; ffmpeg for all but plain WAV. It survives what happens to
recordings on their way: MP3 and AAC, other rates, volume, noise, cuts. It is no proof against
somebody who wants it gone, and its absence says nothing. Figures: docs/watermark-sound.md.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from guard.errors import LabelError
from guard.watermark import sound_mark_file
from guard.watermark.sound_mark_code import PAYLOAD_BITS
from guard.watermark.sound_mark_detect import Reading, detect
from guard.watermark.sound_mark_embed import LIMITS, Limit
from guard.watermark.sound_mark_pattern import Floats, Pattern, pattern
from guard.watermark.sound_mark_stream import PIECE, changes, mono

__all__ = ["LEAST_SECONDS", "Marked", "Reading", "mark", "mark_file", "read", "read_file"]

#: Shorter sounds cannot carry a whole number with any certainty.
LEAST_SECONDS: Final = 4
#: Below this rate a part of the mark's band is missing.
_LEAST_RATE: Final = 8000


@dataclass(frozen=True, slots=True)
class Marked:
    """The number in the new file; ``kept``: the file had it before, and is as it was.

    ``snr`` is what the mark was allowed to cost in decibels, 0 where it is not known.
    """

    payload: int
    snr: float
    kept: bool = False


def mark(samples: Floats, rate: int, key: bytes, payload: int) -> Floats:
    """Samples, shape (count,) or (count, channels), full scale 1, with a number (< 2**32) in them.

    Raises:
        InputError: the key is short. LabelError: the sound is too short, or its rate too low.
    """
    _check(rate, len(samples) / rate)
    wide = _wide(samples)
    added = changes(_pieces(wide, rate), rate, pattern(key), payload, LIMITS[0])
    return np.asarray(samples + np.concatenate(list(added)).reshape(samples.shape), samples.dtype)


def read(samples: Floats, rate: int, key: bytes, *, search: bool = True) -> Reading:
    """What samples of shape (count,) or (count, channels) say.

    Without ``search`` they are taken to run at the speed at which they were marked.

    Raises:
        InputError: the key is short.
    """
    keyed = pattern(key)
    wide = _wide(samples)
    return detect(mono(_pieces(wide, rate), rate), keyed, search=search)


def _wide(samples: Floats) -> Floats:
    """Shape (count, channels), also of one channel."""
    return (samples if samples.ndim > 1 else samples[:, None]).astype(np.float32)


def _pieces(samples: Floats, rate: int) -> list[Floats]:
    size = PIECE * rate
    return [samples[at : at + size] for at in range(0, len(samples), size)]


def _check(rate: int, seconds: float) -> None:
    if rate < _LEAST_RATE:
        raise LabelError(
            f"{rate} samples a second are too few for an invisible mark",
            f"mark the sound at {_LEAST_RATE} or more",
        )
    if seconds < LEAST_SECONDS:
        raise LabelError(
            f"{seconds:.1f} s of sound are too few for an invisible mark",
            f"it needs {LEAST_SECONDS} s: label it without --watermark",
        )


def mark_file(source: Path, target: Path, key: bytes, payload: int | None = None) -> Marked:
    """Write ``source`` with a number, random if none is given, to ``target``.

    WAV keeps its form and all else in it; other files are decoded and coded anew, at their own
    rate of bits. A file that carries a number of this key already is copied as it is. Files are
    worked through in pieces, so their length does not matter.

    Raises:
        InputError: the key is short, or the file cannot be decoded. LabelError: it is too short,
            of a kind that cannot be marked, or the mark cannot be read back from the new file.
    """
    keyed = pattern(key)
    sound = sound_mark_file.opened(source)
    _check(sound.rate, sound.seconds)
    seen = _seen(source, keyed)
    if seen.payload is not None:
        sound_mark_file.copy(source, target)
        return Marked(seen.payload, 0, kept=True)
    number = secrets.randbits(PAYLOAD_BITS) if payload is None else payload
    for limit in LIMITS:
        _written(sound, target, keyed, number, limit)
        if _seen(target, keyed).payload == number:
            return Marked(number, limit.snr)
    target.unlink(missing_ok=True)
    raise LabelError(
        "the invisible mark could not be read back from this sound",
        "it is too short, too silent, or coded too coarsely",
    )


def _written(
    sound: sound_mark_file.Sound, target: Path, keyed: Pattern, number: int, limit: Limit
) -> None:
    target.unlink(missing_ok=True)
    sound_mark_file.rewrite(
        sound, target, lambda pieces: changes(pieces, sound.rate, keyed, number, limit)
    )


def _seen(path: Path, keyed: Pattern) -> Reading:
    return detect(sound_mark_file.heard(path), keyed, search=False)


def read_file(path: Path, key: bytes, *, search: bool = True) -> Reading:
    """What the first sound in a file says; as :func:`read`.

    Raises:
        InputError: the key is short, or the file cannot be decoded. LabelError: ffmpeg is missing.
    """
    keyed = pattern(key)
    return detect(sound_mark_file.heard(path), keyed, search=search)
