"""PDF: what was there stays byte for byte, and other readers find the label."""

from __future__ import annotations

import io
import json
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pikepdf
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.errors import GuardError, InputError, LabelError
from guard.label import inspect_bytes
from guard.model import Label
from guard.watermark import gb45438, pdf, xmp

from .containers import OLD_JSON, OTHER, held, program, read, write

PLAIN = {"object_stream_mode": pikepdf.ObjectStreamMode.disable}
NONE = pikepdf.StreamDecodeLevel.none
COMPACT = {"object_stream_mode": pikepdf.ObjectStreamMode.generate}


def made(title: str = "标题 (一)\\", packet: bytes = b"", **options: Any) -> bytes:
    document = pikepdf.new()
    document.add_blank_page(page_size=(200, 100))
    content = document.make_stream(b"0 0 1 rg 20 20 60 40 re f")
    document.pages[0].Contents = content
    if title:
        document.docinfo["/Title"] = title
    if packet:
        stream = document.make_stream(packet, Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML)
        document.Root.Metadata = document.make_indirect(stream)
    out = io.BytesIO()
    document.save(out, deterministic_id="encryption" not in options, **options)
    return out.getvalue()


SAMPLES = {
    "table": made(**PLAIN),
    "streams": made(**COMPACT),
    "linear": made(linearize=True),
    "no information": made("", **PLAIN),
    "no information, streams": made("", **COMPACT),
    "labelled packet": made(packet=xmp.merge(None, OLD_JSON), **PLAIN),
    "labelled packet, streams": made(packet=xmp.merge(None, OLD_JSON), **COMPACT),
    "bytes before the header": b"\n% from a mail\n" + made(**PLAIN),
    "bytes behind the end": made(**PLAIN) + b"\n\n",
}


@pytest.fixture(params=SAMPLES)
def sample(request: pytest.FixtureRequest) -> bytes:
    return SAMPLES[request.param]


def test_the_file_stays_and_one_label_is_appended(sample: bytes, label: Label) -> None:
    out = write(sample, label, "x.pdf")
    assert out.startswith(sample), "signatures cover what they covered"
    assert held(out, "x.pdf") == [gb45438.fields(label)]
    assert write(out, label, "x.pdf") == out


def test_other_readers_find_the_label(sample: bytes, label: Label, tmp_path: Path) -> None:
    out = write(sample, label, "x.pdf")
    path = tmp_path / "x.pdf"
    path.write_bytes(out[out.index(b"%PDF") :])  # exiftool wants the header first
    words = [program("exiftool"), "-json", "-PDF:all", str(path)]
    shown = subprocess.run(words, capture_output=True, check=True, timeout=60)
    assert json.loads(json.loads(shown.stdout)[0]["AIGC"]) == gb45438.fields(label)
    metadata = pypdf.PdfReader(io.BytesIO(out)).metadata
    assert metadata
    assert json.loads(str(metadata["/AIGC"])) == gb45438.fields(label)


def test_qpdf_has_nothing_to_say_and_the_page_is_the_same(sample: bytes, label: Label) -> None:
    with (
        pikepdf.open(io.BytesIO(sample)) as before,
        pikepdf.open(io.BytesIO(write(sample, label, "x.pdf"))) as after,
    ):
        assert after.check_pdf_syntax() == []
        assert after.pages[0].Contents.read_bytes() == before.pages[0].Contents.read_bytes()
        assert after.docinfo.get("/Title") == before.docinfo.get("/Title")


def test_a_label_of_somebody_else_is_replaced(sample: bytes, label: Label) -> None:
    once = write(sample, OTHER, "x.pdf")
    assert held(once, "x.pdf") == [gb45438.fields(OTHER)]
    assert held(write(once, label, "x.pdf"), "x.pdf") == [gb45438.fields(label)]


def test_labels_in_both_places_are_seen(label: Label) -> None:
    document = pikepdf.open(io.BytesIO(SAMPLES["labelled packet"]))
    document.docinfo["/AIGC"] = gb45438.to_json(label)
    out = io.BytesIO()
    document.save(out)
    assert [found.carrier for found in read(out.getvalue(), "x.pdf").found] == ["pdf.info", "xmp"]


def test_an_encrypted_file_is_read_but_not_written(label: Label) -> None:
    labelled = write(SAMPLES["table"], label, "x.pdf")
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(labelled)) as document:
        document.save(out, encryption=pikepdf.Encryption(owner="owner", user=""))
    assert held(out.getvalue(), "x.pdf") == [gb45438.fields(label)]
    with pytest.raises(LabelError, match="encrypted"):
        write(out.getvalue(), OTHER, "x.pdf")


def test_a_file_behind_a_password_is_inconclusive(label: Label) -> None:
    data = made(encryption=pikepdf.Encryption(owner="owner", user="user"))
    seen = inspect_bytes(data, "x.pdf")
    assert seen.standard.status == "inconclusive"
    assert "password" in seen.standard.reason
    with pytest.raises(InputError, match="password"):
        write(data, label, "x.pdf")


@pytest.mark.parametrize(
    "data",
    [SAMPLES["table"][:-60], SAMPLES["table"][:150], b"%PDF-1.7\n", b"%PDF-1.7\n" + b"<<" * 5_000],
)
def test_damage_is_said_and_not_guessed_over(data: bytes, label: Label) -> None:
    assert inspect_bytes(data, "x.pdf").standard.status == "inconclusive"
    with pytest.raises(InputError, match="damaged PDF"):
        write(data, label, "x.pdf")


def test_a_packet_that_could_be_a_bomb_is_not_opened() -> None:
    document = pikepdf.open(io.BytesIO(SAMPLES["table"]))
    packed = zlib.compress(xmp.merge(None, OLD_JSON) + b" " * (200 << 20))
    document.Root.Metadata = pikepdf.Stream(document, packed, Filter=pikepdf.Name.FlateDecode)
    out = io.BytesIO()
    document.save(out, fix_metadata_version=False, stream_decode_level=NONE)
    bomb = out.getvalue()
    assert len(bomb) < 1 << 20
    assert "too long" in read(bomb, "x.pdf").damage


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_bytes_changed_anywhere_never_crash_the_reader(data: st.DataObject) -> None:
    whole = bytearray(write(SAMPLES[data.draw(st.sampled_from(sorted(SAMPLES)))], OTHER, "x.pdf"))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    seen = pdf.read_labels(bytes(whole))
    assert all(found.fields is None or set(found.fields) for found in seen.found)
    try:
        out = pdf.write_label(bytes(whole), OTHER)
    except GuardError:
        return
    assert [f.fields for f in pdf.read_labels(out).found] == [gb45438.fields(OTHER)]
