"""Boxes of MP4 and QuickTime (ISO 14496-12), and what moves when the index grows.

``stco``, ``co64`` and ``saio`` hold absolute places of samples; in fragmented files ``tfhd`` and
``tfra`` may. Everything else is relative.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from guard.watermark.blob import Blob
from guard.watermark.splice import Edit

#: Boxes on the way from ``moov`` to tables with absolute places.
_PARENTS: Final = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_TABLES: Final = (b"stco", b"co64", b"saio")
#: A file of more boxes than this at one level is an attack on the reader.
_MOST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Box:
    """A box: ``start..end`` with its header, ``body`` is where its contents begin."""

    kind: bytes
    start: int
    body: int
    end: int


def boxes(data: Blob, start: int, end: int) -> tuple[list[Box], str]:
    """The boxes between two places, and what is wrong (empty when nothing is)."""
    found: list[Box] = []
    position = start
    while position + 8 <= end and len(found) < _MOST:
        size, kind = struct.unpack(">I4s", data[position : position + 8])
        body = position + 8
        if size == 1 and body + 8 <= end:
            size = struct.unpack(">Q", data[body : body + 8])[0]
            body += 8
        elif size == 0:
            size = end - position  # the last box may go to the end of the file
        last = position + size
        if last < body or last > end:
            return found, f"truncated inside the box {kind.decode('latin-1')!r} at byte {position}"
        found.append(Box(kind, position, body, last))
        position = last
    # QuickTime ends some lists with four zeroes.
    rest = data[position : min(end, position + 8)]
    return found, "" if not any(rest) else f"{end - position} bytes left over at byte {position}"


def box(kind: bytes, body: bytes) -> bytes:
    """A whole box."""
    return struct.pack(">I4s", 8 + len(body), kind) + body


def moved(moov: bytes, behind: int, growth: int) -> bytes:
    """``moov`` for a file whose bytes from ``behind`` on move by ``growth``.

    32-bit tables that would overflow become ``co64``, which makes ``moov`` itself longer: then
    everything moves by more, and the caller asks again (see :func:`settled`).
    """
    out = bytearray(moov)
    edits = list(_table_edits(moov, 0, len(moov), behind, growth))
    for start, end, new in reversed(edits):
        out[start:end] = new
    return _resized(bytes(out), moov, edits)


def settled(moov: bytes, behind: int, fixed: int) -> bytes:
    """``moov`` with its places moved by ``fixed`` plus what the widening of tables adds."""
    extra = 0
    while True:
        out = moved(moov, behind, fixed + extra)
        if len(out) - len(moov) == extra:
            return out
        extra = len(out) - len(moov)


def fragments(data: Blob, tops: list[Box], behind: int, growth: int) -> Iterator[Edit]:
    """Absolute places outside ``moov``: base offsets of fragments, random access tables."""
    for top in tops:
        if top.kind == b"moof":
            for traf in (b for b in boxes(data, top.body, top.end)[0] if b.kind == b"traf"):
                yield from _base_offsets(data, traf, behind, growth)
        elif top.kind == b"mfra":
            for tfra in (b for b in boxes(data, top.body, top.end)[0] if b.kind == b"tfra"):
                yield from _random_access(data, tfra, behind, growth)


def _base_offsets(data: Blob, traf: Box, behind: int, growth: int) -> Iterator[Edit]:
    for item in boxes(data, traf.body, traf.end)[0]:
        if (
            item.kind == b"tfhd"
            and data[item.body : item.body + 4][3:]
            and (
                data[item.body + 3 : item.body + 4][0] & 1  # base-data-offset-present
            )
        ):
            place = item.body + 8
            yield from _places(data, place, 1, ">Q", behind, growth)


def _random_access(data: Blob, tfra: Box, behind: int, growth: int) -> Iterator[Edit]:
    head = data[tfra.body : tfra.body + 16]
    if len(head) < 16:
        return
    wide = ">QQ" if head[0] else ">II"
    sizes = int.from_bytes(head[8:12], "big")
    rest = sum((sizes >> shift & 3) + 1 for shift in (0, 2, 4))
    each = struct.calcsize(wide) + rest
    for number in range(int.from_bytes(head[12:16], "big")):
        place = tfra.body + 16 + each * number
        half = struct.calcsize(wide) // 2
        if place + each > tfra.end:
            return
        yield from _places(data, place + half, 1, ">" + wide[1], behind, growth)


def _places(
    data: Blob, start: int, count: int, form: str, behind: int, growth: int
) -> Iterator[Edit]:
    size = struct.calcsize(form)
    for at in range(start, start + count * size, size):
        old = struct.unpack(form, data[at : at + size])[0]
        if old >= behind:
            yield at, at + size, struct.pack(form, old + growth)


def _table_edits(moov: bytes, start: int, end: int, behind: int, growth: int) -> Iterator[Edit]:
    """New tables for old, and new sizes for the boxes around those that become longer."""
    for item in boxes(moov, start, end)[0]:
        if item.kind in _PARENTS:
            yield from _table_edits(moov, item.body, item.end, behind, growth)
        elif item.kind in _TABLES:
            new = _table(moov, item, behind, growth)
            if new is not None:
                yield item.start, item.end, new


def _table(moov: bytes, item: Box, behind: int, growth: int) -> bytes | None:
    """The table with its places moved; ``None`` when it is broken, and so left alone."""
    head, form = 8, "Q" if item.kind == b"co64" else "I"
    if item.kind == b"saio":
        version, flags = moov[item.body], moov[item.body + 3]
        head, form = (16 if flags & 1 else 8), "Q" if version else "I"
    count = int.from_bytes(moov[item.body + head - 4 : item.body + head], "big")
    size = struct.calcsize(">" + form)
    if item.body + head + count * size > item.end:
        return None
    old = struct.unpack_from(f">{count}{form}", moov, item.body + head)
    new = [place + growth if place >= behind else place for place in old]
    kind, prefix = item.kind, moov[item.body : item.body + head]
    if form == "I" and any(place > 0xFFFFFFFF for place in new):
        form = "Q"
        kind = b"co64" if kind == b"stco" else kind
        prefix = (b"\1" + prefix[1:]) if kind == b"saio" else prefix
    return box(kind, prefix + struct.pack(f">{count}{form}", *new))


def _resized(out: bytes, old: bytes, edits: list[Edit]) -> bytes:
    """``out`` with the sizes of the parents of tables that became longer."""
    growths = [(start, len(new) - (end - start)) for start, end, new in edits]
    if not any(growth for _, growth in growths):
        return out
    result = bytearray(out)
    for parent in _parents(old, 0, len(old)):
        inside = sum(g for at, g in growths if parent.start < at < parent.end)
        place = parent.start + sum(g for at, g in growths if at < parent.start)
        wide = parent.body - parent.start == 16
        form, at = (">Q", place + 8) if wide else (">I", place)
        struct.pack_into(form, result, at, parent.end - parent.start + inside)
    return bytes(result)


def _parents(moov: bytes, start: int, end: int) -> Iterator[Box]:
    for item in boxes(moov, start, end)[0]:
        if item.kind in _PARENTS:
            yield item
            yield from _parents(moov, item.body, item.end)
