"""What happens to pictures on their way. Each attack takes and gives a Pillow picture (L or RGB)."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Attack = Callable[[Image.Image], Image.Image]
CUBIC = Image.Resampling.BICUBIC


def coded(image: Image.Image, kind: str, quality: int) -> Image.Image:
    data = io.BytesIO()
    image.save(data, kind, quality=quality)
    with Image.open(io.BytesIO(data.getvalue())) as out:
        return out.copy() if out.mode == image.mode else out.convert(image.mode)


def scaled(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)), CUBIC)


def scaled_and_back(image: Image.Image, factor: float) -> Image.Image:
    return scaled(image, factor).resize(image.size, CUBIC)


def cropped(image: Image.Image, area: float) -> Image.Image:
    """Without ``area`` of it, off the middle and off any grid."""
    width, height = (int(side * (1 - area) ** 0.5) for side in image.size)
    left, top = int((image.width - width) * 0.3), int((image.height - height) * 0.8)
    return image.crop((left, top, left + width, top + height))


def cropped_and_back(image: Image.Image, area: float) -> Image.Image:
    return cropped(image, area).resize(image.size, CUBIC)


def noisy(image: Image.Image, sigma: float) -> Image.Image:
    values = np.asarray(image, float)
    values = values + np.random.default_rng(1).normal(0, sigma, values.shape)
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def turned(image: Image.Image, degrees: float) -> Image.Image:
    """On the same canvas, black corners."""
    return image.rotate(degrees, CUBIC)


def blurred(image: Image.Image, sigma: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(sigma))


def brighter(image: Image.Image, factor: float) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(factor)


def contrast(image: Image.Image, factor: float) -> Image.Image:
    return ImageEnhance.Contrast(image).enhance(factor)


def label_box(image: Image.Image) -> Image.Image:
    """A dark label over 2 % of the picture, as the visible label is."""
    image = image.copy()
    draw = ImageDraw.Draw(image)
    width, height = image.size
    dark, light = (16, 255) if image.mode == "L" else ((16,) * 3, (255,) * 3)
    draw.rectangle((width * 0.72, height * 0.9, width * 0.98, height * 0.98), fill=dark)
    draw.text((width * 0.76, height * 0.92), "AI label", fill=light)
    return image


def screenshot(image: Image.Image) -> Image.Image:
    """Shown at 87 % on a page with a bar and lines of text, cut out with some of them, JPEG 85."""
    shown = scaled(image, 0.87)
    page = Image.new("RGB", (shown.width + 180, shown.height + 160), (246, 246, 246))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, page.width, 44), fill=(32, 34, 40))
    for i in range(6):
        draw.text((20 + i * 90, 16), "Menu item", fill=(230, 230, 230))
    line = "a line of text under the picture, as pages have " * 2
    for i in range(4):
        draw.text((30, page.height - 70 + i * 15), line, fill=(40, 40, 40))
    page.paste(shown, (91, 63))
    return coded(page.crop((40, 20, page.width - 37, page.height - 41)), "JPEG", 85)


def posted(image: Image.Image) -> Image.Image:
    """Cropped by 10 %, scaled to 75 %, JPEG 70: what a platform does with an upload."""
    return coded(scaled(cropped(image, 0.1), 0.75), "JPEG", 70)


def unchanged(image: Image.Image) -> Image.Image:
    return image


def _coded(kind: str, quality: int) -> Attack:
    return partial(coded, kind=kind, quality=quality)


#: Group -> attack -> function. The groups are the ones with a share to reach.
ATTACKS: dict[str, dict[str, Attack]] = {
    "coding and light": {
        "none": unchanged,
        "JPEG 90": _coded("JPEG", 90),
        "JPEG 70": _coded("JPEG", 70),
        "JPEG 50": _coded("JPEG", 50),
        "WebP 80": _coded("WEBP", 80),
        "half size and back": partial(scaled_and_back, factor=0.5),
        "3/4 size and back": partial(scaled_and_back, factor=0.75),
        "noise 5": partial(noisy, sigma=5),
        "noise 10": partial(noisy, sigma=10),
        "blur 1": partial(blurred, sigma=1),
        "brightness +20 %": partial(brighter, factor=1.2),
        "brightness -30 %": partial(brighter, factor=0.7),
        "contrast +30 %": partial(contrast, factor=1.3),
        "label box": label_box,
        "mirrored": ImageOps.mirror,
        "upside down": ImageOps.flip,
    },
    "crop": {
        "crop 10 %": partial(cropped, area=0.1),
        "crop 25 %": partial(cropped, area=0.25),
    },
    "scale, angle, screenshot": {
        "crop 10 % and back": partial(cropped_and_back, area=0.1),
        "scale 0.5": partial(scaled, factor=0.5),
        "scale 0.75": partial(scaled, factor=0.75),
        "scale 1.25": partial(scaled, factor=1.25),
        "scale 1.5": partial(scaled, factor=1.5),
        "turn 2°": partial(turned, degrees=2),
        "turn -5°": partial(turned, degrees=-5),
        "turn 10°": partial(turned, degrees=10),
        "screenshot": screenshot,
    },
    "crop + resize + JPEG 70": {"posted": posted},
    "beyond the aim": {
        "JPEG 30": _coded("JPEG", 30),
        "blur 2": partial(blurred, sigma=2),
        "crop 50 %": partial(cropped, area=0.5),
        "scale 0.4": partial(scaled, factor=0.4),
        "turn 45°": partial(turned, degrees=45),
    },
}
