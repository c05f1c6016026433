"""The explicit label (GB 45438-2025 clause 5) of every kind of content that has one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard.errors import LabelError
from guard.watermark import markdown, notice, plaintext
from guard.watermark.notice import Style

if TYPE_CHECKING:
    from guard.watermark.formats import Format


def check(fmt: Format) -> None:
    """Raise :class:`LabelError` for a kind of file that can have none."""
    if not fmt.notice:
        raise LabelError(
            f"no visible label can be put on {fmt.name.upper()} files",
            "give --no-visible, and show the notice beside the content (GB 45438-2025 clause 5)",
        )


def show(data: bytes, fmt: Format, text: str, style: Style) -> tuple[bytes, dict[str, Any]]:
    """``data`` with its explicit label, and what it is like.

    Raises:
        LabelError, InputError: as the kind's own module.
    """
    check(fmt)
    if not in_files(fmt):
        way: Callable[..., tuple[bytes, dict[str, Any]]] = _WAYS[fmt.notice]
        return way(data, fmt, text, style)
    with tempfile.TemporaryDirectory(prefix="aigc-guard-") as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        source.write_bytes(data)
        drawn = show_file(source, target, fmt, text, style)
        return target.read_bytes(), drawn


def in_files(fmt: Format) -> bool:
    """Whether the label is put in from file to file, since the content may exceed the memory."""
    return fmt.notice in _FILE_WAYS


def show_file(source: Path, target: Path, fmt: Format, text: str, style: Style) -> dict[str, Any]:
    """Write ``source`` with its explicit label to ``target``; what it is like.

    For formats of :func:`in_files`. Raises as :func:`show`.
    """
    way: Callable[..., dict[str, Any]] = _FILE_WAYS[fmt.notice]
    return way(source, target, fmt, text, style)


def _picture(data: bytes, fmt: Format, text: str, style: Style) -> tuple[bytes, dict[str, Any]]:
    from guard.watermark import picture

    del fmt
    drawn = picture.draw(data, text, style.font)
    size = {"box": list(drawn.box), "ink_height": drawn.ink_height, "contrast": drawn.contrast}
    frames = {"frames": drawn.frames} if drawn.frames > 1 else {}
    return drawn.data, {"text": text, **size, **frames}


def _text(data: bytes, fmt: Format, text: str, style: Style) -> tuple[bytes, dict[str, Any]]:
    whole = plaintext.decode(data)
    start = markdown.body_start(whole) if fmt.container is markdown else int(whole[:1] == "\ufeff")
    body = notice.add(whole[start:], text, at="end" if style.at == "end" else "start")
    return (whole[:start] + body).encode(), {"text": notice.line(text)}


_WAYS: dict[str, Any] = {"picture": _picture, "text": _text}


def _media(source: Path, target: Path, fmt: Format, text: str, style: Style) -> dict[str, Any]:
    from guard.watermark import media

    return media.show(source, target, fmt, text, style)


_FILE_WAYS: dict[str, Any] = {"media": _media}
