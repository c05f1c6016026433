"""AVIF: HEIF items of another codec; a name and a media type of its own."""

from __future__ import annotations

from guard.watermark.heif import AVIF, brands, plan, read_labels, verify, write_label

__all__ = ["matches", "plan", "read_labels", "verify", "write_label"]


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are an AVIF picture's or sequence's, whatever the file is called."""
    del suffix
    return bool(brands(data) & AVIF)
