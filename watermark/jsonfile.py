"""JSON: the label as member ``AIGC`` of the outermost object, as answers of services carry it.

The practice guides name no place in JSON; the text is edited, so that numbers, order and white
space of everything else stay.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark.gb45438 import Found, Reading, find, to_json
from guard.watermark.plaintext import decode

_SPACE = re.compile(r"[ \t\r\n]*")
_KEY: Final = "AIGC"


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of the outermost object: ``start`` of its name, its value, ``end`` of that."""

    name: str
    start: int
    value: int
    end: int


def matches(data: bytes, suffix: str) -> bool:
    """Decided by the name: any bytes could be a text."""
    del data
    return suffix == ".json"


def verify(data: bytes) -> None:
    """Refuse what is no JSON in UTF-8. Raises :class:`InputError` naming the place."""
    _members(decode(data))


def read_labels(data: bytes) -> Reading:
    """Every label in the outermost object."""
    try:
        text = decode(data)
        _, members = _members(text)
    except InputError as error:
        return Reading(damage=error.message)
    texts = (text[m.value : m.end] for m in members if m.name == _KEY)
    found: list[Found] = []
    for value in texts:
        raw = json.loads(value) if value.startswith('"') else value
        item = find("json.member", raw, sure=True)
        found += [item] if item else []
    return Reading(tuple(found))


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label as its first member or in the place of the old one.

    Raises:
        InputError: not JSON. LabelError: the label is unfit, or the outermost value is no object.
    """
    new = to_json(label)
    text = decode(data)
    opening, members = _members(text)
    if opening < 0:
        raise LabelError(
            "the JSON is no object, so it has no member that could hold a label",
            'wrap it: {"data": ...}',
        )
    ours = [m for m in members if m.name == _KEY]
    if not ours:
        comma = ", " if members else ""
        return f'{text[: opening + 1]}"{_KEY}": {new}{comma}{text[opening + 1 :]}'.encode()
    for member in reversed(ours[1:]):
        before = text[: member.start].rstrip()
        text = before.removesuffix(",") + text[member.end :]
    return f"{text[: ours[0].value]}{new}{text[ours[0].end :]}".encode()


def _members(text: str) -> tuple[int, list[_Member]]:
    """Where the outermost object begins (-1 for other values), and its members."""
    position = _skip(text, 1 if text.startswith("\ufeff") else 0)
    decoder = json.JSONDecoder()
    try:
        _value(decoder, text, position, whole=True)
        if text[position] != "{":
            return -1, []
        return position, _walk(decoder, text, position)
    except (ValueError, RecursionError, IndexError) as error:
        line = getattr(error, "lineno", "")
        where = f" (line {line})" if line else ""
        raise InputError(f"not JSON{where}", "repair the file") from None


def _walk(decoder: json.JSONDecoder, text: str, opening: int) -> list[_Member]:
    """Members of an object already known to be valid."""
    found: list[_Member] = []
    position = _skip(text, opening + 1)
    while text[position] != "}":
        name, end = decoder.raw_decode(text, position)
        value = _skip(text, _skip(text, end) + 1)  # behind the colon
        last = _value(decoder, text, value)
        found.append(_Member(name, position, value, last))
        position = _skip(text, last)
        position = _skip(text, position + 1) if text[position] == "," else position
    return found


def _value(decoder: Any, text: str, position: int, *, whole: bool = False) -> int:
    """The end of a value. Raises ``ValueError`` when it is none, or more follows a whole one."""
    end: int = decoder.raw_decode(text, position)[1]
    if whole and _skip(text, end) != len(text):
        raise ValueError("more text behind the value")
    return end


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
