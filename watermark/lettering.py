"""The label as letters: font, size, glyph coverage. Sizes are measured on rendered ink.

GB 45438-2025 clause 5.2 wants a text height of at least 5 % of the shorter side and does not say
which height. The strictest reading holds here: every run of one script (``AI``, ``生成``) has at
least that height in ink.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from guard.errors import InputError, LabelError

if TYPE_CHECKING:
    from PIL.Image import Image

FONT: Final = Path(__file__).parent / "fonts" / "AigcGuardLabel.otf"
#: Share of the shorter side, clause 5.2.
SHARE: Final = 0.05
#: Chinese letters below this ink height cannot be read ("legible", clause 5.2).
_LEGIBLE = 12
#: A pixel counts as ink from half coverage on, so that soft edges do not add height.
_INK = 128


@dataclass(frozen=True, slots=True)
class Lettering:
    """A rendered wording: ``mask`` (mode L, tight around the ink) and its least run height."""

    mask: Image
    ink_height: int


def needed_height(width: int, height: int) -> int:
    """Ink height in pixels that a picture of this size needs."""
    return max(math.ceil(SHARE * min(width, height)), _LEGIBLE)


def render(text: str, needed: int, font: Path | None = None) -> Lettering:
    """``text`` in the smallest size in which every run has ``needed`` pixels of ink height.

    Raises:
        LabelError: the font lacks a character, or draws none of them. InputError: it is no font.
    """
    path = font or FONT
    missing = [
        char for char in dict.fromkeys(text) if not char.isspace() and not _drawn(path, char)
    ]
    if missing:
        raise LabelError(
            f"the font {path.name} has no glyph for {''.join(missing)}",
            "choose another wording, or name a font that has them",
        )
    runs = _runs(text)
    for size in range(needed, 6 * needed):
        face = _face(path, size)
        least = min(_height(face, run) for run in runs)
        if least >= needed:
            return Lettering(_mask(face, text), least)
    raise LabelError(f"the font {path.name} draws {text!r} without height", "choose another font")


def _runs(text: str) -> list[str]:
    """Stretches of letters and digits of one script: Latin beside Chinese is measured apart."""
    groups = itertools.groupby(text, key=lambda char: (char.isalnum(), char.isascii()))
    return ["".join(chars) for (letters, _), chars in groups if letters]


@lru_cache(maxsize=64)
def _face(path: Path, size: int) -> Any:
    from PIL import ImageFont

    try:
        return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
    except OSError:
        raise InputError(f"{path}: not a font file", "name a .ttf, .otf or .ttc file") from None


@lru_cache(maxsize=1024)
def _drawn(path: Path, char: str) -> bool:
    """Whether the font draws ``char`` itself: not nothing, and not its box for missing glyphs."""
    mask = _mask(_face(path, 40), char)
    missing = _mask(_face(path, 40), "\U0010ffff")
    return mask.getbbox() is not None and (mask.size, mask.tobytes()) != (
        missing.size,
        missing.tobytes(),
    )


def _height(face: Any, run: str) -> int:
    box = _mask(face, run).point(lambda value: 255 if value >= _INK else 0).getbbox()
    return box[3] - box[1] if box else 0


def _mask(face: Any, text: str) -> Image:
    """Coverage of ``text``, cut to its ink."""
    from PIL import Image, ImageDraw

    left, top, right, bottom = face.getbbox(text)
    canvas = Image.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(canvas).text((-left, -top), text, fill=255, font=face)
    return canvas.crop(canvas.getbbox() or (0, 0, 1, 1))
