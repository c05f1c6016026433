"""TIFF and BigTIFF: the label as XMP in tag 700, type 7, of the first directory (TC260-PG-20259A).

Packet and directory are appended and the header's pointer moved, so no offset in the file changes.
The old directory stays as dead bytes; a packet that still fits is overwritten where it stands.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark import xmp
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Found, Reading, find, to_json
from guard.watermark.splice import Edit, splice

_XMP_TAG: Final = 700
_UNDEFINED: Final = 7
_DESCRIPTION, _EXIF, _COMMENT = 0x010E, 0x8769, 0x9286
_NAMES: Final = {_DESCRIPTION: "exif.description", _COMMENT: "exif.usercomment"}
_C2PA_TAG: Final = 0xCD41
#: Bytes of a value by field type (TIFF 6.0, section 2; BigTIFF adds 16 to 18).
_SIZES: Final = dict(
    zip((*range(1, 14), 16, 17, 18), (1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 8, 8, 8), strict=True)
)
_LONGEST = 1 << 24
#: A file of more pages than this is an attack on the reader.
_MOST = 1 << 14


@dataclass(frozen=True, slots=True)
class _Kind:
    """Byte order, and the layout of classic TIFF or BigTIFF."""

    order: str
    big: bool

    @property
    def pointer(self) -> str:
        return self.order + ("Q" if self.big else "I")

    @property
    def count(self) -> str:
        return self.order + ("Q" if self.big else "H")

    @property
    def entry(self) -> str:
        return self.order + ("HHQ8s" if self.big else "HHI4s")


@dataclass(frozen=True, slots=True)
class _Entry:
    """``start`` is where the value stands: in the entry itself when it is small enough."""

    tag: int
    kind: int
    size: int
    start: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class _Directory:
    entries: list[_Entry]
    following: bytes  # the pointer to the next directory, as it is


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are a TIFF's, whatever the file is called."""
    del suffix
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def verify(data: Blob) -> None:
    """Refuse a TIFF whose first directory leads outside the file. Raises :class:`InputError`."""
    damage = _first(data)[2]
    if damage:
        raise InputError(f"damaged TIFF: {damage}", "get the whole file again")


def read_labels(data: Blob) -> Reading:
    """Every label in the first directory, and what kept us from reading on."""
    kind, directory, damage = _first(data)
    found: list[Found] = []
    traces: list[str] = []
    packet = _packet(data, directory)
    if packet:
        found += xmp.read(packet)
        traces += xmp.traces(packet)
    found += [item for _, item in _comments(data, kind, directory)]
    manifest = any(entry.tag == _C2PA_TAG for page in pages(data) for entry in page.entries)
    return Reading(tuple(found), damage, tuple(traces), manifest)


def plan(data: Blob, label: Label) -> list[Edit]:
    """The edits that leave exactly this label in the first directory; the pixels stay.

    Raises:
        InputError: the first directory is damaged. LabelError: the label or the existing XMP is
            unfit, or the file would outgrow classic TIFF's 4 GiB.
    """
    payload = to_json(label)
    verify(data)
    kind, directory, _ = _first(data)
    edits = [_blank(data, kind, entry) for entry, _ in _comments(data, kind, directory)]
    old = _packet(data, directory)
    packet = xmp.merge(old or None, payload)
    at = next((e for e in directory.entries if e.tag == _XMP_TAG), None)
    if at and at.kind == _UNDEFINED and len(packet) <= at.size == len(old):
        return [*edits, (at.start, at.start + at.size, packet.ljust(at.size))]
    # What is replaced is cleared: dead bytes of an old packet would still be found by a search.
    if at and old and at.size > (8 if kind.big else 4):
        edits.append((at.start, at.start + at.size, b" " * at.size))
    place = len(data) + len(data) % 2
    new = _appended(kind, directory, packet, place)
    if not kind.big and place + len(new) > 0xFFFFFFFF:
        raise LabelError("the TIFF would be larger than 4 GiB", "save it as BigTIFF")
    head = (8, 16) if kind.big else (4, 8)
    start = place + len(packet) + len(packet) % 2
    edits.append((len(data), len(data), b"\0" * (len(data) % 2) + new))
    return [*edits, (*head, struct.pack(kind.pointer, start))]


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; the same one twice changes nothing. Raises as `plan`."""
    return splice(data, plan(data, label))


def _comments(data: Blob, kind: _Kind, directory: _Directory) -> list[tuple[_Entry, Found]]:
    """Labels in ImageDescription and in UserComment, which stands in a directory of its own."""
    entries = [e for e in directory.entries if e.tag == _DESCRIPTION]
    for pointer in (e for e in directory.entries if e.tag == _EXIF):
        form = {4: "I", 8: "Q"}.get(pointer.size, "")
        value = data[pointer.start : pointer.start + pointer.size]
        if form and len(value) == pointer.size:
            start = struct.unpack(kind.order + form, value)[0]
            entries += [e for e in _at(data, kind, start)[1].entries if e.tag == _COMMENT]
    texts = ((e, find(_NAMES[e.tag], _text(data, kind, e))) for e in entries)
    return [(entry, found) for entry, found in texts if found]


def _text(data: Blob, kind: _Kind, entry: _Entry) -> str:
    raw = data[entry.start : entry.start + min(entry.size, 65_536)]
    if entry.tag == _COMMENT and raw[:1] != b"{":
        wide = "utf-16-le" if kind.order == "<" else "utf-16-be"
        return raw[8:].decode(wide if raw[:7] == b"UNICODE" else "utf-8", "replace")
    return raw.decode("utf-8", "replace")


def _blank(data: Blob, kind: _Kind, entry: _Entry) -> Edit:
    """The label in a comment becomes as many spaces."""
    raw = data[entry.start : entry.start + entry.size]
    skip = 8 if entry.tag == _COMMENT and raw[:1] != b"{" else 0
    wide = "utf-16-le" if kind.order == "<" else "utf-16-be"
    space = " ".encode(wide) if skip and raw[:7] == b"UNICODE" else b" "
    return entry.start + skip, entry.start + entry.size, (space * entry.size)[: entry.size - skip]


def _appended(kind: _Kind, directory: _Directory, packet: bytes, place: int) -> bytes:
    """Packet and directory, the entries in order of their tags as the format demands."""
    value = struct.pack(kind.pointer, place)
    entry = struct.pack(kind.entry, _XMP_TAG, _UNDEFINED, len(packet), value)
    others = [(e.tag, e.raw) for e in directory.entries if e.tag != _XMP_TAG]
    raws = [raw for _, raw in sorted([*others, (_XMP_TAG, entry)], key=lambda item: item[0])]
    body = struct.pack(kind.count, len(raws)) + b"".join(raws) + directory.following
    return packet + b"\0" * (len(packet) % 2) + body


def _first(data: Blob) -> tuple[_Kind, _Directory, str]:
    """The first directory, and what is wrong (empty when nothing is)."""
    head = data[:16]
    kind = _Kind("<" if head[:2] == b"II" else ">", head[2:4] in (b"+\0", b"\0+"))
    empty = _Directory([], b"")
    if len(head) < 16:
        return kind, empty, "truncated header"
    return _at(data, kind, struct.unpack_from(kind.pointer, head, 8 if kind.big else 4)[0])


def pages(data: Blob) -> list[_Directory]:
    """The directories, one a page, up to the first that cannot be read."""
    kind, directory, damage = _first(data)
    found: list[_Directory] = []
    seen: set[int] = set()
    while directory.following and not damage and len(found) < _MOST:
        found.append(directory)
        start = struct.unpack(kind.pointer, directory.following)[0]
        if not start or start in seen:
            break
        seen.add(start)
        _, directory, damage = _at(data, kind, start)
    return found


def _at(data: Blob, kind: _Kind, start: int) -> tuple[_Kind, _Directory, str]:
    wide = struct.calcsize(kind.count)
    number = data[start : start + wide]
    if len(number) < wide:
        return (
            kind,
            _Directory([], b""),
            f"its directory at byte {start} is behind the end of the file",
        )
    count = struct.unpack(kind.count, number)[0]
    return _directory(data, kind, start + wide, count)


def _directory(data: Blob, kind: _Kind, start: int, count: int) -> tuple[_Kind, _Directory, str]:
    each, pointer = struct.calcsize(kind.entry), struct.calcsize(kind.pointer)
    if count > 65_535 or start + each * count + pointer > len(data):
        return kind, _Directory([], b""), f"truncated inside the directory at byte {start}"
    entries = [_entry(data, kind, start + each * i) for i in range(count)]
    following = data[start + each * count : start + each * count + pointer]
    outside = next((e for e in entries if e.start + e.size > len(data)), None)
    damage = f"tag {outside.tag} leads behind the end of the file" if outside else ""
    return kind, _Directory(entries, following), damage


def _entry(data: Blob, kind: _Kind, at: int) -> _Entry:
    raw = data[at : at + struct.calcsize(kind.entry)]
    tag, form, number, value = struct.unpack(kind.entry, raw)
    size = _SIZES.get(form, 0) * number
    inside = size <= len(value)
    start = at + len(raw) - len(value) if inside else struct.unpack(kind.pointer, value)[0]
    return _Entry(tag, form, size, start, raw)


def _packet(data: Blob, directory: _Directory) -> bytes:
    entry = next((e for e in directory.entries if e.tag == _XMP_TAG), None)
    return data[entry.start : entry.start + min(entry.size, _LONGEST)] if entry else b""
