"""HTML: the label as ``<meta name="AIGC" content="...">`` in the head.

The practice guides name no place in HTML; this is the form that programs which write one use.
"""

from __future__ import annotations

import html
import re
from typing import Final

from guard.errors import InputError
from guard.model import Label
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Reading, find, to_json
from guard.watermark.splice import Edit, splice

#: The head of a page is looked at, not all of a long one.
_HEAD: Final = 1 << 20
_ANY_CASE = re.IGNORECASE
#: Parts in which a tag is only text.
_TEXT = re.compile(
    rb"<!--.*?(?:-->|\Z)|<(script|style|template)\b.*?(?:</\1|\Z)", _ANY_CASE | re.DOTALL
)
_TITLE = re.compile(rb"<title\b[^<>]*>[^<]*", _ANY_CASE)
_ITEM = re.compile(rb"""<meta\s(?=[^<>]*\bname\s*=\s*["']?AIGC["'\s/>])[^<>]*>""", _ANY_CASE)
_CONTENT = re.compile(rb"""\bcontent\s*=\s*("[^"]*"|'[^']*')""", _ANY_CASE)
_PLACE = re.compile(rb"<head(?:\s[^<>]*)?>|<html(?:\s[^<>]*)?>|<!doctype[^<>]*>", _ANY_CASE)
_CHARSET = re.compile(rb"""<meta\s[^<>]*charset[^<>]*>""", _ANY_CASE)


def matches(data: bytes, suffix: str) -> bool:
    """Decided by the name: any text could be a page."""
    del data
    return suffix in (".html", ".htm", ".xhtml")


def verify(data: Blob) -> None:
    """Refuse a page in UTF-16. Raises :class:`InputError`."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError("the page is in UTF-16", "save it as UTF-8, as the HTML standard asks")


def read_labels(data: Blob) -> Reading:
    """Every label among the page's ``meta`` elements."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Reading(damage="the page is in UTF-16")
    head = data[:_HEAD]
    found = [find("html.meta", _value(head[s:e]), sure=True) for s, e in _items(head)]
    return Reading(tuple(item for item in found if item))


def plan(data: Blob, label: Label) -> list[Edit]:
    """The edits that leave exactly this label; every other byte stays, whatever the encoding.

    Raises:
        InputError: the page is in UTF-16. LabelError: the label is unfit.
    """
    new = f'<meta name="AIGC" content="{html.escape(to_json(label))}">'.encode()
    verify(data)
    head = data[:_HEAD]
    items = _items(head)
    if not items:
        place = _place(head)
        return [(place, place, new)]
    (start, end), *rest = items
    return [(start, end, new), *((s, e, b"") for s, e in rest)]


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; the same one twice changes nothing. Raises as `plan`."""
    return splice(data, plan(data, label))


def visible_text(data: Blob) -> str:
    """What a reader sees of the page's beginning, a line for each element, as far as tags tell."""
    shown = _TITLE.sub(b"", _TEXT.sub(b"<", data[:_HEAD]))
    lines = re.sub(rb"<[^<>]*>", b"\n", shown).decode("utf-8", "replace")
    return "\n".join(line for item in lines.split("\n") if (line := html.unescape(item).strip()))


def _shown(head: bytes) -> bytes:
    """The head with comments and scripts blanked, places unchanged."""
    return _TEXT.sub(lambda match: b" " * len(match[0]), head)


def _items(head: bytes) -> list[tuple[int, int]]:
    return [match.span() for match in _ITEM.finditer(_shown(head))]


def _value(tag: bytes) -> str:
    match = _CONTENT.search(tag)
    return html.unescape(match[1][1:-1].decode("utf-8", "replace")) if match else ""


def _place(head: bytes) -> int:
    """Behind the declaration of the encoding, which must be early, or behind ``<head>``."""
    shown = _shown(head)
    ends = [match.end() for match in _PLACE.finditer(shown[:65_536])]
    charset = _CHARSET.search(shown)
    if charset and ends and charset.start() < 1024:
        return charset.end()
    return ends[-1] if ends else 3 if head.startswith(b"\xef\xbb\xbf") else 0
