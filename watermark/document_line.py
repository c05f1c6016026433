"""Word documents with the notice as first paragraph; everything else in the XML stays as it was."""

from __future__ import annotations

import html
import posixpath
import re
from typing import Any, Final

from guard.errors import InputError, LabelError
from guard.watermark import notice, package
from guard.watermark.blob import Blob
from guard.watermark.package import Package
from guard.watermark.splice import Edit

_RELATIONS: Final = "_rels/.rels"
_MAIN = re.compile(
    r"""<Relationship\s(?=[^<>]*\bType\s*=\s*["'][^"']*/officeDocument["'])[^<>]*"""
    r"""\bTarget\s*=\s*["']([^"'<>]+)["']"""
)
_BODY = re.compile(r"<((?:\w+:)?)body\b[^<>/]*>")
#: A notice of an earlier run is looked for in so much of the XML.
_NEAR: Final = 4096


def plan(data: Blob, text: str) -> tuple[list[Edit], dict[str, Any]]:
    """The edits that put the notice at the top, unless it is there; and what it is like.

    Raises:
        LabelError: it is no Word document, or signed. InputError: it is damaged.
    """
    notice.check_wording(text)
    pack = package.open_package(data)
    if pack.damage:
        raise InputError(f"damaged document: {pack.damage}", "save the document again")
    name, xml = _main(data, pack)
    body = _BODY.search(xml)
    if not name.startswith("word/") or body is None:
        raise LabelError(
            "no visible label can be put on this kind of document, only on Word's (DOCX)",
            "write it into the document yourself, and give --no-visible",
        )
    if any(member.name.startswith("_xmlsignatures/") for member in pack.members):
        raise LabelError(
            "a notice would break the document's digital signature",
            "label it before it is signed, or give --no-visible",
        )
    line, at = html.escape(notice.line(text), quote=False), body.end()
    drawn = {"text": notice.line(text)}
    if line in xml[at : at + _NEAR]:
        return [], drawn
    new = xml[:at] + _paragraph(body[1], line) + xml[at:]
    return package.replaced(data, pack, {name: new.encode()}), drawn


def _main(data: Blob, pack: Package) -> tuple[str, str]:
    """Name and text of the part that holds the document."""
    found = _MAIN.search(_text(data, pack, _RELATIONS))
    name = posixpath.normpath(html.unescape(found[1]).lstrip("/")) if found else ""
    return name, _text(data, pack, name)


def _text(data: Blob, pack: Package, name: str) -> str:
    member = pack.get(name)
    contents = package.read(data, member) if member else b""
    if contents is None:
        raise LabelError(
            f"{name} is longer than can be edited here", "write the notice yourself, --no-visible"
        )
    try:
        return contents.decode("utf-8")
    except UnicodeDecodeError:
        raise LabelError(f"{name} is not in UTF-8", "save the document again") from None


def _paragraph(prefix: str, line: str) -> str:
    w = prefix
    bold = f"<{w}rPr><{w}b/></{w}rPr>"
    return f"<{w}p><{w}r>{bold}<{w}t>{line}</{w}t></{w}r></{w}p>"
