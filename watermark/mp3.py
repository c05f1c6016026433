"""MP3: the label as ID3v2 frame ``TXXX`` with description ``AIGC`` (TC260-PG-202510A).

ID3v2.2, 2.3 and 2.4 tags are kept, frame by frame, byte for byte; a file without one gets 2.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Reading, find, to_json
from guard.watermark.splice import Edit, splice

_UNSYNC, _EXTENDED, _FOOTER = 0x80, 0x40, 0x10
#: Tags hold pictures; longer ones than this are none.
_LONGEST: Final = 1 << 26
_ENCODINGS: Final = ("latin-1", "utf-16", "utf-16-be", "utf-8")


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame: ``start..end`` with its header in the tag's body."""

    kind: bytes
    start: int
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class Tag:
    """An ID3v2 tag: ``size`` bytes at the start of the file, ``body`` without unsynchronisation.

    ``frames`` begin at ``first`` and end at ``last``; zeroes follow.
    """

    version: int
    flags: int
    size: int
    body: bytes
    frames: tuple[Frame, ...]
    first: int
    last: int
    damage: str = ""


def matches(data: bytes, suffix: str) -> bool:
    """Whether there is an ID3v2 tag or an MPEG layer III frame at the start."""
    if data[:3] == b"ID3":
        return suffix in (".mp3", "") and b"fLaC" not in data[:16_384]
    return len(data) > 2 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2 and data[1] & 0x18 != 8


def verify(data: Blob) -> None:
    """Refuse a damaged tag, or one with nothing behind. Raises :class:`InputError`."""
    tag = read_tag(data)
    damage = tag.damage if tag else ""
    if not damage and len(data) <= (tag.size if tag else 0) + 4:
        damage = "no sound behind the tag"
    if damage:
        raise InputError(f"damaged MP3: {damage}", "get the whole file again")


def read_labels(data: Blob) -> Reading:
    """Every label in the ID3v2 tag, and what kept us from reading on."""
    tag = read_tag(data)
    if tag is None:
        return Reading()
    texts = (text for frame in tag.frames if (text := _label_text(tag, frame)) is not None)
    found = [item for text in texts if (item := find("id3.txxx", text, sure=True))]
    manifest = any(
        frame.kind == b"GEOB" and b"c2pa" in tag.body[frame.body : frame.body + 64]
        for frame in tag.frames
    )
    return Reading(tuple(found), tag.damage, (), manifest)


def plan(data: Blob, label: Label) -> list[Edit]:
    """The edits that leave exactly this label; sound and other frames stay.

    Raises:
        InputError: the tag is damaged. LabelError: the label is unfit, or the tag is full.
    """
    payload = to_json(label).encode()
    verify(data)
    tag = read_tag(data)
    if tag is None:
        return [(0, 0, _packed(4, 0, _frame(4, payload)))]
    ours = [frame for frame in tag.frames if _label_text(tag, frame) is not None]
    new = _frame(tag.version, payload)
    if [tag.body[f.start : f.end] for f in ours] == [new]:
        return []
    body, flags = _extended(tag)
    body += new + b"".join(_others(tag, ours))
    return [(0, tag.size, _fitted(tag, flags, body))]


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; the same one twice changes nothing. Raises as `plan`."""
    return splice(data, plan(data, label))


def read_tag(data: Blob) -> Tag | None:
    """The tag at the start of the file; ``None`` where there is none."""
    head = data[:10]
    if head[:3] != b"ID3":
        return None
    version, flags = (head[3], head[5]) if len(head) == 10 else (0, 0)
    length = _syncsafe(head[6:10])
    size = 10 + length + (10 if version == 4 and flags & _FOOTER else 0)
    if version not in (2, 3, 4):
        return Tag(version, flags, size, b"", (), 0, 0, f"ID3 version 2.{version}")
    raw = data[10 : 10 + min(length, _LONGEST)]
    whole = len(raw) == length and size <= len(data)
    # 2.4 unsynchronises inside frames, whose sizes count the stored bytes.
    body = raw.replace(b"\xff\x00", b"\xff") if flags & _UNSYNC and version < 4 else raw
    first = _extension(version, flags, body)
    frames, last, damage = _frames(version, body, first)
    damage = damage if whole else "truncated inside the ID3 tag"
    return Tag(version, flags, size, body, tuple(frames), first, last, damage)


def _frames(version: int, body: bytes, position: int) -> tuple[list[Frame], int, str]:
    """The frames, where they end, and what is wrong with them."""
    found: list[Frame] = []
    wide = 6 if version == 2 else 10
    while position + wide <= len(body) and body[position]:
        kind = body[position : position + (3 if version == 2 else 4)]
        if not kind.isalnum():
            return found, position, f"no frame at byte {position + 10} of the ID3 tag"
        size = _frame_size(version, body, position)
        end = position + wide + size
        if end > len(body):
            return found, position, f"the frame {kind.decode()} is longer than the ID3 tag"
        found.append(Frame(kind, position, position + wide, end))
        position = end
    return found, position, ""


def _frame_size(version: int, body: bytes, position: int) -> int:
    if version == 2:
        return int.from_bytes(body[position + 3 : position + 6], "big")
    field = body[position + 4 : position + 8]
    plain = int.from_bytes(field, "big")
    if version == 3 or any(byte & 0x80 for byte in field):
        return plain
    size = _syncsafe(field)
    # Some writers of 2.4 store plain numbers: what leads to a frame or to zeroes is right.
    if size != plain and not _continues(body, position + 10 + size):
        return plain if _continues(body, position + 10 + plain) else size
    return size


def _continues(body: bytes, position: int) -> bool:
    follow = body[position : position + 4]
    return position == len(body) or not any(follow) or (len(follow) == 4 and follow.isalnum())


def _extension(version: int, flags: int, body: bytes) -> int:
    """Bytes of the extended header (2.3: its size without itself; 2.4: with)."""
    if version == 2 or not flags & _EXTENDED:
        return 0
    if version == 3:
        return 4 + int.from_bytes(body[:4], "big")
    return max(_syncsafe(body[:4]), 6)


def _extended(tag: Tag) -> tuple[bytes, int]:
    """The extended header and the flags. It goes where it holds a checksum that would be wrong."""
    flags = tag.flags & ~_FOOTER
    if tag.version == 4 and tag.first and not tag.body[5] & 0x20:
        return tag.body[: tag.first], flags
    return b"", flags & ~_EXTENDED if tag.version > 2 else flags


def _others(tag: Tag, ours: list[Frame]) -> Iterator[bytes]:
    """The frames between those that hold labels, byte for byte."""
    position = tag.first
    for frame in ours:
        yield tag.body[position : frame.start]
        position = frame.end
    yield tag.body[position : tag.last]


def _fitted(tag: Tag, flags: int, body: bytes) -> bytes:
    """A tag of the old size where the padding suffices, so that the sound does not move."""
    packed = _packed(tag.version, flags, body)
    spare = tag.size - len(packed)
    return _packed(tag.version, flags, body + bytes(spare)) if spare > 0 else packed


def _packed(version: int, flags: int, body: bytes) -> bytes:
    if flags & _UNSYNC and version < 4:
        body = _unsynchronised(body)
    if len(body) >= 1 << 28:
        raise LabelError("the ID3 tag has no room left (256 MiB)", "remove a picture from it")
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3" + bytes((version, 0, flags)) + size + body


def _unsynchronised(body: bytes) -> bytes:
    """No ``FF`` is followed by what looks like a frame of sound (ID3v2.3, section 5)."""
    out = bytearray()
    for byte in body:
        if out[-1:] == b"\xff" and (byte >= 0xE0 or byte == 0):
            out.append(0)
        out.append(byte)
    return bytes(out + b"\0" if out[-1:] == b"\xff" else out)


def _frame(version: int, payload: bytes) -> bytes:
    """``TXXX``: encoding, description, zero, text. ASCII, so that unsynchronising changes none."""
    text = (b"\x03" if version == 4 else b"\x00") + b"AIGC\0" + payload
    if version == 2:
        return b"TXX" + len(text).to_bytes(3, "big") + text
    size = bytes(len(text) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"TXXX" + (size if version == 4 else len(text).to_bytes(4, "big")) + b"\0\0" + text


def _label_text(tag: Tag, frame: Frame) -> str | None:
    """The text of a frame that is a label's, whatever its encoding."""
    if frame.kind not in (b"TXXX", b"TXX") or frame.end - frame.body < 6:
        return None
    body = tag.body[frame.body : min(frame.end, frame.body + 200_000)]
    if tag.version == 4:
        flags = tag.body[frame.start + 9]
        body = body[4:] if flags & 1 else body  # the data length indicator
        body = body.replace(b"\xff\x00", b"\xff") if flags & 2 else body
    if body[:1] > b"\x03":
        return None
    description, _, text = _decoded(body).partition("\0")
    return text.strip("\0\ufeff") if description.strip("\ufeff").upper() == "AIGC" else None


def _decoded(body: bytes) -> str:
    encoding = _ENCODINGS[body[0]]
    if encoding == "utf-16" and body[1:3] == b"\xfe\xff":
        encoding = "utf-16-be"
    elif encoding == "utf-16":
        encoding = "utf-16-le"
    return body[1:].decode(encoding, "replace")


def _syncsafe(field: bytes) -> int:
    """A number of seven bits a byte."""
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(field)))
