"""WAV and RF64: the label as chunk ``AIGC`` before the samples (TC260-PG-202510A)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark import riff
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Found, Reading, find, to_json
from guard.watermark.riff import UNKNOWN, Chunk
from guard.watermark.splice import Edit, splice

_FORMS: Final = (b"RIFF", b"RF64", b"BW64")
_LONGEST = 65_536


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are a WAV's, whatever the file is called."""
    del suffix
    return data[:4] in _FORMS and data[8:12] == b"WAVE"


def verify(data: Blob) -> None:
    """Refuse a WAV that is truncated. Raises :class:`InputError` naming the place."""
    damage = _parts(data)[1]
    if damage:
        raise InputError(f"damaged WAV: {damage}", "get the whole file again")


def read_labels(data: Blob) -> Reading:
    """Every label in the file, and what kept us from reading on."""
    parts, damage = _parts(data)
    found = [item for part in parts for item in _labels(data, part)]
    manifest = any(part.kind == b"C2PA" for part in parts)
    return Reading(tuple(found), damage, (), manifest)


def plan(data: Blob, label: Label) -> list[Edit]:
    """The edits that leave exactly this label; samples and other chunks stay.

    Raises:
        InputError: the file is truncated. LabelError: the label is unfit, or the file would
            outgrow the 4 GiB of plain RIFF.
    """
    new = riff.chunk(b"AIGC", to_json(label).encode())
    verify(data)
    parts, _ = _parts(data)
    edits = list(_edits(data, parts, new))
    if not any(piece == new for _, _, piece in edits):
        place = next(part.start for part in parts if part.kind == b"data")
        edits.append((place, place, new))
    growth = sum(len(piece) - (end - start) for start, end, piece in edits)
    return [*edits, *_sizes(data, parts, growth)]


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; the same one twice changes nothing. Raises as `plan`."""
    return splice(data, plan(data, label))


def without(data: Blob, part: Chunk) -> bytes:
    """A ``LIST INFO`` chunk without its sub-chunks ``AIGC``."""
    kept = [s for s in info(data, part) if s.kind != b"AIGC"]
    return riff.chunk(b"LIST", b"INFO" + b"".join(data[s.start : s.end] for s in kept))


def info(data: Blob, part: Chunk) -> list[Chunk]:
    """The sub-chunks of ``LIST INFO``; empty for other chunks."""
    if part.kind != b"LIST" or data[part.start + 8 : part.start + 12] != b"INFO":
        return []
    return riff.walk(data, part.start + 12, part.start + 8 + part.size)[0]


def label_in(data: Blob, part: Chunk, carrier: str) -> list[Found]:
    """The label that is the body of a chunk ``AIGC``."""
    text = part.body(data, _LONGEST).rstrip(b"\0").decode("utf-8", "replace")
    found = find(carrier, text, sure=True) if part.kind == b"AIGC" else None
    return [found] if found else []


def _labels(data: Blob, part: Chunk) -> list[Found]:
    found = label_in(data, part, "riff.aigc")
    return found + [f for s in info(data, part) for f in label_in(data, s, "riff.info")]


def _edits(data: Blob, parts: list[Chunk], new: bytes) -> Iterator[Edit]:
    """The first chunk becomes ours; second ones and those in ``LIST INFO`` go."""
    written = False
    for part in parts:
        if part.kind == b"AIGC":
            yield part.start, part.end, b"" if written else new
            written = True
        elif any(s.kind == b"AIGC" for s in info(data, part)):
            yield part.start, part.end, without(data, part)


def _wide(data: Blob) -> bool:
    return data[:4] != b"RIFF"


def _parts(data: Blob) -> tuple[list[Chunk], str]:
    """The chunks, and what is wrong. RF64 has its sizes in ``ds64`` (EBU Tech 3306)."""
    if len(data) < 12:
        return [], f"truncated: {len(data)} bytes"
    size = struct.unpack("<I", data[4:8])[0]
    sizes: dict[bytes, int] = {}
    if _wide(data):
        head = data[12:36]
        if head[:4] != b"ds64" or len(head) < 24:
            return [], "no ds64 chunk at its start"
        total, samples = struct.unpack_from("<QQ", head, 8)
        size = total if size == UNKNOWN else size
        sizes[b"data"] = samples
    end = len(data) if size == UNKNOWN and not _wide(data) else 8 + size
    parts, damage = riff.walk(data, 12, min(end, len(data)), sizes)
    if end > len(data):
        return parts, damage or f"truncated: {len(data)} of {end} bytes"
    if not damage and not any(part.kind == b"data" for part in parts):
        damage = "no samples (chunk 'data')"
    return parts, damage


def _sizes(data: Blob, parts: list[Chunk], growth: int) -> list[Edit]:
    """The size fields that count the new bytes; one that says "not known" stays so."""
    size = struct.unpack("<I", data[4:8])[0]
    if not growth:
        return []
    if size == UNKNOWN and _wide(data):
        total = struct.unpack("<Q", data[20:28])[0]
        return [(20, 28, struct.pack("<Q", total + growth))]
    if size == UNKNOWN:
        return []
    if size + growth >= UNKNOWN:
        raise LabelError("the WAV would be larger than 4 GiB", "save it as RF64")
    return [(4, 8, struct.pack("<I", size + growth))]
