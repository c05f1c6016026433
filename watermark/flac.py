"""FLAC: the label as Vorbis comment ``AIGC`` in the metadata blocks (RFC 9639, section 8.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark import mp3, vorbis
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Found, Reading, to_json
from guard.watermark.splice import Edit, splice
from guard.watermark.vorbis import Comments

_COMMENT: Final = 4
_LAST = 0x80


@dataclass(frozen=True, slots=True)
class _Block:
    kind: int
    start: int
    end: int

    def body(self, data: Blob) -> bytes:
        return data[self.start + 4 : self.end]


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are a FLAC's, perhaps behind an ID3 tag that some writers put there."""
    return data[:4] == b"fLaC" or (data[:3] == b"ID3" and suffix == ".flac")


def verify(data: Blob) -> None:
    """Refuse a FLAC whose metadata are truncated. Raises :class:`InputError`."""
    damage = _blocks(data)[1]
    if damage:
        raise InputError(f"damaged FLAC: {damage}", "get the whole file again")


def read_labels(data: Blob) -> Reading:
    """Every label in the comments and in an ID3 tag before them, and what is damaged."""
    blocks, damage = _blocks(data)
    found: list[Found] = list(mp3.read_labels(data).found)
    for block in blocks:
        if block.kind == _COMMENT:
            comments = vorbis.parse(block.body(data))
            damage = damage or ("" if comments else "a Vorbis comment is longer than its block")
            found += vorbis.labels(comments)
    return Reading(tuple(found), damage)


def plan(data: Blob, label: Label) -> list[Edit]:
    """The edits that leave exactly this label; sound, seek table and other blocks stay.

    Raises:
        InputError: the metadata are damaged. LabelError: the label is unfit, the block is full,
            or a label stands in an ID3 tag, which does not belong into a FLAC.
    """
    payload = to_json(label)
    verify(data)
    if mp3.read_labels(data).found:
        raise LabelError("a label stands in an ID3 tag before the FLAC", "remove that tag first")
    blocks, _ = _blocks(data)
    block = next((b for b in blocks if b.kind == _COMMENT), None)
    comments = vorbis.parse(block.body(data)) if block else Comments(b"aigc-guard", (), b"")
    if comments is None:
        raise InputError("damaged FLAC: a Vorbis comment is longer than its block", "repair it")
    body = vorbis.merged(comments, payload)
    if len(body) >= 1 << 24:
        raise LabelError("the comment block of the FLAC is full (16 MiB)", "shorten its comments")
    size = len(body).to_bytes(3, "big")
    if block:
        return [(block.start + 1, block.end, size + body)]
    first = blocks[0]
    flag = data[first.start : first.start + 1][0]
    head = bytes((_COMMENT | flag & _LAST,)) + size
    clear = bytes((flag & ~_LAST,))
    return [(first.start, first.start + 1, clear), (first.end, first.end, head + body)]


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; the same one twice changes nothing. Raises as `plan`."""
    return splice(data, plan(data, label))


def _blocks(data: Blob) -> tuple[list[_Block], str]:
    """The metadata blocks, and what is wrong."""
    tag = mp3.read_tag(data)
    position = tag.size if tag else 0
    if data[position : position + 4] != b"fLaC":
        return [], "no fLaC mark"
    position += 4
    found: list[_Block] = []
    while len(head := data[position : position + 4]) == 4:
        end = position + 4 + int.from_bytes(head[1:], "big")
        if end > len(data):
            return found, f"truncated inside a metadata block at byte {position}"
        found.append(_Block(head[0] & ~_LAST, position, end))
        position = end
        if head[0] & _LAST:
            return found, "" if found[0].kind == 0 else "no stream information at its start"
    return found, f"truncated at byte {position}"
