"""The invisible image mark: a number of 64 bits in the pixels, which only the key's owner reads.

>>> from guard.watermark import image_mark
>>> marked = image_mark.mark(data, key)  # doctest: +SKIP
>>> image_mark.read(marked.data, key).payload == marked.payload  # doctest: +SKIP
True

Needs numpy and Pillow, no learned weights. It survives what happens to pictures on their way:
coding, scaling, cropping, turning, a screenshot. It is no proof against somebody who wants it gone,
and its absence says nothing. Figures: docs/watermark-image.md.
"""

from __future__ import annotations

import io
import secrets
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from guard.errors import InputError, LabelError
from guard.watermark import deep, transplant
from guard.watermark.image_mark_code import PAYLOAD_BITS
from guard.watermark.image_mark_detect import Reading, detect
from guard.watermark.image_mark_embed import LIMITS, Limit, delta
from guard.watermark.image_mark_pattern import Floats, Pattern, pattern
from guard.watermark.image_mark_pixels import (
    Colours,
    changed,
    colours,
    deep_changed,
    deep_colours,
    plain,
)
from guard.watermark.image_mark_straighten import resized, shrunk

__all__ = [
    "LEAST_SIDE",
    "Marked",
    "Reading",
    "load_key",
    "mark",
    "mark_image",
    "read",
    "read_image",
]

#: A picture's shorter side in pixels must have as many for one whole tile of the pattern.
LEAST_SIDE: Final = 128
#: Larger pictures are marked and read as if this were their shorter side.
_WORKING_SIDE: Final = 1024
_FORMATS: Final = ("PNG", "JPEG", "WEBP")
_WEBP_QUALITY: Final = 90
#: A mark that does not survive JPEG of this quality is made stronger, as far as it may be.
_WORN_QUALITY: Final = 70


@dataclass(frozen=True, slots=True)
class Marked:
    """A picture's new bytes and the number in it; ``kept``: the file had it before, untouched.

    ``psnr`` is what the mark was allowed to cost, in decibels: 42, or less where a small picture
    could not carry it otherwise; 0 where it is not known.
    """

    data: bytes
    payload: int
    psnr: float
    kept: bool = False


def load_key(path: str | Path) -> bytes:
    """The bytes of a key file, all of them. Raises :class:`InputError` when they are too few."""
    try:
        key = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"the watermark key {path} cannot be read: {error.strerror}") from None
    pattern(key)
    return key


def mark(data: bytes, key: bytes, payload: int | None = None) -> Marked:
    """``data`` (PNG, JPEG or still WebP) with a number, random if none is given, in its pixels.

    A picture that carries a number of this key already is returned as it is. 16-bit PNG keeps its
    depth, a palette becomes true colour, JPEG keeps its tables, WebP stays lossless if it was.

    Raises:
        InputError: the key is short, or the picture cannot be decoded. LabelError: it is too small,
            of a kind that cannot be marked, or the mark cannot be read back from the new file.
    """
    keyed = pattern(key)
    with _decoded(data) as image:
        _check(image)
        seen = _reading(colours(image), keyed, search=False)
        if seen.payload is not None:
            return Marked(data, seen.payload, 0, kept=True)
    number = secrets.randbits(PAYLOAD_BITS) if payload is None else payload
    best = None
    for limit in LIMITS:
        with _decoded(data) as image:
            out = _written(data, image, keyed, number, limit)
        if _holds(out, keyed, number):
            best = Marked(out, number, limit.psnr)
            if _holds(_worn(out), keyed, number):
                break
    if best is None:
        raise LabelError(
            "the invisible mark could not be read back from this picture",
            "it is too small or too busy: mark it before it is made smaller",
        )
    return best


def _holds(data: bytes, keyed: Pattern, payload: int) -> bool:
    with _decoded(data) as image:
        return _reading(colours(image), keyed, search=False).payload == payload


def _worn(data: bytes) -> bytes:
    """The picture as the next service may code it."""
    out = io.BytesIO()
    with _decoded(data) as image:
        image.convert("RGB").save(out, "JPEG", quality=_WORN_QUALITY)
    return out.getvalue()


def read(data: bytes, key: bytes, *, search: bool = True) -> Reading:
    """What a picture of any format that Pillow opens says; the first frame of an animation.

    Without ``search`` only crops, flips and quarter turns are undone, in a tenth of the time.

    Raises:
        InputError: the key is short, or the picture cannot be decoded.
    """
    keyed = pattern(key)
    with _decoded(data) as image:
        return _reading(colours(image), keyed, search)


def mark_image(image: Image.Image, key: bytes, payload: int) -> Image.Image:
    """A Pillow picture with a number (0 <= payload < 2**64) in its pixels.

    Raises:
        InputError: the key is short. LabelError: the picture is too small, or of an odd mode.
    """
    _check(image)
    image = plain(image)
    return changed(image, _delta(colours(image), pattern(key), payload, LIMITS[0]))


def read_image(image: Image.Image, key: bytes, *, search: bool = True) -> Reading:
    """What a Pillow picture says. Raises :class:`InputError` when the key is short."""
    return _reading(colours(image), pattern(key), search)


@contextmanager
def _decoded(data: bytes) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data))
            image.load()
    except Exception as error:  # decoders raise a dozen types on broken files
        raise InputError(f"the picture cannot be decoded ({error})", "get the whole file") from None
    with image:
        yield image


def _check(image: Image.Image) -> None:
    if min(image.size) < LEAST_SIDE:
        raise LabelError(
            f"{image.width} x {image.height} pixels are too few for an invisible mark",
            f"the shorter side needs {LEAST_SIDE}",
        )
    if getattr(image, "n_frames", 1) > 1:
        raise LabelError("an animation cannot carry an invisible mark", "mark a still picture")


def _written(data: bytes, image: Image.Image, keyed: Pattern, payload: int, limit: Limit) -> bytes:
    if image.format not in _FORMATS:
        raise LabelError(
            f"the invisible mark is not written into {image.format}", "save it as PNG or JPEG first"
        )
    if image.format == "PNG" and deep.is_deep(data):
        return _written_deep(data, keyed, payload, limit)
    change = _delta(colours(image), keyed, payload, limit)
    if image.format == "JPEG":
        image.paste(changed(image, change))
        return _as_jpeg(data, image)
    after = changed(plain(image), change)
    return _as_png(data, after) if image.format == "PNG" else _as_webp(data, image, after)


def _as_png(data: bytes, image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return transplant.png_metadata(data, out.getvalue())


def _as_jpeg(data: bytes, image: Image.Image) -> bytes:
    """Coded as before: the same tables, subsampling, scans and colour transform."""
    out = io.BytesIO()
    keep_rgb = image.mode == "RGB" and image.info.get("adobe_transform") == 0
    progressive = bool(image.info.get("progressive"))
    image.save(out, "JPEG", quality="keep", progressive=progressive, keep_rgb=keep_rgb)
    return transplant.jpeg_metadata(data, out.getvalue())


def _as_webp(data: bytes, before: Image.Image, image: Image.Image) -> bytes:
    names = ("exif", "xmp", "icc_profile")
    kept = {name: before.info[name] for name in names if before.info.get(name)}
    out = io.BytesIO()
    lossless = b"VP8L" in (data[12:16], data[30:34])
    image.save(out, "WEBP", lossless=lossless, quality=_WEBP_QUALITY, exact=True, **kept)
    return out.getvalue()


def _written_deep(data: bytes, keyed: Pattern, payload: int, limit: Limit) -> bytes:
    samples = _deep_samples(data)
    out = deep_changed(samples, _delta(deep_colours(samples), keyed, payload, limit))
    return deep.with_samples(data, out.astype(">u2").tobytes())


def _deep_samples(data: bytes) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint16]]:
    raw, kinds = deep.samples(data)
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    return np.frombuffer(raw, ">u2").astype(np.uint16).reshape(height, width, kinds)


def _delta(seen: Colours, keyed: Pattern, payload: int, limit: Limit) -> Floats:
    """The change at the picture's own size, made at the working size."""
    luma = seen.luma()
    factor = _WORKING_SIDE / min(luma.shape)
    channels = [shrunk(channel, factor) for channel in seen.channels]
    change = resized(delta(shrunk(luma, factor), channels, keyed, payload, limit), luma.shape)
    hidden = seen.hidden()
    return change if hidden is None else np.where(hidden, np.float32(0), change)


def _reading(seen: Colours, keyed: Pattern, search: bool) -> Reading:
    luma = seen.luma()
    return detect(shrunk(luma, _WORKING_SIDE / min(luma.shape)), keyed, search=search)
