"""JPEG: the label as APP1 XMP segment behind APP0 and EXIF, spliced in without re-encoding."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark import exif, xmp
from guard.watermark.gb45438 import Found, Reading, find, to_json
from guard.watermark.splice import Edit, splice
from guard.watermark.traces import of_text

_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_COMMENT: Final = 0xFE
_EXTENDED: Final = b"http://ns.adobe.com/xmp/extension/\0"
_EXIF: Final = b"Exif\0\0"
#: A segment's length field counts itself and has 16 bits.
_LONGEST = 65_535 - 2
#: After the namespace: GUID of the full packet (32), its length (4), offset of this piece (4).
_EXTENDED_HEAD = len(_EXTENDED) + 40


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker segment before the scan: ``start..end`` with marker and length field."""

    marker: int
    start: int
    end: int

    def body(self, data: bytes) -> bytes:
        return data[self.start + 4 : self.end]

    @property
    def app(self) -> bool:
        return 0xE0 <= self.marker <= 0xEF


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are a JPEG's, whatever the file is called."""
    del suffix
    return data.startswith(b"\xff\xd8\xff")


def segments(data: bytes) -> tuple[list[Segment], int, str]:
    """The segments before the first scan, where that scan starts, and what is wrong."""
    found: list[Segment] = []
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            return found, position, f"no marker at byte {position}"
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker == 0xDA:
            # Entropy-coded data never holds this marker; nearly every file ends with it.
            whole = data.endswith(b"\xff\xd9") or data.find(b"\xff\xd9", position) >= 0
            return found, position, "" if whole else "truncated: no end-of-image marker"
        length = struct.unpack_from(">H", data, position + 2)[0]
        end = position + 2 + length
        if length < 2 or end > len(data):
            return found, position, f"truncated inside a segment at byte {position}"
        found.append(Segment(marker, position, end))
        position = end
    return found, len(data), f"truncated: no picture data after byte {position}"


def verify(data: bytes) -> None:
    """Refuse a JPEG that is truncated. Raises :class:`InputError` naming the place."""
    damage = segments(data)[2]
    if damage:
        raise InputError(f"damaged JPEG: {damage}", "get the whole file again")


def read_labels(data: bytes) -> Reading:
    """Every label in the file, early or late, and what kept us from reading on."""
    parts, scan, damage = segments(data)
    found: list[Found] = []
    traces: list[str] = []
    for segment in parts:
        if segment.app:
            body = segment.body(data)
            found += _labels(segment.marker, body)
            traces += _traces(body)
        elif segment.marker == _COMMENT:
            traces += of_text("comment", segment.body(data).decode("utf-8", "replace"))
    found += xmp.read(_extended(data, parts))
    found += _behind(data, scan)
    manifest = any(s.marker == 0xEB and b"jumb" in s.body(data)[:32] for s in parts)
    return Reading(tuple(found), damage, tuple(traces), manifest)


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; every other byte stays, and the same label twice
    changes nothing.

    Raises:
        InputError: the JPEG is truncated. LabelError: the label or the existing XMP is unfit, or
            the XMP segment has no room left.
    """
    payload = to_json(label)
    parts, _, damage = segments(data)
    if damage:
        raise InputError(f"damaged JPEG: {damage}", "get the whole file again")
    edits = list(_edits(data, parts, payload))
    if not any(_XMP in new[:64] for _, _, new in edits):
        place = _place(data, parts)
        edits.append((place, place, _segment(xmp.merge(None, payload))))
    return splice(data, edits)


def _edits(data: bytes, parts: list[Segment], payload: str) -> Iterator[Edit]:
    """What the segments that hold labels become. The first XMP packet gets ours."""
    merged = False
    for segment in parts:
        body = segment.body(data) if segment.app else b""
        if body.startswith(_XMP):
            packet = body[len(_XMP) :]
            new = xmp.without(packet) if merged else xmp.merge(packet, payload)
            merged = True
            yield segment.start, segment.end, _segment(new)
        elif body.startswith(_EXIF) and exif.read(body[6:]):
            yield segment.start + 10, segment.end, exif.blank(body[6:])
        elif _bare(segment.marker, body):
            yield segment.start, segment.end, b""


def _place(data: bytes, parts: list[Segment]) -> int:
    """Behind the leading APP0 and EXIF. Before APP2: offsets of multi-picture files stay true."""
    place = 2
    for segment in parts:
        if segment.marker == 0xE0 or segment.body(data).startswith(_EXIF):
            place = segment.end
        else:
            break
    return place


def _segment(packet: bytes) -> bytes:
    room = _LONGEST - len(_XMP)
    packet = xmp.trim(packet) if len(packet) > room else packet
    if len(packet) > room:
        raise LabelError(
            f"the XMP packet has {len(packet)} bytes with the label, a JPEG segment holds {room}",
            "shorten the XMP of the picture or the reserved codes of the label",
        )
    body = _XMP + packet
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _labels(marker: int, body: bytes) -> list[Found]:
    if body.startswith(_XMP):
        return xmp.read(body[len(_XMP) :])
    if body.startswith(_EXIF):
        return exif.read(body[6:])
    bare = _bare(marker, body)
    return [bare] if bare else []


def _bare(marker: int, body: bytes) -> Found | None:
    """``AIGC{...}`` as it stands in an APP segment of its own, never in a C2PA store (APP11)."""
    if marker == 0xEB and b"jumb" in body[:32]:
        return None
    at = body.find(b"AIGC") if not body.startswith((_XMP, _EXTENDED, _EXIF)) else -1
    return find("jpeg.app", body[at:].decode("utf-8", "replace")) if at >= 0 else None


def _traces(body: bytes) -> list[str]:
    if body.startswith(_EXIF):
        return exif.traces(body[6:])
    return xmp.traces(body) if body.startswith(_XMP) else []


def _extended(data: bytes, parts: list[Segment]) -> bytes:
    """The extended XMP packet, put together from its pieces in order of their offsets."""
    bodies = [s.body(data) for s in parts if s.marker == 0xE1]
    pieces = [b for b in bodies if b.startswith(_EXTENDED) and len(b) > _EXTENDED_HEAD]
    pieces.sort(key=lambda body: body[_EXTENDED_HEAD - 4 : _EXTENDED_HEAD])
    return b"".join(body[_EXTENDED_HEAD:] for body in pieces)


def _behind(data: bytes, scan: int) -> list[Found]:
    """A bare ``AIGC{...}`` behind the picture data."""
    at = data.find(b"AIGC{", scan)
    text = data[at : at + 65_536].decode("utf-8", "replace") if at >= 0 else ""
    found = find("jpeg.tail", text)
    return [found] if found else []


def exif_blocks(data: bytes) -> list[bytes]:
    """The EXIF blocks (from the TIFF header on), in file order."""
    bodies = (s.body(data) for s in segments(data)[0] if s.marker == 0xE1)
    return [body[6:] for body in bodies if body.startswith(_EXIF)]
