"""WebP, AVIF and animated PNG with the label on every frame, coded anew by Pillow.

Timing, number of repetitions, transparency and metadata (XMP, EXIF, colour profile) stay. WebP
that was lossless stays so, pixel by pixel; what was lossy is coded in high quality.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from guard.errors import LabelError
from guard.watermark import labelbox, png, riff
from guard.watermark.labelbox import Placed

if TYPE_CHECKING:
    from PIL.Image import Image

#: Chunks that tell how an animated PNG stores its pictures.
_PICTURES: Final = frozenset((b"PLTE", b"tRNS", b"acTL", b"fcTL", b"IDAT", b"fdAT"))
#: True only for one colour type and depth, or rewritten.
_DEPENDENT: Final = frozenset((b"IHDR", b"IEND", b"bKGD", b"sBIT", b"hIST"))
_HEAD: Final = 1 << 16
_LOSSY: Final = 90


def is_apng(data: bytes) -> bool:
    """Whether a PNG is animated."""
    return png.matches(data, "") and any(c.kind == b"acTL" for c in png.chunks(data)[0])


def depth(data: bytes) -> int:
    """Bits per channel of an AVIF, by its property ``pixi`` (ISO/IEC 23008-12, 6.5.6); or 8."""
    at = data[:_HEAD].find(b"pixi")
    return max(data[at + 9 : at + 10], default=8) if at >= 0 else 8


def write(data: bytes, image: Image, placed: Placed) -> bytes:
    """The picture or animation of one of these kinds with the label.

    Raises:
        LabelError: Pillow has no encoder for it here.
    """
    from PIL import features

    kind = str(image.format)
    if kind in ("WEBP", "AVIF") and not features.check(kind.lower()):
        raise LabelError(f"Pillow was built without {kind}", "install Pillow from its wheel")
    times, pictures = _drawn(image, placed)
    options = {"WEBP": _webp, "AVIF": _avif, "PNG": _apng}[kind](data, image)
    if len(pictures) > 1:
        times = times[options.get("default_image", False) :]  # that picture is of no film
        options |= {"save_all": True, "append_images": pictures[1:], "duration": times}
    out = io.BytesIO()
    pictures[0].save(out, kind, **options)
    return _with_chunks(data, out.getvalue()) if kind == "PNG" else out.getvalue()


def _drawn(image: Image, placed: Placed) -> tuple[list[float], list[Image]]:
    """How long each frame is shown, in milliseconds, and the frames with the label."""
    times, pictures = [], []
    for frame in _whole(image):
        picture = labelbox.drawable(frame)
        labelbox.draw(picture, placed, opaque=hasattr(image, "n_frames") and image.n_frames > 1)
        times.append(frame.info.get("duration", 0))
        pictures.append(picture)
    return times, pictures


def _whole(image: Image) -> Iterator[Image]:
    """The frames as they are shown; in one mode, since animations have one."""
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        yield image.copy()


def _kept(image: Image) -> dict[str, Any]:
    names = ("exif", "xmp", "icc_profile")
    return {name: image.info[name] for name in names if image.info.get(name)}


def _webp(data: bytes, image: Image) -> dict[str, Any]:
    lossless = _lossless(data)
    # "exact" keeps the colour of transparent pixels, which editors still see.
    how = {"lossless": lossless, "exact": lossless, "quality": 100 if lossless else _LOSSY}
    loop = {"loop": image.info["loop"]} if "loop" in image.info else {}
    back = {"background": image.info["background"]} if "background" in image.info else {}
    return {**how, **loop, **back, "method": 4, **_kept(image)}


def _lossless(data: bytes) -> bool:
    """Whether any picture of a WebP is: in an animation they stand inside chunks ``ANMF``."""
    parts = riff.walk(data, 12, len(data))[0]
    for part in [p for p in parts if p.kind == b"ANMF"]:
        parts += riff.walk(data, part.start + 24, part.start + 8 + part.size)[0]
    return any(part.kind == b"VP8L" for part in parts)


def _avif(data: bytes, image: Image) -> dict[str, Any]:
    """Subsampling as before, by ``av1C`` (AV1 in ISOBMFF, 2.3.3): two bits of its third byte."""
    at = data[:_HEAD].find(b"av1C")
    bits = data[at + 6] >> 2 & 7 if at >= 0 else 0
    sampling = {0b000: "4:4:4", 0b010: "4:2:2", 0b011: "4:2:0"}.get(bits, "4:2:0")
    sampling = "4:0:0" if bits & 4 else sampling
    return {"quality": _LOSSY, "subsampling": sampling, "speed": 6, **_kept(image)}


def _apng(data: bytes, image: Image) -> dict[str, Any]:
    del data
    # Frames are whole pictures here: each replaces what was before it.
    return {
        "loop": image.info.get("loop", 0),
        "default_image": image.info.get("default_image", False),
        "disposal": 0,
        "blend": 0,
    }


def _with_chunks(old: bytes, new: bytes) -> bytes:
    """The pictures of ``new`` with every other chunk of ``old``, on its side of them."""
    fresh = png.chunks(new)[0]
    before, behind = bytearray(), bytearray()
    target = before
    for chunk in png.chunks(old)[0]:
        target = behind if chunk.kind == b"IDAT" else target
        if chunk.kind not in _PICTURES | _DEPENDENT:
            target += old[chunk.start : chunk.end]
    pictures = b"".join(new[c.start : c.end] for c in fresh if c.kind in _PICTURES)
    end = next(c for c in fresh if c.kind == b"IEND")
    tail = old[png.chunks(old)[0][-1].end :]
    return b"".join([new[: fresh[0].end], before, pictures, behind, new[end.start : end.end], tail])
