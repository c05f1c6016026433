"""Metadata in films: samples found where the index says, tags kept, one label, nothing loaded."""

from __future__ import annotations

import contextlib
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.errors import GuardError, InputError, LabelError
from guard.model import Label
from guard.watermark import flv, formats, gb45438, isobmff, matroska, mp4
from guard.watermark.isobmff import box

from .containers import FILM, OLD_JSON, OTHER, TONE, decoded, ffmpeg, held, probe, read, write

TAGS = ("-metadata", "title=片名", "-metadata", "comment=somebody")
BOTH = (*FILM, *TONE, "-shortest", "-c:v", "mpeg4", "-c:a", "aac")

RECIPES: dict[str, tuple[str, ...]] = {
    "late.mp4": (*BOTH, *TAGS),
    "early.mp4": (*BOTH, *TAGS, "-movflags", "faststart"),
    "keys.mp4": (*BOTH, *TAGS, "-movflags", "faststart+use_metadata_tags"),
    "pieces.mp4": (*BOTH, "-movflags", "frag_keyframe+empty_moov"),
    "bases.mp4": (*BOTH, *TAGS, "-g", "3", "-movflags", "frag_keyframe"),
    "film.mov": (*BOTH, *TAGS),
    "early.mov": (*BOTH, *TAGS, "-movflags", "faststart"),
    "tone.m4a": (*TONE, *TAGS),
    "film.mkv": (*BOTH, *TAGS),
    "long.mkv": (*BOTH, *TAGS, "-metadata", "more=" + "m" * 500, "-reserve_index_space", "900"),
    "film.webm": (*FILM, "-c:v", "libvpx", *TAGS),
    "live.webm": (*FILM, "-c:v", "libvpx", "-f", "webm", "-live", "1", *TAGS),
    "film.flv": (*FILM, "-c:v", "flv1", *TAGS),
    "keys.flv": (*FILM, "-c:v", "flv1", "-g", "3", *TAGS, "-flvflags", "add_keyframe_index"),
}


EBML = b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff"
FLV = b"FLV\1\1\0\0\0\x09\0\0\0\0\x12\0\0\x20\0\0\0\0\0\0\0\2\0\x0aonMetaData"


def made(name: str) -> tuple[bytes, str]:
    suffix = "." + name.rpartition(".")[2]
    return ffmpeg(suffix, *RECIPES[name]), suffix


@pytest.fixture(params=RECIPES)
def sample(request: pytest.FixtureRequest) -> tuple[bytes, str]:
    return made(request.param)


def test_samples_and_tags_stay(sample: tuple[bytes, str], label: Label, tmp_path: Path) -> None:
    data, suffix = sample
    out = write(data, label, "x" + suffix)
    assert held(out, "x" + suffix) == [gb45438.fields(label)]
    assert decoded(out, suffix, tmp_path) == decoded(data, suffix, tmp_path)
    before, after = probe(data, suffix, tmp_path), probe(out, suffix, tmp_path)
    assert before.count("片名") == after.count("片名")
    assert before.count("somebody") == after.count("somebody")


def test_ffprobe_reads_the_label(sample: tuple[bytes, str], label: Label, tmp_path: Path) -> None:
    data, suffix = sample
    shown = json.loads(probe(write(data, label, "x" + suffix), suffix, tmp_path))
    assert json.loads(shown["format"]["tags"]["AIGC"]) == gb45438.fields(label)


def test_key_frames_of_an_flv_are_where_its_list_says(label: Label) -> None:
    out = write(made("keys.flv")[0], label)
    at = out.index(b"filepositions") + 14
    count = struct.unpack_from(">I", out, at)[0]
    assert count >= 4
    for number in range(count):
        place = int(struct.unpack_from(">xd", out, at + 4 + 9 * number)[0])
        assert out[place] == 9
        assert out[place + 11] >> 4 == 1  # a key frame
    at = out.index(b"filesize") + 9
    assert struct.unpack_from(">d", out, at)[0] == len(out)


def test_clusters_of_a_matroska_never_move(label: Label) -> None:
    for name in ("film.mkv", "long.mkv", "film.webm"):
        data = made(name)[0]
        out = write(data, label)
        at = data.index(b"\x1f\x43\xb6\x75")
        assert out[at : len(data)] == data[at:]


@pytest.mark.parametrize("name", [n for n in RECIPES if n.endswith(("mp4", "mov", "m4a"))])
def test_exiftool_reads_the_label(
    name: str, label: Label, exiftool: Callable[[bytes, str], dict[str, Any]]
) -> None:
    data, suffix = made(name)
    tags = exiftool(write(data, label), suffix[1:])
    assert json.loads(tags["Keys:AIGC"]) == gb45438.fields(label)
    assert not {"ExifTool:Error", "ExifTool:Warning"} & set(tags)


def test_twice_changes_nothing_and_a_propagator_keeps_the_producer(
    sample: tuple[bytes, str], label: Label, tmp_path: Path
) -> None:
    data, suffix = sample
    name = "x" + suffix
    once = write(data, label, name)
    assert write(once, label, name) == once
    platform = Label("", propagator="p" * 300, propagate_id="9")
    second = write(once, gb45438.propagated(platform, read(once, name).found[0]), name)
    (members,) = held(second, name)
    assert (members["ContentProducer"], members["PropagateID"]) == (label.producer, "9")
    third = write(second, label, name)
    assert held(third, name) == [gb45438.fields(label)]
    assert b"p" * 300 not in third
    assert decoded(third, suffix, tmp_path) == decoded(data, suffix, tmp_path)


def relabelled(moov_child: bytes) -> bytes:
    """An early film with one more box in its index, the free space behind taking its room."""
    data, _ = made("late.mp4")
    top = next(b for b in isobmff.boxes(data, 0, len(data))[0] if b.kind == b"moov")
    return data[: top.start] + box(b"moov", data[top.body : top.end] + moov_child)


def data_box(text: str) -> bytes:
    return box(b"data", struct.pack(">II", 1, 0) + text.encode())


def meta(handler: bytes, *parts: bytes) -> bytes:
    return box(b"meta", bytes(4) + box(b"hdlr", bytes(8) + handler + bytes(13)) + b"".join(parts))


KEYS = box(b"keys", bytes(4) + struct.pack(">I", 1) + box(b"mdta", b"AIGC"))
ITEM = box(b"ilst", box(b"\0\0\0\1", data_box(OLD_JSON)))
NAMED = box(b"----", box(b"name", bytes(4) + b"AIGC") + data_box(OLD_JSON))


@pytest.mark.parametrize(
    "child",
    [
        meta(b"mdta", KEYS, ITEM),  # a bare meta in moov
        box(b"meta", meta(b"mdta", KEYS, ITEM)[12:]),  # the same as QuickTime writes it
        box(b"udta", meta(b"mdir", box(b"ilst", box(b"\xa9cmt", data_box(OLD_JSON))))),
        box(b"udta", meta(b"mdir", box(b"ilst", NAMED))),
    ],
)
def test_labels_of_others_become_one(child: bytes, label: Label, tmp_path: Path) -> None:
    data = relabelled(child)
    assert held(data) == [gb45438.fields(OTHER)]
    out = write(data, label)
    assert held(out) == [gb45438.fields(label)]
    assert b"elsewhere" not in out
    assert "Ok" not in decoded(out, ".mp4", tmp_path)


def test_tables_that_overflow_become_wide() -> None:
    """An index before 4 GiB of media: one more byte and its places no longer fit 32 bits."""
    table = box(b"stco", bytes(4) + struct.pack(">III", 2, 5000, 0xFFFFFFF0))
    moov = box(b"moov", box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", table)))))
    new = isobmff.settled(moov, len(moov), 100)
    assert len(new) == len(moov) + 8
    wide = new[new.index(b"co64") + 8 :]
    assert struct.unpack(">IQQ", wide) == (2, 5000 + 108, 0xFFFFFFF0 + 108)
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        at = new.index(name) - 4
        assert at + int.from_bytes(new[at : at + 4], "big") == len(new)


def test_free_space_behind_the_index_is_used(label: Label) -> None:
    data, _ = made("early.mp4")
    tops = isobmff.boxes(data, 0, len(data))[0]
    top = next(b for b in tops if b.kind == b"moov")
    roomy = data[: top.end] + box(b"free", bytes(2000)) + data[top.end :]
    assert len(write(roomy, label)) == len(roomy)


def test_a_compressed_index_is_refused(label: Label) -> None:
    data = box(b"ftyp", b"qt  " + bytes(4)) + box(b"moov", box(b"cmov", bytes(20)))
    with pytest.raises(LabelError, match="compressed"):
        write(data, label)


PEAK = """
import sys
from guard.label import inspect_file, label_file
from guard.model import Label
label_file(sys.argv[1], sys.argv[2], Label("x", "1"), visible=False)
assert inspect_file(sys.argv[2]).verdict == "confirmed"
print(*(line for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the peak")
@pytest.mark.parametrize("size", [200 << 20, pytest.param(4 << 30, marks=pytest.mark.soak)])
def test_a_long_film_needs_little_memory(size: int, tmp_path: Path) -> None:
    """The film is a hole on the disk, its labelled copy is not."""
    data, _ = made("early.mp4")
    source = tmp_path / "large.mp4"
    with source.open("wb") as file:
        file.write(data + struct.pack(">I4sQ", 1, b"mdat", size))
        file.truncate(len(data) + size)
    words = [sys.executable, "-c", PEAK, str(source), str(tmp_path / "out.mp4")]
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(words, capture_output=True, check=True, env={"PYTHONPATH": root})
    assert int(done.stdout.split()[1]) <= 64 * 1024  # KiB


@settings(deadline=None)  # the first run makes the files
@given(st.sampled_from(sorted(RECIPES)), st.data())
def test_a_cut_file_is_refused(name: str, data: st.DataObject) -> None:
    whole, _ = made(name)
    whole = write(whole, OTHER, name)
    cut = whole[: data.draw(st.integers(12, len(whole) - 1))]
    container = formats.require(whole, name).container
    reading = container.read_labels(cut)
    if not reading.damage:  # cut between two fragments
        assert [f.fields for f in reading.found] == [gb45438.fields(OTHER)]
        return
    with pytest.raises(InputError, match="damaged"):
        container.verify(cut)
    with pytest.raises(GuardError):
        container.write_label(cut, OTHER)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(RECIPES)), st.data())
def test_mutated_files_raise_nothing_and_invent_nothing(name: str, data: st.DataObject) -> None:
    whole = bytearray(made(name)[0])
    container = formats.require(bytes(whole), name).container
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert not container.read_labels(bytes(whole)).found
    with contextlib.suppress(GuardError):
        out = container.write_label(bytes(whole), OTHER)
        assert len(container.read_labels(out).found) <= 1


@given(
    st.sampled_from([mp4, matroska, flv]),
    st.sampled_from([b"\0\0\0\x08moov", b"\0\0\0\0moov\0\0\0\0udta", b"", EBML, FLV]),
    st.binary(),
)
def test_junk_never_breaks_the_readers(container: Any, head: bytes, junk: bytes) -> None:
    assert not container.read_labels(head + junk).found
