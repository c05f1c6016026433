"""Bare AAC (ADTS): the label in an ID3v2 tag before the sound, as in MP3.

The guide for sound (TC260-PG-202510A) names the place for M4A only; players and ffmpeg take an
ID3v2 tag before ADTS frames.
"""

from __future__ import annotations

from guard.errors import InputError
from guard.watermark import mp3
from guard.watermark.blob import Blob
from guard.watermark.mp3 import plan, read_labels, write_label

__all__ = ["matches", "plan", "read_labels", "verify", "write_label"]


def matches(data: bytes, suffix: str) -> bool:
    """Whether there is an ADTS frame at the start, or an ID3v2 tag in a file of this name."""
    if data[:3] == b"ID3":
        return suffix in (".aac", ".adts")
    return len(data) > 6 and _is_frame(data)


def _is_frame(data: bytes) -> bool:
    """An ADTS header (ISO 13818-7, 6.2): twelve ones, layer 0, a sampling rate that exists."""
    return data[0] == 0xFF and data[1] & 0xF6 == 0xF0 and data[2] >> 2 & 15 < 13


def verify(data: Blob) -> None:
    """Refuse a damaged tag, or one without sound behind. Raises :class:`InputError`."""
    tag = mp3.read_tag(data)
    start = tag.size if tag else 0
    head = data[start : start + 7]
    damage = tag.damage if tag else ""
    if not damage and not (len(head) == 7 and _is_frame(head)):
        damage = "no ADTS frame behind the tag"
    if damage:
        raise InputError(f"damaged AAC: {damage}", "get the whole file again")
