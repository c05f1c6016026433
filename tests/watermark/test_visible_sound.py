"""The audible label: found by correlation in decoded samples, the rest compared bit for bit."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.errors import LabelError
from guard.label import inspect_file, label_file
from guard.model import Label
from guard.stages.stage4_label_writer import label_bytes
from guard.watermark import ffmpeg, rhythm
from guard.watermark.notice import Style

from .containers import TONE, program
from .containers import ffmpeg as made

#: When the tones of short-long-short-short sound, in seconds from the first.
TONES = ((0.0, 0.1), (0.2, 0.5), (0.8, 0.9), (1.0, 1.1))
PLACES = ("start", "middle", "end")


def decoded(path: Path, rate: int = 16000) -> np.ndarray[Any, Any]:
    """All samples of the first channel, by ffmpeg."""
    words = [program("ffmpeg"), "-loglevel", "error", "-i", str(path), "-map", "0:a:0"]
    words += ["-ar", str(rate), "-f", "f32le", "-ac", "1", "-"]
    raw = subprocess.run(words, capture_output=True, check=True, timeout=60).stdout
    return np.frombuffer(raw, "<f4")


def place_of_cue(samples: np.ndarray[Any, Any], rate: int = 16000) -> tuple[float, float]:
    """(second, correlation 0..1) of the best match of the cue's tones, whatever their phase."""
    time = np.arange(round(1.1 * rate)) / rate
    gate = sum(((time >= a) & (time < b)).astype(float) for a, b in TONES)
    size = 1 << int(np.ceil(np.log2(len(samples) + len(time))))
    spectrum = np.fft.rfft(samples, size)
    parts = [
        np.fft.irfft(spectrum * np.conj(np.fft.rfft(gate * f(2 * np.pi * 880 * time), size)), size)
        for f in (np.sin, np.cos)
    ]
    match = np.hypot(*parts)[: len(samples)]
    at = int(match.argmax())
    energy = np.linalg.norm(samples[at : at + len(time)]) * np.sqrt(gate.sum() / 2)
    return at / rate, float(match[at] / energy)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int24", "int32", "float32", "float64"])
@pytest.mark.parametrize("rate", [4000, 8000, 44100, 48000])
def test_cue_for_a_turn(dtype: Any, rate: int) -> None:
    raw = rhythm.cue_for_turn(rate, 2, dtype)
    width = {"uint8": 1, "int16": 2, "int24": 3, "float64": 8}.get(dtype, 4)
    assert len(raw) == rhythm.frames(rate) * 2 * width == round(1.5 * rate) * 2 * width
    mono = rhythm.mono16(raw, 2, dtype)
    assert rhythm.heard(mono, rate)
    assert rhythm.mono16(rhythm.cue_for_turn(rate, 1, dtype), 1, dtype) == mono
    after = rhythm.mono16(rhythm.cue_for_turn(rate, 1, dtype, before=False), 1, dtype)
    assert not any(abs(v) > 300 for v in after[: rate // 5])


def test_cue_is_short_long_short_short() -> None:
    samples = np.frombuffer(rhythm.cue_for_turn(16000), "<i2").astype(float) / 32768
    loud = np.abs(samples).reshape(-1, 160).mean(axis=1) > 0.05
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]])))
    lengths = [int(b - a) for a, b in edges.reshape(-1, 2)]
    assert lengths == [pytest.approx(n, abs=1) for n in (10, 30, 10, 10)]
    assert 0.3 < np.abs(samples).max() < 0.4


@pytest.mark.parametrize(
    ("rate", "channels", "dtype"),
    [(100, 1, "int16"), (8000, 0, "int16"), (1 << 31, 1, "int16"), (8000, 1, "int12")],
)
def test_cue_of_nonsense_is_refused(rate: int, channels: int, dtype: Any) -> None:
    with pytest.raises(LabelError, match="no cue"):
        rhythm.cue_for_turn(rate, channels, dtype)


def test_noise_and_a_steady_tone_are_no_cue() -> None:
    noise = np.random.default_rng(1).integers(-9000, 9000, 24000)
    steady = 9000 * np.sin(np.arange(24000) * 0.7)
    for samples in (noise, steady, np.zeros(24000)):
        assert not rhythm.heard([int(v) for v in samples], 8000)


def wav(samples: bytes, channels: int, width: int, rate: int = 16000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples)
    return out.getvalue()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3),
    st.sampled_from([1, 2, 3, 4]),
    st.binary(max_size=3000),
    st.sampled_from(PLACES),
)
def test_wav_keeps_every_other_sample(channels: int, width: int, noise: bytes, at: Any) -> None:
    samples = noise[: len(noise) // (channels * width) * channels * width]
    data = wav(samples, channels, width, 4000)
    out, written = label_bytes(data, "x.wav", Label("x", "1"), visible=Style(at=at))
    assert written.visible is not None
    with wave.open(io.BytesIO(out)) as file:
        assert file.getparams()[:3] == (channels, width, 4000)
        after = file.readframes(file.getnframes())
    before = round(written.visible["second"] * 4000) * channels * width
    cut = len(after) - len(samples)
    ends = [
        k
        for k in range(0, len(samples) + 1, channels * width)
        if after[:k] + after[k + cut :] == samples
    ]
    assert ends  # one contiguous stretch was put in, all else is as it was
    assert at == "middle" or {"start": 0, "end": len(samples)}[at] in ends
    assert before <= len(samples)


@pytest.mark.parametrize("at", PLACES)
def test_wav_in_stereo_at_each_place(tmp_path: Path, label: Label, at: Any) -> None:
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    source.write_bytes(made(".wav", *TONE, "-ac", "2", "-c:a", "pcm_s24le"))
    written = label_file(source, target, label, visible=Style(at=at))
    second, likeness = place_of_cue(decoded(target))
    assert likeness > 0.95
    assert written.visible is not None
    assert second - written.visible["second"] == pytest.approx(
        0 if at == "start" else 0.4, abs=0.02
    )
    assert inspect_file(target).standard.status == "compliant"


def test_cue_points_and_counts_move_along() -> None:
    samples = bytes(2000)
    data = wav(samples, 1, 2, 8000)
    fact = struct.pack("<4sII", b"fact", 4, 1000)
    points = [(1, 0), (2, 500), (3, 999)]
    body = struct.pack("<I", 3) + b"".join(
        struct.pack("<II4sIII", n, at, b"data", 0, 0, at) for n, at in points
    )
    extra = fact + struct.pack("<4sI", b"cue ", len(body)) + body
    data = data[:36] + extra + data[36:]
    data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    out, _ = label_bytes(data, "x.wav", Label("x", "1"), visible=Style(at="end"))
    assert extra[16:] in out  # points before the end stay
    out, _ = label_bytes(data, "x.wav", Label("x", "1"))
    added = rhythm.frames(8000)
    assert struct.pack("<4sII", b"fact", 4, 1000 + added) in out
    place = out.index(b"cue ") + 12
    found = [struct.unpack_from("<II4sIII", out, place + 24 * n) for n in range(3)]
    assert [(n, a, b) for n, a, _, _, _, b in found] == [
        (n, p + added, p + added) for n, p in points
    ]


def test_compressed_wav_is_refused(tmp_path: Path, label: Label) -> None:
    source = tmp_path / "in.wav"
    source.write_bytes(made(".wav", *TONE, "-c:a", "adpcm_ms"))
    with pytest.raises(LabelError, match="PCM"):
        label_file(source, tmp_path / "out.wav", label)


CODED = {
    "a.mp3": ("-ac", "2", "-b:a", "128k", "-metadata", "title=Song"),
    "a.flac": ("-c:a", "flac", "-sample_fmt", "s32", "-metadata", "title=Song"),
    "a.ogg": ("-c:a", "libvorbis", "-metadata", "title=Song"),
    "a.opus": ("-ac", "2", "-b:a", "64k", "-metadata", "title=Song"),
    "a.m4a": ("-ac", "2", "-metadata", "title=Song"),
    "a.aac": (),
    "a.mka": ("-c:a", "libmp3lame", "-metadata", "title=Song"),
}


def probed(path: Path) -> dict[str, Any]:
    words = [program("ffprobe"), "-v", "error", "-show_format", "-show_streams", "-of", "json"]
    found: dict[str, Any] = json.loads(
        subprocess.run([*words, str(path)], capture_output=True, check=True).stdout
    )
    return found


@pytest.mark.parametrize("name", CODED)
def test_coded_sound_is_heard_and_keeps_its_kind(name: str, tmp_path: Path, label: Label) -> None:
    source, target = tmp_path / ("in" + name), tmp_path / name
    source.write_bytes(made(source.suffix, *TONE, *CODED[name]))
    written = label_file(source, target, label)
    second, likeness = place_of_cue(decoded(target))
    assert second < 0.1
    assert likeness > 0.95
    old, new = (probed(path) for path in (source, target))
    for key in ("codec_name", "sample_rate", "channels", "sample_fmt"):
        assert old["streams"][0].get(key) == new["streams"][0].get(key)
    tags = {**new["format"].get("tags", {}), **new["streams"][0].get("tags", {})}
    assert ("title" in tags) == (name != "a.aac")
    assert len(decoded(target)) - len(decoded(source)) == pytest.approx(1.5 * 16000, abs=1600)
    assert inspect_file(target).label == dict(written.label)


@pytest.mark.parametrize("at", ["middle", "end"])
def test_lossless_sound_stays_lossless(tmp_path: Path, label: Label, at: Any) -> None:
    source, target = tmp_path / "in.flac", tmp_path / "out.flac"
    source.write_bytes(made(".flac", *TONE, "-c:a", "flac", "-sample_fmt", "s32"))
    label_file(source, target, label, visible=Style(at=at))
    old, new = (ffmpeg.samples(path, 44100, 1, "int32") for path in (source, target))
    cut = len(new) - len(old)
    same = next(k for k in range(0, len(old) + 4, 4) if k == len(old) or old[k] != new[k])
    places = range(max(0, same - 44100 * 4), same + 8, 4)
    assert any(new[:k] + new[k + cut :] == old for k in places)
    assert place_of_cue(decoded(target))[1] > 0.95


def test_a_cover_is_kept(tmp_path: Path, label: Label) -> None:
    plain = tmp_path / "plain.mp3"
    plain.write_bytes(made(".mp3", *TONE))
    cover = tmp_path / "cover.jpg"
    cover.write_bytes(
        made(".jpg", "-f", "lavfi", "-i", "color=red:s=64x64:d=0.1", "-frames:v", "1")
    )
    source = tmp_path / "in.mp3"
    words = [program("ffmpeg"), "-v", "error", "-i", str(plain), "-i", str(cover), "-map", "0"]
    subprocess.run([*words, "-map", "1", "-c", "copy", str(source)], check=True, timeout=60)
    label_file(source, tmp_path / "out.mp3", label)
    kinds = [s["codec_type"] for s in probed(tmp_path / "out.mp3")["streams"]]
    assert kinds == ["audio", "video"]


@pytest.mark.parametrize("name", ["a.wav", "a.mp3"])
def test_a_spoken_clip_takes_the_place_of_the_cue(name: str, tmp_path: Path, label: Label) -> None:
    clip = tmp_path / "notice.wav"
    clip.write_bytes(made(".wav", "-f", "lavfi", "-i", "sine=frequency=1500:duration=2"))
    source, target = tmp_path / ("in" + name), tmp_path / name
    source.write_bytes(made(source.suffix, *TONE))
    written = label_file(source, target, label, visible=Style(clip=clip))
    assert written.visible is not None
    assert written.visible["text"] == "notice.wav"
    samples = decoded(target)[4000:28000]
    peak = np.abs(np.fft.rfft(samples)).argmax() * 16000 / len(samples)
    assert peak == pytest.approx(1500, abs=5)


def test_without_ffmpeg_there_is_one_clear_line(
    tmp_path: Path, label: Label, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.mp3"
    source.write_bytes(made(".mp3", *TONE))
    monkeypatch.setenv("PATH", str(tmp_path))
    ffmpeg.program.cache_clear()
    with pytest.raises(LabelError, match=r"ffmpeg, which is not installed.*--no-visible"):
        label_file(source, tmp_path / "out.mp3", label)
    ffmpeg.program.cache_clear()
    assert not (tmp_path / "out.mp3").exists()
