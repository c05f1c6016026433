"""The invisible mark in films, and the commands on sound and film."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from guard.cli import main
from guard.errors import LabelError
from guard.label import inspect_bytes, label_file
from guard.model import Label
from guard.watermark import film_mark

from .containers import program

KEY = bytes(range(32))
PAYLOAD = 0x0123456789ABCDEF
CODE = "001191110102MACQD9K64010000"


def made(path: Path, *options: object, source: str = "") -> Path:
    """Two seconds of a zooming fractal, 320 x 240, with a tone beside it."""
    picture = source or "mandelbrot=s=320x240:r=12:maxiter=400"
    words: list[object] = [program("ffmpeg"), "-v", "error", "-y", "-f", "lavfi", "-i", picture]
    words += ["-f", "lavfi", "-i", "sine=300:r=44100", "-t", 2, "-pix_fmt", "yuv420p"]
    subprocess.run([*map(str, words), *map(str, options), str(path)], check=True)
    return path


def again(path: Path, target: Path, *options: str) -> Path:
    words = [program("ffmpeg"), "-v", "error", "-y", "-i", path, *options, target]
    subprocess.run(words, check=True)
    return target


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    return made(folder / "plain.mp4", "-c:v", "libx264", "-crf", 18, "-c:a", "aac")


@pytest.fixture(scope="module")
def marked(film: Path) -> Path:
    target = film.with_name("marked.mp4")
    done = film_mark.mark_file(film, target, KEY, PAYLOAD)
    assert (done.payload, done.frames, done.kept) == (PAYLOAD, 24, False)
    return target


def streams(path: Path) -> list[dict[str, Any]]:
    words = ["-v", "error", "-show_streams", "-of", "json", str(path)]
    done = subprocess.run([program("ffprobe"), *words], check=True, capture_output=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)["streams"]
    return found


def luma(path: Path) -> np.ndarray[Any, Any]:
    words = ["-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    raw = subprocess.run([program("ffmpeg"), *words], check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).astype(float)


def test_read_back_by_the_key_alone(film: Path, marked: Path) -> None:
    seen = film_mark.read_file(marked, KEY)
    assert (seen.state, seen.payload) == ("present", PAYLOAD)
    assert seen.false_alarm <= 1e-6
    assert film_mark.read_file(film, KEY).state == "absent"
    assert film_mark.read_file(marked, KEY[::-1]).state == "absent"


def test_film_keeps_its_form_and_its_sound(film: Path, marked: Path) -> None:
    names = ("codec_name", "width", "height", "pix_fmt", "avg_frame_rate", "nb_frames")
    before, after = ([{n: s.get(n) for n in names} for s in streams(p)] for p in (film, marked))
    assert after == before
    sums = []
    for path in (film, marked):
        words = ["-v", "error", "-i", path, "-map", "0:a", "-c", "copy", "-f", "md5", "-"]
        done = subprocess.run([program("ffmpeg"), *words], check=True, capture_output=True)
        sums.append(done.stdout)
    assert sums[0] == sums[1]
    error = np.mean((luma(film) - luma(marked)) ** 2)
    assert 10 * np.log10(255**2 / error) > 39


@pytest.mark.parametrize(
    "options",
    [
        ["-crf", "28"],
        ["-vf", "crop=iw*0.9:ih*0.9:9:5", "-crf", "23"],
        ["-vf", "hflip", "-crf", "23"],
        ["-vf", "scale=iw*1.25:-2", "-crf", "23"],
        ["-ss", "0.7", "-t", "1", "-crf", "23"],
    ],
)
def test_survives(marked: Path, tmp_path: Path, options: list[str]) -> None:
    assert film_mark.read_file(again(marked, tmp_path / "a.mp4", *options), KEY).payload == PAYLOAD


def test_marked_film_is_kept(marked: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.mp4"
    done = film_mark.mark_file(marked, target, KEY)
    assert (done.kept, done.payload) == (True, PAYLOAD)
    assert target.read_bytes() == marked.read_bytes()


def test_small_film_is_refused(tmp_path: Path) -> None:
    small = made(tmp_path / "small.mp4", source="testsrc2=s=160x96:r=12")
    with pytest.raises(LabelError, match="too few"):
        film_mark.mark_file(small, tmp_path / "out.mp4", KEY)
    assert not (tmp_path / "out.mp4").exists()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "mark.key"
    path.write_bytes(KEY)
    return path


def test_label_then_inspect(
    film: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = "anoisesrc=color=pink:r=22050:seed=3:a=0.3"
    sound = tmp_path / "s.mp3"
    words = ["-v", "error", "-f", "lavfi", "-i", noise, "-t", "9", str(sound)]
    subprocess.run([program("ffmpeg"), *words], check=True)
    options = ["--producer", CODE, "--watermark", "--watermark-key", str(key), "--json"]
    assert main(["label", str(sound), str(film), "--out", str(tmp_path / "out"), *options]) == 0
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    numbers = [row["watermark"]["payload"] for row in written]
    assert [len(number) for number in numbers] == [8, 16]
    files = [str(tmp_path / "out" / path.name) for path in (sound, film)]
    assert main(["inspect", *files, "--watermark-key", str(key), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["watermark"]["payload"] for row in rows] == numbers
    assert [row["verdict"] for row in rows] == ["confirmed", "confirmed"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["plain.mp4", "s.mp3"]


def test_mark_without_label_is_a_suspicion(marked: Path, key: Path) -> None:
    seen = inspect_bytes(marked.read_bytes(), "x.mp4", watermark_key=key)
    assert seen.watermark is not None
    assert seen.watermark["payload"] == f"{PAYLOAD:016x}"
    assert seen.verdict == "suspected"


def test_kinds_without_a_mark_are_refused(key: Path, tmp_path: Path) -> None:
    source = tmp_path / "a.md"
    source.write_text("words", encoding="utf-8")
    with pytest.raises(Exception, match="no invisible mark is written into markdown"):
        label_file(source, tmp_path / "b.md", Label(CODE), watermark_key=key)
