"""Metadata in WAV, MP3, FLAC, OGG and AVI: samples kept, tags kept, one label, read by ffprobe."""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.errors import GuardError, InputError, LabelError
from guard.model import Label
from guard.watermark import avi, flac, formats, gb45438, mp3, ogg, riff, wav

from .containers import FILM, OLD_JSON, OTHER, TONE, decoded, ffmpeg, held, probe, read, write

TAGS = ("-metadata", "title=歌名", "-metadata", "artist=somebody")
LONG = ("-metadata", "comment=" + "x" * 70_000)

RECIPES: dict[str, tuple[str, ...]] = {
    "tone.wav": (*TONE, *TAGS),
    "8bit.wav": (*TONE, "-c:a", "pcm_u8", "-ar", "11025", "-t", "0.1003"),
    "rf64.wav": (*TONE, "-rf64", "always"),
    "plain.mp3": (*TONE, "-id3v2_version", "0", "-write_xing", "0"),
    "v23.mp3": (*TONE, *TAGS, "-id3v2_version", "3", "-write_id3v1", "1"),
    "v24.mp3": (*TONE, *TAGS, "-id3v2_version", "4"),
    "bare.aac": (*TONE, "-c:a", "aac", "-f", "adts"),
    "tagged.aac": (*TONE, *TAGS, "-c:a", "aac", "-f", "adts", "-write_id3v2", "1"),
    "tone.flac": (*TONE, *TAGS),
    "tone.ogg": (*TONE, *TAGS, "-c:a", "libvorbis"),
    "long.ogg": (*TONE, *LONG, "-c:a", "libvorbis"),
    "tone.opus": (*TONE, *TAGS),
    "flac.ogg": (*TONE, *TAGS, "-c:a", "flac"),
    "film.ogv": (*FILM, "-c:v", "libtheora", *TAGS),
    "film.avi": (*FILM, *TONE, "-shortest", *TAGS, "-c:v", "mpeg4"),
}


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
    assert before.count("歌名") == after.count("歌名")
    assert before.count("somebody") == after.count("somebody")


@pytest.mark.parametrize(
    "name", [n for n in RECIPES if n.endswith(("mp3", "aac", "flac", "ogg", "opus"))]
)
def test_ffprobe_reads_the_label(name: str, label: Label, tmp_path: Path) -> None:
    data, suffix = made(name)
    shown = json.loads(probe(write(data, label, "x" + suffix), suffix, tmp_path))
    tags = shown["format"].get("tags", {}) | shown["streams"][0].get("tags", {})
    assert json.loads(tags["AIGC"]) == gb45438.fields(label)


def test_chunks_of_a_wav_are_where_another_parser_finds_them(label: Label) -> None:
    import io
    import wave

    data, _ = made("tone.wav")
    with wave.open(io.BytesIO(write(data, label))) as after, wave.open(io.BytesIO(data)) as before:
        assert after.readframes(1 << 20) == before.readframes(1 << 20)


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
    assert decoded(second, suffix, tmp_path) == decoded(data, suffix, tmp_path)
    third = write(second, label, name)
    assert held(third, name) == [gb45438.fields(label)]
    assert b"p" * 300 not in third


def test_a_wav_of_unknown_length_and_one_with_old_labels(label: Label) -> None:
    data, _ = made("tone.wav")
    chunk = riff.chunk(b"AIGC", OLD_JSON.encode())
    body = data[12:] + chunk + riff.chunk(b"LIST", b"INFO" + chunk) + chunk
    labelled = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body
    assert len(held(labelled)) == 3
    out = write(labelled, label)
    assert held(out) == [gb45438.fields(label)]
    assert b"elsewhere" not in out
    at = data.index(b"data")
    endless = data[:4] + b"\xff" * 4 + data[8 : at + 4] + b"\xff" * 4 + data[at + 8 :]
    out = write(endless, label)
    assert out[4:8] == b"\xff" * 4
    assert held(out) == [gb45438.fields(label)]


def tag(version: int, frames: bytes, flags: int = 0) -> bytes:
    size = bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3" + bytes((version, 0, flags)) + size + frames


def frame(version: int, kind: bytes, body: bytes) -> bytes:
    if version == 2:
        return kind + len(body).to_bytes(3, "big") + body
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return kind + (size if version == 4 else len(body).to_bytes(4, "big")) + b"\0\0" + body


SOUND = b"\xff\xfb\x90\x00" + bytes(413)


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("encoding", [0, 1, 2, 3])
def test_id3_labels_of_others_are_read_and_become_one(
    version: int, encoding: int, label: Label
) -> None:
    code = ["latin-1", "utf-16", "utf-16-be", "utf-8"][encoding]
    text = bytes((encoding,)) + "AIGC\0".encode(code) + OLD_JSON.encode(code)
    kinds = (b"TXX", b"TT2") if version == 2 else (b"TXXX", b"TIT2")
    title = frame(version, kinds[1], b"\0title")
    data = tag(version, frame(version, kinds[0], text) + title + bytes(50)) + SOUND
    assert held(data, "x.mp3") == [gb45438.fields(OTHER)]
    out = write(data, label, "x.mp3")
    assert held(out, "x.mp3") == [gb45438.fields(label)]
    assert title in out
    assert out.endswith(SOUND)


@given(st.binary(max_size=200))
def test_unsynchronised_tags_keep_their_frames(art: bytes) -> None:
    picture = frame(3, b"APIC", b"\0image/png\0\0\0" + art)
    data = tag(3, mp3._unsynchronised(picture), 0x80) + SOUND
    out = write(data, OTHER, "x.mp3")
    found = mp3.read_tag(out)
    assert found
    assert picture in found.body
    assert out[5] == 0x80
    assert out.endswith(SOUND)
    stored = out[10 : found.size]
    assert not any(a == 0xFF and b >= 0xE0 for a, b in itertools.pairwise(stored))


def test_padding_is_used_so_that_the_sound_stays(label: Label) -> None:
    data = tag(4, frame(4, b"TIT2", b"\3title") + bytes(2000)) + SOUND
    assert len(write(data, label, "x.mp3")) == len(data)


def test_extended_header_and_footer_of_id3(label: Label) -> None:
    title = frame(4, b"TIT2", b"\3title")
    extended = b"\0\0\0\x06\x01\0"
    data = tag(4, extended + title, 0x50) + b"3DI" + bytes(7) + SOUND
    out = write(data, label, "x.mp3")
    assert out[5] == 0x40
    assert out[10:16] == extended
    assert held(out, "x.mp3") == [gb45438.fields(label)]
    assert out.endswith(title + SOUND)


def test_a_comment_that_needs_another_page_renumbers_the_rest(label: Label, tmp_path: Path) -> None:
    data = ffmpeg(".opus", *TONE, "-metadata", "comment=" + "x" * 64_880)
    out = write(data, label)
    count = data.count(b"OggS")
    assert out.count(b"OggS") == count + 1
    assert decoded(out, ".opus", tmp_path) == decoded(data, ".opus", tmp_path)
    assert len(write(out, OTHER)) < len(out)


def test_an_avi_keeps_the_place_of_every_frame(label: Label) -> None:
    data, _ = made("film.avi")
    out = write(data, label)
    assert len(out) == len(data)
    assert out[out.index(b"movi") :] == data[data.index(b"movi") :]


def test_an_avi_without_room_gets_a_list_behind_or_is_refused(label: Label, tmp_path: Path) -> None:
    data, suffix = made("film.avi")
    full = data.replace(b"JUNK", b"KNUJ")
    out = write(full, label)
    assert held(out) == [gb45438.fields(label)]
    assert decoded(out, suffix, tmp_path) == decoded(data, suffix, tmp_path)
    assert write(out, label) == out
    assert held(write(out, OTHER)) == [gb45438.fields(OTHER)]
    with pytest.raises(LabelError, match="no spare room"):
        write(full + riff.chunk(b"RIFF", b"AVIX"), label)


@pytest.mark.parametrize("name", ["film.avi", "tone.wav"])
def test_exiftool_reads_other_chunks_still(
    name: str, label: Label, exiftool: Callable[[bytes, str], dict[str, Any]]
) -> None:
    data, suffix = made(name)
    tags = exiftool(write(data, label), suffix[1:])
    assert tags["RIFF:Artist"] == "somebody"
    assert not {"ExifTool:Error", "ExifTool:Warning"} & set(tags)


@settings(deadline=None)  # the first run makes the files
@given(st.sampled_from(sorted(RECIPES)), st.data())
def test_a_cut_file_is_refused_or_only_its_sound_is_cut(name: str, data: st.DataObject) -> None:
    whole, suffix = made(name)
    whole = write(whole, OTHER, name)
    cut = whole[: data.draw(st.integers(12, len(whole) - 1))]
    container = formats.require(whole, name).container
    reading = container.read_labels(cut)
    if not reading.damage:  # compressed sound has no length in its header
        assert [f.fields for f in reading.found] == [gb45438.fields(OTHER)]
        assert suffix not in (".wav", ".avi")
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
        place = data.draw(st.integers(4, min(len(whole), 3000) - 1))
        whole[place] = data.draw(st.integers(0, 255))
    assert not container.read_labels(bytes(whole)).found


@given(
    st.sampled_from([wav, avi, mp3, flac, ogg]),
    st.sampled_from([b"RIFF", b"ID3\4\0\0", b"ID3\3\0\xff", b"fLaC", b"OggS\0\2", b""]),
    st.binary(),
)
def test_junk_never_breaks_the_readers(container: Any, head: bytes, junk: bytes) -> None:
    assert not container.read_labels(head + junk).found
