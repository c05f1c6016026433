"""Four pictures drawn by code: what an image model would have returned, without a model.

Everything is arithmetic on coordinates, so that a run draws the same pixels as the last one. Each
picture is drawn at twice its size and reduced, which is the whole of the anti-aliasing.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import ImageDraw

    Colour = tuple[int, int, int]
    Draw = Callable[[ImageDraw.ImageDraw, int, int], None]

_SCALE = 2


def draw_all(folder: Path) -> list[Path]:
    """Draw the pictures into ``folder`` and return their paths: two PNG, two JPEG files."""
    return [
        _save(folder / "mountains.png", 1024, 768, _mountains),
        _save(folder / "orbits.png", 768, 768, _orbits),
        _save(folder / "harbour.jpg", 1024, 683, _harbour),
        _save(folder / "chart.jpg", 960, 640, _chart),
    ]


def _save(path: Path, width: int, height: int, draw: Draw) -> Path:
    from PIL import Image, ImageDraw

    canvas = Image.new("RGB", (width * _SCALE, height * _SCALE))
    draw(ImageDraw.Draw(canvas), canvas.width, canvas.height)
    picture = canvas.resize((width, height), Image.Resampling.LANCZOS)
    if path.suffix == ".jpg":
        picture.save(path, quality=90, subsampling=0)
    else:
        picture.save(path, optimize=True)
    return path


def _mix(a: Colour, b: Colour, t: float) -> Colour:
    """The colour a fraction ``t`` (0..1) of the way from ``a`` to ``b``."""
    return (
        round(a[0] + (b[0] - a[0]) * t),
        round(a[1] + (b[1] - a[1]) * t),
        round(a[2] + (b[2] - a[2]) * t),
    )


def _sky(draw: ImageDraw.ImageDraw, width: int, top: int, bottom: int, *stops: Colour) -> None:
    """A vertical gradient through ``stops`` from row ``top`` to row ``bottom``."""
    for y in range(top, bottom):
        place = (y - top) / max(bottom - top - 1, 1) * (len(stops) - 1)
        i = min(int(place), len(stops) - 2)
        draw.line([(0, y), (width, y)], fill=_mix(stops[i], stops[i + 1], place - i))


def _disc(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, fill: Colour) -> None:
    draw.ellipse([x - r, y - r, x + r, y + r], fill=fill)


def _ridge(x: float, seed: float) -> float:
    """A mountain line, -1..1, from four octaves of sines that never repeat on one picture."""
    waves = ((1.0, 0.5), (2.3, 0.27), (5.1, 0.15), (11.7, 0.08))
    return sum(a * math.sin(2 * math.pi * f * x + seed * (k + 1)) for k, (f, a) in enumerate(waves))


def _mountains(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    _sky(draw, width, 0, height, (34, 52, 104), (226, 132, 118), (255, 214, 158))
    _disc(draw, width * 0.68, height * 0.44, height * 0.085, (255, 240, 206))
    for layer in range(5):
        t = layer / 4
        level, swing = 0.48 + 0.115 * layer, 0.115 - 0.012 * layer
        line = [
            (x, height * (level - swing * _ridge(x / width, 1.7 * layer + 0.4)))
            for x in range(0, width + 4, 4)
        ]
        draw.polygon(
            [(0, height), *line, (width, height)], fill=_mix((188, 124, 132), (22, 30, 62), t)
        )


def _orbits(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    _sky(draw, width, 0, height, (250, 246, 236), (236, 226, 208))
    palette = ((22, 66, 91), (226, 88, 62), (244, 172, 69), (92, 154, 146), (120, 84, 134))
    cx, cy = width * 0.47, height * 0.52
    for k in range(9, 0, -1):
        r = width * 0.048 * k
        turn, sweep = k * 47 % 360, 130 + k * 29 % 170
        box = [cx - r, cy - r, cx + r, cy + r]
        colour = palette[k % len(palette)]
        draw.arc(box, turn, turn + sweep, fill=colour, width=round(width * 0.019))
        angle = math.radians(turn + sweep)
        _disc(
            draw, cx + r * math.cos(angle), cy + r * math.sin(angle), width * (0.012 + 0.002 * k),
            palette[(k + 2) % len(palette)],
        )  # fmt: skip
    _disc(draw, cx, cy, width * 0.022, palette[0])


def _harbour(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    """A night skyline and its reflection; window lights follow a bit pattern, not a dice."""
    shore = round(height * 0.62)
    _sky(draw, width, 0, shore, (14, 18, 44), (52, 54, 104), (164, 98, 122))
    _sky(draw, width, shore, height, (66, 52, 92), (12, 16, 38))
    _disc(draw, width * 0.82, height * 0.2, height * 0.05, (244, 238, 214))
    step = width // 26
    for k in range(27):
        tall = height * (0.1 + 0.2 * (0.5 + 0.5 * math.sin(0.37 * k * k)) + 0.1 * (k % 7 == 3))
        x, y = k * step, shore - tall
        draw.rectangle([x, y, x + step * 0.86, shore], fill=(20, 22, 48))
        draw.rectangle([x, shore, x + step * 0.86, shore + tall * 0.7], fill=(24, 24, 52))
        _windows(draw, k, x + step * 0.16, y + step * 0.2, shore, step)
    for k in range(60):
        row = shore + (height - shore) * (k / 60) ** 1.4
        middle, reach = width * (0.5 + 0.5 * math.sin(k * 5.3)), width * (0.02 + 0.05 * k / 60)
        ends = [(middle - reach, row), (middle + reach, row)]
        draw.line(ends, fill=(120, 96, 132), width=_SCALE)


def _windows(
    draw: ImageDraw.ImageDraw, tower: int, left: float, top: float, floor: int, step: int
) -> None:
    size = step * 0.12
    for row in range(int((floor - top) / (size * 2.2))):
        for column in range(3):
            if (tower * 31 + row * 17 + column * 7) % 5 < 2:
                x, y = left + column * size * 2, top + row * size * 2.2
                draw.rectangle([x, y, x + size, y + size], fill=(250, 206, 120))


def _chart(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    draw.rectangle([0, 0, width, height], fill=(252, 252, 250))
    left, right, top, base = width * 0.08, width * 0.95, height * 0.1, height * 0.86
    for k in range(6):
        y = top + (base - top) * k / 5
        draw.line([(left, y), (right, y)], fill=(224, 226, 230), width=_SCALE)
    values = (38, 52, 47, 63, 58, 74, 69, 88, 81, 94)
    slot = (right - left) / len(values)
    points = []
    for k, value in enumerate(values):
        x, y = left + slot * (k + 0.2), base - (base - top) * value / 100
        colour = _mix((134, 176, 210), (28, 84, 138), k / len(values))
        draw.rectangle([x, y, x + slot * 0.6, base], fill=colour)
        points.append((x + slot * 0.3, y - height * 0.04))
    draw.line(points, fill=(230, 108, 66), width=round(height * 0.008), joint="curve")
    for x, y in points:
        _disc(draw, x, y, height * 0.012, (230, 108, 66))
    draw.line([(left, base), (right, base)], fill=(90, 96, 108), width=2 * _SCALE)
