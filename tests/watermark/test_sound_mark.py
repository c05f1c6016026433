"""The invisible sound mark: what it survives, what it costs, when it stays silent."""

from __future__ import annotations

import io
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from guard.errors import InputError, LabelError
from guard.watermark import sound_mark
from guard.watermark.sound_mark_code import CODE_BITS, decode, encode

from .containers import program

Sound = NDArray[np.float32]
KEY = bytes(range(32))
OTHER = b"another key, as long as it must be"
PAYLOAD = 0xC0FFEE42
RATE = 44_100


def melody(seconds: float = 12, rate: int = RATE, seed: int = 1) -> Sound:
    """Decaying notes with overtones over breath, two channels that differ."""
    drawn = np.random.default_rng(seed)
    count = round(seconds * rate)
    time = np.arange(count) / rate
    out = np.zeros((count, 2))
    for start in range(0, count, round(0.22 * rate)):
        pitch = 220 * 2 ** (drawn.integers(0, 24) / 12)
        since = time[: min(rate, count - start)]
        tone = sum(np.sin(2 * np.pi * k * pitch * since) / k**1.3 for k in range(1, 9))
        note = np.exp(-5 * since) * tone
        out[start : start + rate] += note[:, None] * drawn.uniform(0.3, 1, 2)
    breath = drawn.normal(size=(count + 1, 2))
    breath = breath[1:] + breath[:-1]
    out += 0.02 * breath * (1.2 + np.sin(2 * np.pi * 1.3 * time))[:, None]
    return (0.3 * out / np.abs(out).max()).astype(np.float32)


@pytest.fixture(scope="module")
def sound() -> Sound:
    return melody()


@pytest.fixture(scope="module")
def marked(sound: Sound) -> Sound:
    return sound_mark.mark(sound, RATE, KEY, PAYLOAD)


def wav(sound: Sound, rate: int = RATE) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((sound.shape[1], 2, rate, 0, "NONE", ""))
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return out.getvalue()


def through(sound: Sound, folder: Path, suffix: str, *options: str) -> tuple[Sound, int]:
    """Coded and decoded by ffmpeg."""
    source, coded = folder / "in.wav", folder / f"coded{suffix}"
    source.write_bytes(wav(sound))
    said = [program("ffmpeg"), "-v", "error", "-y"]
    subprocess.run([*said, "-i", source, *options, coded], check=True)
    words = [*said, "-i", coded, "-ac", "1", "-ar", "16000", "-f", "f32le", "-"]
    raw = subprocess.run(words, check=True, capture_output=True).stdout
    return np.frombuffer(raw, "<f4"), 16_000


def test_mark_is_read_and_costs_little(sound: Sound, marked: Sound) -> None:
    seen = sound_mark.read(marked, RATE, KEY)
    assert (seen.state, seen.payload) == ("present", PAYLOAD)
    assert seen.false_alarm <= 1e-6
    assert marked.shape == sound.shape
    ratio = 10 * np.log10((sound**2).sum() / ((marked - sound) ** 2).sum())
    assert ratio >= 26


def test_nothing_above_and_below_its_band_changes(sound: Sound, marked: Sound) -> None:
    power = np.abs(np.fft.rfft((marked - sound)[:, 0])) ** 2
    pitch = np.fft.rfftfreq(len(sound), 1 / RATE)
    inside = power[(pitch > 250) & (pitch < 4150)].sum()
    assert inside > 0.995 * power.sum()


@pytest.mark.parametrize("key", [KEY, OTHER])
def test_absent_from_what_was_not_marked(sound: Sound, key: bytes) -> None:
    assert sound_mark.read(sound, RATE, key).state == "absent"


def test_absent_for_another_key(marked: Sound) -> None:
    assert sound_mark.read(marked, RATE, OTHER).state == "absent"


def _noisy(sound: Sound) -> Sound:
    drawn = np.random.default_rng(5).normal(size=sound.shape)
    return (sound + drawn * np.sqrt((sound**2).mean()) * 10**-1.5).astype(np.float32)


ATTACKS: dict[str, Callable[[Sound], Sound]] = {
    "quieter": lambda s: s * np.float32(0.05),
    "upside down": lambda s: -s,
    "clipped": lambda s: np.clip(s, *np.quantile(s, [0.01, 0.99])),
    "noise": _noisy,
    "mono": lambda s: s.mean(1, keepdims=True),
    "left": lambda s: s[:, :1],
    "6 s from anywhere": lambda s: s[123_457 : 123_457 + 6 * RATE],
    "late": lambda s: np.concatenate([np.zeros((77_777, 2), np.float32), s]),
    "8 bits": lambda s: np.rint(s * 127) / np.float32(127),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_survives(marked: Sound, attack: str) -> None:
    assert sound_mark.read(ATTACKS[attack](marked), RATE, KEY, search=False).payload == PAYLOAD


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".mp3", ["-b:a", "64k"]),
        (".m4a", ["-b:a", "64k"]),
        (".wav", ["-ar", "8000"]),
        (".wav", ["-ar", "22050", "-af", "lowpass=4000"]),
    ],
)
def test_survives_coding(marked: Sound, tmp_path: Path, suffix: str, options: list[str]) -> None:
    heard, rate = through(marked, tmp_path, suffix, *options)
    assert sound_mark.read(heard, rate, KEY, search=False).payload == PAYLOAD


@pytest.mark.parametrize(
    ("how", "tempo"), [(f"asetrate={RATE * 102 // 100}", 1.02), ("atempo=0.98", 0.98)]
)
def test_speed_is_found(marked: Sound, tmp_path: Path, how: str, tempo: float) -> None:
    heard, rate = through(marked, tmp_path, ".wav", "-af", how)
    seen = sound_mark.read(heard, rate, KEY)
    assert seen.payload == PAYLOAD
    assert seen.tempo == pytest.approx(tempo, abs=0.008)
    assert sound_mark.read(heard, rate, KEY, search=False).payload is None


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros((8 * RATE, 1), np.float32),
        np.ones((8 * RATE, 2), np.float32),
        np.zeros((10, 1), np.float32),
        np.zeros((0, 2), np.float32),
    ],
)
def test_silence_says_nothing(sound: Sound) -> None:
    assert sound_mark.read(sound, RATE, KEY).state == "absent"


def test_a_sound_that_repeats_every_two_seconds_is_no_mark() -> None:
    loop = np.tile(melody(2), (6, 1))
    assert all(
        sound_mark.read(loop, RATE, i.to_bytes(16, "big"), search=False).state == "absent"
        for i in range(20)
    )


@pytest.mark.parametrize(("seconds", "rate"), [(3.0, RATE), (12.0, 6000)])
def test_too_short_or_too_coarse_is_refused(seconds: float, rate: int) -> None:
    with pytest.raises(LabelError):
        sound_mark.mark(np.zeros((round(seconds * rate), 1), np.float32), rate, KEY, 1)


def test_short_key_is_refused(sound: Sound) -> None:
    with pytest.raises(InputError, match="needs 16"):
        sound_mark.read(sound, RATE, b"short")


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_code_survives_noise(payload: int, seed: int) -> None:
    drawn = np.random.default_rng(seed).normal(0, 0.6, CODE_BITS)
    assert decode((encode(payload) + drawn).astype(np.float32)) == payload


def test_code_refuses_noise() -> None:
    drawn = np.random.default_rng(3).normal(size=(300, CODE_BITS)).astype(np.float32)
    assert [decode(soft) for soft in drawn] == [None] * 300


# Files


def formed(sound: Sound, dtype: str) -> bytes:
    """A WAV of another form, with a chunk behind its samples, by hand."""
    scale = {"<i2": 2**15, "<i4": 2**31, "i3": 2**23}.get(dtype, 1)
    values = np.rint(sound * scale) if scale > 1 else sound
    if dtype == "i3":
        raw = values.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    else:
        raw = values.astype(dtype).tobytes()
    width, channels = (3 if dtype == "i3" else np.dtype(dtype).itemsize), sound.shape[1]
    head = (3 if "f" in dtype else 1).to_bytes(2, "little") + channels.to_bytes(2, "little")
    head += RATE.to_bytes(4, "little") + (RATE * channels * width).to_bytes(4, "little")
    head += (channels * width).to_bytes(2, "little") + (8 * width).to_bytes(2, "little")
    parts = ((b"fmt ", head), (b"data", raw), (b"note", b"kept as it is."))
    body = b"WAVE" + b"".join(k + len(b).to_bytes(4, "little") + b for k, b in parts)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


@pytest.mark.parametrize("dtype", ["<i2", "i3", "<i4", "<f4", "<f8"])
def test_wav_keeps_its_form(sound: Sound, tmp_path: Path, dtype: str) -> None:
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    before = formed(sound[: 9 * RATE], dtype)
    source.write_bytes(before)
    done = sound_mark.mark_file(source, target, KEY, PAYLOAD)
    after = target.read_bytes()
    assert sound_mark.read_file(target, KEY).payload == done.payload == PAYLOAD
    assert len(after) == len(before)
    assert after[:44] == before[:44]
    assert after[-22:] == before[-22:]


def test_wav_changes_as_the_samples_do(sound: Sound, tmp_path: Path) -> None:
    source, target = tmp_path / "a.wav", tmp_path / "b.wav"
    source.write_bytes(formed(sound, "<f4"))
    sound_mark.mark_file(source, target, KEY, PAYLOAD)
    samples: Any = np.frombuffer(target.read_bytes()[44:-22], "<f4").reshape(-1, 2)
    assert np.abs(samples - sound_mark.mark(sound, RATE, KEY, PAYLOAD)).max() < 1e-6


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".mp3", ["-b:a", "96k"]),
        (".m4a", ["-b:a", "96k"]),
        (".flac", ["-sample_fmt", "s16"]),
        (".opus", ["-b:a", "64k"]),
    ],
)
def test_coded_files_keep_codec_and_tags(
    sound: Sound, tmp_path: Path, suffix: str, options: list[str]
) -> None:
    plain, source, target = (tmp_path / name for name in ("a.wav", "b" + suffix, "c" + suffix))
    plain.write_bytes(wav(sound))
    said = [program("ffmpeg"), "-v", "error", "-i", plain, "-metadata", "title=As it was"]
    subprocess.run([*said, *options, source], check=True)
    done = sound_mark.mark_file(source, target, KEY)
    assert sound_mark.read_file(target, KEY, search=False).payload == done.payload
    before, after = (_described(path) for path in (source, target))
    assert after == before
    again = sound_mark.mark_file(target, tmp_path / ("d" + suffix), KEY)
    assert (again.kept, again.payload) == (True, done.payload)
    assert (tmp_path / ("d" + suffix)).read_bytes() == target.read_bytes()


def _described(path: Path) -> list[str]:
    entries = "stream=codec_name,sample_rate,channels:stream_tags=title:format_tags=title"
    words = ["-v", "error", "-show_entries", entries, "-of", "default=nw=1"]
    done = subprocess.run(
        [program("ffprobe"), *words, path], check=True, capture_output=True, text=True
    )
    return sorted(done.stdout.split("\n"))


def test_damaged_file_is_refused(tmp_path: Path, sound: Sound) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(formed(sound, "<i2")[:50_000])
    with pytest.raises(InputError):
        sound_mark.read_file(path, KEY)
