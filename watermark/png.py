"""PNG: the label as ``iTXt`` chunk ``XML:com.adobe.xmp``, spliced in without touching a pixel."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from guard.errors import InputError
from guard.model import Label
from guard.watermark import exif, xmp
from guard.watermark.gb45438 import Found, Reading, find, to_json
from guard.watermark.splice import Edit, splice
from guard.watermark.traces import of_text

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD: Final = "XML:com.adobe.xmp"
#: Compressed text is unpacked up to this size; the rest of a bomb is never touched.
_UNPACKED = 1 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk: ``start..end`` are its whole bytes (length, type, data, CRC) in the file."""

    kind: bytes
    start: int
    end: int

    def body(self, data: bytes) -> bytes:
        return data[self.start + 8 : self.end - 4]

    def intact(self, data: bytes) -> bool:
        crc = zlib.crc32(memoryview(data)[self.start + 4 : self.end - 4])
        return crc == int.from_bytes(data[self.end - 4 : self.end], "big")


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are a PNG's, whatever the file is called."""
    del suffix
    return data.startswith(SIGNATURE)


def chunks(data: bytes) -> tuple[list[Chunk], str]:
    """The chunks up to IEND, and what is wrong with the structure (empty when nothing is)."""
    found: list[Chunk] = []
    position = len(SIGNATURE)
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            return found, f"truncated inside a {kind.decode('latin-1')!r} chunk at byte {position}"
        found.append(Chunk(kind, position, end))
        if kind == b"IEND":
            ordered = found[0].kind == b"IHDR" and any(c.kind == b"IDAT" for c in found)
            return found, "" if ordered else "no IHDR or no IDAT chunk"
        position = end
    return found, f"truncated: no IEND chunk after byte {position}"


def verify(data: bytes) -> None:
    """Refuse a PNG that is truncated or whose checksums are wrong.

    Raises:
        InputError: naming the place.
    """
    parts, damage = chunks(data)
    bad = next((c for c in parts if not c.intact(data)), None)
    if not damage and bad:
        damage = f"wrong checksum of the {bad.kind.decode('latin-1')!r} chunk at byte {bad.start}"
    if damage:
        raise InputError(f"damaged PNG: {damage}", "get the whole file again")


def read_labels(data: bytes) -> Reading:
    """Every label in the file, early or late, and what kept us from reading on."""
    parts, damage = chunks(data)
    found: list[Found] = []
    traces: list[str] = []
    for chunk in parts:
        if chunk.kind not in (b"iTXt", b"tEXt", b"zTXt", b"eXIf"):
            continue
        if not chunk.intact(data):
            damage = damage or f"wrong checksum of the metadata chunk at byte {chunk.start}"
        body = chunk.body(data)
        if chunk.kind == b"eXIf":
            found += exif.read(body)
            traces += exif.traces(body)
            continue
        keyword, text = _text(chunk.kind, body)
        found += _labels(keyword, text)
        if keyword == _XMP_KEYWORD:
            traces += xmp.traces(text)
        else:
            traces += of_text(keyword, text.decode("utf-8", "replace"))
    found += _behind(data, parts)
    manifest = any(chunk.kind == b"caBX" for chunk in parts)
    return Reading(tuple(found), damage, tuple(traces), manifest)


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; every other byte stays, and the same label twice
    changes nothing.

    Raises:
        InputError: the PNG is truncated. LabelError: the label or the existing XMP is unfit.
    """
    payload = to_json(label)
    parts, damage = chunks(data)
    if damage:
        raise InputError(f"damaged PNG: {damage}", "get the whole file again")
    edits = list(_edits(data, parts, payload))
    if not any(_is_xmp(new) for _, _, new in edits):
        head = parts[0].end  # right behind IHDR, where streaming readers look first
        edits.append((head, head, chunk_bytes(b"iTXt", _itxt(xmp.merge(None, payload)))))
    return splice(data, edits)


def chunk_bytes(kind: bytes, body: bytes) -> bytes:
    """A whole chunk with length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _edits(data: bytes, parts: list[Chunk], payload: str) -> Iterator[Edit]:
    """What the chunks that hold labels become. The first XMP packet gets ours."""
    merged = False
    for chunk in parts:
        body = chunk.body(data) if chunk.kind in (b"iTXt", b"tEXt", b"zTXt", b"eXIf") else b""
        if chunk.kind == b"eXIf" and exif.read(body):
            yield chunk.start, chunk.end, chunk_bytes(b"eXIf", exif.blank(body))
        if not body or chunk.kind == b"eXIf":
            continue
        keyword, text = _text(chunk.kind, body)
        if keyword == _XMP_KEYWORD and chunk.kind == b"iTXt":
            packet = xmp.without(text) if merged else xmp.merge(text, payload)
            merged = True
            yield chunk.start, chunk.end, chunk_bytes(b"iTXt", _itxt(packet))
        elif _labels(keyword, text):
            yield chunk.start, chunk.end, b""


def _is_xmp(piece: bytes) -> bool:
    return piece[8:].startswith(_XMP_KEYWORD.encode())


def _itxt(packet: bytes) -> bytes:
    return _XMP_KEYWORD.encode() + b"\0\0\0\0\0" + packet


def _labels(keyword: str, text: bytes) -> list[Found]:
    if keyword == _XMP_KEYWORD:
        return xmp.read(text)
    if keyword.upper() != "AIGC":
        return []
    found = find("png.text", text.decode("utf-8", "replace"), sure=True)
    return [found] if found else []


def _behind(data: bytes, parts: list[Chunk]) -> list[Found]:
    """A bare ``AIGC{...}`` after IEND."""
    end = parts[-1].end if parts and parts[-1].kind == b"IEND" else len(data)
    at = data.find(b"AIGC", end)
    text = data[at : at + 65_536].decode("utf-8", "replace") if at >= 0 else ""
    found = find("png.tail", text)
    return [found] if found else []


def _text(kind: bytes, body: bytes) -> tuple[str, bytes]:
    """Keyword and text of a text chunk, unpacked where it is compressed; empty when malformed."""
    keyword, separator, rest = body.partition(b"\0")
    name = keyword.decode("latin-1")
    if not separator:
        return name, b""
    if kind == b"tEXt":
        return name, rest
    if kind == b"zTXt":
        return name, _unpack(rest[1:])
    packed, rest = rest[:1] == b"\1", rest[2:]
    text = rest.split(b"\0", 2)[2] if rest.count(b"\0") >= 2 else b""
    return name, _unpack(text) if packed else text


def _unpack(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, _UNPACKED)
    except zlib.error:
        return b""
