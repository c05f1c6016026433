"""Real files of every kind, made on the spot by Pillow, ffmpeg and the standard library."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from guard.model import Label
from guard.watermark import formats, gb45438

OTHER = Label("elsewhere", "old-7")
OLD_JSON = gb45438.to_json(OTHER)


def program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (CI installs it)")
    return path


@functools.cache
def ffmpeg(suffix: str, *options: str) -> bytes:
    """A short file made by ffmpeg: ``options`` come before the output's name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "made" + suffix)
        words = [program("ffmpeg"), "-loglevel", "error", "-bitexact", *options, str(path)]
        subprocess.run(words, check=True, timeout=60, stdin=subprocess.DEVNULL)
        return path.read_bytes()


#: One second of sound; a quarter of a second of picture.
TONE = ("-f", "lavfi", "-i", "sine=frequency=440:duration=1:sample_rate=44100")
FILM = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=24:duration=0.5")


def decoded(data: bytes, suffix: str, folder: Path) -> str:
    """The digest of every decoded frame and sample, by ffmpeg, which must find no fault."""
    path = folder / f"decoded{suffix}"
    path.write_bytes(data)
    words = [program("ffmpeg"), "-loglevel", "error", "-i", str(path), "-map", "0", "-f"]
    done = subprocess.run(
        [*words, "framemd5", "-"], capture_output=True, check=True, timeout=60, text=True
    )
    assert not done.stderr
    return done.stdout


def probe(data: bytes, suffix: str, folder: Path) -> str:
    """Everything ffprobe says of a file's tags, as JSON text."""
    path = folder / f"probed{suffix}"
    path.write_bytes(data)
    words = [program("ffprobe"), "-loglevel", "error", "-show_format", "-show_streams", "-of"]
    return subprocess.run(
        [*words, "json", str(path)], capture_output=True, check=True, timeout=60, text=True
    ).stdout


def write(data: bytes, label: Label, name: str = "x") -> bytes:
    return formats.write_label(data, formats.require(data, name), label)


def read(data: bytes, name: str = "x") -> gb45438.Reading:
    found = formats.detect(data, name)
    assert found
    reading: gb45438.Reading = found.container.read_labels(data)
    return reading


def held(data: bytes, name: str = "x") -> list[Any]:
    """The fields of every label in a file."""
    return [found.fields for found in read(data, name).found]
