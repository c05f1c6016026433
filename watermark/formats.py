"""Which containers there are. A new one is one file with these functions, one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final, Literal, Protocol

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark import (
    aac,
    avi,
    avif,
    documents,
    flac,
    flv,
    gif,
    heif,
    jpeg,
    jsonfile,
    markdown,
    matroska,
    mp3,
    mp4,
    ogg,
    pdf,
    plaintext,
    png,
    tiff,
    wav,
    webp,
    webpage,
)
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Reading, fields
from guard.watermark.splice import Edit


class Container(Protocol):
    """What a container's module offers. Those with a ``plan`` take any :class:`Blob`."""

    def matches(self, data: bytes, suffix: str) -> bool:
        """Whether the file is of this kind, by its first bytes, or by its lower-case suffix."""
        ...

    def verify(self, data: Any) -> None:
        """Raise :class:`InputError` when the file is damaged."""
        ...

    def read_labels(self, data: Any) -> Reading:
        """Every label in the file. Never raises on bad bytes."""
        ...

    def write_label(self, data: bytes, label: Label) -> bytes:
        """The file with exactly this label. Raises :class:`LabelError` or :class:`InputError`."""
        ...


#: A box on a picture, a line of a text, a cue in a sound, a box and a cue in sound or film ...
Notice = Literal["picture", "media", "pdf", "document", "webpage", "text", ""]


@dataclass(frozen=True, slots=True)
class Format:
    """A container, its name, the suffixes by which a file claims to be one, its media type.

    The media type is empty where C2PA cannot be embedded. ``notice`` says what an explicit label
    is here (``explicit`` writes it), empty where this library writes none. ``plan`` gives the edits
    instead of the bytes: such a file is read by slices and never loaded whole.
    """

    name: str
    suffixes: tuple[str, ...]
    container: Container
    mime: str = ""
    notice: Notice = ""
    plan: Callable[[Blob, Label], list[Edit]] | None = None


def _planned(
    name: str, suffixes: tuple[str, ...], module: Any, mime: str = "", notice: Notice = ""
) -> Format:
    return Format(name, suffixes, module, mime, notice, module.plan)


#: As many first bytes as :func:`detect` needs.
HEAD: Final = 65_536

#: In order of trial: what is known by its bytes comes before what is known by its name.
FORMATS = (
    Format("png", (".png",), png, "image/png", "picture"),
    Format("jpeg", (".jpg", ".jpeg", ".jpe"), jpeg, "image/jpeg", "picture"),
    _planned("webp", (".webp",), webp, "image/webp", "picture"),
    _planned("gif", (".gif",), gif, "image/gif", "picture"),
    _planned("tiff", (".tif", ".tiff"), tiff, "image/tiff", "picture"),
    _planned("wav", (".wav", ".wave"), wav, "audio/wav", "media"),
    _planned("avi", (".avi",), avi, "video/avi", "media"),
    _planned("flac", (".flac",), flac, notice="media"),
    _planned("aac", (".aac", ".adts"), aac, notice="media"),
    _planned("mp3", (".mp3",), mp3, "audio/mpeg", "media"),
    _planned("ogg", (".ogg", ".oga", ".opus", ".ogv"), ogg, notice="media"),
    _planned("avif", (".avif", ".avifs"), avif, "image/avif", "picture"),
    _planned("heif", (".heic", ".heif", ".hif"), heif, "image/heic", "picture"),
    _planned("mp4", (".mp4", ".m4v", ".mov", ".qt", ".m4a"), mp4, "video/mp4", "media"),
    _planned("matroska", (".mkv", ".webm", ".mka"), matroska, notice="media"),
    _planned("flv", (".flv",), flv, notice="media"),
    _planned("pdf", (".pdf",), pdf, "application/pdf", "pdf"),
    _planned("document", documents.SUFFIXES, documents, notice="document"),
    _planned("html", (".html", ".htm", ".xhtml"), webpage, notice="webpage"),
    Format("json", (".json",), jsonfile),
    Format("markdown", (".md", ".markdown"), markdown, notice="text"),
    Format("text", (".txt",), plaintext, notice="text"),
)


def detect(data: Blob, name: str) -> Format | None:
    """The format of a file, by content first; ``None`` for one we have no container for."""
    suffix, head = PurePath(name).suffix.lower(), data[:HEAD]
    return next((f for f in FORMATS if f.container.matches(head, suffix)), None)


def require(data: Blob, name: str) -> Format:
    """As :func:`detect`, but a whole file of a known format or an error.

    Raises:
        InputError: the file is damaged, or is not what its name says.
        LabelError: there is no container for this kind of file.
    """
    found = detect(data, name)
    if found:
        found.container.verify(data if found.plan else data[: len(data)])
        return found
    suffix = PurePath(name).suffix.lower()
    claimed = next((f.name.upper() for f in FORMATS if suffix in f.suffixes), "")
    if claimed:
        raise InputError(f"not a {claimed} file, whatever its name says", "give the right file")
    known = ", ".join(f.suffixes[0] for f in FORMATS)
    if data[:2] == b"BM" and suffix in ("", ".bmp", ".dib"):
        raise LabelError(
            "a BMP has no place for metadata, so no label can be written into it",
            "save it as PNG, which keeps every pixel",
        )
    raise LabelError(
        f"no label can be written into {suffix or 'such'} files", f"supported: {known}"
    )


def write_label(data: bytes, fmt: Format, label: Label) -> bytes:
    """Write, read back and compare: what cannot be read again was not written.

    Raises:
        LabelError, InputError: as the container; also when another label remains beside ours.
    """
    out = fmt.container.write_label(data, label)
    confirm(out, fmt, label)
    return out


def confirm(data: Blob, fmt: Format, label: Label) -> None:
    """Raise :class:`LabelError` unless ``data`` holds exactly this one label."""
    reading = fmt.container.read_labels(data)
    if [dict(f.fields or {}) for f in reading.found] != [fields(label)]:
        places = ", ".join(f.carrier for f in reading.found) or "none"
        raise LabelError(
            f"after writing, the file does not hold exactly this one label (found: {places})",
            "a file keeps one label; look at it with `guard inspect`",
        )
