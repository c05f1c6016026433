"""From lines to documents and back: nothing but the text field of a row is ever rewritten."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from json.decoder import JSONDecoder
from typing import Any, Final

from guard.scan.files import MAX_LINE, Input, Line, Reader
from guard.stages.stage2_data_cleaner import Doc, Problem

ENCODING: Final = "input.encoding"
JSON: Final = "input.json"
FIELD: Final = "input.field"
TOO_LONG: Final = "input.too_long"


class _Members(list[tuple[str, Any]]):
    """The members of a JSON object, repeated keys included (a dict would hide all but one)."""


_MARK: Final = "\ufeff"
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_MEMBERS: Final = JSONDecoder(object_pairs_hook=_Members).decode
_VALUE: Final = JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Row(Doc):
    """A document with the line it came from, line end included.

    ``field`` names the member of the JSON object that holds the text; None for plain text.
    """

    raw: bytes = b""
    field: str | None = None

    def rewritten(self, text: str) -> bytes:
        """The line with ``text`` in place of the original one, every other byte untouched."""
        line = self.raw.decode()
        if self.field is None:
            start, end = plain_span(line, self.line)
        else:
            start, end = json_span(line, self.field)
            text = _quote(text, like=line[start:end])
        return (line[:start] + text + line[end:]).encode()


def plain_span(line: str, number: int) -> tuple[int, int]:
    """Where the text of a plain line stands: without the line end and a file's byte order mark."""
    start = 1 if number == 1 and line.startswith(_MARK) else 0
    return (start, len(line.removesuffix("\n").removesuffix("\r")))


def json_span(line: str, field: str) -> tuple[int, int]:
    """Where the value of ``field`` stands in ``line``, a valid JSON object that has the field."""
    at = line.index("{") + 1
    while True:
        key, at = _VALUE(line, _skip(line, at))
        start = _skip(line, _skip(line, at) + 1)  # behind the colon
        _, end = _VALUE(line, start)
        if key == field:
            return (start, end)
        at = _skip(line, end) + 1  # behind the comma


def _skip(line: str, at: int) -> int:
    match = _SPACE.match(line, at)
    return match.end() if match else at


def _quote(text: str, like: str) -> str:
    """A JSON string in the style of ``like``: escaped throughout if that was pure ASCII."""
    quoted = json.dumps(text, ensure_ascii=like.isascii())
    try:
        quoted.encode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can carry
        return json.dumps(text)
    return quoted


@dataclass(slots=True)
class Documents:
    """The documents of one file, one a line. ``blank`` counts the empty lines passed over."""

    file: Input
    reader: Reader
    field: str
    blank: int = 0

    def __iter__(self) -> Iterator[Row]:
        for line in self.reader.lines():
            if line.raw.strip() or line.sha256:
                yield self._row(line)
            else:
                self.blank += 1

    def _row(self, line: Line) -> Row:
        if line.sha256:
            reason = f"the line is longer than {MAX_LINE >> 20} MiB"
            return self._unreadable(line, Problem(TOO_LONG, reason))
        try:
            decoded = line.raw.decode()
        except UnicodeDecodeError as error:
            reason = f"byte 0x{line.raw[error.start]:02x} at {error.start} is not UTF-8"
            return self._unreadable(line, Problem(ENCODING, reason))
        return self._json(line, decoded) if self.file.rows else self._plain(line, decoded)

    def _plain(self, line: Line, decoded: str) -> Row:
        start, end = plain_span(decoded, line.number)
        name, number = self.file.name, line.number
        return Row(decoded[start:end], f"{name}:{number}", name, name, number, raw=line.raw)

    def _json(self, line: Line, decoded: str) -> Row:
        members = _members(decoded)
        if isinstance(members, Problem):
            return self._unreadable(line, members)
        texts = [value for key, value in members if key == self.field]
        if len(texts) != 1 or not isinstance(texts[0], str):
            return self._unreadable(line, Problem(FIELD, _unusable(self.field, texts)))
        values, name, number = dict(members), self.file.name, line.number
        return Row(
            texts[0],
            _id(values.get("id")) or f"{name}:{number}",
            _id(values.get("source")) or name,
            name,
            number,
            raw=line.raw,
            field=self.field,
        )

    def _unreadable(self, line: Line, problem: Problem) -> Row:
        name, number = self.file.name, line.number
        body = line.raw.removesuffix(b"\n").removesuffix(b"\r")
        digest = line.sha256 or hashlib.sha256(body).hexdigest()
        return Row("", f"{name}:{number}", name, name, number, problem, digest)


def _members(decoded: str) -> _Members | Problem:
    try:
        members = _MEMBERS(decoded.removeprefix(_MARK))
    except json.JSONDecodeError as error:
        return Problem(JSON, f"not JSON: {error.msg.lower()} at character {error.pos}")
    except (ValueError, RecursionError):
        return Problem(JSON, "not readable as JSON: a number too long or nesting too deep")
    return members if isinstance(members, _Members) else Problem(JSON, "not a JSON object")


def _unusable(field: str, values: list[Any]) -> str:
    if not values:
        return f"field {field!r} is missing"
    if len(values) > 1:
        return f"field {field!r} occurs {len(values)} times"
    return f"field {field!r} is not a string"


def _id(value: Any) -> str:
    """A row's own id or source, where it has a usable one."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
