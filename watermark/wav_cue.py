"""WAV and RF64 with the audible label: the cue is inserted, every other sample stays bit for bit.

Inserted and not mixed in: nothing of the content can mask it, and nothing of the content changes.
Sample counts and the places of cue points move along.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from guard.errors import InputError, LabelError
from guard.watermark import blob, ffmpeg, rhythm, wav
from guard.watermark.blob import Blob, FileBlob
from guard.watermark.notice import Style
from guard.watermark.rhythm import Dtype
from guard.watermark.riff import UNKNOWN, Chunk
from guard.watermark.splice import Edit

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_DTYPES: Final = {
    (_PCM, 8): "uint8",
    (_PCM, 16): "int16",
    (_PCM, 24): "int24",
    (_PCM, 32): "int32",
    (_FLOAT, 32): "float32",
    (_FLOAT, 64): "float64",
}
#: How far from the middle a pause is looked for, in seconds.
_SEARCH: Final = 5.0


@dataclass(frozen=True, slots=True)
class Form:
    """How the samples of a file are stored; ``frame`` is the bytes of one of all channels."""

    rate: int
    channels: int
    dtype: Dtype
    frame: int


def show(source: Path, target: Path, style: Style) -> float:
    """Write ``source`` with the label to ``target``; the second at which it begins.

    Raises:
        InputError: the file is damaged. LabelError: its samples are compressed, or it would
            outgrow 4 GiB.
    """
    with FileBlob(source) as data:
        wav.verify(data)
        parts = wav._parts(data)[0]
        form = form_of(data, parts)
        part = next(p for p in parts if p.kind == b"data")
        count = part.size // form.frame
        at = _place(data, part, form, count, style.at)
        cue = _cue(form, style)
        edits = list(_edits(data, parts, form, at, cue))
        with target.open("xb") as file:
            blob.copy(data, edits, file.write)
    return at / form.rate


def form_of(data: Blob, parts: list[Chunk]) -> Form:
    """How the samples are stored. Raises :class:`LabelError` for compressed ones."""
    chunk = next((p for p in parts if p.kind == b"fmt "), None)
    body = chunk.body(data) if chunk else b""
    if len(body) < 16:
        raise InputError("damaged WAV: no description of its samples", "save the sound again")
    tag, channels, rate, _, frame, _ = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack_from("<H", body, 24)[0]
    bits = frame // channels * 8 if channels else 0
    if (tag, bits) not in _DTYPES or frame != bits // 8 * channels:
        raise LabelError(
            "a WAV of compressed samples takes no cue", "save it as PCM, or give --no-visible"
        )
    return Form(rate, channels, cast("Dtype", _DTYPES[tag, bits]), frame)


def _place(data: Blob, part: Chunk, form: Form, count: int, at: str) -> int:
    """The frame before which the cue goes; near the middle, the quietest moment."""
    if at != "middle":
        return 0 if at == "start" else count
    reach = min(count // 4, round(_SEARCH * form.rate))
    first, last = count // 2 - reach, count // 2 + reach
    start = part.start + 8
    raw = data[start + first * form.frame : start + last * form.frame]
    quiet = rhythm.quietest(rhythm.mono16(raw, form.channels, form.dtype), form.rate)
    return min(last, first + round(quiet * form.rate))


def _cue(form: Form, style: Style) -> bytes:
    if style.clip:
        return ffmpeg.samples(style.clip, form.rate, form.channels, form.dtype)
    before = rhythm.cue_for_turn(form.rate, form.channels, form.dtype, before=style.at != "end")
    if style.at != "middle":
        return before
    rest = len(before) - round(rhythm.SECONDS * form.rate) * form.frame
    return before[len(before) - rest :] + before if rest > 0 else before


def _edits(data: Blob, parts: list[Chunk], form: Form, at: int, cue: bytes) -> Iterator[Edit]:
    part = next(p for p in parts if p.kind == b"data")
    body, size = part.start + 8, part.size + len(cue)
    place = body + at * form.frame
    pad = b"\0" * (size & 1)
    end = body + part.size
    if place == end:
        yield place, part.end, cue + pad
    else:
        yield place, place, cue
        yield end, part.end, pad
    added = len(cue) // form.frame
    for other in parts:
        if other.kind in (b"fact", b"cue ") and other.size >= 4:
            yield from _moved(data, other, at, added)
    growth = len(cue) + len(pad) - (part.end - end)
    yield from _sizes(data, parts, part, size, growth, added)


def _moved(data: Blob, part: Chunk, at: int, added: int) -> Iterator[Edit]:
    """The number of samples, and the places of cue points behind the insertion."""
    body = part.start + 8
    fields = [body] if part.kind == b"fact" else []
    if part.kind == b"cue ":
        count = min((part.size - 4) // 24, struct.unpack("<I", data[body : body + 4])[0])
        fields = [body + 4 + 24 * n + offset for n in range(count) for offset in (4, 20)]
    for field in fields:
        value = struct.unpack("<I", data[field : field + 4])[0]
        if (part.kind == b"fact" and value != UNKNOWN) or (part.kind == b"cue " and value >= at):
            yield field, field + 4, struct.pack("<I", min(value + added, UNKNOWN))


def _sizes(
    data: Blob, parts: list[Chunk], part: Chunk, size: int, growth: int, added: int
) -> Iterator[Edit]:
    """Length fields: of the samples, and of all. RF64 has them in ``ds64`` (EBU Tech 3306)."""
    if data[part.start + 4 : part.start + 8] != struct.pack("<I", UNKNOWN):
        if size >= UNKNOWN:
            raise LabelError("the WAV would be larger than 4 GiB", "save it as RF64")
        yield part.start + 4, part.start + 8, struct.pack("<I", size)
    elif data[:4] != b"RIFF":
        count = struct.unpack("<Q", data[36:44])[0]
        yield 28, 36, struct.pack("<Q", size)
        yield 36, 44, struct.pack("<Q", count + added if count else 0)
    yield from wav._sizes(data, parts, growth)
