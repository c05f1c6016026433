"""A picture brought back to the size and angle at which its invisible mark was written."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from PIL import Image

from guard.watermark.image_mark_analysis import box_mean
from guard.watermark.image_mark_pattern import Floats
from guard.watermark.image_mark_search import Geometry, Matrix

#: Largest side of a straightened picture; what lies further from the middle is left out.
_LARGEST: Final = 1024
#: Beyond this scale a picture is made smaller first: resampling alone would fold noise into it.
_ENLARGED: Final = 1.2
#: Width of the rim of a turned picture that its surroundings spoil, and some.
_RIM: Final = 11


def shrunk(luma: Floats, factor: float) -> Floats:
    """The picture at ``factor`` of its size, or itself where that is not smaller."""
    if factor >= 1:
        return luma
    height, width = (max(1, round(size * factor)) for size in luma.shape)
    return resized(luma, (height, width))


def resized(luma: Floats, shape: tuple[int, ...]) -> Floats:
    """The picture in another shape (rows, columns)."""
    if luma.shape == shape:
        return luma
    new = Image.fromarray(luma).resize((shape[1], shape[0]), Image.Resampling.LANCZOS)
    return np.asarray(new, np.float32)


def straightened(luma: Floats, geometry: Geometry) -> tuple[Floats, Floats]:
    """The picture as it was marked, and where it is: 1 inside, 0 around."""
    place: Matrix = np.linalg.inv(geometry.matrix).T  # straight to given pixels: columns, rows
    scale = math.sqrt(abs(float(np.linalg.det(place))))
    small = shrunk(luma, 1 / scale) if scale > _ENLARGED else luma
    ratio = np.array(small.shape[::-1], float) / luma.shape[::-1]
    place = ratio[:, None] * place
    size = _extent(place, small)
    start = np.array(small.shape[::-1]) / 2 - place @ (np.array(size) / 2)
    affine = tuple(np.column_stack([place, start]).reshape(-1).tolist())
    picture, inside = _picture(small, size, affine), _inside(small, size, affine)
    if geometry.flipped:
        picture, inside = picture[:, ::-1], inside[:, ::-1]
    return picture, inside


def _extent(place: Matrix, luma: Floats) -> tuple[int, int]:
    """Width and height of the straightened picture."""
    height, width = luma.shape
    corners = np.array([[width, width], [height, -height]])
    sides = np.abs(np.linalg.inv(place) @ corners).max(1)
    return min(_LARGEST, math.ceil(sides[0])), min(_LARGEST, math.ceil(sides[1]))


def _picture(luma: Floats, size: tuple[int, int], affine: tuple[float, ...]) -> Floats:
    out = Image.fromarray(luma).transform(
        size,
        Image.Transform.AFFINE,
        affine,
        Image.Resampling.BICUBIC,
        fillcolor=float(luma.mean()),
    )
    return np.asarray(out, np.float32)


def _inside(luma: Floats, size: tuple[int, int], affine: tuple[float, ...]) -> Floats:
    ones = Image.new("L", luma.shape[::-1], 1)
    out = ones.transform(size, Image.Transform.AFFINE, affine, Image.Resampling.NEAREST)
    mask = np.asarray(out, np.float32)
    if mask.all():
        return mask
    framed = box_mean(np.pad(mask, _RIM), _RIM)[_RIM:-_RIM, _RIM:-_RIM]
    return (framed > 0.999).astype(np.float32)
