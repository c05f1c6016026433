"""WebP: the label as chunk ``XMP ``; a simple file becomes an extended one (TC260-PG-20259A)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark import exif, riff, xmp
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Found, Reading, to_json
from guard.watermark.riff import Chunk
from guard.watermark.splice import Edit, splice

#: Flags of ``VP8X`` (WebP container specification): metadata and transparency.
_HAS_XMP: Final = 0x04
_HAS_ALPHA: Final = 0x10
_PICTURES: Final = (b"VP8 ", b"VP8L", b"VP8X")


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are a WebP's, whatever the file is called."""
    del suffix
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def verify(data: Blob) -> None:
    """Refuse a WebP that is truncated. Raises :class:`InputError` naming the place."""
    damage = _parts(data)[1]
    if damage:
        raise InputError(f"damaged WebP: {damage}", "get the whole file again")


def read_labels(data: Blob) -> Reading:
    """Every label in the file, and what kept us from reading on."""
    parts, damage = _parts(data)
    found: list[Found] = []
    traces: list[str] = []
    for part in parts:
        body = part.body(data) if part.kind in (b"XMP ", b"EXIF") else b""
        if part.kind == b"XMP ":
            found += xmp.read(body)
            traces += xmp.traces(body)
        elif part.kind == b"EXIF":
            block = body.removeprefix(b"Exif\0\0")
            found += exif.read(block)
            traces += exif.traces(block)
    manifest = any(part.kind == b"C2PA" for part in parts)
    return Reading(tuple(found), damage, tuple(traces), manifest)


def plan(data: Blob, label: Label) -> list[Edit]:
    """The edits that leave exactly this label; pixels and other chunks stay.

    Raises:
        InputError: the file is truncated. LabelError: the label or the existing XMP is unfit.
    """
    payload = to_json(label)
    verify(data)
    parts, _ = _parts(data)
    edits = list(_metadata(data, parts, payload))
    if not any(new[:4] == b"XMP " for _, _, new in edits):
        last = _behind_pictures(parts)
        edits.append((last, last, riff.chunk(b"XMP ", xmp.merge(None, payload))))
    edits += _header(data, parts[0])
    growth = sum(len(new) - (end - start) for start, end, new in edits)
    size = struct.unpack("<I", data[4:8])[0] + growth
    return [*edits, (4, 8, struct.pack("<I", size))]


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; the same one twice changes nothing. Raises as `plan`."""
    return splice(data, plan(data, label))


def _parts(data: Blob) -> tuple[list[Chunk], str]:
    if len(data) < 12:
        return [], f"truncated: {len(data)} bytes"
    end = 8 + struct.unpack("<I", data[4:8])[0]
    parts, damage = riff.walk(data, 12, min(end, len(data)))
    if end > len(data):
        return parts, damage or f"truncated: {len(data)} of {end} bytes"
    if not damage and (not parts or parts[0].kind not in _PICTURES):
        damage = "no picture chunk at its start"
    return parts, damage


def _metadata(data: Blob, parts: list[Chunk], payload: str) -> Iterator[Edit]:
    """What the chunks that hold labels become. The first XMP packet gets ours."""
    merged = False
    for part in parts:
        if part.kind == b"XMP ":
            packet = part.body(data)
            new = xmp.without(packet) if merged else xmp.merge(packet, payload)
            merged = True
            yield part.start, part.end, riff.chunk(b"XMP ", new)
        elif part.kind == b"EXIF":
            body = part.body(data)
            block = body.removeprefix(b"Exif\0\0")
            if exif.read(block):
                new = body[: len(body) - len(block)] + exif.blank(block)
                yield part.start, part.end, riff.chunk(b"EXIF", new)


def _behind_pictures(parts: list[Chunk]) -> int:
    """XMP stands behind the pictures and EXIF, and before chunks that the format does not know."""
    known = (*_PICTURES, b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"EXIF")
    return max(part.end for part in parts if part.kind in known)


def _header(data: Blob, first: Chunk) -> list[Edit]:
    """The ``VP8X`` chunk says that there is XMP; a simple file has none and gets one."""
    if first.kind == b"VP8X":
        flags = data[first.start + 8 : first.start + 9]
        return [(first.start + 8, first.start + 9, bytes((flags[0] | _HAS_XMP,)))]
    width, height, alpha = _size(first, data[first.start + 8 : first.start + 18])
    flags = struct.pack("<I", _HAS_XMP | (_HAS_ALPHA if alpha else 0))
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return [(12, 12, riff.chunk(b"VP8X", flags + canvas))]


def _size(first: Chunk, head: bytes) -> tuple[int, int, bool]:
    """Width, height and transparency from a frame header (RFC 6386, 9.1; VP8L, section 3)."""
    if first.kind == b"VP8L" and head[:1] == b"\x2f" and len(head) >= 5:
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    if first.kind == b"VP8 " and head[3:6] == b"\x9d\x01\x2a" and len(head) == 10:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", head, 6))
        if width and height:
            return width, height, False
    raise LabelError("the WebP's picture header cannot be read", "save the picture again")
