"""FLV: the label as string ``AIGC`` of the script tag ``onMetaData`` (TC260-PG-20257A).

The list of key frames in that tag holds absolute places, which move with its length.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Found, Reading, find, to_json
from guard.watermark.splice import Edit, splice

_SCRIPT: Final = 18
_NUMBER, _BOOL, _STRING, _OBJECT, _NULL, _UNDEFINED = 0, 1, 2, 3, 5, 6
_REFERENCE, _ECMA, _STRICT, _DATE, _LONG = 7, 8, 10, 11, 12
_END: Final = b"\0\0\x09"
#: Places of key frames and the size of the file, by their path in the metadata.
_PLACES: Final = (("keyframes", "filepositions"),)
_SIZES: Final = (("filesize",), ("datasize",))


@dataclass(frozen=True, slots=True)
class _Tag:
    """A tag: ``start`` is its header of eleven bytes, ``end`` is behind the size that follows."""

    kind: int
    start: int
    body: int
    size: int

    @property
    def end(self) -> int:
        return self.body + self.size + 4


@dataclass
class _Script:
    """What is found while an AMF0 value is walked: members, and the places of its numbers."""

    members: list[tuple[str, int, int]] = field(default_factory=list)  # name, start, end
    numbers: list[tuple[tuple[str, ...], int]] = field(default_factory=list)
    end: int = 0  # where the members end
    count: int = 0  # where an ECMA array has their number, 0 for an object


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are an FLV's, whatever the file is called."""
    del suffix
    return data[:4] == b"FLV\x01"


def verify(data: Blob) -> None:
    """Refuse an FLV whose first tags are truncated. Raises :class:`InputError`."""
    damage = _metadata(data)[1]
    if damage:
        raise InputError(f"damaged FLV: {damage}", "get the whole file again")


def read_labels(data: Blob) -> Reading:
    """Every label in ``onMetaData``, and what is damaged."""
    tag, damage = _metadata(data)
    if tag is None:
        return Reading(damage=damage)
    body = data[tag.body : tag.body + tag.size]
    script = _walk(body)
    if script is None:
        return Reading(damage=damage or "its metadata cannot be read")
    return Reading(
        tuple(_label(body, *m) for m in script.members if m[0].upper() == "AIGC"), damage
    )


def plan(data: Blob, label: Label) -> list[Edit]:
    """The edits that leave exactly this label; frames and other metadata stay.

    Raises:
        InputError: the file is damaged. LabelError: the label is unfit.
    """
    payload = to_json(label).encode()
    verify(data)
    tag, _ = _metadata(data)
    if tag is None:
        start = 13
        new = b"\x02\0\x0aonMetaData\x08" + struct.pack(">I", 1) + _member(payload) + _END
        return [(start, start, _packed(new, bytes(4)))]
    body = data[tag.body : tag.body + tag.size]
    script = _walk(body)
    if script is None:
        raise InputError("damaged FLV: its metadata cannot be read", "remux it")
    new = _rewritten(body, script, payload, tag.body + tag.size)
    if new == body:
        return []
    times = data[tag.start + 4 : tag.start + 8]
    return [(tag.start, tag.end, _packed(new, times))]


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; the same one twice changes nothing. Raises as `plan`."""
    return splice(data, plan(data, label))


def _metadata(data: Blob) -> tuple[_Tag | None, str]:
    """The script tag before the film, and what is wrong."""
    position = int.from_bytes(data[5:9], "big") + 4
    if len(data) < 13 or position != 13:
        return None, "no header of 13 bytes"
    for _ in range(8):
        head = data[position : position + 11]
        if len(head) < 11:
            return None, "" if not head and position > 13 else f"truncated at byte {position}"
        tag = _Tag(head[0] & 31, position, position + 11, int.from_bytes(head[1:4], "big"))
        if tag.end > len(data):
            return None, f"truncated inside the tag at byte {position}"
        if tag.kind == _SCRIPT and data[tag.body : tag.body + 13] == b"\x02\0\x0aonMetaData":
            return tag, ""
        position = tag.end
    return None, ""


def _packed(body: bytes, times: bytes) -> bytes:
    """A whole script tag and the size that follows it."""
    if len(body) >= 1 << 24:
        raise LabelError("the metadata of the FLV are full (16 MiB)", "remux it")
    head = bytes((_SCRIPT,)) + len(body).to_bytes(3, "big") + times + bytes(3)
    return head + body + struct.pack(">I", len(head) + len(body))


def _member(payload: bytes) -> bytes:
    form = (_STRING, ">BH") if len(payload) < 65_536 else (_LONG, ">BI")
    return b"\0\x04AIGC" + struct.pack(form[1], form[0], len(payload)) + payload


def _rewritten(body: bytes, script: _Script, payload: bytes, behind: int) -> bytes:
    """The metadata with one label at the end, and the places behind them moved."""
    ours = [m for m in script.members if m[0].upper() == "AIGC"]
    new = _member(payload)
    if len(ours) == 1 and body[ours[0][1] : ours[0][2]] == new:
        return body
    growth = len(new) - sum(end - start for _, start, end in ours)
    out = bytearray(body)
    for path, at in script.numbers:
        value = struct.unpack_from(">d", body, at)[0]
        if path in _SIZES[:1] or (path in _PLACES and value >= behind):
            struct.pack_into(">d", out, at, value + growth)
    if script.count:
        number = struct.unpack_from(">I", body, script.count)[0]
        # A hint to readers, so a wrong one is no damage.
        counted = min(max(number + 1 - len(ours), 0), 0xFFFFFFFF)
        struct.pack_into(">I", out, script.count, counted)
    out[script.end : script.end] = new
    for _, start, end in reversed(ours):
        del out[start:end]
    return bytes(out)


def _label(body: bytes, name: str, start: int, end: int) -> Found:
    at = start + 2 + len(name.encode())
    skip = {_STRING: 3, _LONG: 5}.get(body[at], 1)
    text = body[at + skip : end].decode("utf-8", "replace")
    found = find("flv.onmetadata", text, sure=True)
    assert found
    return found


def _walk(body: bytes) -> _Script | None:
    """The members of the value behind the name; ``None`` when the bytes are no AMF0."""
    script = _Script()
    try:
        kind = body[13]
        position = 14
        if kind == _ECMA:
            script.count, position = 14, 18
        elif kind != _OBJECT:
            return None
        while body[position : position + 3] != _END:
            start, name, position = position, *_name(body, position)
            position = _value(body, position, (name,), script)
            script.members.append((name, start, position))
    except (IndexError, struct.error, RecursionError):
        return None
    script.end = position
    return script


def _name(body: bytes, position: int) -> tuple[str, int]:
    size = struct.unpack_from(">H", body, position)[0]
    end = position + 2 + size
    if end > len(body):
        raise IndexError
    return body[position + 2 : end].decode("utf-8", "surrogateescape"), end


def _value(body: bytes, position: int, path: tuple[str, ...], script: _Script) -> int:
    """The end of a value (AMF0 specification, section 2); numbers are noted on the way."""
    kind, position = body[position], position + 1
    if kind in (_OBJECT, _ECMA):
        position += 4 if kind == _ECMA else 0
        while body[position : position + 3] != _END:
            name, position = _name(body, position)
            position = _value(body, position, (*path, name), script)
        return position + 3
    if kind == _STRICT:
        count = struct.unpack_from(">I", body, position)[0]
        position += 4
        for _ in range(count):
            position = _value(body, position, path, script)
        return position
    if kind == _NUMBER:
        script.numbers.append((path, position))
    return _behind(body, kind, position)


def _behind(body: bytes, kind: int, position: int) -> int:
    size = {_NUMBER: 8, _BOOL: 1, _NULL: 0, _UNDEFINED: 0, _REFERENCE: 2, _DATE: 10}.get(kind, 0)
    if kind in (_STRING, _LONG):
        wide = 2 if kind == _STRING else 4
        size = wide + int.from_bytes(body[position : position + wide], "big")
    elif not size and kind not in (_NULL, _UNDEFINED):
        raise IndexError
    if position + size > len(body):
        raise IndexError
    return position + size
