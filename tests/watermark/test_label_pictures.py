"""Metadata in PNG and JPEG: lossless, one label, read by a stranger, honest about damage."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from guard.errors import GuardError, InputError, LabelError
from guard.model import Label
from guard.watermark import formats, gb45438, jpeg, png, xmp

from .conftest import encode, pixels, scene

OTHER = Label("elsewhere", "old-7")
XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"{attribute}>'
    "<dc:format>image/x</dc:format>{element}</rdf:Description></rdf:RDF></x:xmpmeta>"
    '<?xpacket end="w"?>'
)
OLD_JSON = gb45438.to_json(OTHER)
ENTITIES = OLD_JSON.replace('"', "&quot;")


def write(data: bytes, label: Label) -> bytes:
    return formats.write_label(data, formats.require(data, "x"), label)


def read(data: bytes) -> gb45438.Reading:
    return formats.require(data, "x").container.read_labels(data)


def with_xmp(kind: str, packet: str) -> bytes:
    if kind == "JPEG":
        return encode(scene(), kind, xmp=packet.encode())
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet)
    return encode(scene(), kind, pnginfo=info)


def test_pixels_stay_and_exiftool_reads_the_label(
    kind: str, label: Label, exiftool: Callable[[bytes, str], dict[str, Any]]
) -> None:
    data = encode(scene(), kind)
    out = write(data, label)
    assert pixels(out) == pixels(data)
    assert json.loads(exiftool(out, kind)["XMP-TC260:Aigc"]) == gb45438.fields(label)


def test_only_the_label_is_added(kind: str, label: Label) -> None:
    data = encode(scene(), kind)
    out = write(data, label)
    added = len(out) - len(data)
    prefix = next(i for i, (a, b) in enumerate(zip(data, out, strict=False)) if a != b)
    assert out[prefix + added :] == data[prefix:]


def test_the_same_label_twice_changes_nothing(kind: str, label: Label) -> None:
    once = write(encode(scene(), kind), label)
    assert write(once, label) == once


def test_what_the_file_already_said_stays(
    kind: str, label: Label, exiftool: Callable[[bytes, str], dict[str, Any]]
) -> None:
    data = with_xmp(kind, XMP.format(attribute=' TC260:Other="kept"', element=""))
    exif = Image.Exif()
    exif[0x010E] = "a caption"
    exif[0x0112] = 6
    options: dict[str, Any] = {"exif": exif, "icc_profile": b"profile", "dpi": (72, 72)}
    if kind == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_text("Comment", "stays")
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.format(attribute="", element=""))
    else:
        options |= {"comment": b"stays", "xmp": XMP.format(attribute="", element="").encode()}
    data = encode(scene(), kind, **options)
    before, after = exiftool(data, kind), exiftool(write(data, label), kind)
    assert json.loads(after.pop("XMP-TC260:Aigc")) == gb45438.fields(label)
    moved = ("System:", "File:FileSize", "ExifTool:", "SourceFile")
    kept = {key: value for key, value in before.items() if not key.startswith(moved)}
    assert {"IFD0:ImageDescription", "XMP-dc:Format"} <= set(kept)
    assert {key: after.get(key) for key in kept} == kept


@pytest.mark.parametrize(
    ("attribute", "element"),
    [
        ("", f"<TC260:AIGC>{ENTITIES}</TC260:AIGC>"),
        ("", f"<TC260:AIGC>{OLD_JSON}</TC260:AIGC>"),
        ("", f"<TC260:AIGC><![CDATA[{OLD_JSON}]]></TC260:AIGC>"),
        ("", '<TC260:AIGC>{"AIGC":' + ENTITIES + "}</TC260:AIGC>"),
        (f' TC260:AIGC="{ENTITIES}"', ""),
        (f" TC260:AIGC='{OLD_JSON}'", ""),
    ],
)
def test_xmp_labels_of_other_writers_are_read_and_become_one(
    kind: str, label: Label, attribute: str, element: str
) -> None:
    data = with_xmp(kind, XMP.format(attribute=attribute, element=element))
    assert [f.fields for f in read(data).found] == [gb45438.fields(OTHER)]
    out = write(data, label)
    assert [f.fields for f in read(out).found] == [gb45438.fields(label)]
    assert b"elsewhere" not in out
    assert b"<dc:format>image/x</dc:format>" in out


@pytest.mark.parametrize("form", ["tEXt", "zTXt", "iTXt", "late", "tail"])
def test_png_labels_outside_xmp_are_read(form: str, label: Label) -> None:
    info = PngImagePlugin.PngInfo()
    wrapped = f'{{"AIGC":{OLD_JSON}}}'
    if form == "iTXt":
        info.add_itxt("AIGC", wrapped, zip=True)
    elif form in ("tEXt", "zTXt"):
        info.add_text("AIGC", wrapped, zip=form == "zTXt")
    data = encode(scene(), "PNG", pnginfo=info)
    if form == "late":
        chunk = png.chunk_bytes(b"tEXt", b"AIGC\0" + OLD_JSON.encode())
        data = data[:-12] + chunk + data[-12:]
    if form == "tail":
        data += b"AIGC" + OLD_JSON.encode()
    assert [f.fields for f in read(data).found] == [gb45438.fields(OTHER)]
    if form == "tail":
        with pytest.raises(LabelError, match="exactly this one label"):
            write(data, label)
        return
    out = write(data, label)
    assert [f.fields for f in read(out).found] == [gb45438.fields(label)]
    assert pixels(out) == pixels(data)


@pytest.mark.parametrize("code", ["ascii", "utf-16-le", "none"])
def test_labels_in_exif_are_read_and_blanked_in_place(kind: str, label: Label, code: str) -> None:
    wrapped = f'{{"AIGC":{OLD_JSON}}}'
    body = {
        "ascii": b"ASCII\0\0\0" + wrapped.encode(),
        "utf-16-le": b"UNICODE\0" + wrapped.encode("utf-16-le"),
        "none": wrapped.encode(),
    }[code]
    exif = Image.Exif()
    exif[0x0112] = 3
    exif.get_ifd(0x8769)[0x9286] = body
    exif.endian = "<"
    data = encode(scene(), kind, exif=exif)
    assert [f.carrier for f in read(data).found] == ["exif.usercomment"]
    out = write(data, label)
    assert [f.fields for f in read(out).found] == [gb45438.fields(label)]
    with Image.open(io.BytesIO(out)) as picture:
        assert picture.getexif()[0x0112] == 3
        assert len(picture.getexif().get_ifd(0x8769)[0x9286]) == len(body)


def test_a_bare_label_in_a_jpeg_segment_is_read_and_replaced(label: Label) -> None:
    body = b"AIGC" + OLD_JSON.encode()
    data = encode(scene(), "JPEG")
    data = data[:2] + b"\xff\xe9" + struct.pack(">H", len(body) + 2) + body + data[2:]
    assert [f.carrier for f in read(data).found] == ["jpeg.app"]
    assert [f.carrier for f in read(write(data, label)).found] == ["xmp"]


def test_extended_xmp_is_left_alone_and_searched(label: Label) -> None:
    packet = XMP.format(attribute="", element=f"<TC260:AIGC>{ENTITIES}</TC260:AIGC>").encode()
    head = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32
    half = len(packet) // 2
    data = encode(scene(), "JPEG")
    for offset, part in ((half, packet[half:]), (0, packet[:half])):  # pieces out of order
        body = head + struct.pack(">II", len(packet), offset) + part
        data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
    assert [f.fields for f in read(data).found] == [gb45438.fields(OTHER)]


def test_a_propagator_keeps_the_producer(kind: str, label: Label) -> None:
    first = write(encode(scene(), kind), replace(label, reserved1="sig"))
    platform = Label("", propagator="platform", propagate_id="p-9")
    second = write(first, gb45438.propagated(platform, read(first).found[0]))
    members = read(second).found[0].fields
    assert members is not None
    assert (members["ContentProducer"], members["ProduceID"]) == (label.producer, label.produce_id)
    assert members["ReservedCode1"] == "sig"
    assert (members["ContentPropagator"], members["PropagateID"]) == ("platform", "p-9")


def test_a_packet_that_cannot_be_merged_is_refused(kind: str, label: Label) -> None:
    with pytest.raises(LabelError, match="rdf:RDF"):
        write(with_xmp(kind, "<x:xmpmeta>cut"), label)


def test_a_full_jpeg_segment_loses_padding_before_it_is_refused(label: Label) -> None:
    def padded(pad: str) -> bytes:
        packet = XMP.format(attribute="", element="")
        packet = packet.replace("<?xpacket end", pad + "<?xpacket end")
        return with_xmp("JPEG", packet)

    out = write(padded(" " * 64_500), label)
    assert len(read(out).found) == 1
    with pytest.raises(LabelError, match="JPEG segment holds"):
        write(padded("<!--" + "x" * 64_900 + "-->"), label)


values = st.text(
    "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) != "\\"), min_size=1, max_size=60
)
BASES = {kind: encode(scene(64, 64), kind) for kind in ("PNG", "JPEG")}


@given(values.filter(lambda v: not v.startswith("00")), values, values)
def test_any_label_round_trips(producer: str, number: str, reserved: str) -> None:
    label = Label(producer, number, reserved1=reserved)
    for data in BASES.values():
        assert [f.fields for f in read(write(data, label)).found] == [gb45438.fields(label)]


@given(st.sampled_from(["PNG", "JPEG"]), st.data())
def test_a_cut_file_is_refused_and_inconclusive(kind: str, data: st.DataObject) -> None:
    whole = write(BASES[kind], OTHER)
    cut = whole[: data.draw(st.integers(8, len(whole) - 3))]
    container = formats.require(whole, "x").container
    assert container.read_labels(cut).damage
    with pytest.raises(InputError, match="damaged"):
        container.verify(cut)
    with pytest.raises(GuardError):
        container.write_label(cut, OTHER)


@settings(max_examples=300)
@given(st.sampled_from(["PNG", "JPEG"]), st.data())
def test_mutated_files_raise_nothing_and_invent_nothing(kind: str, data: st.DataObject) -> None:
    whole = bytearray(BASES[kind])
    container = formats.require(bytes(whole), "x").container
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(3, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert not container.read_labels(bytes(whole)).found


@given(
    st.sampled_from([png.SIGNATURE, b"\xff\xd8\xff", b"\xff\xd8\xff\xe1\x00\x20"]),
    st.binary(max_size=400),
)
def test_junk_never_breaks_the_readers(head: bytes, junk: bytes) -> None:
    container = png if head == png.SIGNATURE else jpeg
    assert not container.read_labels(head + junk).found


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda t: t.encode("utf-8", "replace")))
def test_junk_packets_never_break_xmp(packet: bytes) -> None:
    assert xmp.read(packet) == []


def test_a_compressed_bomb_is_not_unpacked() -> None:
    body = b"AIGC\0\0" + zlib.compress(b"{" * 300_000_000, 9)
    data = encode(scene(16, 16), "PNG")
    reading = read(data[:-12] + png.chunk_bytes(b"zTXt", body) + data[-12:])
    assert [f.fields for f in reading.found] == [None]


def test_a_flipped_checksum_of_metadata_is_reported(label: Label) -> None:
    out = bytearray(write(BASES["PNG"], label))
    chunk = next(c for c in png.chunks(bytes(out))[0] if c.kind == b"iTXt")
    out[chunk.end - 1] ^= 1
    reading = png.read_labels(bytes(out))
    assert "checksum" in reading.damage
    assert len(reading.found) == 1
