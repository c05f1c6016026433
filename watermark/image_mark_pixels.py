"""Colours of a picture of any mode as numbers, and a change of its luma put back into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from guard.errors import LabelError
from guard.watermark.image_mark_pattern import Floats

#: Luma of red, green and blue (ITU-R BT.601, as JPEG has it).
_LUMA: Final = (0.299, 0.587, 0.114)
#: One step of 8 bits, in steps of 16.
_DEEP: Final = 257
#: The darkest that black ink may leave a CMYK pixel for its change to be made up in full.
_LEAST_LIGHT: Final = 64

_T = TypeVar("_T", np.uint8, np.uint16)


@dataclass(frozen=True, slots=True, eq=False)
class Colours:
    """``channels``: one (grey) or three (red, green, blue), 0..255; ``alpha``: 0..1 or None."""

    channels: list[Floats]
    alpha: Floats | None = None

    def luma(self) -> Floats:
        """What a grey viewer sees, on white where the picture is transparent."""
        if len(self.channels) == 1:
            luma = self.channels[0]
        else:
            parts = zip(_LUMA, self.channels, strict=True)
            luma = sum((np.float32(w) * c for w, c in parts), np.zeros((), np.float32))
        return luma if self.alpha is None else luma * self.alpha + 255 * (1 - self.alpha)

    def hidden(self) -> NDArray[np.bool_] | None:
        """Where nothing is seen at all."""
        return None if self.alpha is None else self.alpha == 0


def plain(image: Image.Image) -> Image.Image:
    """The picture in a mode whose colours can be changed, without loss.

    Raises:
        LabelError: there is none.
    """
    if image.mode in ("P", "PA"):
        clear = image.mode == "PA" or "transparency" in image.info
        return image.convert("RGBA" if clear else "RGB")
    if image.mode == "1":
        image = image.convert("L")
    if "transparency" in image.info and image.mode in ("L", "RGB"):
        return image.convert("RGBA")
    if image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        raise LabelError(f"pictures of mode {image.mode} cannot be marked", "save it as RGB")
    return image


def colours(image: Image.Image) -> Colours:
    """The colours of a picture of any mode; 16-bit grey too."""
    if image.mode.startswith("I") or image.mode == "F":
        deep = np.asarray(image, np.float32)
        return Colours([np.clip(deep / np.float32(_DEEP), 0, 255)])
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        clear = image.mode == "PA" or "transparency" in image.info
        image = image.convert("L" if image.mode == "1" else "RGBA" if clear else "RGB")
    return _split(np.atleast_3d(np.asarray(image)), 255)


def changed(image: Image.Image, delta: Floats) -> Image.Image:
    """A picture of a :func:`plain` mode with ``delta`` grey levels added to its luma."""
    values = np.atleast_3d(np.asarray(image))
    if image.mode == "CMYK":
        light = np.maximum(255 - values[..., 3].astype(np.float32), _LEAST_LIGHT)
        out = _added(values, -delta * (255 / light).astype(np.float32), 3, 255)
    else:
        out = _added(values, delta, len(image.getbands()) - ("A" in image.getbands()), 255)
    return Image.fromarray(out.squeeze(2) if out.shape[2] == 1 else out, image.mode)


def deep_colours(samples: NDArray[np.uint16]) -> Colours:
    """The same of 16-bit samples, shape (rows, columns, 1 to 4)."""
    return _split(samples, 65535)


def deep_changed(samples: NDArray[np.uint16], delta: Floats) -> NDArray[np.uint16]:
    """16-bit samples with ``delta`` grey levels of 8 bits added."""
    kinds = samples.shape[2]
    return _added(samples, delta * _DEEP, kinds - (kinds in (2, 4)), 65535)


def _split(values: NDArray[np.unsignedinteger], white: int) -> Colours:
    planes = [plane.astype(np.float32) for plane in np.moveaxis(values, 2, 0)]
    alpha = planes.pop() / white if len(planes) in (2, 4) else None
    return Colours([plane * np.float32(255 / white) for plane in planes], alpha)


def _added(values: NDArray[_T], delta: Floats, count: int, white: int) -> NDArray[_T]:
    out = values.copy()
    for i in range(count):
        out[..., i] = np.clip(np.rint(values[..., i] + delta), 0, white)
    return out
