"""The invisible mark in films: the pattern of the image mark, the same on every frame.

>>> from guard.watermark import film_mark
>>> done = film_mark.mark_file(source, target, key)  # doctest: +SKIP
>>> film_mark.read_file(target, key).payload == done.payload  # doctest: +SKIP
True

ffmpeg decodes the film, the luma of each frame gets the pattern, and ffmpeg codes this one stream
anew, in its own codec. Sound, subtitles, covers, chapters and tags are copied. The reader takes
frames from all over the film and adds up what each shows: the film changes, the pattern does not.
Figures: docs/watermark-sound.md.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from guard.errors import InputError, LabelError
from guard.watermark import ffmpeg, ffmpeg_pipe, film_box, formats, media
from guard.watermark.blob import FileBlob
from guard.watermark.image_mark import LEAST_SIDE
from guard.watermark.image_mark_analysis import residual, whitened
from guard.watermark.image_mark_code import PAYLOAD_BITS, encode
from guard.watermark.image_mark_detect import Reading, detect
from guard.watermark.image_mark_embed import (
    _EXPONENT,
    _FLOOR,
    LIMITS,
    Limit,
    _Allowed,
    _shared,
    _tile,
)
from guard.watermark.image_mark_pattern import TILE, Floats, Pattern, pattern
from guard.watermark.image_mark_straighten import resized, shrunk

__all__ = ["Marked", "Reading", "mark_file", "read_file"]

#: Larger films are marked and read as if this were their shorter side.
_WORKING_SIDE: Final = 1024
#: Frames whose strength is taken from one, unless the picture changes by more than so many levels.
_HELD: Final = 6
_CUT: Final = 12.0
#: Frames that the reader takes, and the length in seconds up to which it decodes all between them.
_READ: Final = 24
_DECODED: Final = 60.0
#: Grey levels per sigma at which the sum of whitened frames is taken for a picture.
_LEVELS: Final = 24.0
#: Planar forms that are changed as they are; others go through the first.
_FORMS: Final = {
    "yuv420p": (1, 1.5),
    "yuvj420p": (1, 1.5),
    "yuv422p": (1, 2.0),
    "yuvj422p": (1, 2.0),
    "yuv444p": (1, 3.0),
    "gray": (1, 1.0),
    "yuv420p10le": (2, 1.5),
    "yuv422p10le": (2, 2.0),
}
_DEEP: Final = 4  # steps of 10 bits in one of 8
#: How far the mean rate of frames may be from the film's own.
_STEADY: Final = 0.01


@dataclass(frozen=True, slots=True)
class Marked:
    """The number in the new film; ``kept``: the file had it before, and is as it was.

    ``psnr`` is what the mark was allowed to cost each frame in decibels before it was coded.
    """

    payload: int
    psnr: float
    frames: int
    kept: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Film:
    path: Path
    demuxer: str
    name: str
    found: dict[str, Any]
    stream: dict[str, Any]
    size: tuple[int, int]


def mark_file(source: Path, target: Path, key: bytes, payload: int | None = None) -> Marked:
    """Write the film ``source`` with a number of 64 bits, random if none is given, to ``target``.

    A film that carries a number of this key already is copied as it is.

    Raises:
        InputError: the key is short, or the film cannot be decoded. LabelError: it is too small,
            its frames have no steady rate, its codec no encoder here, or the mark cannot be read
            back from the new file.
    """
    keyed = pattern(key)
    film = _opened(source)
    _check(film)
    seen = _read(film, keyed, search=False)
    if seen.payload is not None:
        shutil.copyfile(source, target)
        return Marked(seen.payload, 0, 0, kept=True)
    number = secrets.randbits(PAYLOAD_BITS) if payload is None else payload
    for limit in LIMITS[:2]:
        target.unlink(missing_ok=True)
        frames = _written(film, target, keyed, number, limit)
        ffmpeg.check_whole(film.found, target, film.demuxer)
        if _read(_opened(target), keyed, search=False).payload == number:
            return Marked(number, limit.psnr, frames)
    target.unlink(missing_ok=True)
    raise LabelError(
        "the invisible mark could not be read back from this film",
        "it is too small, too short or coded too coarsely",
    )


def read_file(path: Path, key: bytes, *, search: bool = True) -> Reading:
    """What a film says, by up to 24 of its frames.

    Without ``search`` only crops, flips and quarter turns are undone.

    Raises:
        InputError: the key is short, or the film cannot be decoded. LabelError: ffmpeg is missing.
    """
    return _read(_opened(path), pattern(key), search=search)


def _opened(path: Path) -> _Film:
    with FileBlob(path) as data:
        name = formats.require(data, path.name).name
    demuxer = media._DEMUXERS.get(name, name)
    found = ffmpeg.probe(path, demuxer)
    stream = next((s for s in found["streams"] if film_box.moves(s)), None)
    if stream is None:
        raise LabelError("the file has no film to mark", "label it without --watermark")
    return _Film(path, demuxer, name, found, stream, film_box._size(stream))


def _check(film: _Film) -> None:
    if min(film.size) < LEAST_SIDE:
        raise LabelError(
            f"{film.size[0]} x {film.size[1]} pixels are too few for an invisible mark",
            f"the shorter side needs {LEAST_SIDE}",
        )
    if film.stream.get("tags", {}).get("alpha_mode") == "1" or "a" in _form(film)[0][3:5]:
        raise LabelError("a film with transparency would lose it", "leave --watermark out")
    mean, own = (_rate(film, name) for name in ("avg_frame_rate", "r_frame_rate"))
    if not mean or (own and abs(mean / own - 1) > _STEADY and abs(mean * 2 / own - 1) > _STEADY):
        raise LabelError(
            "the frames of this film come at no steady rate", "give it one first (ffmpeg -r 30)"
        )


def _rate(film: _Film, name: str) -> Fraction:
    above, _, below = str(film.stream.get(name, "0/0")).partition("/")
    return Fraction(int(above), int(below or 1)) if int(below or 1) else Fraction(0)


def _form(film: _Film) -> tuple[str, int, float]:
    """The form in which frames are changed, bytes of a sample, samples per pixel."""
    own = film.stream.get("pix_fmt", "")
    name = own if own in _FORMS else "yuva" if own.startswith("yuva") else "yuv420p"
    return (name, *_FORMS.get(name, (1, 1.5)))


def _written(film: _Film, target: Path, keyed: Pattern, number: int, limit: Limit) -> int:
    """The marked film; how many frames it has."""
    form, depth, parts = _form(film)
    width, height = film.size
    chroma = {1.5: 2 * (-(-width // 2)) * (-(-height // 2)), 2.0: 2 * (-(-width // 2)) * height}
    size = depth * (width * height + chroma.get(parts, round((parts - 1) * width * height)))
    raw = ["-f", "rawvideo", "-pix_fmt", form]
    marker = _Marker(keyed, number, limit)
    frames = 0
    with (
        ffmpeg_pipe.decoded(
            film.path, film.demuxer, ["-map", f"0:{film.stream['index']}", *_all(), *raw]
        ) as out,
        ffmpeg_pipe.encoder(
            (film.path, film.demuxer),
            [*_start(film), *raw, "-s", f"{width}x{height}", "-r", _words(film)],
            _options(film),
            target,
        ) as into,
    ):
        while len(frame := out.read(size)) == size:
            into.write(_frame(frame, (height, width), depth, marker))
            frames += 1
    return frames


def _words(film: _Film) -> str:
    return str(_rate(film, "avg_frame_rate"))


def _all() -> list[str]:
    """Each frame once, as it comes."""
    new = ffmpeg.program().version >= (5, 1)
    return ["-fps_mode", "passthrough"] if new else ["-vsync", "passthrough"]


def _start(film: _Film) -> list[str]:
    """The film may begin later than its sound."""
    begin = float(film.stream.get("start_time", 0) or 0)
    late = begin - float(film.found["format"].get("start_time", 0) or 0)
    return ["-itsoffset", f"{late:.6f}"] if late > 0 else []


def _options(film: _Film) -> list[str]:
    streams = film.found["streams"]
    kept, _ = film_box._mapped(streams, film.stream)
    kept = ["1:v:0" if word == "[film]" else word for word in kept]
    muxer = media._muxer(film.path, film.name, film.found)
    return [*kept, *film_box._coding(film.stream, streams, muxer), "-map_metadata", "0", *muxer]


def _frame(raw: bytes, shape: tuple[int, int], depth: int, marker: _Marker) -> bytes:
    """A frame whose luma, the first plane, has the mark."""
    values = np.frombuffer(raw, "<u1" if depth == 1 else "<u2").copy()
    plane = values[: shape[0] * shape[1]].reshape(shape)
    steps = 1 if depth == 1 else _DEEP
    luma = (plane / np.float32(steps)).astype(np.float32)
    plane[:] = np.clip(np.rint((luma + marker.change(luma)) * steps), 0, 256 * steps - 1)
    return values.tobytes()


class _Marker:
    """The pattern of one number, and the strength of the last frame that was looked at."""

    def __init__(self, keyed: Pattern, number: int, limit: Limit) -> None:
        self._wave = _wave(keyed, number)
        self._limit = limit
        self._age = 0
        self._like: Floats | None = None
        self._change = np.zeros((0, 0), np.float32)

    def change(self, luma: Floats) -> Floats:
        """What to add to a frame's luma, in grey levels."""
        glance = luma[::16, ::16]
        if self._like is None or self._age >= _HELD or _apart(glance, self._like) > _CUT:
            self._change = self._made(luma)
            self._like, self._age = glance, 0
        self._age += 1
        return self._change

    def _made(self, luma: Floats) -> Floats:
        small = shrunk(luma, _WORKING_SIDE / min(luma.shape))
        height, width = small.shape
        allowed = _Allowed.of([small], self._limit)
        strength = (residual(small).power + np.float32(_FLOOR)) ** np.float32(_EXPONENT)
        tiles = (-(-height // TILE), -(-width // TILE))
        out = strength * np.tile(self._wave, tiles)[:height, :width]
        out *= np.float32(allowed.factor(out))
        out *= np.float32(min(1, allowed.correction(out)))
        return resized(out, luma.shape)


def _apart(one: Floats, other: Floats) -> float:
    return float(np.abs(one - other).mean())


def _wave(keyed: Pattern, number: int) -> Floats:
    """The tile of a number, which knows nothing of any frame: all frames have the same."""
    signs = (encode(number) * keyed.scramble)[keyed.owner] * keyed.chips
    real, imaginary = np.split(signs, 2)
    lines = np.empty(len(keyed.ky), np.complex64)
    lines[keyed.data] = real + 1j * imaginary
    lines[keyed.pilots] = keyed.phases
    return _tile(_shared(lines, keyed), keyed)


def _read(film: _Film, keyed: Pattern, *, search: bool) -> Reading:
    """The whitened frames are summed, and read as one picture."""
    total = np.zeros((), np.float32)
    count = 0
    for luma in _frames(film):
        total = total + whitened(shrunk(luma, _WORKING_SIDE / min(luma.shape)))
        count += 1
    if not count:
        raise InputError("the film has no frame that can be decoded", "check it with ffprobe")
    seen = np.asarray(total, np.float32)
    deviation = float(seen.std()) or 1.0
    return detect(128 + seen * np.float32(_LEVELS / deviation), keyed, search=search)


def _frames(film: _Film) -> Iterator[Floats]:
    """Luma of frames spread over the film, shape (rows, columns), grey levels 0..255."""
    length = float(film.found["format"].get("duration", 0) or 0)
    which = ["-map", f"0:{film.stream['index']}", "-f", "rawvideo", "-pix_fmt", "gray"]
    if length <= _DECODED:
        rate = _READ / length if length else 1.0
        options = [*which, "-vf", f"fps={rate:.6f}", "-frames:v", str(_READ)]
        yield from _luma(film, options, 0)
        return
    for i in range(_READ):
        yield from _luma(film, [*which, "-frames:v", "1"], length * (i + 0.5) / _READ)


def _luma(film: _Film, options: list[str], start: float) -> Iterator[NDArray[np.float32]]:
    width, height = film.size
    with ffmpeg_pipe.decoded(film.path, film.demuxer, options, start) as out:
        while len(frame := out.read(width * height)) == width * height:
            yield np.frombuffer(frame, np.uint8).reshape(height, width).astype(np.float32)
