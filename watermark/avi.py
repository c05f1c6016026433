"""AVI: the label as ``AIGC`` in ``LIST INFO`` (TC260-PG-20257A).

No byte of the film moves, since indexes hold absolute places: the list takes its room from the
``JUNK`` that writers leave before the film, or else stands behind the index.
"""

from __future__ import annotations

import struct
from typing import Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark import riff
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Reading, to_json
from guard.watermark.riff import Chunk
from guard.watermark.splice import Edit, splice
from guard.watermark.wav import info, label_in, without

_JUNK: Final = b"JUNK"


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are an AVI's, whatever the file is called."""
    del suffix
    return data[:4] == b"RIFF" and data[8:12] == b"AVI "


def verify(data: Blob) -> None:
    """Refuse an AVI that is truncated. Raises :class:`InputError` naming the place."""
    damage = _parts(data)[2]
    if damage:
        raise InputError(f"damaged AVI: {damage}", "get the whole file again")


def read_labels(data: Blob) -> Reading:
    """Every label in the file, and what kept us from reading on."""
    parts, _, damage = _parts(data)
    found = [f for p in parts for s in info(data, p) for f in label_in(data, s, "riff.info")]
    found += [f for p in parts for f in label_in(data, p, "riff.aigc")]
    return Reading(tuple(found), damage, (), any(part.kind == b"C2PA" for part in parts))


def plan(data: Blob, label: Label) -> list[Edit]:
    """The edits that leave exactly this label; frames and index keep their places.

    Raises:
        InputError: the file is truncated. LabelError: the label is unfit, or there is no room:
            an OpenDML file without ``JUNK``, or one that would outgrow its 4 GiB.
    """
    new = riff.chunk(b"AIGC", to_json(label).encode())
    verify(data)
    parts, end, _ = _parts(data)
    cleared = [p for p in parts if p.kind == b"AIGC"]
    edits: list[Edit] = [(p.start, p.end, _junk(p.end - p.start)) for p in cleared]
    lists = [p for p in parts if info(data, p)]
    if (room := _room(data, parts, lists, new)) is not None:
        return edits + room + _emptied(data, [p for p in lists if p.start != room[0][0]])
    if end != len(data):
        raise LabelError(
            "this AVI has no spare room before its film, and an index that must not move",
            "rewrite it with ffmpeg -c copy, which leaves room",
        )
    last = lists[-1:] if lists and lists[-1].end == end and not _kept(data, lists[-1]) else []
    start = last[0].start if last else end
    return edits + _emptied(data, lists[: len(lists) - len(last)]) + _behind(data, start, new, end)


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; the same one twice changes nothing. Raises as `plan`."""
    return splice(data, plan(data, label))


def _parts(data: Blob) -> tuple[list[Chunk], int, str]:
    """The chunks of the first RIFF, where it ends, and what is wrong."""
    if len(data) < 12:
        return [], len(data), f"truncated: {len(data)} bytes"
    size = struct.unpack("<I", data[4:8])[0]
    end = min(8 + size, len(data))
    parts, damage = riff.walk(data, 12, end)
    if 8 + size > len(data):
        return parts, end, damage or f"truncated: {len(data)} of {8 + size} bytes"
    if not damage and not any(_is_film(data, part) for part in parts):
        damage = "no film (LIST 'movi')"
    return parts, end, damage


def _is_film(data: Blob, part: Chunk) -> bool:
    return part.kind == b"LIST" and data[part.start + 8 : part.start + 12] == b"movi"


def _room(data: Blob, parts: list[Chunk], lists: list[Chunk], new: bytes) -> list[Edit] | None:
    """A list in the place of ``JUNK``, together with the list that stands right before it."""
    for place, part in enumerate(parts):
        start, body = part.start, b"INFO"
        if _is_film(data, part):
            break
        if part in lists:
            body = without(data, part)[8 : 8 + 4 + _kept(data, part)]
            part = parts[place + 1]
            if part.kind != _JUNK and start + 8 + len(body) + len(new) > part.start:
                continue
        elif part.kind != _JUNK:
            continue
        end = part.end if part.kind == _JUNK else part.start
        piece = riff.chunk(b"LIST", body + new)
        rest = end - start - len(piece)
        if rest == 0 or rest >= 8:
            return [(start, end, piece + _junk(rest))]
    return None


def _kept(data: Blob, part: Chunk) -> int:
    return sum(s.end - s.start for s in info(data, part) if s.kind != b"AIGC")


def _emptied(data: Blob, lists: list[Chunk]) -> list[Edit]:
    """Labels in other lists become ``JUNK`` of the same size."""
    return [
        (s.start, s.end, _junk(s.end - s.start))
        for part in lists
        for s in info(data, part)
        if s.kind == b"AIGC"
    ]


def _behind(data: Blob, start: int, new: bytes, end: int) -> list[Edit]:
    """A list at the end of the file, in the place of one that holds nothing else."""
    piece = riff.chunk(b"LIST", b"INFO" + new)
    size = struct.unpack("<I", data[4:8])[0] + len(piece) - (end - start)
    if size >= riff.UNKNOWN:
        raise LabelError("the AVI would be larger than 4 GiB", "save it as MKV or MP4")
    return [(start, end, piece), (4, 8, struct.pack("<I", size))]


def _junk(size: int) -> bytes:
    return riff.chunk(_JUNK, bytes(size - 8)) if size else b""
