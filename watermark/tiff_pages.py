"""TIFF with the label on every page. New pixels take the place of the old ones in the file, and
directories are written anew with all other tags as they were: so EXIF, colour profile, maker notes
and private tags keep their bytes and their offsets.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from guard.errors import LabelError
from guard.watermark import labelbox, tiff
from guard.watermark.labelbox import Placed

if TYPE_CHECKING:
    from PIL.Image import Image

_BITS, _ORIENTATION, _PREDICTOR = 258, 274, 317
#: (offsets, lengths) of strips and of tiles.
_STRIPS: Final = ((273, 279), (324, 325))
#: Tags that say how pixels are stored: they come with the new pixels.
_STORAGE: Final = frozenset(
    {256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325}
    | {338, 339, 347, *range(512, 522), 529, 530, 531, 532}
)
_LONG, _LONG8 = 4, 16
_NUMBERS: Final = {1: "B", 3: "H", 4: "I", 16: "Q"}


@dataclass(frozen=True, slots=True)
class _Page:
    """A page: its label, its directory as it was, and its new pixels as a TIFF of their own."""

    placed: Placed
    old: Any
    new: bytes


def draw(data: bytes, image: Image, text: str, font: Path | None) -> tuple[bytes, list[Placed]]:
    """(``data`` with the label on every page, the labels).

    Raises:
        LabelError: a page is too small, or would lose depth.
    """
    kind = tiff._first(data)[0]
    pages = [
        _page(data, kind, image, number, text, font)
        for number in range(getattr(image, "n_frames", 1))
    ]
    room = _Room(data, [span for page in pages for span in _spans(data, kind, page.old)])
    directories = [_directory(kind, room, page) for page in pages]
    at, pointer = 8 if kind.big else 4, kind.pointer
    for body in directories:
        struct.pack_into(pointer, room.data, at, place := room.append(body))
        at = place + len(body) - struct.calcsize(pointer)
    struct.pack_into(pointer, room.data, at, 0)
    if not kind.big and len(room.data) > 0xFFFFFFFF:
        raise LabelError("the TIFF would be larger than 4 GiB", "save it as BigTIFF")
    return bytes(room.data), [page.placed for page in pages]


def _page(data: bytes, kind: Any, image: Image, number: int, text: str, font: Path | None) -> _Page:
    image.seek(number)
    image.load()
    old = tiff.pages(data)[number]
    tags = {e.tag: _numbers(data, kind, e) for e in old.entries if e.kind in _NUMBERS}
    if max(tags.get(_BITS, (1,))) > 8 and not image.mode.startswith("I;16"):
        raise LabelError(
            "a TIFF of more than 8 bits a colour would lose them", "save it with 8 bits, or as PNG"
        )
    # Pillow's way from one 16-bit mode to the other clips to 8 bits; by way of 32 it does not.
    picture = image.convert("I").convert("I;16") if image.mode == "I;16B" else image.copy()
    picture = labelbox.drawable(picture)
    placed = labelbox.place([picture], 1, text, font)  # Pillow has turned it upright
    labelbox.draw(picture, placed)
    turn = tags.get(_ORIENTATION, (1,))[0]
    picture = labelbox.turned_back(picture, turn if turn in range(1, 9) else 1)
    if kind.order == ">" and picture.mode == "I;16":
        picture = picture.convert("I").convert("I;16B")
    return _Page(placed, old, _coded(picture, image, predictor=tags.get(_PREDICTOR) == (2,)))


def _coded(picture: Image, before: Image, *, predictor: bool) -> bytes:
    """The page's new pixels, compressed as before where that can hold them."""
    compression = before.info.get("compression", "raw")
    if picture.mode != before.mode and compression.startswith(("group", "tiff_ccitt")):
        compression = "tiff_lzw"
    options: dict[str, Any] = {"quality": 95} if compression == "jpeg" else {}
    if predictor and compression in ("tiff_lzw", "tiff_adobe_deflate"):
        options["tiffinfo"] = {_PREDICTOR: 2}
    picture.info.clear()
    for choice in (compression, "tiff_lzw"):
        out = io.BytesIO()
        try:
            picture.save(out, "TIFF", compression=choice, **options)
        except (OSError, KeyError, ValueError):
            continue
        return out.getvalue()
    raise LabelError(f"a TIFF of mode {picture.mode} cannot be written", "save it as PNG")


def _numbers(data: bytes, kind: Any, entry: Any) -> tuple[int, ...]:
    form = _NUMBERS[entry.kind]
    count = entry.size // struct.calcsize(form)
    return struct.unpack_from(f"{kind.order}{count}{form}", data, entry.start)


def _spans(data: bytes, kind: Any, directory: Any) -> list[tuple[int, int]]:
    """The stretches of the file that hold a page's pixels."""
    entries = {entry.tag: entry for entry in directory.entries}
    for offsets, lengths in _STRIPS:
        if offsets in entries and lengths in entries:
            starts = _numbers(data, kind, entries[offsets])
            sizes = _numbers(data, kind, entries[lengths])
            pairs = zip(starts, sizes, strict=False)
            return [(a, a + n) for a, n in pairs if a + n <= len(data)]
    return []


class _Room:
    """The file under work: places that the old pixels leave, and its end."""

    def __init__(self, data: bytes, spans: list[tuple[int, int]]) -> None:
        self.data = bytearray(data)
        self.free: list[tuple[int, int]] = []
        for start, end in sorted(spans):
            self.data[start:end] = bytes(end - start)
            if self.free and start <= self.free[-1][1] + 1:  # a byte of padding between strips
                start, end = self.free[-1][0], max(end, self.free[-1][1])
                self.free.pop()
            self.free.append((start, end))

    def put(self, body: bytes) -> int:
        """Store pixels where they fit; their place."""
        for number, (start, end) in enumerate(self.free):
            if start + len(body) <= end:
                self.data[start : start + len(body)] = body
                self.free[number] = (start + len(body) + len(body) % 2, end)
                return start
        return self.append(body)

    def append(self, body: bytes) -> int:
        """Store at the end, at an even place as the format demands."""
        self.data += b"\0" * (len(self.data) % 2)
        place = len(self.data)
        self.data += body
        return place


def _directory(kind: Any, room: _Room, page: _Page) -> bytes:
    """A directory with the old tags and the new storage, without its pointer to the next."""
    fresh, directory, _ = tiff._first(page.new)
    raws = [(e.tag, e.raw) for e in page.old.entries if e.tag not in _STORAGE]
    places = [room.put(page.new[a:b]) for a, b in _spans(page.new, fresh, directory)]
    for entry in directory.entries:
        if entry.tag not in _STORAGE:
            continue
        if entry.tag == _STRIPS[0][0]:
            raws.append(_entry(kind, room, entry.tag, _LONG8 if kind.big else _LONG, places))
        elif entry.kind in _NUMBERS:
            values = _numbers(page.new, fresh, entry)
            raws.append(_entry(kind, room, entry.tag, entry.kind, values))
        else:  # tables of JPEG
            body = page.new[entry.start : entry.start + entry.size]
            raws.append(_entry(kind, room, entry.tag, 7, body))
    body = b"".join(raw for _, raw in sorted(raws))
    return struct.pack(kind.count, len(raws)) + body + bytes(struct.calcsize(kind.pointer))


def _entry(kind: Any, room: _Room, tag: int, form: int, values: Sequence[int]) -> tuple[int, bytes]:
    """An entry; a value that does not fit into it is appended to the file."""
    size = struct.calcsize(kind.pointer)
    body = struct.pack(f"{kind.order}{len(values)}{_NUMBERS.get(form, 'B')}", *values)
    if len(body) > size:
        body = struct.pack(kind.pointer, room.append(body))
    return tag, struct.pack(kind.entry, tag, form, len(values), body.ljust(size, b"\0"))
