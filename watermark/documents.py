"""Documents in ZIP packages: DOCX, PPTX, XLSX (TC260-PG-20258A), ODF, EPUB.

OOXML has the label as custom property ``AIGC`` in ``docProps/custom.xml``. For the other two the
guide names no place; ODF has it as user-defined field in ``meta.xml``, EPUB as ``meta`` of the
package document. XML is edited as text, so that everything else in it stays as it was.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark import package
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Found, Reading, find, to_json
from guard.watermark.package import Package
from guard.watermark.splice import Edit, splice

_CUSTOM: Final = "docProps/custom.xml"
_TYPES: Final = "[Content_Types].xml"
_RELATIONS: Final = "_rels/.rels"
_MANIFEST: Final = "META-INF/manifest.xml"
_PROPERTIES: Final = "http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"
_VALUES: Final = "http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes"
_CUSTOM_TYPE: Final = "application/vnd.openxmlformats-officedocument.custom-properties+xml"
_RELATION: Final = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties"
)
_SET_ID: Final = "{D5CDD505-2E9C-101B-9397-08002B2CF9AE}"

#: Opening tags of labels; attributes have no angle brackets, so each is looked at once.
_OOXML_ITEM = re.compile(r"""<((?:\w+:)?property)\s(?=[^<>]*\bname\s*=\s*["']AIGC["'])[^<>]*>""")
_ODF_ITEM = re.compile(r"""<(meta:user-defined)\s(?=[^<>]*\bmeta:name\s*=\s*["']AIGC["'])[^<>]*>""")
_EPUB_ITEM = re.compile(
    r"""<((?:\w+:)?meta)\s(?=[^<>]*\b(?:property|name)\s*=\s*["'](?:\w+:)?AIGC["'])[^<>]*>"""
)
_CONTENT = re.compile(r"""\bcontent\s*=\s*("[^"]*"|'[^']*')""")
#: More labels than this in one document is an attack on the reader.
_MOST: Final = 64
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of package: which member has the label, what labels look like there, what is added."""

    carrier: str
    member: str
    item: re.Pattern[str]
    write: Callable[[str, str], str]
    companions: Callable[[Blob, Package], dict[str, bytes]]


@dataclass(frozen=True, slots=True)
class _Item:
    """A label in the XML: where it stands, its opening tag, its text."""

    start: int
    end: int
    opening: str
    value: str


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are a ZIP and the name a document's."""
    return data[:4] == b"PK\x03\x04" and suffix in SUFFIXES


def verify(data: Blob) -> None:
    """Refuse a package that is truncated, or is no document. Raises :class:`InputError`."""
    damage = _open(data)[2]
    if damage:
        raise InputError(f"damaged document: {damage}", "save the document again")


def read_labels(data: Blob) -> Reading:
    """Every label in the member that has it, and what is damaged."""
    pack, kind, damage = _open(data)
    text = _text(data, pack, kind.member) if kind else None
    if kind is None or text is None:
        return Reading(damage=damage)
    found = [_found(kind, item) for item in _items(text, kind.item)]
    return Reading(tuple(found), damage)


def plan(data: Blob, label: Label) -> list[Edit]:
    """The edits that leave exactly this label; other members stay byte for byte.

    Raises:
        InputError: the package is damaged. LabelError: the label is unfit, or the document's XML
            has no place for it.
    """
    payload = to_json(label)
    verify(data)
    pack, kind, _ = _open(data)
    assert kind
    old = _text(data, pack, kind.member) or ""
    contents = {kind.member: kind.write(old, payload).encode()}
    return package.replaced(data, pack, kind.companions(data, pack) | contents)


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; the same one twice changes nothing. Raises as `plan`."""
    return splice(data, plan(data, label))


def visible_text(data: Blob) -> str | None:
    """The paragraphs of a Word document, one a line; ``None`` for other kinds of document."""
    pack, kind, damage = _open(data)
    text = _text(data, pack, "word/document.xml") if kind and not damage else None
    if text is None:
        return None
    return html.unescape(_TAG.sub("", text.replace("</w:p>", "\n")))


def _open(data: Blob) -> tuple[Package, _Kind | None, str]:
    pack = package.open_package(data)
    if pack.damage:
        return pack, None, pack.damage
    kind = _kind(data, pack)
    if kind is None:
        return pack, None, "not a package of OOXML, ODF or EPUB"
    needed = [kind.member] if pack.get(kind.member) else []
    broken = next((n for n in needed if _text(data, pack, n) is None), None)
    return pack, kind, f"{broken} cannot be read" if broken else ""


def _kind(data: Blob, pack: Package) -> _Kind | None:
    if pack.get(_TYPES):
        return _Kind("ooxml.custom", _CUSTOM, _OOXML_ITEM, _ooxml, _ooxml_companions)
    mime = _text(data, pack, "mimetype") or ""
    if mime.startswith("application/vnd.oasis.opendocument"):
        return _Kind("odf.meta", "meta.xml", _ODF_ITEM, _odf, _odf_companions)
    container = _text(data, pack, "META-INF/container.xml") or ""
    root = re.search(r"""\bfull-path\s*=\s*["']([^"'<>]+)["']""", container)
    if root and pack.get(html.unescape(root[1])):
        return _Kind("epub.opf", html.unescape(root[1]), _EPUB_ITEM, _epub, lambda *_: {})
    return None


def _text(data: Blob, pack: Package, name: str) -> str | None:
    member = pack.get(name)
    contents = package.read(data, member) if member else None
    try:
        return contents.decode("utf-8") if contents is not None else None
    except UnicodeDecodeError:
        return None


def _items(text: str, opening: re.Pattern[str]) -> list[_Item]:
    found: list[_Item] = []
    position = 0
    while len(found) < _MOST and (match := opening.search(text, position)):
        position = match.end()
        if match[0].endswith("/>"):
            content = _CONTENT.search(match[0])
            value = content[1][1:-1] if content else ""
        else:
            close = text.find(f"</{match[1]}", position)
            if close < 0:
                break
            value = _TAG.sub("", text[position:close])
            position = text.find(">", close) + 1 or len(text)
        found.append(_Item(match.start(), position, match[0], html.unescape(value.strip())))
    return found


def _found(kind: _Kind, item: _Item) -> Found:
    found = find(kind.carrier, item.value, sure=True)
    assert found
    return found


def _put(text: str, opening: re.Pattern[str], new: str, before: str) -> str:
    """``new`` in the place of the first label, other ones gone, or before an end tag."""
    items = _items(text, opening)
    for item in reversed(items[1:]):
        text = text[: item.start] + text[item.end :]
    if items:
        return text[: items[0].start] + new + text[items[0].end :]
    ends = list(re.finditer(before, text))
    if not ends:
        raise LabelError("the document's XML has no place for the label", "save it again")
    return text[: ends[-1].start()] + new + text[ends[-1].start() :]


def _ooxml(text: str, payload: str) -> str:
    """The custom properties with ours, under the number of the old one or a free one."""
    text = re.sub(r"<Properties\b([^>]*)/>", r"<Properties\1></Properties>", text) or (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f'<Properties xmlns="{_PROPERTIES}" xmlns:vt="{_VALUES}"></Properties>'
    )
    old = next(iter(_items(text, _OOXML_ITEM)), None)
    number = re.search(r"""\bpid\s*=\s*["'](\d+)""", old.opening) if old else None
    numbers = [int(n) for n in re.findall(r"""\bpid\s*=\s*["'](\d{1,9})["']""", text)]
    own = number[1] if number else str(max([1, *numbers]) + 1)  # 0 and 1 are reserved
    prefix = re.search(r"<((?:\w+:)?)Properties\b", text)
    name = f"{prefix[1] if prefix else ''}property"
    new = (
        f'<{name} fmtid="{_SET_ID}" pid="{own}" name="AIGC"><vt:lpwstr xmlns:vt="{_VALUES}">'
        f"{html.escape(payload, quote=False)}</vt:lpwstr></{name}>"
    )
    return _put(text, _OOXML_ITEM, new, r"</(?:\w+:)?Properties\s*>")


def _ooxml_companions(data: Blob, pack: Package) -> dict[str, bytes]:
    """The type of the part, and the relation by which it is found."""
    types = _text(data, pack, _TYPES)
    relations = _text(data, pack, _RELATIONS)
    if types is None or relations is None:
        raise InputError("damaged document: its content types cannot be read", "save it again")
    out = {}
    if f"/{_CUSTOM}" not in types:
        new = f'<Override PartName="/{_CUSTOM}" ContentType="{_CUSTOM_TYPE}"/>'
        out[_TYPES] = _before_end(types, "Types", new)
    if _RELATION not in relations:
        new = f'<Relationship Id="rIdAIGC" Type="{_RELATION}" Target="{_CUSTOM}"/>'
        out[_RELATIONS] = _before_end(relations, "Relationships", new)
    return out


def _before_end(text: str, root: str, new: str) -> bytes:
    at = text.rfind(f"</{root}>")
    if at < 0:
        raise LabelError(f"the document's XML has no end tag {root}", "save it again")
    return (text[:at] + new + text[at:]).encode()


def _odf(text: str, payload: str) -> str:
    text = text or (
        '<?xml version="1.0" encoding="UTF-8"?>\n<office:document-meta'
        ' xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
        ' xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0" office:version="1.3">'
        "<office:meta></office:meta></office:document-meta>"
    )
    text = re.sub(r"<office:meta\s*/>", "<office:meta></office:meta>", text)
    new = (
        '<meta:user-defined meta:name="AIGC" meta:value-type="string">'
        f"{html.escape(payload, quote=False)}</meta:user-defined>"
    )
    return _put(text, _ODF_ITEM, new, r"</office:meta\s*>")


def _odf_companions(data: Blob, pack: Package) -> dict[str, bytes]:
    """A line of the manifest when ``meta.xml`` is added."""
    manifest = _text(data, pack, _MANIFEST)
    if pack.get("meta.xml") or manifest is None or '"meta.xml"' in manifest:
        return {}
    new = '<manifest:file-entry manifest:full-path="meta.xml" manifest:media-type="text/xml"/>'
    return {_MANIFEST: _before_end(manifest, "manifest:manifest", new)}


def _epub(text: str, payload: str) -> str:
    end = re.search(r"</((?:\w+:)?)metadata\s*>", text)
    name = f"{end[1] if end else ''}meta"
    new = f'<{name} name="AIGC" content="{html.escape(payload)}"/>'
    return _put(text, _EPUB_ITEM, new, r"</(?:\w+:)?metadata\s*>")


#: Names of documents that these three kinds have.
SUFFIXES: Final = (
    *(".docx", ".docm", ".dotx", ".pptx", ".pptm", ".potx", ".ppsx", ".xlsx", ".xlsm", ".xltx"),
    *(".odt", ".ods", ".odp", ".odg", ".epub"),
)
