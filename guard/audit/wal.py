"""Reading SQLite's write-ahead log: which pages it changes, and whether a byte of it changed.

SQLite drops a frame whose checksum is wrong, and all after it, without a word: right after a
power loss, wrong in evidence. So verify reads the file itself (format: sqlite.org/fileformat2,
section 4). Frames of an older generation may follow the live ones; they carry other salts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_HEAD: Final = 32
_FRAME_HEAD: Final = 24
_MAGIC: Final = 0x377F0682


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame: place in the file, page it holds, its salts and its bytes."""

    offset: int
    page: int
    salts: bytes
    data: bytes


def _page_size(wal: bytes) -> int:
    size = int.from_bytes(wal[8:12])
    return size if size in (1 << n for n in range(9, 17)) else 0


def frames(wal: bytes) -> Iterator[Frame]:
    """Every whole frame in the file, live or stale."""
    size = _page_size(wal)
    step = _FRAME_HEAD + size
    for at in range(_HEAD, len(wal) - step + 1, step) if size else ():
        data = wal[at : at + step]
        yield Frame(at, int.from_bytes(data[:4]), data[8:16], data)


def changed_pages(wal: bytes) -> set[int]:
    """Pages (from 1) that the live frames may write to the database; never too few."""
    return {frame.page for frame in frames(wal) if frame.salts == wal[16:24]}


def _checksum(order: str, data: bytes, start: tuple[int, int]) -> tuple[int, int]:
    a, b = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for i in range(0, len(words), 2):
        a = (a + words[i] + b) & 0xFFFFFFFF
        b = (b + words[i + 1] + a) & 0xFFFFFFFF
    return a, b


def damage(wal: bytes) -> tuple[int, str] | None:
    """Where a WAL is damaged: (offset, what), or None.

    A process that is killed leaves whole frames and at most a piece of one at the end, so any
    other broken frame of the live generation is damage or a power loss, and is reported.
    """
    if not wal:
        return None
    magic = int.from_bytes(wal[:4])
    if len(wal) < _HEAD or magic & ~1 != _MAGIC or not _page_size(wal):
        return 0, "not the head of a write-ahead log"
    order = ">" if magic & 1 else "<"
    sums = _checksum(order, wal[:24], (0, 0))
    if sums != struct.unpack(">2I", wal[24:32]):
        return 0, "the head's checksum is wrong"
    live = list(frames(wal))
    for number, frame in enumerate(live):
        if frame.salts == wal[16:24]:
            sums = _checksum(order, frame.data[:8] + frame.data[_FRAME_HEAD:], sums)
            if sums == struct.unpack(">2I", frame.data[16:24]):
                continue
        return _broken(live, number, wal[16:24])
    return None


def _broken(all_frames: list[Frame], number: int, salts: bytes) -> tuple[int, str] | None:
    """Judge the first frame that does not continue the chain of checksums."""
    frame, rest = all_frames[number], all_frames[number + 1 :]
    half = (frame.salts[:4] == salts[:4]) != (frame.salts[4:] == salts[4:])
    torn = frame.salts == salts and not rest
    if half or torn or any(later.salts == salts for later in rest):
        return frame.offset, "a committed page is damaged or was torn by a power loss"
    return None  # the stale rest of an older generation
