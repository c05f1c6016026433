"""The label as a box of letters: where it goes, what it looks like, how it is measured.

Shared by pictures, animations, pages of a TIFF and films, so that all obey the same clause 5.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from guard.errors import LabelError
from guard.watermark import lettering
from guard.watermark.lettering import Lettering

if TYPE_CHECKING:
    from PIL.Image import Image

Box = tuple[int, int, int, int]
_Colour = int | tuple[int, ...]

#: Least contrast of letters and box (WCAG 2.2, 1.4.3).
CONTRAST: Final = 4.5
#: Nearly black: pure black is a favourite key colour of transparent PNGs.
BOX_GREY, INK_GREY = 16, 255
_OPACITY = 178
#: Box and letters per mode of picture; modes with alpha get an opaque box.
COLOURS: Final[dict[str, tuple[_Colour, _Colour]]] = {
    "L": (BOX_GREY, INK_GREY),
    "I;16": (BOX_GREY * 257, INK_GREY * 257),
    "LA": ((BOX_GREY, 255), (INK_GREY, 255)),
    "RGB": ((BOX_GREY,) * 3, (INK_GREY,) * 3),
    "RGBA": ((*(BOX_GREY,) * 3, 255), (255, 255, 255, 255)),
    "CMYK": ((0, 0, 0, 255 - BOX_GREY), (0, 0, 0, 0)),
}


@dataclass(frozen=True, slots=True)
class Placed:
    """A label in its place: ``box`` as the viewer sees it, ``turn`` the EXIF orientation."""

    box: Box
    turn: int
    letters: Lettering

    def stored(self, size: tuple[int, int]) -> Box:
        """The box in stored pixels of a picture of stored ``size``."""
        return _stored(self.box, turned_size(size, self.turn), self.turn)

    def patch(self, mode: str, under: Image | None = None, *, opaque: bool = True) -> Image:
        """The label as stored pixels of ``mode``; with ``under``, those shine through."""
        under = turned(under, self.turn) if under is not None else None
        drawn = _patch(under, mode, self.box, self.letters, opaque=opaque)
        return turned_back(drawn, self.turn)


def place(samples: Iterable[Image], turn: int, text: str, font: Path | None) -> Placed:
    """The label in the corner that has the least detail over all ``samples`` of one size.

    Raises:
        LabelError: the picture is too small, or the font lacks a letter.
    """
    pictures = list(samples)
    size = turned_size(pictures[0].size, turn)
    letters = lettering.render(text, lettering.needed_height(*size), font)

    def detail(box: Box) -> float:
        return sum(_detail(p.crop(Placed(box, turn, letters).stored(p.size))) for p in pictures)

    return Placed(min(_corners(size, letters), key=detail), turn, letters)


def draw(picture: Image, placed: Placed, *, opaque: bool = False) -> None:
    """Put the label on a picture whose mode is in :data:`COLOURS`."""
    where = placed.stored(picture.size)
    under = picture.crop(where) if picture.mode != "I;16" else None
    picture.paste(placed.patch(picture.mode, under, opaque=opaque), where)


def drawable(image: Image) -> Image:
    """The picture in a mode that can be drawn on, without loss.

    Raises:
        LabelError: there is none.
    """
    clear = "transparency" in image.info
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if clear or image.mode == "PA" else "RGB")
    if image.mode == "1":
        image = image.convert("L")
    if image.mode == "RGBX":
        return image.convert("RGB")
    if clear and image.mode in ("L", "RGB"):
        return image.convert("RGBA")
    if image.mode not in COLOURS:
        raise LabelError(f"pictures of mode {image.mode} cannot be labelled", "save it as RGB")
    return image


def check(picture: Image, placed: Placed) -> float:
    """Contrast of letters and box in a finished picture, as a ratio of relative luminances.

    Raises:
        LabelError: the contrast, or the height of the letters, came out too small.
    """
    found = turned(picture.crop(placed.stored(picture.size)), placed.turn)
    ratio, height = measure(found, placed.letters)
    if ratio < CONTRAST:
        raise LabelError(
            f"the label has a contrast of {ratio:.1f}, it needs {CONTRAST}",
            "save the picture in better quality first",
        )
    # A coder that loses detail may blur the outermost row; a whole line of the text never.
    if height < 0.9 * placed.letters.ink_height:
        raise LabelError(
            f"the letters came out {height} pixels high, {placed.letters.ink_height} were drawn",
            "save the picture in better quality first",
        )
    return ratio


def measure(found: Image, letters: Lettering) -> tuple[float, int]:
    """(contrast, height in pixels of the letters) of what stands where the label was drawn."""
    from PIL import Image, ImageStat

    grey = grey_of(found)
    ink = Image.new("L", grey.size)
    ink.paste(letters.mask, _inset(grey.size, letters))
    core = ink.point(lambda value: 255 if value > 250 else 0)
    rest = ink.point(lambda value: 255 if value == 0 else 0)
    pad = min(_inset(grey.size, letters)) // 2  # the box's own rounded corners stay out of it
    rest.paste(0, (0, 0, rest.width, pad))
    rest.paste(0, (0, rest.height - pad, rest.width, rest.height))
    light, dark = (ImageStat.Stat(grey, mask).mean[0] for mask in (core, rest))
    middle = (light + dark) / 2
    inner = grey.crop((pad, pad, grey.width - pad, grey.height - pad))
    lines = inner.point(lambda value: 255 if value >= middle else 0).getbbox()
    ratio = (_luminance(light) + 0.05) / (_luminance(dark) + 0.05)
    return ratio, lines[3] - lines[1] if lines else 0


def grey_of(image: Image) -> Image:
    """The picture in 8-bit grey, whatever its mode."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    return image.convert("RGB").convert("L") if image.mode == "P" else image.convert("L")


def turned_size(size: tuple[int, int], turn: int) -> tuple[int, int]:
    """The viewer's size of a picture of stored ``size``."""
    return (size[1], size[0]) if turn >= 5 else size


def turned(image: Image, turn: int) -> Image:
    """Stored pixels as the viewer sees them."""
    from PIL.Image import Transpose

    ways = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
    return image.transpose(Transpose(ways[turn])) if turn > 1 else image


def turned_back(image: Image, turn: int) -> Image:
    """What a viewer sees as stored pixels."""
    return turned(image, {6: 8, 8: 6}.get(turn, turn))


def _patch(under: Image | None, mode: str, box: Box, letters: Lettering, *, opaque: bool) -> Image:
    from PIL import Image, ImageDraw

    size = (box[2] - box[0], box[3] - box[1])
    dark, light = COLOURS[mode]
    patch = under.copy() if under is not None else Image.new(mode, size, dark)
    if under is not None:
        opacity = 255 if opaque or mode in ("LA", "RGBA") else _OPACITY
        veil = Image.new("L", size)
        ImageDraw.Draw(veil).rounded_rectangle(
            (0, 0, size[0] - 1, size[1] - 1), size[1] // 6, opacity
        )
        patch.paste(dark, (0, 0), veil)
    patch.paste(light, _inset(size, letters), letters.mask)
    return patch


def _inset(size: tuple[int, int], letters: Lettering) -> tuple[int, int]:
    return (size[0] - letters.mask.width) // 2, (size[1] - letters.mask.height) // 2


def _corners(size: tuple[int, int], letters: Lettering) -> list[Box]:
    """Boxes in the corners, the right bottom first (the example of annex C.2)."""
    pad = max(2, letters.ink_height * 2 // 5)
    width, height = letters.mask.width + 2 * pad, letters.mask.height + 2 * pad
    margin = min(pad, (size[0] - width) // 2, (size[1] - height) // 2)
    if margin < 0:
        raise LabelError(
            f"{size[0]} x {size[1]} pixels are too few for a legible label of {width} x {height}",
            "choose a shorter wording, or use --no-visible",
        )
    left, top = margin, margin
    right, bottom = size[0] - margin - width, size[1] - margin - height
    places = ((right, bottom), (left, bottom), (right, top), (left, top))
    return [(x, y, x + width, y + height) for x, y in places]


def _detail(part: Image) -> float:
    """Mean edge strength plus spread of brightness."""
    from PIL import ImageFilter, ImageStat

    grey = grey_of(part)
    edges = ImageStat.Stat(grey.filter(ImageFilter.FIND_EDGES)).mean[0]
    return float(edges + ImageStat.Stat(grey).stddev[0])


def _luminance(grey: float) -> float:
    """Relative luminance 0..1 of an sRGB grey 0..255."""
    value = grey / 255
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _stored(box: Box, size: tuple[int, int], turn: int) -> Box:
    """A box of the viewer's picture (``size``) in stored pixels, for EXIF orientation ``turn``."""
    (x0, y0, x1, y1), (w, h) = box, size
    return {
        2: (w - x1, y0, w - x0, y1),
        3: (w - x1, h - y1, w - x0, h - y0),
        4: (x0, h - y1, x1, h - y0),
        5: (y0, x0, y1, x1),
        6: (y0, w - x1, y1, w - x0),
        7: (h - y1, w - x1, h - y0, w - x0),
        8: (h - y1, x0, h - y0, x1),
    }.get(turn, box)
