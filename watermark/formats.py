"""Which containers there are. A new one is one file with these functions, one line here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Protocol

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark import jpeg, markdown, plaintext, png
from guard.watermark.gb45438 import Reading, fields


class Container(Protocol):
    """What a container's module offers."""

    def matches(self, data: bytes, suffix: str) -> bool:
        """Whether the file is of this kind, by its first bytes, or by its lower-case suffix."""
        ...

    def verify(self, data: bytes) -> None:
        """Raise :class:`InputError` when the file is damaged."""
        ...

    def read_labels(self, data: bytes) -> Reading:
        """Every label in the file. Never raises on bad bytes."""
        ...

    def write_label(self, data: bytes, label: Label) -> bytes:
        """The file with exactly this label. Raises :class:`LabelError` or :class:`InputError`."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """A container, its name, the suffixes by which a file claims to be one, its media type.

    The media type is empty where C2PA cannot be embedded.
    """

    name: str
    suffixes: tuple[str, ...]
    container: Container
    mime: str = ""


#: In order of trial: what is known by its bytes comes before what is known by its name.
FORMATS = (
    Format("png", (".png",), png, "image/png"),
    Format("jpeg", (".jpg", ".jpeg", ".jpe"), jpeg, "image/jpeg"),
    Format("markdown", (".md", ".markdown"), markdown),
    Format("text", (".txt",), plaintext),
)


def detect(data: bytes, name: str) -> Format | None:
    """The format of a file, by content first; ``None`` for one we have no container for."""
    suffix = PurePath(name).suffix.lower()
    return next((f for f in FORMATS if f.container.matches(data, suffix)), None)


def require(data: bytes, name: str) -> Format:
    """As :func:`detect`, but a whole file of a known format or an error.

    Raises:
        InputError: the file is damaged, or is not what its name says.
        LabelError: there is no container for this kind of file.
    """
    found = detect(data, name)
    if found:
        found.container.verify(data)
        return found
    suffix = PurePath(name).suffix.lower()
    claimed = next((f.name.upper() for f in FORMATS if suffix in f.suffixes), "")
    if claimed:
        raise InputError(f"not a {claimed} picture, whatever its name says", "give a picture")
    known = ", ".join(f.suffixes[0] for f in FORMATS)
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


def confirm(data: bytes, fmt: Format, label: Label) -> None:
    """Raise :class:`LabelError` unless ``data`` holds exactly this one label."""
    reading = fmt.container.read_labels(data)
    if [dict(f.fields or {}) for f in reading.found] != [fields(label)]:
        places = ", ".join(f.carrier for f in reading.found) or "none"
        raise LabelError(
            f"after writing, the file does not hold exactly this one label (found: {places})",
            "a file keeps one label; look at it with `guard inspect`",
        )
