"""Cut and paste on bytes: the one way in which containers are changed, so that the rest stays."""

from __future__ import annotations

from collections.abc import Iterable

#: Replace ``data[start:end]`` by the bytes; ``start == end`` inserts.
Edit = tuple[int, int, bytes]


def splice(data: bytes, edits: Iterable[Edit]) -> bytes:
    """``data`` with the edits applied. They must not overlap; copies every byte once."""
    view = memoryview(data)
    pieces: list[bytes | memoryview] = []
    position = 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        pieces += [view[position:start], new]
        position = end
    return b"".join([*pieces, view[position:]])
