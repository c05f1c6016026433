"""The visible label on a picture (GB 45438-2025 clause 5.2): a box with the wording in a corner.

The corner with the least detail is taken, upright for the viewer whatever the EXIF orientation;
an animation has it on every frame, a TIFF on every page. Size and contrast are measured on the
finished file, and a label that fails is an error, never a worse label. What re-encoding would lose
is put back.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from guard.errors import GuardError, InputError, LabelError
from guard.watermark import (
    deep,
    exif,
    frames,
    gif,
    gif_frames,
    jpeg,
    labelbox,
    png,
    tiff,
    tiff_pages,
    transplant,
)
from guard.watermark.labelbox import Box, Placed
from guard.watermark.notice import check_wording

if TYPE_CHECKING:
    from PIL.Image import Image

#: The decoders of Pillow that are used; AVIF is in its wheels, HEIC is not.
_DECODERS: Final = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "AVIF")
#: So many frames of an animation are looked at for its least busy corner.
_SAMPLES: Final = 8


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture with its label: ``box`` as the viewer sees it, ``ink_height`` in pixels.

    ``contrast`` is the least of all ``frames`` (of an animation, or pages of a TIFF).
    """

    data: bytes
    box: Box
    ink_height: int
    contrast: float
    frames: int = 1


def draw(data: bytes, text: str, font: Path | None = None) -> Drawn:
    """``data`` with the wording drawn on it, its metadata kept.

    PNG, JPEG, WebP, AVIF, GIF or TIFF. 16-bit PNG keeps its depth, palette and 1-bit PNG become
    true colour or grey, JPEG keeps its quantisation tables and subsampling, lossless WebP and GIF
    keep every pixel outside the box.

    Raises:
        LabelError: the wording lacks an element, a glyph is missing, the picture is too small or
            of a kind that cannot be drawn on, or the label came out without contrast.
        InputError: it cannot be decoded.
    """
    check_wording(text)
    _refuse(data)
    with _decoded(data) as image:
        if tiff.matches(data, ""):
            return _measured(*tiff_pages.draw(data, image, text, font))
        placed = labelbox.place(_samples(image), _orientation(data, image), text, font)
    with _decoded(data) as image:  # Pillow loses an animation's palette when it goes back in it
        return _measured(_write(data, image, placed), [placed])


def _refuse(data: bytes) -> None:
    """Kinds that Pillow cannot write, or not without loss of depth."""
    if data[4:8] == b"ftyp" and frames.depth(data) > 8:
        raise LabelError(
            "an AVIF of more than 8 bits would lose them", "save it with 8 bits, or as PNG"
        )
    if data[4:8] == b"ftyp" and data[8:12] not in (b"avif", b"avis"):
        raise LabelError(
            "no visible label can be drawn on HEIC: there is no free encoder for it in Pillow",
            "save it as AVIF, JPEG or PNG, or give --no-visible",
        )
    if png.matches(data, "") and data[24:25] == b"\x10" and frames.is_apng(data):
        raise LabelError("an animated PNG of 16 bits would lose them", "save it with 8 bits")


@contextmanager
def _decoded(data: bytes) -> Iterator[Image]:
    """The decoded picture. Whatever the decoder raises becomes one :class:`InputError`."""
    from PIL import Image

    with warnings.catch_warnings():
        # Large is no attack here: it is the caller's picture. Pillow refuses 179 megapixels.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(data), formats=_DECODERS)
            image.load()
        except Exception as error:  # decoders raise a dozen types on broken files
            raise _broken(error) from None
        with image:
            if image.format in ("JPEG", "MPO") and _count(image) > 1:
                raise LabelError(
                    f"the file holds {_count(image)} pictures, and each needs the visible label",
                    "use --no-visible, or save the pictures apart",
                )
            try:
                yield image
            except GuardError:
                raise
            except Exception as error:  # the same of later frames, and of their coders
                raise _broken(error) from None


def _broken(error: Exception) -> InputError:
    return InputError(f"the picture cannot be decoded ({error})", "get the whole file")


def _count(image: Image) -> int:
    return int(getattr(image, "n_frames", 1))


def _samples(image: Image) -> Iterator[Image]:
    """Frames spread over the whole animation; of a still picture the only one."""
    count = _count(image)
    for number in range(0, count, -(-count // _SAMPLES)):
        image.seek(number)
        yield image.copy()


def _write(data: bytes, image: Image, placed: Placed) -> bytes:
    if gif.matches(data, ""):
        return gif_frames.write(data, image, placed)
    if _count(image) > 1 or image.format in ("WEBP", "AVIF"):
        return frames.write(data, image, placed)
    if png.matches(data, "") and deep.is_deep(data):
        return deep.paste(data, placed.stored(image.size), placed.patch("L"))
    image = labelbox.drawable(image)
    labelbox.draw(image, placed)
    out = io.BytesIO()
    if png.matches(data, ""):
        image.save(out, "PNG")
        return transplant.png_metadata(data, out.getvalue())
    image.save(out, "JPEG", **_as_before(image))
    return transplant.jpeg_metadata(data, out.getvalue())


def _as_before(image: Image) -> dict[str, Any]:
    """How a JPEG was coded: the same tables, subsampling, scans and colour transform."""
    keep_rgb = image.mode == "RGB" and image.info.get("adobe_transform") == 0
    progressive = bool(image.info.get("progressive"))
    return {"quality": "keep", "progressive": progressive, "keep_rgb": keep_rgb}


def _measured(data: bytes, places: list[Placed]) -> Drawn:
    """Every frame of the finished file, decoded and measured."""
    least = float("inf")
    with _decoded(data) as image:
        for number in range(_count(image)):
            image.seek(number)
            placed = places[min(number, len(places) - 1)]
            least = min(least, labelbox.check(image, placed))
        count = _count(image)
    first = places[0]
    return Drawn(data, first.box, first.letters.ink_height, round(least, 1), count)


def _orientation(data: bytes, image: Image) -> int:
    """How viewers turn the picture; 1 for those that have no EXIF."""
    if png.matches(data, ""):
        bodies = [c.body(data) for c in png.chunks(data)[0] if c.kind == b"eXIf"]
    elif jpeg.matches(data, ""):
        bodies = jpeg.exif_blocks(data)
    else:
        bodies = [image.info.get("exif", b"").removeprefix(b"Exif\0\0")]
    return exif.orientation(bodies[0]) if bodies and bodies[0] else 1
