"""OGG (Vorbis, Opus, FLAC, Speex, Theora): the label as comment of the first stream.

Pages are laid anew from the comment's to the end of the headers (RFC 3533). When their number
changes, the following pages of the stream get new numbers and checksums; their bodies stay.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark import vorbis
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Found, Reading, to_json
from guard.watermark.splice import Edit, splice

_CONTINUED, _FIRST = 1, 2
#: What comment packets begin with, by codec.
_MARKS: Final = (b"\x03vorbis", b"OpusTags", b"\x81theora")
#: First packets of codecs, and how many header packets follow them.
_CODECS: Final = {b"\x01vorbis": 2, b"OpusHead": 1, b"\x80theora": 2, b"Speex   ": 1}
_FLAC: Final = b"\x7fFLAC"
#: Comments hold pictures; longer ones than this are none.
_LONGEST: Final = 1 << 26
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class _Page:
    flags: int
    granule: int
    serial: int
    number: int
    start: int
    lacing: bytes
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class _Headers:
    """The header packets behind a stream's first, and the pages they fill."""

    packets: list[bytes]
    pages: list[_Page]


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are an OGG's, whatever the file is called."""
    del suffix
    return data[:4] == b"OggS"


def verify(data: Blob) -> None:
    """Refuse an OGG whose header pages are damaged. Raises :class:`InputError`."""
    damage = _streams(data)[1]
    if damage:
        raise InputError(f"damaged OGG: {damage}", "get the whole file again")


def read_labels(data: Blob) -> Reading:
    """Every label in the comments of the streams that begin together, and what is damaged."""
    streams, damage = _streams(data)
    found: list[Found] = []
    for headers in streams:
        mark, comments = _comments(headers)
        if mark is not None and comments is None:
            damage = damage or "a comment is longer than its packet"
        found += vorbis.labels(comments)
    return Reading(tuple(found), damage)


def plan(data: Blob, label: Label) -> list[Edit]:
    """The edits that leave exactly this label; sound and other streams stay.

    Raises:
        InputError: the headers are damaged. LabelError: the label is unfit, no stream has
            comments, or a second stream has a label too.
    """
    payload = to_json(label)
    verify(data)
    streams = [s for s in _streams(data)[0] if _comments(s)[1] is not None]
    if not streams:
        raise LabelError("no stream of the OGG has comments that could hold a label", "re-encode")
    labelled = [s for s in streams if vorbis.labels(_comments(s)[1])]
    if len(labelled) > 1:
        raise LabelError("two streams of the OGG have a label", "remux it without one of them")
    headers = (labelled or streams)[0]
    mark, comments = _comments(headers)
    assert mark is not None
    assert comments is not None
    packet = _packet(mark, vorbis.merged(comments, payload))
    if packet == headers.packets[0]:
        return []
    return _relaid(data, headers, [packet, *headers.packets[1:]])


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; the same one twice changes nothing. Raises as `plan`."""
    return splice(data, plan(data, label))


def _comments(headers: _Headers) -> tuple[bytes | None, vorbis.Comments | None]:
    """What the comment packet begins with, and its comments."""
    packet = headers.packets[0] if headers.packets else b""
    mark = next((m for m in _MARKS if packet.startswith(m)), None)
    if mark is None and packet[:1] in (b"\x04", b"\x84"):
        mark = packet[:4]  # FLAC: a metadata block with its length
    elif mark is None and packet:
        mark = b""  # Speex: nothing
    return mark, vorbis.parse(packet[len(mark) :]) if mark is not None else None


def _packet(mark: bytes, block: bytes) -> bytes:
    if len(mark) == 4:
        mark = mark[:1] + len(block).to_bytes(3, "big")
    return mark + block


def _streams(data: Blob) -> tuple[list[_Headers], str]:
    """The streams that begin at the start of the file, and what is wrong."""
    first: dict[int, int] = {}
    position = 0
    while (page := _page(data, position)) and page.flags & _FIRST:
        first[page.serial] = _following(data, page)
        position = page.end
    if not first:
        return [], "no first page"
    found: dict[int, tuple[bytearray, list[bytes], list[_Page]]] = {
        serial: (bytearray(), [], []) for serial, number in first.items() if number
    }
    waiting, read = set(found), 0
    while waiting and (page := _page(data, position)) and read < _LONGEST:
        position, read = page.end, read + page.end - page.start
        if page.serial in waiting:
            partial, packets, pages = found[page.serial]
            pages.append(page)
            _take(data, page, partial, packets)
            if len(packets) >= first[page.serial]:
                waiting.discard(page.serial)
                if partial or len(packets) > first[page.serial]:
                    return [], "sound and headers share a page"
    damage = f"truncated or no page at byte {position}" if waiting else ""
    wrong = next((p for _, _, ps in found.values() for p in ps if not _intact(data, p)), None)
    if wrong:
        damage = f"wrong checksum of the page at byte {wrong.start}"
    return [_Headers(packets, pages) for _, packets, pages in found.values()], damage


def _take(data: Blob, page: _Page, partial: bytearray, packets: list[bytes]) -> None:
    """The packets that end on a page, and the beginning of one that goes on."""
    position = page.body
    for size in page.lacing:
        partial += data[position : position + size]
        position += size
        if size < 255:
            packets.append(bytes(partial))
            partial.clear()


def _following(data: Blob, page: _Page) -> int:
    """How many header packets follow the first, 0 for a codec without comments."""
    head = data[page.body : page.body + 16]
    if head.startswith(_FLAC):
        return max(int.from_bytes(head[7:9], "big"), 1)
    return next((count for mark, count in _CODECS.items() if head.startswith(mark)), 0)


def _page(data: Blob, start: int) -> _Page | None:
    head = data[start : start + 27]
    if len(head) < 27 or head[:4] != b"OggS" or head[4]:
        return None
    flags, granule, serial, number, _, count = struct.unpack_from("<BqIIIB", head, 5)
    lacing = data[start + 27 : start + 27 + count]
    body = start + 27 + count
    end = body + sum(lacing)
    if len(lacing) < count or end > len(data):
        return None
    return _Page(flags, granule, serial, number, start, lacing, body, end)


def _relaid(data: Blob, headers: _Headers, packets: list[bytes]) -> list[Edit]:
    """The header pages anew in the place of the first; those between are taken out."""
    old = headers.pages
    new = list(_pages(old[0], packets))
    edits: list[Edit] = [(old[0].start, old[0].end, b"".join(new))]
    edits += [(page.start, page.end, b"") for page in old[1:]]
    return edits + _renumbered(data, old[-1], len(new) - len(old))


def _pages(first: _Page, packets: list[bytes]) -> Iterator[bytes]:
    """Pages of at most 255 segments. The granule of one on which no packet ends is -1."""
    lacing = b"".join(bytes([255] * (len(p) // 255) + [len(p) % 255]) for p in packets)
    body, position, flags = b"".join(packets), 0, 0
    for place in range(0, len(lacing), 255):
        part = lacing[place : place + 255]
        size = sum(part)
        granule = 0 if any(value < 255 for value in part) else -1
        number = (first.number + place // 255) & 0xFFFFFFFF
        head = struct.pack("<4sBBqIII", b"OggS", 0, flags, granule, first.serial, number, 0)
        yield _sealed(head + bytes((len(part),)) + part + body[position : position + size])
        position += size
        flags = _CONTINUED if part[-1] == 255 else 0


def _renumbered(data: Blob, last: _Page, growth: int) -> list[Edit]:
    """Numbers and checksums of the pages behind; only the changed bytes are kept in memory."""
    edits: list[Edit] = []
    position = last.end
    while growth and (page := _page(data, position)):
        position = page.end
        if page.flags & _FIRST and page.serial == last.serial:
            break  # a chained stream that numbers from 0
        if page.serial == last.serial:
            number = struct.pack("<I", (page.number + growth) & 0xFFFFFFFF)
            raw = data[page.start : page.end]
            sealed = _sealed(raw[:18] + number + raw[22:])
            edits.append((page.start + 18, page.start + 26, sealed[18:26]))
    return edits


def _intact(data: Blob, page: _Page) -> bool:
    raw = data[page.start : page.end]
    return _sealed(raw) == raw


def _sealed(page: bytes) -> bytes:
    """The page with its checksum, which is taken with the field itself as zero."""
    return page[:22] + _checksum(page[:22] + bytes(4) + page[26:]) + page[26:]


def _checksum(data: bytes) -> bytes:
    """OGG's CRC-32 by zlib's: the same polynomial, bits reversed, begun and ended with zero."""
    value = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return value.to_bytes(4, "big").translate(_REVERSED)
