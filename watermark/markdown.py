"""Markdown: the label as mapping ``AIGC`` in the YAML front matter (TC260-PG-20258A).

Only the lines of the label change. Comments, order and quoting of other keys stay.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import Any, Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark.gb45438 import KEYS, Found, Reading, check, fields, find, from_mapping
from guard.watermark.notice import newline_of
from guard.watermark.plaintext import decode, verify

__all__ = ["body_start", "matches", "read_labels", "verify", "write_label"]

_KEY: Final = "AIGC"
#: A front matter is a page of keys. Parsing is quadratic on hostile ones: longer ones are refused.
_LONGEST = 32_768
_OPEN = re.compile(r"\ufeff?---[ \t]*(\r\n|\n|\r)")
_CLOSE = re.compile(r"^(---|\.\.\.)[ \t]*(?=\r|\n|\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Front:
    """The YAML between the fences: its place in the text, and the end of the closing fence line."""

    start: int
    end: int
    body: int


def matches(data: bytes, suffix: str) -> bool:
    """Decided by the name: any bytes could be a text."""
    del data
    return suffix in (".md", ".markdown")


def body_start(text: str) -> int:
    """Where the text proper begins, behind the front matter or the byte-order mark."""
    with contextlib.suppress(LabelError):  # what is wrong with it is said by reading and writing
        front = _front(text)
        if front and _is_mapping(text[front.start : front.end]):
            return front.body
    return 1 if text.startswith("\ufeff") else 0


def read_labels(data: bytes) -> Reading:
    """The labels in the front matter; damaged when that is not valid YAML or not UTF-8."""
    try:
        text = decode(data)
        front = _front(text)
        node = _compose(text[front.start : front.end]) if front else None
    except (InputError, LabelError) as error:
        return Reading(damage=error.message)
    items = [(key, value) for key, value in _pairs(node) if key.value == _KEY]
    found = [item for _, value in items if (item := _found(value)) is not None]
    return Reading(tuple(found))


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label in its front matter, which is made where there is none.

    Raises:
        InputError: not UTF-8. LabelError: the label is unfit, or the front matter is not YAML.
    """
    check(label)
    text = decode(data)
    newline = newline_of(text)
    block = _block(label, newline)
    front = _front(text)
    if front is None or not _is_mapping(text[front.start : front.end]):
        mark = 1 if text.startswith("\ufeff") else 0
        new = f"{text[:mark]}---{newline}{block}---{newline}{text[mark:]}"
        return new.encode()
    inner = text[front.start : front.end]
    return (text[: front.start] + _merged(inner, block, newline) + text[front.end :]).encode()


def _merged(inner: str, block: str, newline: str) -> str:
    """The YAML with ``block`` where the first label stood, or at its end."""
    spans = [
        _lines(inner, key, value) for key, value in _pairs(_compose(inner)) if key.value == _KEY
    ]
    for start, end in reversed(spans[1:]):
        inner = inner[:start] + inner[end:]
    if spans:
        return inner[: spans[0][0]] + block + inner[spans[0][1] :]
    complete = not inner or inner.endswith(("\n", "\r"))
    return inner + ("" if complete else newline) + block


def _lines(inner: str, key: Any, value: Any) -> tuple[int, int]:
    """The whole lines that a key and its value take."""
    if key.start_mark.column:
        raise LabelError(
            "the front matter is one line in braces, into which no label can be merged",
            "write one key a line",
        )
    end = max(_end(value), key.end_mark.index)
    if inner[end - 1] in "\r\n":  # a block scalar ends behind its last line
        return key.start_mark.index, end
    match = re.compile(r"\r\n|\n|\r|\Z").search(inner, end)
    return key.start_mark.index, match.end() if match else len(inner)


def _end(node: Any) -> int:
    """Where a node's own text ends: a block mapping's mark lies behind the comments that follow."""
    import yaml

    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return max(_end(child) for child in node.value[-1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _end(node.value[-1])
    end: int = node.end_mark.index
    return end


def _block(label: Label, newline: str) -> str:
    quoted = {key: value.replace("'", "''") for key, value in fields(label).items()}
    lines = [f"{_KEY}:", *(f"  {key}: '{quoted[key]}'" for key in KEYS)]
    return newline.join(lines) + newline


def _front(text: str) -> _Front | None:
    opening = _OPEN.match(text)
    closing = _CLOSE.search(text, opening.end()) if opening else None
    if opening is None or closing is None:
        return None
    if closing.start() - opening.end() > _LONGEST:
        raise LabelError(f"the front matter is longer than {_LONGEST} characters", "shorten it")
    end = re.compile(r"\r\n|\n|\r|\Z").search(text, closing.end())
    return _Front(opening.end(), closing.start(), end.end() if end else len(text))


def _is_mapping(inner: str) -> bool:
    import yaml

    node = _compose(inner)
    empty = node is None or (isinstance(node, yaml.ScalarNode) and not node.value)
    return empty or isinstance(node, yaml.MappingNode)


def _compose(inner: str) -> Any:
    import yaml

    try:
        return yaml.compose(inner, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        place = getattr(error, "problem_mark", None)
        line = f" (line {place.line + 2})" if place else ""
        raise LabelError(
            f"the front matter is not valid YAML{line}", "repair the front matter"
        ) from None


def _pairs(node: Any) -> list[tuple[Any, Any]]:
    import yaml

    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def _found(node: Any) -> Found | None:
    """A label from a YAML value: a mapping with keys of annex E, or a string of its JSON."""
    import yaml

    carrier = "front-matter"
    if isinstance(node, yaml.ScalarNode):
        return find(carrier, node.value, sure=True)
    names = [(key.value, value) for key, value in _pairs(node) if isinstance(key.value, str)]
    members = {key: value.value if isinstance(value.value, str) else "" for key, value in names}
    found = from_mapping(carrier, members)
    repeated = sorted({key for key in members if sum(key == name for name, _ in names) > 1})
    return Found(carrier, "", found.fields, tuple(repeated)) if found else None
