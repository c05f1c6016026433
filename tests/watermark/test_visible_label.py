"""The visible label, measured by the difference of pixels, not by what the writer says."""

from __future__ import annotations

import contextlib
import io
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageOps, PngImagePlugin

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark import deep, formats, lettering, picture, png

from .conftest import encode, scene

MODES = {
    "PNG": ["1", "L", "LA", "P", "RGB", "RGBA"],
    "JPEG": ["L", "RGB", "CMYK"],
}


def seen(data: bytes) -> Image.Image:
    """The picture as a viewer shows it: upright, on white."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert image is not None
    if image.mode in ("RGBA", "LA"):
        canvas = Image.new("RGBA", image.size, "white")
        canvas.alpha_composite(image.convert("RGBA"))
        return canvas.convert("L")
    return image.convert("RGB").convert("L")


def bright(data: bytes, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Bounding box of the letters inside the label's box, in the box's coordinates."""
    found = seen(data).crop(box).point(lambda value: 255 if value > 170 else 0).getbbox()
    assert found is not None
    return found


@pytest.mark.parametrize(("kind", "mode"), [(k, m) for k, modes in MODES.items() for m in modes])
def test_letters_have_five_percent_of_the_short_side(kind: str, mode: str) -> None:
    data = encode(Image.new("RGB", (900, 600), (90, 120, 40)).convert(mode), kind)
    drawn = picture.draw(data, "AI生成")
    left, top, right, bottom = bright(drawn.data, drawn.box)
    assert bottom - top >= math.ceil(0.05 * 600)
    assert right - left > 2 * (bottom - top)
    changed = ImageChops.difference(seen(data), seen(drawn.data))
    outside = changed.copy()
    outside.paste(0, drawn.box)
    limit = 0 if kind == "PNG" else 24  # a re-encoded JPEG moves by rounding
    assert outside.getextrema()[1] <= limit


def test_the_latin_run_alone_is_tall_enough_too() -> None:
    data = encode(Image.new("L", (1024, 1024), 60), "PNG")
    drawn = picture.draw(data, "AI生成")
    x0, y0, x1, y1 = drawn.box
    third = (x0, y0, x0 + (x1 - x0) // 3, y1)  # where AI stands
    _, top, _, bottom = bright(drawn.data, third)
    assert bottom - top >= 52
    assert drawn.ink_height == bottom - top


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_label_is_upright_for_the_viewer(kind: str, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    stored = Image.new("RGB", (500, 400), (70, 70, 70))
    reference = picture.draw(encode(stored if turn < 5 else stored.transpose(4), kind), "AI生成")
    drawn = picture.draw(encode(stored, kind, exif=exif), "AI生成")
    assert drawn.box == reference.box
    difference = ImageChops.difference(seen(drawn.data), seen(reference.data))
    assert difference.getextrema()[1] <= (0 if kind == "PNG" else 60)


def test_the_least_busy_corner_is_taken() -> None:
    image = Image.effect_noise((600, 400), 90).convert("RGB")
    image.paste((128, 128, 128), (0, 0, 300, 200))
    drawn = picture.draw(encode(image, "PNG"), "AI生成")
    assert drawn.box[2] <= 300
    assert drawn.box[3] <= 200


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_contrast_holds_on_any_background(kind: str, grey: int) -> None:
    drawn = picture.draw(
        encode(Image.new("RGB", (400, 300), (grey,) * 3), kind, quality=30), "AI生成"
    )
    assert drawn.contrast >= 4.5


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 500), st.integers(1, 500))
def test_any_size_gets_a_whole_label_or_a_clear_refusal(width: int, height: int) -> None:
    data = encode(Image.new("L", (width, height), 50), "PNG")
    if width < 90 or height < 40:
        with contextlib.suppress(LabelError):
            picture.draw(data, "AI生成")
        return
    drawn = picture.draw(data, "AI生成")
    x0, y0, x1, y1 = drawn.box
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    _, top, _, bottom = bright(drawn.data, drawn.box)
    assert bottom - top >= math.ceil(0.05 * min(width, height))


def sixteen(kind: int, width: int, height: int, filters: bytes) -> bytes:
    """A 16-bit PNG of colour type ``kind``, rows filtered with the given types in turn."""
    import zlib

    samples = {0: 1, 2: 3, 4: 2, 6: 4}[kind]
    pixel = 2 * samples
    rows = [
        bytes((x * 7 + y * 13 + (x * y) // 5) & 255 for x in range(width * pixel))
        for y in range(height)
    ]
    raw, above = bytearray(), bytes(width * pixel)
    for y, row in enumerate(rows):
        raw.append(filters[y % len(filters)])
        raw += _filtered(filters[y % len(filters)], row, above, pixel)
        above = row
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((16, kind, 0, 0, 0))
    return b"".join(
        [
            png.SIGNATURE,
            png.chunk_bytes(b"IHDR", header),
            png.chunk_bytes(b"IDAT", zlib.compress(bytes(raw))),
            png.chunk_bytes(b"IEND", b""),
        ]
    )


def _filtered(kind: int, row: bytes, above: bytes, pixel: int) -> bytes:
    out = bytearray()
    for i, value in enumerate(row):
        left = row[i - pixel] if i >= pixel else 0
        up, corner = above[i], above[i - pixel] if i >= pixel else 0
        guess = left + up - corner
        nearest = min((left, up, corner), key=lambda c: abs(guess - c))
        out.append((value - (0, left, up, (left + up) // 2, nearest)[kind]) & 255)
    return bytes(out)


def raw16(data: bytes) -> list[bytes]:
    """Unfiltered rows of a 16-bit PNG."""
    import zlib

    body = b"".join(c.body(data) for c in png.chunks(data)[0] if c.kind == b"IDAT")
    raw = zlib.decompress(body)
    pixel = 2 * {0: 1, 2: 3, 4: 2, 6: 4}[data[25]]
    stride = 1 + int.from_bytes(data[16:20], "big") * pixel
    rows, above = [], bytes(stride - 1)
    for at in range(0, len(raw), stride):
        above = deep._unfilter(raw[at], raw[at + 1 : at + stride], above, pixel)
        rows.append(above)
    return rows


@pytest.mark.parametrize("kind", [0, 2, 4, 6])
def test_sixteen_bits_stay_sixteen_bits(kind: int) -> None:
    data = sixteen(kind, 120, 90, bytes((4, 3, 2, 1, 0)))
    drawn = picture.draw(data, "AI生成")
    assert drawn.data[24] == 16
    pixel = 2 * {0: 1, 2: 3, 4: 2, 6: 4}[kind]
    x0, y0, x1, y1 = drawn.box
    for y, (old, new) in enumerate(zip(raw16(data), raw16(drawn.data), strict=True)):
        inside = slice(x0 * pixel, x1 * pixel)
        assert old[: inside.start] == new[: inside.start]
        assert old[inside.stop :] == new[inside.stop :]
        assert (old[inside] != new[inside]) == (y0 <= y < y1)
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(drawn.data))
    outside = [(0, 0, 120, y0), (0, y1, 120, 90)]  # what an independent decoder sees elsewhere
    assert all(before.crop(box).tobytes() == after.crop(box).tobytes() for box in outside)
    assert bright(drawn.data, drawn.box)[3] > 12


def test_metadata_and_labels_survive_the_drawing(kind: str, label: Label) -> None:
    exif = Image.Exif()
    exif[0x010E] = "caption"
    options: dict[str, Any] = {"exif": exif, "icc_profile": b"not parsed", "dpi": (300, 300)}
    if kind == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_text("parameters", "steps: 20")
    else:
        options["comment"] = b"steps: 20"
    data = encode(scene(), kind, **options)
    fmt = formats.require(data, "x")
    out = picture.draw(formats.write_label(data, fmt, label), "AI生成").data
    assert len(fmt.container.read_labels(out).found) == 1
    with Image.open(io.BytesIO(out)) as image:
        image.load()
        assert image.getexif()[0x010E] == "caption"
        assert image.info["icc_profile"] == b"not parsed"
        assert image.info.get("comment", image.info.get("parameters")) in (
            b"steps: 20",
            "steps: 20",
        )
        assert image.info["dpi"][0] == pytest.approx(300, abs=0.1)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpeg_tables_and_subsampling_stay(subsampling: int) -> None:
    data = encode(scene(), "JPEG", quality=77, subsampling=subsampling, progressive=True)
    out = picture.draw(data, "AI生成").data
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(out))
    assert after.quantization == before.quantization  # type: ignore[attr-defined]
    assert after.layer == before.layer  # type: ignore[attr-defined]
    assert after.info["progressive"]


def test_a_missing_glyph_fails_instead_of_drawing_a_box() -> None:
    data = encode(scene(), "PNG")
    with pytest.raises(LabelError, match="no glyph for 龘"):
        picture.draw(data, "AI生成龘")


def test_every_letter_of_the_bundled_font_draws() -> None:
    script = (lettering.FONT.parent / "make_subset.py").read_text(encoding="utf-8")
    words: dict[str, Any] = {}
    exec(script.split("def main")[0], words)  # the word lists of the script that made the font
    letters = (
        "".join(chr(code) for code in range(0x21, 0x7F)) + words["WORDS"] + words["PUNCTUATION"]
    )
    assert lettering.render("AI生成" + letters, 12).ink_height >= 12


def test_no_font_is_a_clear_error(tmp_path: Path) -> None:
    fake = tmp_path / "x.ttf"
    fake.write_text("no font")
    with pytest.raises(InputError, match="not a font"):
        picture.draw(encode(scene(), "PNG"), "AI生成", fake)


def test_broken_pixels_are_one_clear_error() -> None:
    data = encode(scene(), "PNG")
    chunk = next(c for c in png.chunks(data)[0] if c.kind == b"IDAT")
    broken = data[: chunk.start] + png.chunk_bytes(b"IDAT", b"junk") + data[chunk.end :]
    with pytest.raises(InputError, match="cannot be decoded"):
        picture.draw(broken, "AI生成")
