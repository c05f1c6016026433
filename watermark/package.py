"""ZIP packages of documents: single members replaced or added, all other bytes kept.

A replaced member keeps its place, its compression and its date; members behind move, and the
central directory says so.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from guard.errors import InputError, LabelError
from guard.watermark.blob import Blob
from guard.watermark.splice import Edit

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END_SIZE: Final = 22
_CENTRAL_SIZE: Final = 46
#: Members that are unpacked here are pages of XML; the rest of a bomb is never touched.
_UNPACKED: Final = 1 << 22
#: Date of members that are added: 1980-01-01, so that the same input gives the same bytes.
_DATE: Final = struct.pack("<HH", 0, 0x21)


@dataclass(frozen=True, slots=True)
class Member:
    """A member: ``raw`` is its record in the directory, ``start..end`` its local bytes."""

    name: str
    method: int
    flags: int
    raw: bytes
    start: int
    body: int
    size: int
    end: int


@dataclass(frozen=True, slots=True)
class Package:
    """The members in order of the directory, which stands at ``start..end``; what is wrong."""

    members: tuple[Member, ...]
    start: int
    end: int
    damage: str = ""

    def get(self, name: str) -> Member | None:
        return next((m for m in self.members if m.name == name), None)


def open_package(data: Blob) -> Package:
    """The directory of a package; never raises."""
    tail = max(0, len(data) - _END_SIZE - 65_535)
    at = data[tail : len(data)].rfind(_END)
    if at < 0:
        return Package((), 0, 0, "truncated: no end of the ZIP directory")
    end = tail + at
    record = data[end : end + _END_SIZE]
    if len(record) < _END_SIZE:
        return Package((), 0, 0, "truncated inside the end of the ZIP directory")
    count, size, start = struct.unpack_from("<HII", record, 10)
    if count == 0xFFFF or 0xFFFFFFFF in (size, start):
        return Package((), start, end, "a ZIP64 package")
    if start + size > end:
        return Package((), start, end, "the ZIP directory leads behind the end of the file")
    return _members(data, start, size, end, count)


def read(data: Blob, member: Member) -> bytes | None:
    """The contents of a member, ``None`` when damaged, encrypted, or larger than 4 MiB."""
    packed = data[member.body : member.body + member.size]
    if member.flags & 1 or member.size > _UNPACKED or len(packed) < member.size:
        return None
    if member.method == 0:
        out = packed
    elif member.method == 8:
        try:
            unpacker = zlib.decompressobj(-15)
            out = unpacker.decompress(packed, _UNPACKED)
        except zlib.error:
            return None
    else:
        return None
    return out if zlib.crc32(out) == struct.unpack_from("<I", member.raw, 16)[0] else None


def replaced(data: Blob, package: Package, contents: Mapping[str, bytes]) -> list[Edit]:
    """The edits that give members these contents; names not in the package are added at its end.

    Raises:
        InputError: the package is damaged. LabelError: it would be larger than 4 GiB.
    """
    if package.damage:
        raise InputError(f"damaged package: {package.damage}", "save the document again")
    edits: list[Edit] = []
    records: dict[int, bytes] = {}
    for member in package.members:
        new = contents.get(member.name)
        if new is not None and new != read(data, member):
            local, records[member.start] = _stored(member, new)
            edits.append((member.start, member.end, local))
    added = [name for name in contents if package.get(name) is None]
    fresh = [_fresh(name, contents[name]) for name in added]
    if not edits and not fresh:
        return []
    return edits + _directory(data, package, edits, records, fresh)


def _members(data: Blob, start: int, size: int, end: int, count: int) -> Package:
    table = data[start : start + size]
    found: list[Member] = []
    position = 0
    for _ in range(count):
        record = table[position : position + _CENTRAL_SIZE]
        if len(record) < _CENTRAL_SIZE or record[:4] != _CENTRAL:
            return Package(tuple(found), start, end, f"no ZIP record at byte {start + position}")
        lengths = struct.unpack_from("<HHH", record, 28)
        raw = table[position : position + _CENTRAL_SIZE + sum(lengths)]
        member = _member(data, raw, lengths[0], start)
        if member is None:
            return Package(tuple(found), start, end, f"no member for record {len(found) + 1}")
        found.append(member)
        position += len(raw)
    return Package(tuple(found), start, end)


def _member(data: Blob, raw: bytes, length: int, limit: int) -> Member | None:
    flags, method = struct.unpack_from("<HH", raw, 8)
    size = struct.unpack_from("<I", raw, 20)[0]
    start = struct.unpack_from("<I", raw, 42)[0]
    local = data[start : start + 30]
    if local[:4] != _LOCAL or len(local) < 30:
        return None
    body = start + 30 + sum(struct.unpack_from("<HH", local, 26))
    end = body + size
    if flags & 8:  # sizes behind the data, with or without a mark
        mark = data[end : end + 4] == b"PK\x07\x08"
        end += 16 if mark else 12
    name = raw[_CENTRAL_SIZE : _CENTRAL_SIZE + length].decode("utf-8", "surrogateescape")
    return Member(name, method, flags, raw, start, body, size, end) if end <= limit else None


def _stored(member: Member, contents: bytes) -> tuple[bytes, bytes]:
    """Local bytes and directory record of a member with new contents."""
    packed = _packed(contents) if member.method == 8 else contents
    method = 8 if member.method == 8 else 0
    flags = member.flags & ~8  # the sizes stand in the header now
    sizes = struct.pack("<III", zlib.crc32(contents), len(packed), len(contents))
    head = struct.pack("<HH", flags, method) + member.raw[12:16] + sizes
    name = member.name.encode("utf-8", "surrogateescape")
    local = _LOCAL + member.raw[6:8] + head + struct.pack("<HH", len(name), 0) + name
    record = member.raw[:8] + head + member.raw[28:]
    return local + packed, record


def _fresh(name: str, contents: bytes) -> tuple[bytes, bytes]:
    """Local bytes and directory record, still without its place, of a member that is added."""
    packed, encoded = _packed(contents), name.encode()
    sizes = struct.pack("<III", zlib.crc32(contents), len(packed), len(contents))
    head = struct.pack("<HHH", 20, 0, 8) + _DATE + sizes
    local = _LOCAL + head + struct.pack("<HH", len(encoded), 0) + encoded + packed
    rest = struct.pack("<HHHHHII", len(encoded), 0, 0, 0, 0, 0, 0)
    return local, _CENTRAL + struct.pack("<H", 20) + head + rest + encoded


def _packed(contents: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(contents) + packer.flush()


def _directory(
    data: Blob,
    package: Package,
    edits: list[Edit],
    records: Mapping[int, bytes],
    fresh: list[tuple[bytes, bytes]],
) -> list[Edit]:
    """What was added, and the directory with every place as it is now."""
    shifts = [(end, len(new) - (end - start)) for start, end, new in edits]
    table = bytearray()
    for member in package.members:
        raw = records.get(member.start, member.raw)
        place = member.start + sum(grown for at, grown in shifts if at <= member.start)
        table += raw[:42] + _place(place) + raw[46:]
    place = package.start + sum(grown for _, grown in shifts)
    for local, raw in fresh:
        table += raw[:42] + _place(place) + raw[46:]
        place += len(local)
    count = len(package.members) + len(fresh)
    end = struct.pack("<HHI", count, count, len(table)) + _place(place)
    return [
        (package.start, package.end, b"".join(local for local, _ in fresh) + bytes(table)),
        (package.end + 8, package.end + 20, end),
    ]


def _place(place: int) -> bytes:
    if place >= 0xFFFFFFFF:
        raise LabelError("the package would be larger than 4 GiB", "save it in parts")
    return struct.pack("<I", place)
