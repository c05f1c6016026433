"""HEIF and AVIF: pictures stay bit for bit, other metadata stays, other readers find the label."""

from __future__ import annotations

import functools
import io
import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from guard.errors import GuardError, InputError
from guard.label import inspect_bytes
from guard.model import Label
from guard.watermark import formats, gb45438, heif_items, isobmff, xmp

from .containers import OLD_JSON, OTHER, held, program, read, write

pillow_heif.register_heif_opener()

SCENE = Image.effect_mandelbrot((160, 120), (-2, -1.5, 1, 1.5), 80).convert("RGB")
TURNED = [SCENE.rotate(90), SCENE.rotate(180)]
CAMERA = Image.Exif()
CAMERA[0x0110] = "Camera"
EXIF = CAMERA.tobytes()
#: What another program wrote: a rating beside somebody's label.
PACKET = xmp.merge(None, OLD_JSON).replace(
    b"</rdf:RDF>",
    b'<rdf:Description rdf:about="" xmlns:a="urn:a"><a:r>5</a:r></rdf:Description></rdf:RDF>',
)

RECIPES: dict[str, dict[str, Any]] = {
    "plain.avif": {},
    "camera.avif": {"exif": EXIF, "xmp": PACKET},
    "film.avif": {"save_all": True, "append_images": TURNED},
    "plain.heic": {},
    "camera.heic": {"exif": EXIF, "xmp": PACKET},
    "pages.heic": {"save_all": True, "append_images": TURNED, "exif": EXIF},
}


@functools.cache
def made(name: str) -> bytes:
    out = io.BytesIO()
    SCENE.save(out, "AVIF" if name.endswith("avif") else "HEIF", **RECIPES[name])
    return out.getvalue()


def frames(data: bytes) -> list[bytes]:
    with Image.open(io.BytesIO(data)) as picture:
        return [frame.convert("RGBA").tobytes() for frame in ImageSequence.Iterator(picture)]


def tags(data: bytes, folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    path.write_bytes(data)
    words = [program("exiftool"), "-json", "-warning", "-error", "-XMP:all", "-Model", str(path)]
    shown: list[dict[str, Any]] = json.loads(
        subprocess.run(words, capture_output=True, check=True, timeout=60).stdout
    )
    return shown[0]


@pytest.fixture(params=RECIPES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def test_pictures_and_camera_stay_and_exiftool_reads_the_label(
    name: str, label: Label, tmp_path: Path
) -> None:
    data = made(name)
    out = write(data, label, name)
    assert held(out, name) == [gb45438.fields(label)]
    assert frames(out) == frames(data)
    before, after = tags(data, tmp_path, name), tags(out, tmp_path, name)
    assert json.loads(after["Aigc"]) == gb45438.fields(label)
    assert "Warning" not in after
    assert {k: v for k, v in after.items() if k != "Aigc"} == {
        k: v for k, v in before.items() if k != "Aigc"
    }


def test_the_same_label_changes_nothing_and_a_new_one_does_not_pile_up(
    name: str, label: Label
) -> None:
    once = write(made(name), label, name)
    assert write(once, label, name) == once
    back = write(write(once, OTHER, name), label, name)
    assert back == once
    assert back.count(b"TC260:AIGC>") == 2, "one label, not one behind the other"


def test_an_index_of_wide_numbers_is_read_and_written() -> None:
    """Places over 4 GiB, and items numbered over 65,535, change the forms of the tables."""
    extents = (heif_items.Extent(0, 1 << 33, 7), heif_items.Extent(0, 9, 1))
    places = (
        heif_items.Place(70_000, heif_items.IN_FILE, 0, extents),
        heif_items.Place(2, heif_items.IN_IDAT, 0, extents[1:]),
        heif_items.Place(3, 2, 0, (heif_items.Extent(4, 5, 6),)),
    )
    table = heif_items.locations(places, wide=True)
    raw = isobmff.box(b"meta", bytes(4) + table)
    assert heif_items.parse(raw).places == places


def test_a_file_whose_media_are_only_claimed_is_refused(label: Label) -> None:
    data = bytearray(made("plain.heic"))
    with pytest.raises(InputError, match="damaged HEIF"):
        write(bytes(data[:-300]), label, "x.heic")
    assert inspect_bytes(bytes(data[:-300]), "x.heic").standard.status == "inconclusive"
    at = data.index(b"iloc")
    struct.pack_into(">I", data, at - 4, 12)
    with pytest.raises(InputError, match="damaged HEIF"):
        write(bytes(data), label, "x.heic")


def test_a_label_in_exif_gives_way_to_ours(label: Label) -> None:
    exif = Image.Exif()
    exif[0x010E] = OLD_JSON
    out = io.BytesIO()
    SCENE.save(out, "AVIF", exif=exif.tobytes())
    assert [found.carrier for found in read(out.getvalue(), "x.avif").found] == ["exif.description"]
    written = write(out.getvalue(), label, "x.avif")
    assert held(written, "x.avif") == [gb45438.fields(label)]
    assert frames(written) == frames(out.getvalue())


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_bytes_changed_anywhere_never_crash(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(RECIPES)))
    whole = bytearray(write(made(kind), OTHER, kind))
    index = whole.index(b"mdat")
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, index))] = data.draw(st.integers(0, 255))
    fmt = formats.detect(bytes(whole), kind)
    if fmt is None:
        return
    fmt.container.read_labels(bytes(whole))
    try:
        out = formats.write_label(bytes(whole), fmt, OTHER)
    except GuardError:
        return
    assert [f.fields for f in fmt.container.read_labels(out).found] == [gb45438.fields(OTHER)]
