"""Vorbis comments: ``AIGC=`` JSON, in FLAC and in every codec of OGG (TC260-PG-202510A)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from guard.watermark.gb45438 import Found, find


@dataclass(frozen=True, slots=True)
class Comments:
    """``vendor`` and entries ``KEY=value`` as they stand, and the bytes behind (framing bit)."""

    vendor: bytes
    entries: tuple[bytes, ...]
    tail: bytes


def parse(block: bytes) -> Comments | None:
    """The comments of a block, ``None`` when a length leads outside of it."""
    vendor, position = _string(block, 0)
    count = int.from_bytes(block[position : position + 4], "little")
    if vendor is None or position + 4 > len(block):
        return None
    position += 4
    entries: list[bytes] = []
    for _ in range(count):
        entry, position = _string(block, position)
        if entry is None:
            return None
        entries.append(entry)
    return Comments(vendor, tuple(entries), block[position:])


def labels(comments: Comments | None) -> list[Found]:
    """Every label among the comments."""
    entries = comments.entries if comments else ()
    texts = (e[5:].decode("utf-8", "replace") for e in entries if _ours(e))
    return [found for text in texts if (found := find("vorbis", text, sure=True))]


def merged(comments: Comments, payload: str) -> bytes:
    """The block with exactly one label, where the first stood or at the end."""
    new = b"AIGC=" + payload.encode()
    first = next((i for i, e in enumerate(comments.entries) if _ours(e)), len(comments.entries))
    before = comments.entries[:first]
    behind = [e for e in comments.entries[first:] if not _ours(e)]
    return pack(replace(comments, entries=(*before, new, *behind)))


def pack(comments: Comments) -> bytes:
    """The block of some comments."""
    strings = [_packed(comments.vendor), struct.pack("<I", len(comments.entries))]
    return b"".join([*strings, *map(_packed, comments.entries), comments.tail])


def _ours(entry: bytes) -> bool:
    return entry[:5].upper() == b"AIGC="


def _packed(text: bytes) -> bytes:
    return struct.pack("<I", len(text)) + text


def _string(block: bytes, position: int) -> tuple[bytes | None, int]:
    start = position + 4
    end = start + int.from_bytes(block[position:start], "little")
    if start > len(block) or end > len(block):
        return None, position
    return block[start:end], end
