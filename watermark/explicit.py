"""The explicit label (GB 45438-2025 clause 5) of every kind of content that has one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard.errors import LabelError
from guard.watermark import blob, markdown, notice, plaintext
from guard.watermark.blob import Blob, FileBlob
from guard.watermark.notice import Style
from guard.watermark.splice import Edit, splice

if TYPE_CHECKING:
    from guard.watermark.formats import Format


def check(fmt: Format) -> None:
    """Raise :class:`LabelError` for a kind of file that can have none, or not on this machine."""
    if not fmt.notice:
        raise LabelError(
            f"no visible label can be put on {fmt.name.upper()} files",
            "give --no-visible, and show the notice beside the content (GB 45438-2025 clause 5)",
        )
    if fmt.notice == "media" and fmt.name != "wav":
        from guard.watermark import ffmpeg

        ffmpeg.program()


def show(data: bytes, fmt: Format, text: str, style: Style) -> tuple[bytes, dict[str, Any]]:
    """``data`` with its explicit label, and what it is like.

    Raises:
        LabelError, InputError: as the kind's own module.
    """
    check(fmt)
    if fmt.notice == "picture":
        return _picture(data, text, style)
    if fmt.notice == "text":
        return _text(data, fmt, text, style)
    if fmt.notice in _PLANS:
        edits, drawn = _PLANS[fmt.notice](data, text, style)
        return splice(data, edits), drawn
    with tempfile.TemporaryDirectory(prefix="aigc-guard-") as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        source.write_bytes(data)
        drawn = show_file(source, target, fmt, text, style)
        return target.read_bytes(), drawn


def in_files(fmt: Format) -> bool:
    """Whether the label is put in from file to file, since the content may exceed the memory."""
    return fmt.notice == "media" or fmt.notice in _PLANS


def show_file(source: Path, target: Path, fmt: Format, text: str, style: Style) -> dict[str, Any]:
    """Write ``source`` with its explicit label to ``target``; what it is like.

    For formats of :func:`in_files`. Raises as :func:`show`.
    """
    if fmt.notice in _PLANS:
        with FileBlob(source) as data, target.open("xb") as file:
            edits, drawn = _PLANS[fmt.notice](data, text, style)
            blob.copy(data, edits, file.write)
        return drawn
    from guard.watermark import media

    return media.show(source, target, fmt, text, style)


def _picture(data: bytes, text: str, style: Style) -> tuple[bytes, dict[str, Any]]:
    from guard.watermark import picture

    drawn = picture.draw(data, text, style.font)
    size = {"box": list(drawn.box), "ink_height": drawn.ink_height, "contrast": drawn.contrast}
    frames = {"frames": drawn.frames} if drawn.frames > 1 else {}
    return drawn.data, {"text": text, **size, **frames}


def _text(data: bytes, fmt: Format, text: str, style: Style) -> tuple[bytes, dict[str, Any]]:
    whole = plaintext.decode(data)
    start = markdown.body_start(whole) if fmt.container is markdown else int(whole[:1] == "\ufeff")
    body = notice.add(whole[start:], text, at="end" if style.at == "end" else "start")
    return (whole[:start] + body).encode(), {"text": notice.line(text)}


def _pdf(data: Blob, text: str, style: Style) -> tuple[list[Edit], dict[str, Any]]:
    from guard.watermark import pdf_page

    return pdf_page.plan(data, text, style)


def _document(data: Blob, text: str, style: Style) -> tuple[list[Edit], dict[str, Any]]:
    from guard.watermark import document_line

    del style
    return document_line.plan(data, text)


def _webpage(data: Blob, text: str, style: Style) -> tuple[list[Edit], dict[str, Any]]:
    from guard.watermark import webpage_notice

    del style
    return webpage_notice.plan(data, text)


_Plan = Callable[[Blob, str, Style], tuple[list[Edit], dict[str, Any]]]
#: Kinds whose label is a matter of edits, which leave all else byte for byte.
_PLANS: dict[str, _Plan] = {"pdf": _pdf, "document": _document, "webpage": _webpage}
