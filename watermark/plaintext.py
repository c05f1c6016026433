"""Plain text: no place for metadata, so the visible notice is all there is (clause 5.1)."""

from __future__ import annotations

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark.gb45438 import Reading


def matches(data: bytes, suffix: str) -> bool:
    """Decided by the name: any bytes could be a text."""
    del data
    return suffix == ".txt"


def verify(data: bytes) -> None:
    """Refuse what is not UTF-8. Raises :class:`InputError` naming the byte."""
    decode(data)


def decode(data: bytes) -> str:
    """``data`` as text, a byte-order mark kept. Raises :class:`InputError` naming the byte."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"not UTF-8 text: byte {error.start} cannot be decoded", "convert it to UTF-8"
        ) from None


def read_labels(data: bytes) -> Reading:
    """Always empty; damaged when it is not UTF-8."""
    try:
        decode(data)
    except InputError as error:
        return Reading(damage=error.message)
    return Reading()


def write_label(data: bytes, label: Label) -> bytes:
    """Always refused: a ``.txt`` has no file header. Raises :class:`LabelError`."""
    raise LabelError(
        "a .txt file has no metadata that could hold a label",
        "leave the visible notice on, or save the text as Markdown (.md)",
    )
