"""The invisible image mark: written into files of every kind, read after what happens to them."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps
from PIL.PngImagePlugin import PngInfo

from guard.errors import InputError, LabelError
from guard.watermark import deep, image_mark, image_mark_detect, png
from guard.watermark.image_mark_detect import SURE, Reading

KEY, OTHER = b"a key of the tests", b"some other secret of theirs"
PAYLOAD = 0x0123456789ABCDEF


@lru_cache
def photo(side: int = 512) -> Image.Image:
    """Like a photograph in what matters: 1/f detail, calm and busy regions, edges."""
    rng = np.random.default_rng(3)
    f = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None])
    f[0, 0] = 1
    rough = np.fft.ifft2(np.fft.fft2(rng.normal(size=(side, side))) / f**1.2).real
    rough /= rough.std()
    x, y = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))
    grey = 120 + 30 * rough * (x > -0.2) + 50 * (np.hypot(x, y) < 0.5) + 20 * x
    shades = [grey * 1.1, grey, grey * 0.8 + 10 * y]
    return Image.fromarray(np.clip(np.stack(shades, 2), 0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.copy()


@lru_cache
def marked() -> Image.Image:
    return image_mark.mark_image(photo(), KEY, PAYLOAD)


def read(image: Image.Image, key: bytes = KEY) -> Reading:
    return image_mark.read_image(image, key)


def with_alpha() -> Image.Image:
    image = photo().convert("RGBA")
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (0, 0, 120, 512))
    image.putalpha(alpha)
    return image


def deep_png(kind: int, samples: int, side: int = 256) -> bytes:
    """A 16-bit PNG with a different filter in every row."""
    grey = np.asarray(photo(side).convert("L"), np.uint16) * 257 + 77
    rows = np.repeat(grey[..., None], samples, 2).astype(">u2").tobytes()
    stride = side * samples * 2
    raw = b"".join(b"\0" + rows[at : at + stride] for at in range(0, len(rows), stride))
    header = struct.pack(">IIBBBBB", side, side, 16, kind, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png.chunk_bytes(*part) for part in parts)


FILES = {
    "png": lambda: encoded(photo(), "PNG"),
    "grey png": lambda: encoded(photo().convert("L"), "PNG"),
    "palette png": lambda: encoded(photo().quantize(64), "PNG"),
    "black and white png": lambda: encoded(photo().convert("1"), "PNG"),
    "alpha png": lambda: encoded(with_alpha(), "PNG"),
    "grey alpha png": lambda: encoded(with_alpha().convert("LA"), "PNG"),
    "16-bit grey png": lambda: deep_png(0, 1),
    "16-bit colour png": lambda: deep_png(2, 3),
    "16-bit alpha png": lambda: deep_png(6, 4),
    "jpeg": lambda: encoded(photo(), "JPEG", quality=80),
    "grey jpeg": lambda: encoded(photo().convert("L"), "JPEG"),
    "cmyk jpeg": lambda: encoded(photo().convert("CMYK"), "JPEG", quality=90),
    "progressive jpeg": lambda: encoded(photo(), "JPEG", progressive=True),
    "webp": lambda: encoded(photo(), "WEBP", quality=80),
    "lossless webp": lambda: encoded(photo(), "WEBP", lossless=True),
}


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file(name: str) -> None:
    data = FILES[name]()
    out = image_mark.mark(data, KEY, PAYLOAD)
    assert (out.payload, out.kept) == (PAYLOAD, False)
    assert image_mark.read(out.data, KEY).payload == PAYLOAD
    assert image_mark.read(out.data, OTHER).state == "absent"
    before, after = opened(data), opened(out.data)
    assert (before.format, before.size) == (after.format, after.size)
    again = image_mark.mark(out.data, KEY)
    assert again.kept
    assert (again.data, again.payload) == (out.data, PAYLOAD)


def test_nobody_sees_it() -> None:
    before, after = (np.asarray(p, float) for p in (photo(), marked()))
    assert 10 * np.log10(255**2 / np.mean((before - after) ** 2)) >= 42.0
    assert np.abs(before - after).max() <= 25


ATTACKS = {
    "jpeg 50": lambda p: opened(encoded(p, "JPEG", quality=50)),
    "crop": lambda p: p.crop((37, 61, 480, 505)),
    "mirrored": ImageOps.mirror,
    "quarter turn": lambda p: p.transpose(Image.Transpose.ROTATE_90),
    "half size": lambda p: p.resize((256, 256)),
    "one and a half": lambda p: p.resize((768, 768)),
    "other proportions": lambda p: p.resize((410, 400)),
    "turned": lambda p: p.rotate(-8, Image.Resampling.BICUBIC),
    "mirrored, turned, smaller": lambda p: ImageOps.mirror(p).rotate(100).resize((400, 400)),
    "blur": lambda p: p.filter(ImageFilter.GaussianBlur(1)),
    "cropped, smaller, jpeg 70": lambda p: opened(
        encoded(p.crop((9, 20, 495, 500)).resize((364, 360)), "JPEG", quality=70)
    ),
    "grey": lambda p: p.convert("L"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_pictures_go_through(name: str) -> None:
    seen = read(ATTACKS[name](marked()))
    assert (seen.state, seen.payload) == ("present", PAYLOAD)
    assert seen.false_alarm <= 1e-6


@pytest.mark.parametrize(("scale", "angle"), [(0.7, 0), (1.0, 7), (0.8, -150)])
def test_what_happened_is_told(scale: float, angle: float) -> None:
    side = round(512 * scale)
    seen = read(marked().resize((side, side)).rotate(angle, Image.Resampling.BICUBIC))
    assert seen.scale == pytest.approx(scale, rel=0.01)
    assert seen.angle == pytest.approx(angle, abs=0.5)


def test_exif_turns_pictures_without_harm() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(photo(), "JPEG", exif=exif.tobytes(), quality=85)
    out = image_mark.mark(data, KEY, PAYLOAD).data
    assert opened(out).getexif()[0x0112] == 6
    shown = ImageOps.exif_transpose(opened(out))
    assert image_mark.read_image(shown, KEY, search=False).payload == PAYLOAD


def test_a_large_picture_and_its_thumbnail() -> None:
    large = photo().resize((2600, 2100), Image.Resampling.BICUBIC)
    out = image_mark.mark_image(large, KEY, PAYLOAD)
    assert image_mark.read_image(out, KEY, search=False).payload == PAYLOAD
    assert read(out.resize((780, 630), Image.Resampling.LANCZOS)).payload == PAYLOAD


@pytest.mark.parametrize("side", [128, 200])
def test_small_pictures_may_cost_more(side: int) -> None:
    out = image_mark.mark(encoded(photo(side), "PNG"), KEY, PAYLOAD)
    assert image_mark.read(out.data, KEY).payload == PAYLOAD
    assert out.psnr >= 36


def test_transparent_pixels_stay() -> None:
    before = np.asarray(with_alpha())
    after = np.asarray(image_mark.mark_image(with_alpha(), KEY, PAYLOAD))
    clear = before[..., 3] == 0
    assert (before[clear] == after[clear]).all()
    assert (before[..., 3] == after[..., 3]).all()


def test_sixteen_bits_stay_sixteen() -> None:
    data = deep_png(2, 3)
    out = image_mark.mark(data, KEY, PAYLOAD).data
    assert out[24] == 16
    before, after = (np.frombuffer(deep.samples(d)[0], ">u2").astype(int) for d in (data, out))
    change = after - before
    assert len(np.unique(change % 257)) > 100  # finer than steps of 8 bits
    assert 1 < np.sqrt(np.mean((change / 257) ** 2)) < 255 / 10 ** (42 / 20) + 0.1


@pytest.mark.parametrize("kind", [0, 2, 4, 6])
def test_sixteen_bit_samples_come_and_go(kind: int) -> None:
    data = deep_png(kind, {0: 1, 2: 3, 4: 2, 6: 4}[kind], 32)
    values, count = deep.samples(data)
    assert count == {0: 1, 2: 3, 4: 2, 6: 4}[kind]
    assert deep.samples(deep.with_samples(data, values))[0] == values
    grey = np.frombuffer(values, ">u2").reshape(32, 32, count)
    assert (grey[..., 0] == np.asarray(photo(32).convert("L"), int) * 257 + 77).all()


def test_metadata_stays() -> None:
    text = PngInfo()
    text.add_text("Comment", "by hand")
    out = image_mark.mark(encoded(photo(), "PNG", pnginfo=text), KEY).data
    assert opened(out).info["Comment"] == "by hand"
    jpeg = encoded(photo(), "JPEG", icc_profile=b"profile" * 20, comment=b"by hand")
    kept = opened(image_mark.mark(jpeg, KEY).data).info
    assert (kept["icc_profile"], kept["comment"]) == (b"profile" * 20, b"by hand")


@pytest.mark.parametrize(
    "image",
    [
        photo(),
        Image.new("RGB", (512, 512), "white"),
        Image.new("L", (40, 700), 7),
        Image.effect_noise((300, 300), 60),
        Image.fromarray(np.indices((256, 256)).sum(0).astype(np.uint8) // 16 % 2 * 255),
    ],
    ids=["photo", "white", "narrow", "noise", "chessboard"],
)
def test_unmarked_pictures_have_none(image: Image.Image) -> None:
    seen = read(image)
    assert (seen.state, seen.payload) == ("absent", None)


def test_a_mark_with_a_broken_number_is_unsure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_mark_detect, "decode", lambda soft: None)
    seen = read(marked())
    assert (seen.state, seen.payload) == ("unsure", None)
    assert seen.score >= SURE
    assert seen.false_alarm <= 1e-6
    assert read(photo()).state == "absent"


def test_numbers_are_drawn_when_none_is_given() -> None:
    data = FILES["png"]()
    first, second = (image_mark.mark(data, KEY).payload for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    ("image", "kind", "words"),
    [
        (photo(100), "PNG", "too few"),
        (photo(), "TIFF", "not written into TIFF"),
        (photo().convert("P"), "GIF", "not written into GIF"),
    ],
)
def test_what_cannot_be_marked(image: Image.Image, kind: str, words: str) -> None:
    with pytest.raises(LabelError, match=words):
        image_mark.mark(encoded(image, kind), KEY)


def test_animations_and_broken_files_are_refused() -> None:
    frames = [photo(200), ImageOps.mirror(photo(200))]
    film = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    with pytest.raises(LabelError, match="animation"):
        image_mark.mark(film, KEY)
    with pytest.raises(InputError, match="cannot be decoded"):
        image_mark.mark(FILES["jpeg"]()[:2000], KEY)


def test_keys(tmp_path: Path) -> None:
    path = tmp_path / "mark.key"
    with pytest.raises(InputError, match="cannot be read"):
        image_mark.load_key(path)
    path.write_bytes(b"short")
    with pytest.raises(InputError, match="has 5 bytes"):
        image_mark.load_key(path)
    path.write_bytes(hashlib.sha256(KEY).digest())
    assert image_mark.load_key(path) == hashlib.sha256(KEY).digest()
