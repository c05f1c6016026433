"""PDF with the label on its first page, or on every one: white letters on a dark box at the top
right, as an incremental update (ISO 32000-1, 7.5.6).

The letters are text of an embedded font, so they can be searched and read aloud. What the page had
is enclosed, so that its settings end before the box, and stays byte for byte.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from guard.errors import InputError, LabelError
from guard.watermark import pdf
from guard.watermark.blob import Blob
from guard.watermark.lettering import FONT
from guard.watermark.notice import Style, check_wording
from guard.watermark.splice import Edit

_NAME: Final = "/AigcGuardLabel"
#: Size of the letters in points: of ordinary text, larger on posters.
_LEAST, _SHARE = 14.0, 0.025
#: Depth of nested form fields that is looked into.
_DEPTH: Final = 32
#: From the page as seen (origin left below) to the page as stored, by its rotation; the last two
#: say which corner of (left, bottom, right, top) is the origin.
_TURNS: Final = {
    0: ("1 0 0 1", 0, 1),
    90: ("0 1 -1 0", 2, 1),
    180: ("-1 0 0 -1", 2, 3),
    270: ("0 -1 1 0", 0, 3),
}


def plan(data: Blob, text: str, style: Style) -> tuple[list[Edit], dict[str, Any]]:
    """The edit that puts the label on the page or pages that have none, and what it is like.

    Raises:
        LabelError: the PDF is signed or encrypted, or the bundled font lacks a letter.
        InputError: it is damaged.
    """
    import pikepdf

    check_wording(text)
    pdf.verify(data)
    document = pdf._open(data)
    if document.encrypted:
        raise LabelError("an encrypted PDF takes no label without its key", "label it first")
    if style.font:
        raise LabelError("a PDF shows its label in the bundled font", "leave --font out for PDF")
    letters = _letters(text)
    try:
        with pikepdf.open(io.BufferedReader(pdf._Stream(data), 1 << 16)) as opened:
            section, count = _marked(data, document, opened, letters, style)
    except (
        *(pikepdf.PdfError, LookupError, RuntimeError),
        *(ValueError, TypeError, OverflowError),
    ) as error:
        raise InputError(f"damaged PDF: {pdf._words(error)}", "save it again") from None
    edits = [(len(data), len(data), section)] if section else []
    return edits, {"text": text, "pages": count}


def _marked(
    data: Blob, document: Any, opened: Any, letters: Sequence[Any], style: Style
) -> tuple[bytes, int]:
    """The update for the pages without a mark, empty for none; the number of pages that have it."""
    if _signed(opened.Root):
        raise LabelError(
            "a page mark would break the PDF's digital signature",
            "label it before it is signed, or give --no-visible",
        )
    pages = opened.pages if style.every_page else opened.pages[:1]
    objects = [page.obj for page in pages if _NAME not in _fonts(page.obj)]
    return _section(data, document, objects, letters) if objects else b"", len(pages)


def _section(data: Blob, document: Any, pages: Sequence[Any], letters: Sequence[Any]) -> bytes:
    header = data[: pdf._REACH].index(pdf._HEADER)
    previous, table = pdf._previous(data, header)
    update = pdf._Update(len(data) - header)
    first = document.size
    font, begin = first + 4, first + 5
    for number, body in enumerate(_font_objects(first, letters)):
        update.add(first + number, 0, body)
    update.add(begin, 0, _stream(b"q\n"))
    size = begin + 1
    for page in pages:
        update.add(size, 0, _stream(_mark(page, letters)))
        number, generation = page.objgen
        update.add(number, generation, _page(page, font, begin, size))
        size += 1
    info = b"/Info %d %d R " % document.info if document.info[0] else b""
    trailer = b"%s%s/Prev %d " % (document.trailer, info, previous)
    (pdf._table if table else pdf._stream)(update, size, trailer)
    return bytes(update.body)


def _letters(text: str) -> list[tuple[str, int, int]]:
    """(letter, its number in the font, its width in thousandths)."""
    table = _table()
    missing = "".join(letter for letter in dict.fromkeys(text) if letter not in table)
    if missing:
        raise LabelError(f"the bundled font has no glyph for {missing}", "choose another wording")
    return [(letter, *table[letter]) for letter in text]


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[int, int]]:
    words = json.loads(FONT.with_suffix(".json").read_text(encoding="utf-8"))
    return {letter: (cid, width) for letter, (cid, width) in words.items()}


def _font_objects(first: int, letters: Sequence[tuple[str, int, int]]) -> Iterator[bytes]:
    """Font file, its description, the font by numbers, the way back to text, the font by text
    (ISO 32000-1, 9.7). Numbers and letters are those of this wording."""
    name = b"/AAAAAA+" + _NAME[1:].encode()
    yield _stream(_outlines(), b"/Subtype /CIDFontType0C ")
    yield (
        b"<< /Type /FontDescriptor /FontName %s /Flags 4 /FontBBox [-44 -279 979 872] "
        b"/ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 733 /StemV 80 /FontFile3 %d 0 R >>"
    ) % (name, first)
    widths = b" ".join(b"%d [%d]" % pair for pair in sorted({(c, w) for _, c, w in letters}))
    yield (
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont %s /CIDSystemInfo << /Registry (Adobe) "
        b"/Ordering (Identity) /Supplement 0 >> /DW 1000 /W [%s] /FontDescriptor %d 0 R >>"
    ) % (name, widths, first + 1)
    yield _stream(_to_text(letters))
    yield (
        b"<< /Type /Font /Subtype /Type0 /BaseFont %s /Encoding /Identity-H "
        b"/DescendantFonts [%d 0 R] /ToUnicode %d 0 R >>"
    ) % (name, first + 2, first + 3)


def _outlines() -> bytes:
    """The table ``CFF`` of the bundled OpenType font."""
    raw = FONT.read_bytes()
    for at in range(12, 12 + 16 * struct.unpack_from(">H", raw, 4)[0], 16):
        tag, _, start, size = struct.unpack_from(">4sIII", raw, at)
        if tag == b"CFF ":
            return raw[start : start + size]
    raise LabelError("the bundled font has no outlines", "install the package again")


def _to_text(letters: Sequence[tuple[str, int, int]]) -> bytes:
    pairs = sorted({(cid, letter.encode("utf-16-be").hex()) for letter, cid, _ in letters})
    lines = "\n".join(f"<{cid:04x}> <{code}>" for cid, code in pairs)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CMapName /AigcGuardLabel def /CMapType 2 def\n"
        "1 begincodespacerange <0000> <ffff> endcodespacerange\n"
        f"{len(pairs)} beginbfchar\n{lines}\nendbfchar\n"
        "endcmap CMapName currentdict /CMap defineresource pop end end"
    ).encode()


def _stream(body: bytes, members: bytes = b"") -> bytes:
    packed = zlib.compress(body, 9)
    head = b"<< %s/Filter /FlateDecode /Length %d >>" % (members, len(packed))
    return b"%s\nstream\n%s\nendstream" % (head, packed)


def _mark(page: Any, letters: Sequence[tuple[str, int, int]]) -> bytes:
    """The end of what was there, and the box; upright on a page that is shown turned."""
    area = _area(page)
    turn = int(_inherited(page, "/Rotate") or 0) % 360
    matrix, x, y = _TURNS.get(turn, _TURNS[0])
    width, height = area[2] - area[0], area[3] - area[1]
    wide, high = (height, width) if turn in (90, 270) else (width, height)
    size = max(_LEAST, _SHARE * min(width, height))
    size = min(size, 900 * wide / sum(w for *_, w in letters))
    pad = size * 0.4
    box = sum(w for *_, w in letters) * size / 1000 + 2 * pad, size + 2 * pad
    left, bottom = max(0.0, wide - box[0] - pad), max(0.0, high - box[1] - pad)
    codes = "".join(f"{cid:04x}" for _, cid, _ in letters)
    return (
        f"\nQ\nq {matrix} {area[x]:.4f} {area[y]:.4f} cm\n"
        f"0.06 g {left:.2f} {bottom:.2f} {box[0]:.2f} {box[1]:.2f} re f\n"
        f"BT 1 g {_NAME} {size:.2f} Tf 0 Tr {left + pad:.2f} {bottom + pad + 0.12 * size:.2f} Td "
        f"<{codes}> Tj ET Q\n"
    ).encode()


def _page(page: Any, font: int, begin: int, mark: int) -> bytes:
    """The page with the mark behind its contents, and the font among its resources."""
    import pikepdf

    old = page.get("/Contents")
    parts = list(old) if isinstance(old, pikepdf.Array) else [] if old is None else [old]
    between = b"".join(b"%d %d R " % part.objgen for part in parts if part.is_indirect)
    contents = b"/Contents [%d 0 R %s%d 0 R] " % (begin, between, mark)
    resources = _inherited(page, "/Resources")
    rest = pdf._members(resources, "/Font") if resources is not None else b""
    fonts = b"%s%s %d 0 R " % (_dictionary(_fonts(page)), _NAME.encode(), font)
    own = b"/Resources << %s/Font << %s>> >> " % (rest, fonts)
    return b"<< %s%s%s>>" % (pdf._members(page, "/Contents", "/Resources"), contents, own)


def _dictionary(fonts: Any) -> bytes:
    return pdf._members(fonts) if len(fonts) else b""


def _fonts(page: Any) -> Any:
    import pikepdf

    resources = _inherited(page, "/Resources")
    found = resources.get("/Font") if resources is not None else None
    return found if found is not None else pikepdf.Dictionary()


def _inherited(page: Any, key: str) -> Any:
    """An entry of the page, or of the nearest node of the page tree above it."""
    node = page
    for _ in range(_DEPTH):
        if node is None or key in node:
            break
        node = node.get("/Parent")
    return node.get(key) if node is not None else None


def _area(page: Any) -> tuple[float, float, float, float]:
    """What is shown of the page: (left, bottom, right, top) in points; A4 where it is not said."""
    box = _inherited(page, "/CropBox") or _inherited(page, "/MediaBox")
    corners = [float(value) for value in box] if box is not None else []
    if len(corners) != 4:
        return 0.0, 0.0, 595.0, 842.0
    x, y = sorted((corners[0], corners[2])), sorted((corners[1], corners[3]))
    return x[0], y[0], x[1], y[1]


def _signed(root: Any) -> bool:
    """Whether a signature stands in a field of its form, or certifies the file."""
    form = root.get("/AcroForm")
    fields = form.get("/Fields") if form is not None else None
    return "/Perms" in root or any(
        _has_signature(field, _DEPTH) for field in (fields if fields is not None else ())
    )


def _has_signature(field: Any, depth: int) -> bool:
    if field.get("/FT") == "/Sig" and "/V" in field:
        return True
    children = field.get("/Kids")
    return (
        depth > 0
        and children is not None
        and any(_has_signature(child, depth - 1) for child in children)
    )
