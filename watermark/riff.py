"""RIFF: chunks of four letters, a 32-bit size and a padded body. Shared by WebP, WAV and AVI."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from guard.watermark.blob import Blob

#: A size field that says "not known", or "see the 64-bit chunk".
UNKNOWN: Final = 0xFFFFFFFF
#: More chunks than this at one level is an attack on the reader.
_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk: its body is ``start + 8 .. start + 8 + size``, ``end`` is behind the padding."""

    kind: bytes
    start: int
    size: int
    end: int

    def body(self, data: Blob, most: int = 1 << 24) -> bytes:
        return data[self.start + 8 : self.start + 8 + min(self.size, most)]


def walk(
    data: Blob, start: int, end: int, sizes: dict[bytes, int] | None = None
) -> tuple[list[Chunk], str]:
    """The chunks between two places, and what is wrong with them (empty when nothing is).

    ``sizes`` has the true sizes of chunks whose field is ``UNKNOWN``; without one such a chunk
    goes to ``end``, as programs write that could not seek back.
    """
    found: list[Chunk] = []
    position = start
    while position + 8 <= end and len(found) < _MOST:
        kind, size = struct.unpack("<4sI", data[position : position + 8])
        if size == UNKNOWN:
            size = (sizes or {}).get(kind, end - position - 8)
        last = position + 8 + size
        if last > end:
            return found, f"truncated inside a {kind.decode('latin-1')!r} chunk at byte {position}"
        found.append(Chunk(kind, position, size, min(last + (size & 1), end)))
        position = found[-1].end
    return found, "" if position == end else f"{end - position} bytes left over at byte {position}"


def chunk(kind: bytes, body: bytes) -> bytes:
    """A whole chunk, padded to an even length."""
    return struct.pack("<4sI", kind, len(body)) + body + b"\0" * (len(body) & 1)
