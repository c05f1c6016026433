"""The EXIF entries that matter here: orientation, and the texts in which labels and traces stand.

Read only, apart from :func:`blank`, which overwrites a label in place with spaces of the same
length: offsets inside EXIF stay true, and the file keeps exactly one label (clause 6.1 c).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from guard.watermark.gb45438 import Found, find
from guard.watermark.traces import of_fields

_DESCRIPTION, _ORIENTATION, _EXIF_IFD, _COMMENT = 0x010E, 0x0112, 0x8769, 0x9286
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_NAMES = {_COMMENT: "exif.usercomment", _DESCRIPTION: "exif.description"}
#: Texts in which programs name themselves or what they made.
_TEXTS = {
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x013B: "Artist",
    _COMMENT: "UserComment",
}


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: int
    kind: int
    start: int
    end: int


def read(tiff: bytes) -> list[Found]:
    """Labels in an EXIF block (which starts with the TIFF header ``II*`` or ``MM``)."""
    texts = ((_NAMES[e.tag], _text(tiff, e)) for e in _entries(tiff) if e.tag in _NAMES)
    return [found for name, text in texts if (found := find(name, text)) is not None]


def traces(tiff: bytes) -> list[str]:
    """Signs of AI origin that are no label of the standard."""
    fields = {_TEXTS[e.tag]: _text(tiff, e) for e in _entries(tiff) if e.tag in _TEXTS}
    return of_fields(fields)


def orientation(tiff: bytes) -> int:
    """EXIF orientation 1..8; 1 when absent or out of range."""
    order = _order(tiff)
    for entry in _entries(tiff):
        if entry.tag == _ORIENTATION and entry.end - entry.start >= 2:
            value: int = struct.unpack_from(order + "H", tiff, entry.start)[0]
            return value if 1 <= value <= 8 else 1
    return 1


def blank(tiff: bytes) -> bytes:
    """``tiff`` with the text of every label in it replaced by as many spaces."""
    out = bytearray(tiff)
    for entry in _entries(tiff):
        if entry.tag in _NAMES and find("", _text(tiff, entry)) is not None:
            skip = 8 if entry.tag == _COMMENT else 0
            size = entry.end - entry.start - skip
            wide = tiff[entry.start : entry.start + 7] == b"UNICODE" and skip
            space = " ".encode(_utf16(tiff)) if wide else b" "
            out[entry.start + skip : entry.end] = (space * size)[:size]
    return bytes(out)


def _order(tiff: bytes) -> str:
    return {b"II": "<", b"MM": ">"}.get(tiff[:2], "")


def _utf16(tiff: bytes) -> str:
    return "utf-16-le" if tiff[:2] == b"II" else "utf-16-be"


def _entries(tiff: bytes) -> list[_Entry]:
    """Entries of IFD0 and of the Exif IFD whose values lie inside the block."""
    order = _order(tiff)
    if not order or len(tiff) < 8:
        return []
    first = struct.unpack_from(order + "I", tiff, 4)[0]
    entries = _directory(tiff, order, first)
    for entry in entries[:]:
        if entry.tag == _EXIF_IFD and entry.end - entry.start == 4:
            entries += _directory(
                tiff, order, struct.unpack_from(order + "I", tiff, entry.start)[0]
            )
            break
    return entries


def _directory(tiff: bytes, order: str, offset: int) -> list[_Entry]:
    if offset + 2 > len(tiff):
        return []
    count = struct.unpack_from(order + "H", tiff, offset)[0]
    entries = []
    for position in range(offset + 2, min(offset + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind, number = struct.unpack_from(order + "HHI", tiff, position)
        size = _SIZES.get(kind, 0) * number
        start = position + 8
        if size > 4:
            start = struct.unpack_from(order + "I", tiff, position + 8)[0]
        if size and start + size <= len(tiff):
            entries.append(_Entry(tag, kind, start, start + size))
    return entries


def _text(tiff: bytes, entry: _Entry) -> str:
    raw = tiff[entry.start : entry.end]
    if entry.tag != _COMMENT:
        return raw.decode("utf-8", "replace").rstrip("\0")
    code, body = raw[:8], raw[8:]
    if code.startswith(b"UNICODE"):
        return body.decode(_utf16(tiff), "replace").rstrip("\0")
    # Some writers leave the character code out and begin with the text at once.
    return (raw if raw[:1] == b"{" else body).decode("utf-8", "replace").rstrip("\0")
