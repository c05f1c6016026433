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

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_DECODE: Final = JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Row(Doc):
    """A document with the line it came from.

    ``line_text`` is the decoded line, line end included, and ``span`` the place of the text in it:
    of the JSON string with its quotes, or of the bare text.
    """

    raw: bytes = b""
    line_text: str = ""
    span: tuple[int, int] = (0, 0)
    quoted: bool = False

    def rewritten(self, text: str) -> bytes:
        """The line with ``text`` in place of the original one, everything else untouched."""
        start, end = self.span
        new = _quote(text, like=self.line_text[start:end]) if self.quoted else text
        return (self.line_text[:start] + new + self.line_text[end:]).encode()


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
        read = self._json if self.file.rows else self._plain
        return read(line, decoded)

    def _plain(self, line: Line, decoded: str) -> Row:
        start = 1 if line.number == 1 and decoded.startswith("\ufeff") else 0
        end = len(decoded.removesuffix("\n").removesuffix("\r"))
        return self._readable(line, decoded, {}, decoded[start:end], (start, end))

    def _json(self, line: Line, decoded: str) -> Row:
        try:
            members = read_object(decoded)
        except json.JSONDecodeError as error:
            reason = f"not a JSON object: {error.msg} at character {error.pos}"
            return self._unreadable(line, Problem(JSON, reason))
        except (ValueError, RecursionError):
            reason = "not readable as JSON: a number too long or nesting too deep"
            return self._unreadable(line, Problem(JSON, reason))
        texts = [(value, span) for key, value, span in members if key == self.field]
        if len(texts) != 1 or not isinstance(texts[0][0], str):
            reason = (
                f"field {self.field!r} occurs {len(texts)} times"
                if len(texts) != 1
                else f"field {self.field!r} is not a string"
            )
            return self._unreadable(line, Problem(FIELD, reason))
        return self._readable(line, decoded, {key: value for key, value, _ in members}, *texts[0])

    def _readable(
        self, line: Line, decoded: str, values: dict[str, Any], text: str, span: tuple[int, int]
    ) -> Row:
        return Row(
            text=text,
            id=_id(values.get("id")) or f"{self.file.name}:{line.number}",
            source=_id(values.get("source")) or self.file.name,
            file=self.file.name,
            line=line.number,
            raw=line.raw,
            line_text=decoded,
            span=span,
            quoted=self.file.rows,
        )

    def _unreadable(self, line: Line, problem: Problem) -> Row:
        name, number = self.file.name, line.number
        body = line.raw.removesuffix(b"\n").removesuffix(b"\r")
        digest = line.sha256 or hashlib.sha256(body).hexdigest()
        return Row("", f"{name}:{number}", name, name, number, problem, digest)


def _id(value: Any) -> str:
    """A row's own id or source, where it has a usable one."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def read_object(text: str) -> list[tuple[str, Any, tuple[int, int]]]:
    """The members of the JSON object ``text``: key, value, and (start, end) of the value.

    Unlike ``json.loads`` it keeps repeated keys and places, which a rewrite of one value needs.

    Raises:
        json.JSONDecodeError: not exactly one JSON object.
    """
    at = _skip(text, 1 if text.startswith("\ufeff") else 0)
    members: list[tuple[str, Any, tuple[int, int]]] = []
    at = _skip(text, _expect(text, at, "{"))
    if text[at : at + 1] == "}":
        return _ended(text, at + 1, members)
    while True:
        key, at = _DECODE(text, _expect(text, at, '"') - 1)
        start = _skip(text, _expect(text, _skip(text, at), ":"))
        value, end = _DECODE(text, start)
        members.append((key, value, (start, end)))
        at = _skip(text, end)
        if text[at : at + 1] == "}":
            return _ended(text, at + 1, members)
        at = _skip(text, _expect(text, at, ","))


def _ended(
    text: str, at: int, members: list[tuple[str, Any, tuple[int, int]]]
) -> list[tuple[str, Any, tuple[int, int]]]:
    if _skip(text, at) != len(text):
        raise json.JSONDecodeError("extra data", text, at)
    return members


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, mark: str) -> int:
    """The place after ``mark``, which must stand at ``at``."""
    if text[at : at + 1] != mark:
        raise json.JSONDecodeError(f"expected {mark!r}", text, at)
    return at + 1
