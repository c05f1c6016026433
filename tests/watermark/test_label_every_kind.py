"""guard label and guard inspect on one file of every kind, written to disk in pieces."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.cli import main
from guard.errors import LabelError
from guard.label import inspect_bytes, inspect_file, label_file
from guard.model import Label
from guard.watermark import blob, formats, provenance, splice
from guard.watermark.localca import create

from . import test_label_documents as documents
from . import test_label_film as films
from . import test_label_heif as heifs
from . import test_label_more_pictures as pictures
from . import test_label_pdf as pdfs
from . import test_label_sound as sounds
from .conftest import CODE, encode, scene

MAKERS: dict[str, Callable[[], bytes]] = {
    "a.webp": lambda: pictures.SAMPLES["webp-lossy"],
    "a.gif": lambda: pictures.SAMPLES["gif-film"],
    "a.tiff": lambda: pictures.SAMPLES["tiff-pages"],
    "a.avif": lambda: heifs.made("camera.avif"),
    "a.heic": lambda: heifs.made("plain.heic"),
    "a.wav": lambda: sounds.made("tone.wav")[0],
    "a.mp3": lambda: sounds.made("v24.mp3")[0],
    "a.aac": lambda: sounds.made("bare.aac")[0],
    "a.flac": lambda: sounds.made("tone.flac")[0],
    "a.ogg": lambda: sounds.made("tone.ogg")[0],
    "a.opus": lambda: sounds.made("tone.opus")[0],
    "a.avi": lambda: sounds.made("film.avi")[0],
    "a.mp4": lambda: films.made("early.mp4")[0],
    "a.mov": lambda: films.made("film.mov")[0],
    "a.m4a": lambda: films.made("tone.m4a")[0],
    "a.mkv": lambda: films.made("film.mkv")[0],
    "a.webm": lambda: films.made("film.webm")[0],
    "a.flv": lambda: films.made("film.flv")[0],
    "a.pdf": lambda: pdfs.SAMPLES["streams"],
    "a.docx": lambda: documents.SAMPLES["plain"][1],
    "a.odt": lambda: documents.SAMPLES["odf"][1],
    "a.epub": lambda: documents.SAMPLES["epub"][1],
    "a.html": lambda: b"<!doctype html><title>x</title>",
    "a.json": lambda: b'{"text": "x"}',
}
UNGUIDED = ("a.odt", "a.epub", "a.html", "a.json")


@pytest.fixture(params=MAKERS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "in" / request.param
    path.parent.mkdir()
    path.write_bytes(MAKERS[request.param]())
    return path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[Any], str]:
    code = main([*words, "--json"])
    out, error = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], error


def test_label_then_inspect_then_pass_it_on(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, on = source.parents[1] / "out", source.parents[1] / "on"
    words = ("--out", str(out), "--producer", CODE, "--no-visible")
    code, (written,), _ = run(capsys, "label", str(source), *words)
    assert code == 0
    code, (seen,), _ = run(capsys, "inspect", str(out / source.name), "--gate")
    assert code == 0
    assert (seen["label"], seen["carrier"]) == (written["label"], written["carrier"])
    assert (seen["standard"]["status"], seen["verdict"]) == ("compliant", "confirmed")
    assert bool(seen["standard"]["problems"]) == (source.name in UNGUIDED)
    assert [path.name for path in out.iterdir()] == [source.name]
    words = ("--out", str(on), "--propagator", "platform")
    code, (passed,), _ = run(capsys, "label", str(out / source.name), *words)
    assert code == 0
    assert passed["label"]["ContentProducer"] == CODE
    assert passed["replaced"] == written["label"]


def test_bytes_and_file_give_the_same(source: Path, label: Label) -> None:
    """The streamed copy, the splice in memory, and both readers agree."""
    target = source.with_name("out" + source.suffix)
    label_file(source, target, label, visible=False)
    data = source.read_bytes()
    assert formats.write_label(data, formats.require(data, source.name), label) == (
        target.read_bytes()
    )
    assert inspect_bytes(target.read_bytes(), str(target)) == inspect_file(target)


def test_a_visible_label_is_not_silently_left_out(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = source.parents[1] / "out"
    code, rows, error = run(capsys, "label", str(source), "--out", str(out), "--producer", CODE)
    if code == 0:
        assert rows[0]["visible"]["text"]
        assert [path.name for path in out.iterdir()] == [source.name]
    else:
        assert code == 2
        assert "--no-visible" in error
        assert not list(out.glob("*"))


SIGNED = ("a.webp", "a.gif", "a.tiff", "a.wav", "a.mp3", "a.avi", "a.mp4", "a.mov", "a.m4a")


def test_what_can_be_signed_is_trusted_and_a_later_label_breaks_it(
    tmp_path: Path, label: Label
) -> None:
    create(tmp_path / "ca")
    identity = provenance.local_identity(tmp_path / "ca")
    for name in SIGNED:
        source, target = tmp_path / name, tmp_path / "out" / name
        source.write_bytes(pictures.SAMPLES["tiff"] if name == "a.tiff" else MAKERS[name]())
        label_file(source, target, label, visible=False, c2pa=identity)
        seen = inspect_file(target, trust=tmp_path / "ca" / "root.pem")
        assert (name, seen.c2pa and seen.c2pa["state"]) == (name, "Trusted")
        again = label_file(target, tmp_path / "on" / name, Label("", propagator="p"))
        assert again.c2pa_invalidated


def test_a_tiff_of_many_pages_is_not_signed(tmp_path: Path, label: Label) -> None:
    """C2PA stores the manifest there as one more page, which readers of pictures choke on."""
    create(tmp_path / "ca")
    source = tmp_path / "a.tiff"
    source.write_bytes(MAKERS["a.tiff"]())
    with pytest.raises(LabelError, match="empty page"):
        label_file(source, tmp_path / "out.tiff", label, visible=False, c2pa=tmp_path / "ca")


def test_a_bmp_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.bmp"
    path.write_bytes(encode(scene(8, 8), "BMP"))
    code, _, error = run(
        capsys, "label", str(path), "--out", str(tmp_path / "out"), "--producer", CODE
    )
    assert code == 2
    assert "BMP has no place" in error
    assert error.count("\n") == 1


EDITS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5), st.binary(max_size=4)))


@given(st.binary(min_size=200, max_size=400), EDITS)
def test_a_copy_in_pieces_is_the_splice(data: bytes, steps: list[tuple[int, int, bytes]]) -> None:
    edits, position = [], 0
    for skip, length, new in steps:
        position += skip
        if position + length <= len(data):
            edits.append((position, position + length, new))
            position += length + 1
    out = bytearray()
    blob.copy(data, edits, out.extend)
    assert bytes(out) == splice.splice(data, edits)
