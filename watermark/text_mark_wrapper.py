"""Bytes at the end of a text, in characters that show nothing: the C2PA wrapper for plain text.

C2PA 2.4, annex A.8: U+FEFF, then a variation selector for each byte of ``C2PATXT\\0``, version 1,
the length in four bytes, and the manifest store. It comes last, after the visible notice, and
only where a text has no better place for a manifest. Nobody's proof: search boxes, chat apps and
every normaliser drop it. Off unless called.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

from guard.errors import InputError, LabelError
from guard.watermark.notice import find

_MAGIC: Final = b"C2PATXT\0"
_VERSION: Final = 1
_HEAD: Final = len(_MAGIC) + 1 + 4
#: A byte below 16 is one of the first selectors, the others are in the supplement.
_FEW: Final = 0xFE00
_MORE: Final = 0xE0100 - 16
_RUN: Final = re.compile("\ufeff([\ufe00-\ufe0f\U000e0100-\U000e01ef]+)")
#: Each byte takes three or four: a larger store belongs beside the text.
MOST_BYTES: Final = 1 << 20


class Unwrapped(NamedTuple):
    """The text without the wrapper, and the bytes that were in it; None if there was none."""

    text: str
    payload: bytes | None


def wrap(text: str, payload: bytes) -> str:
    """``text`` in NFC with ``payload``, such as a C2PA manifest store, behind it.

    Raises:
        LabelError: the text has no visible notice, which comes first, or has a wrapper already.
        InputError: the payload is empty or above 1 MiB.
    """
    if not 0 < len(payload) <= MOST_BYTES:
        raise InputError(f"a text wrapper holds 1 to {MOST_BYTES:,} bytes, not {len(payload):,}")
    if not find(text):
        raise LabelError(
            "the text has no visible notice of AI generation, which must come before the wrapper",
            "label the text first: GB 45438-2025 clause 5.1",
        )
    if unwrap(text).payload is not None:
        raise LabelError("the text has a C2PA wrapper already", "unwrap it first")
    data = _MAGIC + bytes([_VERSION]) + len(payload).to_bytes(4) + payload
    return unicodedata.normalize("NFC", text) + "\ufeff" + "".join(map(_selector, data))


def unwrap(text: str) -> Unwrapped:
    """What :func:`wrap` put together. Other runs of selectors are left in the text.

    Raises:
        LabelError: a wrapper is cut or damaged, or there are two.
    """
    found = [(run, data) for run in _RUN.finditer(text) if (data := _bytes(run[1]))[:8] == _MAGIC]
    if not found:
        return Unwrapped(text, None)
    if len(found) > 1:
        raise LabelError("the text has two C2PA wrappers (manifest.text.multipleWrappers)")
    run, data = found[0]
    size = int.from_bytes(data[_HEAD - 4 : _HEAD])
    rest = data[_HEAD + size :]  # padding: zero bytes that keep a wrapper's length while signing
    if len(data) < _HEAD + size or size == 0 or data[8] != _VERSION or any(rest):
        raise LabelError("the C2PA wrapper of the text is damaged (manifest.text.corruptedWrapper)")
    return Unwrapped(text[: run.start()] + text[run.end() :], data[_HEAD : _HEAD + size])


def _selector(byte: int) -> str:
    return chr((_FEW if byte < 16 else _MORE) + byte)


def _bytes(run: str) -> bytes:
    return bytes(ord(sign) - (_FEW if ord(sign) < 0xE0000 else _MORE) for sign in run)
