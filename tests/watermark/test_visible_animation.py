"""The label on animations and pages: compared frame by frame, by Pillow and by ffmpeg."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from guard.errors import InputError, LabelError
from guard.label import label_file
from guard.model import Label
from guard.watermark import frames, picture

from .conftest import encode
from .containers import program

TIMES = [30, 40, 50, 60, 700]
PACKET = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"


def film(mode: str = "RGB", count: int = 5) -> list[Image.Image]:
    """A square that moves; in RGBA on nothing, so that pixels become clear again."""
    out = []
    for number in range(count):
        frame = Image.new("RGBA", (240, 180), (0, 0, 0, 0) if mode == "RGBA" else (20, 60, 90, 255))
        frame.paste((200, 30 * number, 30, 255), (10 + 20 * number, 80, 60 + 20 * number, 120))
        out.append(frame.convert(mode))
    return out


def animated(pictures: list[Image.Image], kind: str, **options: Any) -> bytes:
    return encode(pictures[0], kind, save_all=True, append_images=pictures[1:], **options)


def shown(data: bytes) -> list[tuple[Image.Image, float]]:
    """Each frame as shown, and for how long."""
    out = []
    with Image.open(io.BytesIO(data)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            out.append((image.convert("RGBA"), image.info.get("duration", 0)))
    return out


def worst(old: bytes, new: bytes, box: tuple[int, int, int, int]) -> int:
    """The largest difference outside the box, where clear pixels are all alike."""
    most = 0
    for (before, time), (after, same) in zip(shown(old), shown(new), strict=True):
        assert time == same
        both = [Image.composite(f, Image.new("RGBA", f.size), f) for f in (before, after)]
        changed = ImageChops.difference(*both)
        changed.paste((0, 0, 0, 0), box)
        most = max(most, *(high for _, high in changed.getextrema()))  # type: ignore[misc]
        inside = ImageChops.difference(before, after).crop(box).convert("RGB")
        assert max(high for _, high in inside.getextrema()) > 60  # type: ignore[misc]
    return most


LOSSLESS: dict[str, Any] = {
    "gif": lambda: animated(film(), "GIF", duration=TIMES, loop=2, comment=b"kept"),
    "gif-clear": lambda: animated(film("RGBA"), "GIF", duration=TIMES, disposal=2, loop=0),
    "gif-back": lambda: animated(film(), "GIF", duration=TIMES, disposal=3),
    "gif-still": lambda: encode(film()[0], "GIF"),
    "webp": lambda: animated(film(), "WEBP", duration=TIMES, loop=2, lossless=True),
    "webp-clear": lambda: animated(film("RGBA"), "WEBP", duration=TIMES, lossless=True),
    "webp-still": lambda: encode(film("RGBA")[0], "WEBP", lossless=True),
    "apng": lambda: animated(film(), "PNG", duration=TIMES, loop=2),
    "apng-clear": lambda: animated(film("RGBA"), "PNG", duration=TIMES, disposal=1),
    "apng-palette": lambda: animated([f.quantize(8) for f in film()], "PNG", duration=TIMES),
    "apng-default": lambda: animated(film(), "PNG", duration=TIMES, default_image=True),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_no_pixel_outside_the_box_changes(name: str) -> None:
    data = LOSSLESS[name]()
    drawn = picture.draw(data, "AI生成")
    assert worst(data, drawn.data, drawn.box) == 0
    assert drawn.contrast >= 4.5
    with Image.open(io.BytesIO(data)) as old, Image.open(io.BytesIO(drawn.data)) as new:
        for key in ("loop", "comment", "default_image"):
            assert old.info.get(key) == new.info.get(key)


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
@pytest.mark.parametrize("count", [1, 5])
def test_lossy_pictures_stay_close(kind: str, count: int) -> None:
    options: dict[str, Any] = {"xmp": PACKET, "icc_profile": b"profile", "quality": 90}
    if count > 1:
        options["duration"] = TIMES
    data = animated(film(count=count), kind, **options)
    drawn = picture.draw(data, "AI生成")
    assert worst(data, drawn.data, drawn.box) <= 48
    with Image.open(io.BytesIO(drawn.data)) as new:
        assert (new.info["xmp"], new.info["icc_profile"]) == (PACKET, b"profile")


def by_ffmpeg(path: Path, size: tuple[int, int]) -> list[Image.Image]:
    words = [program("ffmpeg"), "-loglevel", "error", "-i", str(path), "-vsync", "0"]
    raw = subprocess.run(
        [*words, "-f", "rawvideo", "-pix_fmt", "rgba", "-"],
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout
    step = 4 * size[0] * size[1]
    return [Image.frombytes("RGBA", size, raw[at : at + step]) for at in range(0, len(raw), step)]


@pytest.mark.parametrize("name", ["gif", "gif-clear", "gif-back", "apng", "apng-clear"])
def test_another_decoder_sees_the_same_frames(name: str, tmp_path: Path) -> None:
    drawn = picture.draw(LOSSLESS[name](), "AI生成")
    path = tmp_path / f"x.{name.partition('-')[0]}"
    path.write_bytes(drawn.data)
    seen = by_ffmpeg(path, (240, 180))
    ours = [frame for frame, _ in shown(drawn.data)]
    assert len(seen) == len(ours)
    for a, b in zip(seen, ours, strict=True):
        assert ImageChops.difference(a.crop(drawn.box), b.crop(drawn.box)).getbbox() is None


@settings(max_examples=15, deadline=None)
@given(st.lists(st.binary(min_size=6, max_size=6), min_size=1, max_size=6), st.integers(2, 256))
def test_gif_of_any_frames_is_kept(seeds: list[bytes], colours: int) -> None:
    """Rectangles of any colour anywhere, on palettes of any size, also a full one."""
    base = Image.linear_gradient("L").resize((200, 140)).convert("RGB")
    pictures = []
    for seed in seeds:
        base = base.copy()
        base.paste(tuple(seed[:3]), (seed[3] // 2, seed[4] // 2, seed[3] // 2 + 40, 120))
        pictures.append(base.quantize(colours, dither=Image.Dither.NONE))
    data = animated(pictures, "GIF", duration=50)
    drawn = picture.draw(data, "AI生成")
    assert len(shown(drawn.data)) == len(shown(data))
    assert worst(data, drawn.data, drawn.box) <= (0 if colours <= 250 else 40)


TIFFS: dict[str, Any] = {
    "1": "tiff_lzw",
    "L": "raw",
    "LA": "packbits",
    "P": "tiff_adobe_deflate",
    "RGB": "tiff_lzw",
    "RGBA": "raw",
    "CMYK": "tiff_lzw",
    "I;16": "tiff_adobe_deflate",
    "I;16B": "raw",
}


def grey(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return image.convert("I")
    return image.convert("RGB").convert("L")


@pytest.mark.parametrize("mode", TIFFS)
def test_tiff_of_every_mode_keeps_pixels_and_tags(mode: str) -> None:
    base = Image.radial_gradient("L").resize((300, 200))
    deep = base.convert("I").point(lambda value: value * 250)
    image = deep.convert(mode) if mode.startswith("I") else base.convert(mode)
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "caption", 6
    data = encode(image, "TIFF", compression=TIFFS[mode], exif=exif, icc_profile=b"profile")
    drawn = picture.draw(data, "AI生成")
    with Image.open(io.BytesIO(data)) as old, Image.open(io.BytesIO(drawn.data)) as new:
        tags = (new.tag_v2[270], new.tag_v2[274], new.info["icc_profile"])  # type: ignore[attr-defined]
        assert tags == ("caption", 6, b"profile")
        assert new.info["compression"] == TIFFS[mode]
        old.load()
        new.load()
        changed = ImageChops.difference(*(grey(x).convert("L") for x in (old, new)))
        if mode.startswith("I"):
            a, b = (grey(x) for x in (old, new))
            rest = (0, 0, 200, 100)  # the label is elsewhere
            assert a.crop(rest).tobytes() == b.crop(rest).tobytes()
        else:
            changed.paste(0, drawn.box)
            assert changed.getextrema()[1] == 0


def test_every_page_of_a_tiff(tmp_path: Path, label: Label) -> None:
    base = Image.linear_gradient("L").resize((300, 200)).convert("RGB")
    pages = [base, base.rotate(180).convert("L"), base.resize((500, 400))]
    data = animated(pages, "TIFF", compression="tiff_lzw", big_tiff=True)
    source = tmp_path / "in.tiff"
    source.write_bytes(data)
    written = label_file(source, tmp_path / "out.tiff", label)
    assert written.visible is not None
    assert written.visible["frames"] == 3
    for page, (frame, _) in zip(pages, shown((tmp_path / "out.tiff").read_bytes()), strict=True):
        assert page.convert("RGB").tobytes() != frame.convert("RGB").tobytes()


def test_what_would_lose_depth_is_refused() -> None:
    data = encode(Image.new("RGB", (120, 90)), "AVIF")
    at = data.index(b"pixi")
    ten = data[: at + 9] + b"\x0a" + data[at + 10 :]
    assert (frames.depth(data), frames.depth(ten)) == (8, 10)
    with pytest.raises(LabelError, match="more than 8 bits"):
        picture.draw(ten, "AI生成")


def test_heic_says_what_to_do(tmp_path: Path, label: Label) -> None:
    heif = pytest.importorskip("pillow_heif")
    source = tmp_path / "in.heic"
    heif.from_pillow(Image.new("RGB", (200, 150))).save(source)
    with pytest.raises(LabelError, match="AVIF, JPEG or PNG"):
        label_file(source, tmp_path / "out.heic", label)


def test_a_broken_later_frame_is_one_clear_error() -> None:
    data = animated(film(), "PNG", duration=TIMES)
    at = data.rindex(b"fdAT")
    with pytest.raises(InputError, match="cannot be decoded"):
        picture.draw(data[: at + 12] + bytes(40) + data[at + 52 :], "AI生成")
