"""Metadata in WebP, GIF and TIFF: pixels kept, one label, read by a stranger."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from guard.errors import GuardError, InputError, LabelError
from guard.model import Label
from guard.watermark import formats, gb45438, gif, tiff, webp

from .conftest import encode, scene
from .containers import OLD_JSON, OTHER, held, read, write
from .test_label_pictures import ENTITIES, XMP

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PACKET = XMP.format(attribute=' TC260:Other="kept"', element="").encode()
LABELLED = XMP.format(attribute="", element=f"<TC260:AIGC>{ENTITIES}</TC260:AIGC>").encode()


def big_tiff(order: str) -> bytes:
    """A BigTIFF of 2 x 1 grey pixels, written by hand."""
    mark = b"II+\0\x08\0\0\0" if order == "<" else b"MM\0+\0\x08\0\0"
    tags = [(256, 2), (257, 1), (258, 8), (259, 1), (262, 1), (273, 16), (277, 1), (278, 1)]
    entries = [
        struct.pack(order + "HHQ", tag, 3, 1) + struct.pack(order + "H6x", value)
        for tag, value in [*tags, (279, 2)]
    ]
    head = mark + struct.pack(order + "Q", 24) + b"\x10\xf0" + bytes(6)
    return head + struct.pack(order + "Q", 9) + b"".join(entries) + bytes(8)


def frames(data: bytes) -> list[tuple[str, bytes]]:
    """Every frame, in colours as shown."""
    with Image.open(io.BytesIO(data)) as picture:
        shown = []
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            shown.append((picture.mode, picture.convert("RGBA").tobytes()))
        return shown


def film() -> list[Image.Image]:
    return [scene(48, 32).rotate(90 * turn) for turn in range(3)]


def old_gif() -> bytes:
    data = encode(scene(32, 24).convert("P"), "GIF")
    return b"GIF87a" + data[6:]


SAMPLES = {
    "webp-lossy": encode(scene(65, 48), "WEBP"),
    "webp-lossless": encode(scene(65, 48), "WEBP", lossless=True),
    "webp-alpha": encode(scene(33, 17).convert("RGBA").rotate(30), "WEBP", lossless=True),
    "webp-extended": encode(scene(65, 48), "WEBP", icc_profile=PROFILE),
    "webp-film": encode(film()[0], "WEBP", save_all=True, append_images=film()[1:]),
    "webp-xmp": encode(scene(65, 48), "WEBP", xmp=PACKET),
    "gif": encode(scene(32, 24), "GIF"),
    "gif87": old_gif(),
    "gif-film": encode(film()[0], "GIF", save_all=True, append_images=film()[1:], loop=0),
    "tiff": encode(scene(33, 24), "TIFF"),
    "tiff-lzw": encode(scene(33, 24), "TIFF", compression="tiff_lzw"),
    "tiff-pages": encode(film()[0], "TIFF", save_all=True, append_images=film()[1:]),
    "tiff-deep": encode(Image.new("I;16", (20, 10), 40_000), "TIFF"),
    "tiff-xmp": encode(scene(33, 24), "TIFF", tiffinfo={700: PACKET, 270: "a caption"}),
    "tiff-big": big_tiff("<"),
}


@pytest.fixture(params=SAMPLES)
def data(request: pytest.FixtureRequest) -> bytes:
    return SAMPLES[request.param]


def test_pixels_stay_and_exiftool_reads_the_label(
    data: bytes, label: Label, exiftool: Callable[[bytes, str], dict[str, Any]]
) -> None:
    out = write(data, label)
    assert frames(out) == frames(data)
    kind = formats.require(data, "x").suffixes[0][1:]
    tags = exiftool(out, kind)
    assert json.loads(tags["XMP-TC260:Aigc"]) == gb45438.fields(label)
    assert not {"ExifTool:Error", "ExifTool:Warning"} & set(tags)


def test_twice_changes_nothing_and_a_propagator_keeps_the_producer(
    data: bytes, label: Label
) -> None:
    once = write(data, label)
    assert write(once, label) == once
    second = write(
        once, gb45438.propagated(Label("", propagator="p", propagate_id="9"), read(once).found[0])
    )
    (members,) = held(second)
    assert (members["ContentProducer"], members["ContentPropagator"]) == (label.producer, "p")
    assert frames(second) == frames(data)


def test_a_big_endian_bigtiff(  # Pillow takes it for a classic one
    label: Label, exiftool: Callable[[bytes, str], dict[str, Any]]
) -> None:
    data = big_tiff(">")
    out = write(data, label)
    assert json.loads(exiftool(out, "tif")["XMP-TC260:Aigc"]) == gb45438.fields(label)
    assert out[16:18] == data[16:18]
    assert write(out, label) == out


@pytest.mark.parametrize("kind", ["webp-xmp", "tiff-xmp"])
def test_other_xmp_stays(kind: str, label: Label) -> None:
    with Image.open(io.BytesIO(write(SAMPLES[kind], label))) as picture:
        packet = picture.info["xmp"]
    assert b'TC260:Other="kept"' in packet
    assert b"<dc:format>image/x</dc:format>" in packet


@pytest.mark.parametrize("kind", ["WEBP", "TIFF"])
def test_labels_of_others_become_one(kind: str, label: Label) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + OLD_JSON.encode()
    options: dict[str, Any] = {"exif": exif, "xmp": LABELLED}
    if kind == "TIFF":
        options = {"tiffinfo": {700: LABELLED, 270: "AIGC" + OLD_JSON}}
    data = encode(scene(), kind, **options)
    second = "exif.usercomment" if kind == "WEBP" else "exif.description"
    assert {f.carrier for f in read(data).found} == {"xmp", second}
    assert held(data) == [gb45438.fields(OTHER)] * 2
    out = write(data, label)
    assert held(out) == [gb45438.fields(label)]
    assert b"elsewhere" not in out
    assert frames(out) == frames(data)


def test_a_second_packet_and_a_comment_in_a_gif_lose_their_labels(label: Label) -> None:
    data = encode(scene(32, 24), "GIF", comment=OLD_JSON.encode())
    at = data.index(b"\x21\xfe")
    data = data[:at] + gif._extension(LABELLED) * 2 + data[at:]
    assert len(held(data)) == 3
    out = write(data, label)
    assert held(out) == [gb45438.fields(label)]
    assert b"elsewhere" not in out
    assert out.startswith(b"GIF89a")


def test_a_shorter_label_keeps_the_length_of_a_tiff(label: Label) -> None:
    long = write(SAMPLES["tiff"], Label("p" * 60, "n" * 60))
    short = write(long, label)
    assert len(short) == len(long)
    assert b"nnnn" not in short
    assert write(short, label) == short


def test_a_broken_simple_webp_header_is_refused(label: Label) -> None:
    data = bytearray(SAMPLES["webp-lossy"])
    data[26:28] = b"\0\0"  # no width
    with pytest.raises(LabelError, match="picture header"):
        write(bytes(data), label)
    data[23] ^= 0xFF
    with pytest.raises(LabelError, match="picture header"):
        write(bytes(data), label)


def test_bmp_is_refused_with_what_to_do() -> None:
    with pytest.raises(LabelError, match="BMP has no place") as refused:
        formats.require(encode(scene(8, 8), "BMP"), "x.bmp")
    assert "PNG" in refused.value.remedy


WRITTEN = {name: write(data, OTHER) for name, data in SAMPLES.items()}


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_a_cut_file_is_refused_or_says_so(name: str, data: st.DataObject) -> None:
    whole = WRITTEN[name]
    cut = whole[: data.draw(st.integers(8, len(whole) - 1))]
    container = formats.require(whole, "x").container
    if name.startswith("tiff") and not container.read_labels(cut).damage:
        return  # pixel data behind the directory are the decoder's to miss
    assert container.read_labels(cut).damage
    with pytest.raises(InputError, match="damaged"):
        container.verify(cut)
    with pytest.raises(GuardError):
        container.write_label(cut, OTHER)


@settings(max_examples=300)
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_mutated_files_raise_nothing_and_invent_nothing(name: str, data: st.DataObject) -> None:
    whole = bytearray(SAMPLES[name])
    container = formats.require(bytes(whole), "x").container
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert not container.read_labels(bytes(whole)).found


@given(st.sampled_from([webp, gif, tiff]), st.sampled_from(sorted(SAMPLES)), st.binary())
def test_junk_never_breaks_the_readers(container: Any, head: str, junk: bytes) -> None:
    assert not container.read_labels(SAMPLES[head][:14] + junk).found
    assert not container.read_labels(junk).found
