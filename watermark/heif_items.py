"""Items of a HEIF or AVIF picture (ISO/IEC 23008-12, ISO 14496-12, 8.11): read, and written anew.

The box ``meta`` lists items (``iinf``), where their bytes are (``iloc``) and what they are about
(``iref``). Places in ``iloc`` are absolute, so they move when ``meta`` grows.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from guard.watermark.blob import Blob
from guard.watermark.isobmff import Box, box, boxes

#: Where the bytes of an item are counted from: the file, or the box ``idat``.
IN_FILE, IN_IDAT = 0, 1
XMP_TYPE: Final = b"application/rdf+xml"


@dataclass(frozen=True, slots=True)
class Item:
    """An item: ``kind`` is its four-letter type, ``content`` the media type of a ``mime`` item."""

    number: int
    kind: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class Extent:
    """A stretch of an item's bytes; ``index`` serves construction from other items only."""

    index: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item's bytes are. ``source`` is 0 for this file; base offsets are added in."""

    number: int
    method: int
    source: int
    extents: tuple[Extent, ...]

    def moved(self, behind: int, growth: int) -> Place:
        """The place in a file whose bytes from ``behind`` on move by ``growth``."""
        if self.method != IN_FILE or self.source:
            return self
        moved = (
            replace(e, offset=e.offset + growth) if e.offset >= behind else e for e in self.extents
        )
        return replace(self, extents=tuple(moved))


@dataclass(frozen=True, slots=True)
class Meta:
    """The parsed ``meta``: ``raw`` is the whole box, places of ``parts`` count from its start."""

    raw: bytes
    parts: tuple[Box, ...]
    items: tuple[Item, ...]
    places: tuple[Place, ...]
    primary: int

    def part(self, kind: bytes) -> Box | None:
        """The child box of a kind."""
        return next((part for part in self.parts if part.kind == kind), None)

    @property
    def has_narrow_references(self) -> bool:
        """Whether references are there already, with numbers of 16 bits."""
        iref = self.part(b"iref")
        return iref is not None and self.raw[iref.body] == 0

    def place(self, number: int) -> Place | None:
        """Where an item's bytes are."""
        return next((place for place in self.places if place.number == number), None)


class BrokenError(Exception):
    """The box is damaged; the message says where."""


class _Cursor:
    """Numbers of a box, one behind the other."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    def take(self, size: int) -> int:
        """The next ``size`` bytes as a number. Raises :class:`BrokenError` behind the end."""
        if self.at + size > self.end:
            raise BrokenError("a box of the picture's index is too short")
        number = int.from_bytes(self.data[self.at : self.at + size], "big")
        self.at += size
        return number


def parse(raw: bytes) -> Meta:
    """The items of a whole ``meta`` box. Raises :class:`BrokenError`."""
    head = boxes(raw, 0, len(raw))[0]
    parts, damage = boxes(raw, head[0].body + 4, head[0].end) if head else ([], "no box 'meta'")
    if damage:
        raise BrokenError(damage)
    named = {part.kind: part for part in reversed(parts)}
    items = list(_items(raw, named[b"iinf"])) if b"iinf" in named else []
    places = list(_places(raw, named[b"iloc"])) if b"iloc" in named else []
    primary = 0
    if pitm := named.get(b"pitm"):
        cursor = _Cursor(raw, pitm.body, pitm.end)
        primary = cursor.take(4 if cursor.take(4) >> 24 else 2)
    return Meta(raw, tuple(parts), tuple(items), tuple(places), primary)


def _items(raw: bytes, iinf: Box) -> Iterator[Item]:
    cursor = _Cursor(raw, iinf.body, iinf.end)
    cursor.take(4 if cursor.take(4) >> 24 else 2)
    for entry in boxes(raw, cursor.at, iinf.end)[0]:
        fields = _Cursor(raw, entry.body, entry.end)
        version = fields.take(4) >> 24
        if entry.kind != b"infe" or version < 2:
            continue
        number = fields.take(2 if version == 2 else 4)
        fields.take(2)
        kind = fields.take(4).to_bytes(4, "big")
        names = raw[fields.at : entry.end].split(b"\0")
        yield Item(number, kind, names[1] if kind == b"mime" and len(names) > 1 else b"")


def _places(raw: bytes, iloc: Box) -> Iterator[Place]:
    cursor = _Cursor(raw, iloc.body, iloc.end)
    version = cursor.take(4) >> 24
    sizes = cursor.take(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    wide = 4 if version == 2 else 2
    for _ in range(cursor.take(wide)):
        number = cursor.take(wide)
        method = cursor.take(2) & 15 if version else IN_FILE
        source, base = cursor.take(2), cursor.take(base_size)
        extents = tuple(
            Extent(
                cursor.take(index_size), base + cursor.take(offset_size), cursor.take(length_size)
            )
            for _ in range(cursor.take(2))
        )
        yield Place(number, method, source, extents)


def read(data: Blob, meta: Meta, start: int, number: int) -> bytes | None:
    """The bytes of an item, ``None`` where they cannot be found.

    Args:
        start: where ``meta`` begins in the file.
    """
    place = meta.place(number)
    if place is None or place.source or place.method not in (IN_FILE, IN_IDAT):
        return None
    idat = meta.part(b"idat")
    if place.method == IN_IDAT and idat is None:
        return None
    low, high = 0, len(data)
    if place.method == IN_IDAT and idat is not None:
        low, high = start + idat.body, start + idat.end
    out = b""
    for extent in place.extents:
        first = low + extent.offset
        last = first + extent.length if extent.length else high
        if last > high:
            return None
        out += data[first:last]
    return out


def info(items: tuple[Item, ...], raw: bytes, old: Box | None) -> bytes:
    """``iinf`` with one more item at the end, of XMP."""
    number = items[-1].number
    kind, size = (2, "H") if number <= 0xFFFF else (3, "I")
    body = struct.pack(f">I{size}H4s", kind << 24, number, 0, b"mime")
    entry = box(b"infe", body + b"\0" + XMP_TYPE + b"\0")
    rest = b""
    if old:
        head = 8 if raw[old.body] else 6
        rest = raw[old.body + head : old.end]
    count = len(boxes(rest + entry, 0, len(rest + entry))[0])
    head_bytes = (
        struct.pack(">IH", 0, count) if count <= 0xFFFF else struct.pack(">II", 1 << 24, count)
    )
    return box(b"iinf", head_bytes + rest + entry)


def locations(places: tuple[Place, ...], *, wide: bool) -> bytes:
    """``iloc`` anew. ``wide`` takes eight bytes for places and lengths, in files over 4 GiB."""
    size = 8 if wide else 4
    version = 0
    if any(place.method for place in places):
        version = 1
    if len(places) > 0xFFFF or any(place.number > 0xFFFF for place in places):
        version = 2
    indexed = version > 0 and any(e.index for place in places for e in place.extents)
    id_size, index_size = (4 if version == 2 else 2), (4 if indexed else 0)
    out = bytearray(struct.pack(">IBB", version << 24, size << 4 | size, index_size))
    out += len(places).to_bytes(id_size, "big")
    for place in places:
        out += place.number.to_bytes(id_size, "big")
        out += struct.pack(">H", place.method) if version else b""
        out += struct.pack(">HH", place.source, len(place.extents))
        for extent in place.extents:
            out += extent.index.to_bytes(index_size, "big")
            out += extent.offset.to_bytes(size, "big") + extent.length.to_bytes(size, "big")
    return box(b"iloc", bytes(out))


def references(raw: bytes, old: Box | None, number: int, primary: int) -> bytes:
    """``iref`` in which the item ``number`` describes (``cdsc``) the primary one."""
    wide = raw[old.body] > 0 if old else max(number, primary) > 0xFFFF
    form = "I" if wide else "H"
    new = box(b"cdsc", struct.pack(f">{form}H{form}", number, 1, primary))
    head = raw[old.body : old.end] if old else struct.pack(">I", wide << 24)
    return box(b"iref", head + new)
