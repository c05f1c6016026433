"""The visible label on a picture (GB 45438-2025 clause 5.2): a box with the wording in a corner.

The corner with the least detail is taken, upright for the viewer whatever the EXIF orientation.
Size and contrast are measured on the finished file, and a label that fails is an error, never a
worse label. What re-encoding would lose is put back by ``transplant``.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from guard.errors import InputError, LabelError
from guard.watermark import deep, exif, jpeg, lettering, png, transplant
from guard.watermark.lettering import Lettering
from guard.watermark.notice import check_wording

if TYPE_CHECKING:
    from PIL.Image import Image

Box = tuple[int, int, int, int]
_Colour = int | tuple[int, ...]

#: Least contrast of letters and box (WCAG 2.2, 1.4.3).
_CONTRAST = 4.5
#: Nearly black: pure black is a favourite key colour of transparent PNGs.
_BOX_GREY, _INK_GREY = 16, 255
_OPACITY = 178
#: Box and letters per mode of picture; modes with alpha get an opaque box.
_COLOURS: Final[dict[str, tuple[_Colour, _Colour]]] = {
    "L": (_BOX_GREY, _INK_GREY),
    "LA": ((_BOX_GREY, 255), (_INK_GREY, 255)),
    "RGB": ((_BOX_GREY,) * 3, (_INK_GREY,) * 3),
    "RGBA": ((*(_BOX_GREY,) * 3, 255), (255, 255, 255, 255)),
    "CMYK": ((0, 0, 0, 255 - _BOX_GREY), (0, 0, 0, 0)),
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture with its label: ``box`` as the viewer sees it, ``ink_height`` in pixels."""

    data: bytes
    box: Box
    ink_height: int
    contrast: float


def draw(data: bytes, text: str, font: Path | None = None) -> Drawn:
    """``data`` (PNG or JPEG) with the wording drawn on it, its metadata kept.

    16-bit PNG keeps its depth, palette and 1-bit PNG become true colour or grey, JPEG keeps its
    quantisation tables and subsampling.

    Raises:
        LabelError: the wording lacks an element, a glyph is missing, the picture is animated, too
            small, or the label came out without contrast. InputError: it cannot be decoded.
    """
    check_wording(text)
    with _decoded(data) as image:
        turn = _orientation(data)
        size = _turned_size(image.size, turn)
        letters = lettering.render(text, lettering.needed_height(*size), font)
        box = _choose(image, turn, _corners(size, letters))
        out = _write(data, image, turn, box, letters)
    ratio = _measure(out, turn, box, letters)
    if ratio < _CONTRAST:
        raise LabelError(
            f"the label has a contrast of {ratio:.1f}, it needs {_CONTRAST}",
            "save the picture in better quality first",
        )
    return Drawn(out, box, letters.ink_height, round(ratio, 1))


@contextmanager
def _decoded(data: bytes) -> Iterator[Image]:
    """The decoded picture. Whatever the decoder raises becomes one :class:`InputError`."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Large is no attack here: it is the caller's picture. Pillow refuses 179 megapixels.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "MPO"))
            frames = getattr(image, "n_frames", 1)
            image.load()
    except Exception as error:  # decoders raise a dozen types on broken files
        raise InputError(f"the picture cannot be decoded ({error})", "get the whole file") from None
    with image:
        if frames > 1:
            raise LabelError(
                f"the file holds {frames} pictures, and each would need the visible label",
                "use --no-visible, or save the pictures apart",
            )
        yield image


def _write(data: bytes, image: Image, turn: int, box: Box, letters: Lettering) -> bytes:
    size = _turned_size(image.size, turn)
    place = _stored(box, size, turn)
    if png.matches(data, "") and deep.is_deep(data):
        patch = _turned_back(_patch(None, "L", box, letters), turn)
        return deep.paste(data, place, patch)
    image = _plain(image)
    under = _turned(image.crop(place), turn)
    patch = _turned_back(_patch(under, image.mode, box, letters), turn)
    image.paste(patch, place)
    out = io.BytesIO()
    if png.matches(data, ""):
        image.save(out, "PNG")
        return transplant.png_metadata(data, out.getvalue())
    keep_rgb = image.mode == "RGB" and image.info.get("adobe_transform") == 0
    progressive = bool(image.info.get("progressive"))
    image.save(out, "JPEG", quality="keep", progressive=progressive, keep_rgb=keep_rgb)
    return transplant.jpeg_metadata(data, out.getvalue())


def _plain(image: Image) -> Image:
    """The picture in a mode that can be drawn on, without loss."""
    clear = "transparency" in image.info
    if image.mode == "P":
        return image.convert("RGBA" if clear else "RGB")
    if image.mode == "1":
        image = image.convert("L")
    if clear and image.mode in ("L", "RGB"):
        return image.convert("RGBA")
    if image.mode not in _COLOURS:
        raise LabelError(f"pictures of mode {image.mode} cannot be labelled", "save it as RGB")
    return image


def _patch(under: Image | None, mode: str, box: Box, letters: Lettering) -> Image:
    """The label as a picture of ``mode``: letters on a box, which lets ``under`` shine through."""
    from PIL import Image, ImageDraw

    size = (box[2] - box[0], box[3] - box[1])
    dark, light = _COLOURS[mode]
    patch = under.copy() if under is not None else Image.new(mode, size, dark)
    if under is not None:
        opacity = 255 if mode in ("LA", "RGBA") else _OPACITY
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


def _choose(image: Image, turn: int, boxes: list[Box]) -> Box:
    """The box over the least detail: mean edge strength plus spread of brightness."""
    from PIL import ImageFilter, ImageStat

    def detail(box: Box) -> float:
        grey = _grey(image.crop(_stored(box, _turned_size(image.size, turn), turn)))
        edges = ImageStat.Stat(grey.filter(ImageFilter.FIND_EDGES)).mean[0]
        return edges + ImageStat.Stat(grey).stddev[0]

    return min(boxes, key=detail)


def _measure(data: bytes, turn: int, box: Box, letters: Lettering) -> float:
    """Contrast of letters and box in the finished file, as a ratio of relative luminances."""
    from PIL import Image, ImageStat

    with _decoded(data) as image:
        size = _turned_size(image.size, turn)
        grey = _grey(_turned(image.crop(_stored(box, size, turn)), turn))
    ink = Image.new("L", grey.size)
    ink.paste(letters.mask, _inset(grey.size, letters))
    core = ink.point(lambda value: 255 if value > 250 else 0)
    rest = ink.point(lambda value: 255 if value == 0 else 0)
    pad = min(_inset(grey.size, letters)) // 2  # the box's own rounded corners stay out of it
    rest.paste(0, (0, 0, rest.width, pad))
    rest.paste(0, (0, rest.height - pad, rest.width, rest.height))
    bright, dark = (_luminance(ImageStat.Stat(grey, mask).mean[0]) for mask in (core, rest))
    return (bright + 0.05) / (dark + 0.05)


def _luminance(grey: float) -> float:
    """Relative luminance 0..1 of an sRGB grey 0..255."""
    value = grey / 255
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _grey(image: Image) -> Image:
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    return image.convert("RGB").convert("L") if image.mode == "P" else image.convert("L")


def _orientation(data: bytes) -> int:
    if png.matches(data, ""):
        bodies = [c.body(data) for c in png.chunks(data)[0] if c.kind == b"eXIf"]
    else:
        bodies = jpeg.exif_blocks(data)
    return exif.orientation(bodies[0]) if bodies else 1


def _turned_size(size: tuple[int, int], turn: int) -> tuple[int, int]:
    return (size[1], size[0]) if turn >= 5 else size


def _turned(image: Image, turn: int) -> Image:
    """Stored pixels as the viewer sees them."""
    from PIL.Image import Transpose

    ways = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
    return image.transpose(Transpose(ways[turn])) if turn > 1 else image


def _turned_back(image: Image, turn: int) -> Image:
    return _turned(image, {6: 8, 8: 6}.get(turn, turn))


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
