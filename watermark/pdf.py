"""PDF: the label as ``/AIGC`` of the document information dictionary (TC260-PG-20258A).

Written as an incremental update (ISO 32000-1, 7.5.6): every byte of the file stays, the changed
dictionary is appended with its own cross-reference section. So pages are untouched, and digital
signatures still cover what they covered. The file is parsed by qpdf (through pikepdf).
"""

from __future__ import annotations

import copy
import io
import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark import xmp
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Found, Reading, find, to_json
from guard.watermark.splice import Edit, splice

if TYPE_CHECKING:
    from pikepdf import Pdf

_HEADER: Final = b"%PDF-"
#: Readers look for the header in this many first bytes, for the end in as many last ones.
_REACH: Final = 1024
_SILENT: Final = logging.NullHandler()
_START = re.compile(rb"startxref\s+(\d{1,19})")
_TABLE = re.compile(rb"\s*xref\b")
#: A compressed XMP packet longer than this is a bomb: it grows at most a thousandfold.
_MOST_PACKED: Final = 100_000
_MOST_XMP: Final = 16 << 20


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are a PDF's, whatever the file is called."""
    del suffix
    return _HEADER in data[:_REACH]


def verify(data: Blob) -> None:
    """Refuse a PDF that needs repair or a password. Raises :class:`InputError`."""
    damage = _open(data).damage
    if damage:
        raise InputError(f"damaged PDF: {damage}", "open it in a PDF program and save it again")


def read_labels(data: Blob) -> Reading:
    """Every label in the information dictionary and the XMP packet, and what is damaged."""
    document = _open(data)
    return Reading(document.found, document.damage, document.traces, document.manifest)


def plan(data: Blob, label: Label) -> list[Edit]:
    """The edits that leave exactly this label: one section at the end of the file.

    Raises:
        InputError: the file is damaged. LabelError: the label is unfit, or the file is encrypted.
    """
    payload = to_json(label)
    verify(data)
    document = _open(data)
    if document.encrypted:
        raise LabelError(
            "an encrypted PDF takes no label without its key", "label it first, then encrypt it"
        )
    if [found.text for found in document.found] == [payload]:
        return []
    return [(len(data), len(data), _section(data, document, payload))]


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; the same one twice changes nothing. Raises as `plan`."""
    return splice(data, plan(data, label))


@dataclass(frozen=True, slots=True)
class _Document:
    """What matters of a PDF: ``info`` and ``packet`` as (number, generation), 0 where absent."""

    damage: str = ""
    found: tuple[Found, ...] = ()
    traces: tuple[str, ...] = ()
    manifest: bool = False
    encrypted: bool = False
    #: The members of the information dictionary but ours, as PDF syntax.
    members: bytes = b""
    info: tuple[int, int] = (0, 0)
    #: The packet and its dictionary without length and filters, where it has a label.
    xmp: bytes = b""
    xmp_members: bytes = b""
    packet: tuple[int, int] = (0, 0)
    #: Of the trailer: what a new one repeats, as PDF syntax.
    trailer: bytes = b""
    size: int = 0


class _Stream(io.RawIOBase):
    """A blob as the file that qpdf reads from."""

    def __init__(self, data: Blob) -> None:
        self._data, self._at = data, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, len(self._data))[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        piece = self._data[self._at : self._at + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def _open(data: Blob) -> _Document:
    import pikepdf

    # What qpdf repairs is said once, by `damage`, and not on stderr as well.
    logging.getLogger("pikepdf").addHandler(_SILENT)

    try:
        with pikepdf.open(
            io.BufferedReader(_Stream(data), 1 << 16), suppress_warnings=True
        ) as document:
            return _document(document)
    except pikepdf.PasswordError:
        return _Document("it opens with a password only")
    except (
        *(pikepdf.PdfError, LookupError, RuntimeError),
        *(ValueError, TypeError, OverflowError),
    ) as error:
        return _Document(_words(error) or type(error).__name__)


def _words(problem: object) -> str:
    """What the parser says, on one line and without the name it gives the file."""
    return " ".join(str(problem).rpartition(": ")[2].split())[:120]


def _document(document: Pdf) -> _Document:
    import pikepdf

    trailer: Any = document.trailer
    root: Any = document.Root
    info: Any = trailer.get("/Info")
    if not isinstance(info, pikepdf.Dictionary):
        info = pikepdf.Dictionary()
    found = [_found(info["/AIGC"])] if "/AIGC" in info else []
    metadata: Any = root.get("/Metadata")
    packet, bomb = _packet(metadata) if isinstance(metadata, pikepdf.Stream) else (b"", "")
    in_xmp = xmp.read(packet)
    warnings = document.get_warnings()
    return _Document(
        damage=_words(warnings[0]) if warnings else bomb,
        found=(*found, *in_xmp),
        traces=tuple(xmp.traces(packet)),
        manifest=_has_manifest(root),
        encrypted=document.is_encrypted,
        members=_members(info, "/AIGC"),
        info=info.objgen,
        xmp=packet if in_xmp else b"",
        xmp_members=_members(metadata.stream_dict, "/Length", "/Filter", "/DecodeParms")
        if in_xmp
        else b"",
        packet=metadata.objgen if in_xmp else (0, 0),
        trailer=_members(trailer, *(key for key in trailer if key not in ("/Root", "/ID"))),
        size=int(trailer["/Size"]),
    )


def _packet(metadata: Any) -> tuple[bytes, str]:
    """(XMP packet, why it is not read)."""
    if int(metadata.get("/Length", 0)) > (_MOST_PACKED if "/Filter" in metadata else _MOST_XMP):
        return b"", "its XMP packet is too long"
    return metadata.read_bytes(), ""


def _members(dictionary: Any, *but: str) -> bytes:
    """The members of a dictionary in PDF syntax, without some; references stay references."""
    rest = copy.copy(dictionary)
    for key in but:
        if key in rest:
            del rest[key]
    written: bytes = rest.unparse(resolved=True)
    return written.removeprefix(b"<<").removesuffix(b">>").lstrip()


def _found(value: Any) -> Found:
    found = find("pdf.info", str(value), sure=True)
    assert found
    return found


def _has_manifest(root: Any) -> bool:
    """Whether an associated file is a C2PA manifest store (C2PA 2.2, A.4)."""
    import pikepdf

    files = root.get("/AF")
    if not isinstance(files, pikepdf.Array):
        return False
    relations = [
        item.get("/AFRelationship") for item in files if isinstance(item, pikepdf.Dictionary)
    ]
    return "/C2PA_Manifest" in map(str, relations)


@dataclass
class _Update:
    """An incremental update that is being put together; places count from the header."""

    start: int
    body: bytearray = field(default_factory=lambda: bytearray(b"\n"))
    places: dict[int, tuple[int, int]] = field(default_factory=dict)

    def here(self) -> int:
        return self.start + len(self.body)

    def add(self, number: int, generation: int, content: bytes) -> None:
        self.places[number] = (self.here(), generation)
        self.body += b"%d %d obj\n%s\nendobj\n" % (number, generation, content)


def _section(data: Blob, document: _Document, payload: str) -> bytes:
    """The update: information dictionary, packet without its label, cross-references, trailer."""
    header = data[:_REACH].index(_HEADER)
    previous, table = _previous(data, header)
    update = _Update(len(data) - header)
    number, generation = document.info if document.info[0] else (document.size, 0)
    size = max(document.size, number + 1)
    update.add(number, generation, b"<< %s/AIGC %s >>" % (document.members, _literal(payload)))
    if document.packet[0]:
        packet = xmp.without(document.xmp)
        head = b"<< %s/Length %d >>" % (document.xmp_members, len(packet))
        update.add(*document.packet, b"%s\nstream\n%s\nendstream" % (head, packet))
    trailer = b"%s/Info %d %d R /Prev %d " % (document.trailer, number, generation, previous)
    (_table if table else _stream)(update, size, trailer)
    return bytes(update.body)


def _literal(text: str) -> bytes:
    """A string object; the character set of a label leaves only three to be escaped."""
    escaped = re.sub(r"([\\()])", r"\\\1", text)
    return b"(" + escaped.encode("ascii") + b")"


def _previous(data: Blob, header: int) -> tuple[int, bool]:
    """(where the last cross-references are, whether they are a table rather than a stream)."""
    places = _START.findall(data[max(0, len(data) - _REACH) : len(data)])
    place = int(places[-1]) if places else -1
    head = data[header + place : header + place + 64] if place >= 0 else b""
    if not head:
        raise InputError("damaged PDF: its end is missing", "get the whole file again")
    return place, _TABLE.match(head) is not None


def _table(update: _Update, size: int, trailer: bytes) -> None:
    place = update.here()
    update.body += b"xref\n"
    for number, (at, generation) in sorted(update.places.items()):
        update.body += b"%d 1\n%010d %05d n \n" % (number, at, generation)
    update.body += b"trailer\n<< %s/Size %d >>\n" % (trailer, size)
    update.body += b"startxref\n%d\n%%%%EOF\n" % place


def _stream(update: _Update, size: int, trailer: bytes) -> None:
    """Cross-references as a stream, which files have whose other ones are streams."""
    place = update.here()
    update.places[size] = (place, 0)
    entries = sorted(update.places.items())
    rows = b"".join(
        b"\1" + at.to_bytes(8, "big") + gen.to_bytes(2, "big") for _, (at, gen) in entries
    )
    index = b" ".join(b"%d 1" % number for number, _ in entries)
    head = b"<< /Type /XRef /W [1 8 2] /Index [%s] /Length %d %s/Size %d >>" % (
        index,
        len(rows),
        trailer,
        size + 1,
    )
    update.add(size, 0, b"%s\nstream\n%s\nendstream" % (head, rows))
    update.body += b"startxref\n%d\n%%%%EOF\n" % place
