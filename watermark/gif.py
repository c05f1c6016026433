"""GIF: the label as application extension ``XMP DataXMP`` before the first picture
(TC260-PG-20259A). The version becomes 89a, the first one that has extensions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from guard.errors import InputError
from guard.model import Label
from guard.watermark import xmp
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Found, Reading, find, to_json
from guard.watermark.splice import Edit, splice

_XMP: Final = b"\x21\xff\x0bXMP DataXMP"
_C2PA: Final = b"\x21\xff\x0bC2PA_GIF"
#: Behind the packet, which is no chain of sub-blocks: whatever byte of it a reader takes for a
#: length, it lands in here and is led to the final zero (XMP specification part 3, 1.1.2).
_MAGIC: Final = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"
_LONGEST = 1 << 24
_APPLICATION, _COMMENT = b"\x21\xff", b"\x21\xfe"


@dataclass(frozen=True, slots=True)
class Block:
    """``start..end`` are the bytes of an extension or of a whole picture, with its data."""

    head: bytes
    start: int
    end: int


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are a GIF's, whatever the file is called."""
    del suffix
    return data[:6] in (b"GIF87a", b"GIF89a")


def verify(data: Blob) -> None:
    """Refuse a GIF that is truncated. Raises :class:`InputError` naming the place."""
    damage = _blocks(data)[2]
    if damage:
        raise InputError(f"damaged GIF: {damage}", "get the whole file again")


def read_labels(data: Blob) -> Reading:
    """Every label in the file, and what kept us from reading on."""
    blocks, _, damage = _blocks(data)
    found: list[Found] = []
    traces: list[str] = []
    for block in blocks:
        if block.head == _XMP:
            packet = _packet(data, block)
            found += xmp.read(packet)
            traces += xmp.traces(packet)
        elif block.head[:2] == _COMMENT:
            found += _comment(data, block)
    manifest = any(block.head.startswith(_C2PA) for block in blocks)
    return Reading(tuple(found), damage, tuple(traces), manifest)


def plan(data: Blob, label: Label) -> list[Edit]:
    """The edits that leave exactly this label; pictures and other extensions stay.

    Raises:
        InputError: the file is truncated. LabelError: the label or the existing XMP is unfit.
    """
    payload = to_json(label)
    verify(data)
    blocks, first, _ = _blocks(data)
    edits = list(_edits(data, blocks, payload))
    if not any(new for _, _, new in edits):
        edits.append((first, first, _extension(xmp.merge(None, payload))))
    return [(0, 6, b"GIF89a"), *edits]


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; the same one twice changes nothing. Raises as `plan`."""
    return splice(data, plan(data, label))


def _edits(data: Blob, blocks: list[Block], payload: str) -> Iterator[Edit]:
    merged = False
    for block in blocks:
        if block.head == _XMP:
            packet = _packet(data, block)
            new = xmp.without(packet) if merged else xmp.merge(packet, payload)
            merged = True
            yield block.start, block.end, _extension(new)
        elif block.head[:2] == _COMMENT and _comment(data, block):
            yield block.start, block.end, b""


def _blocks(data: Blob) -> tuple[list[Block], int, str]:
    """The blocks, where the first one begins, and what is wrong."""
    position = first = 13 + _table(data[10:11])
    found: list[Block] = []
    while True:
        kind = data[position : position + 1]
        if kind == b"\x3b":
            return found, first, "" if any(b.head[:1] == b"\x2c" for b in found) else "no picture"
        if kind not in (b"\x21", b"\x2c"):
            where = "truncated" if not kind else "no block"
            return found, first, f"{where} at byte {position}"
        block = _block(data, position)
        if block is None:
            return found, first, f"truncated inside the block at byte {position}"
        found.append(block)
        position = block.end


def _table(flags: bytes) -> int:
    """Bytes of the colour table that the flags announce."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _block(data: Blob, start: int) -> Block | None:
    head = data[start : start + 14]
    if head[:1] == b"\x2c":
        position = start + 11 + _table(head[9:10])  # ten bytes, the table, the code size
        head = head[:1]
    else:
        position = start + 2
    end = _chain(data, position)
    return Block(head, start, end) if end else None


def _chain(data: Blob, position: int) -> int:
    """The end of a chain of sub-blocks, 0 when the file ends before."""
    while size := data[position : position + 1]:
        position += 1 + size[0]
        if not size[0]:
            return position
    return 0


def _packet(data: Blob, block: Block) -> bytes:
    return data[block.start + 14 : min(block.end, block.start + _LONGEST)].removesuffix(_MAGIC)


def _extension(packet: bytes) -> bytes:
    # A zero byte would end the chain inside the packet; UTF-8 text has none.
    return _XMP + packet.replace(b"\0", b"") + _MAGIC


def _comment(data: Blob, block: Block) -> list[Found]:
    """A label as comment, ``AIGC{...}`` or bare JSON."""
    text, position = b"", block.start + 2
    while (size := data[position : position + 1][0]) and len(text) < 65_536:
        text += data[position + 1 : position + 1 + size]
        position += 1 + size
    found = find("gif.comment", text.decode("utf-8", "replace"))
    return [found] if found else []
