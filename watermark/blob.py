"""Files too large to load: the same slices as of ``bytes``, read when asked for.

A container that only slices its input and answers with edits works on both, so a film of 4 GB is
labelled in the memory of its index.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

from guard.watermark.splice import Edit

#: Bytes copied at a time.
_PIECE: Final = 1 << 20


class Blob(Protocol):
    """What containers ask of their input; ``bytes`` has it."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> bytes: ...


class FileBlob:
    """A file read by slices (no steps), a context manager.

    A file that becomes shorter while it is read gives shorter slices, as ``bytes`` would.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDONLY)
        self._size = os.fstat(self._handle).st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice, /) -> bytes:
        start, stop, _ = part.indices(self._size)
        return os.pread(self._handle, stop - start, start) if stop > start else b""

    def __enter__(self) -> FileBlob:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        os.close(self._handle)


def copy(data: Blob, edits: Iterable[Edit], write: Callable[[bytes], object]) -> None:
    """Write ``data`` with the edits applied, as ``splice`` does, one piece at a time."""
    position = 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        _span(data, position, start, write)
        write(new)
        position = end
    _span(data, position, len(data), write)


def search(data: Blob, word: bytes, start: int, end: int) -> int:
    """The place of ``word`` in ``start..end``, or -1."""
    for at in range(start, end, _PIECE):
        piece = data[at : min(at + _PIECE + len(word) - 1, end)]
        found = piece.find(word)
        if found >= 0:
            return at + found
    return -1


def _span(data: Blob, start: int, end: int, write: Callable[[bytes], object]) -> None:
    for at in range(start, end, _PIECE):
        write(data[at : min(at + _PIECE, end)])
