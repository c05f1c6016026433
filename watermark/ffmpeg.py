"""ffmpeg as a program: found, its version checked, run without network and without a shell.

Compressed sound and film are coded anew by it. It reads and writes files piece by piece, so the
length of a film does not matter.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from guard.errors import InputError, LabelError

#: The oldest version whose options are the ones used here.
_LEAST: Final = (4, 2)
#: Files only: a playlist inside a file must not make it open an address.
_LOCAL: Final = ("-protocol_whitelist", "file,pipe")
_GUESSES: Final = ("aac", "mp3")
_RAW: Final = {
    "uint8": "u8",
    "int16": "s16le",
    "int24": "s24le",
    "int32": "s32le",
    "float32": "f32le",
    "float64": "f64le",
}


@dataclass(frozen=True, slots=True)
class Program:
    """Where ffmpeg and ffprobe are, and their version; one built from git counts as new."""

    ffmpeg: str
    ffprobe: str
    version: tuple[int, int]


@lru_cache(maxsize=1)
def program() -> Program:
    """The installed ffmpeg.

    Raises:
        LabelError: there is none, or it is too old.
    """
    paths = [shutil.which(name) for name in ("ffmpeg", "ffprobe")]
    if None in paths:
        raise LabelError(
            "the label of sound and film needs ffmpeg, which is not installed",
            "install ffmpeg (apt install ffmpeg), or give --no-visible",
        )
    ffmpeg, ffprobe = (str(path) for path in paths)
    words = subprocess.run(  # noqa: S603
        [ffmpeg, "-version"], capture_output=True, check=False, stdin=subprocess.DEVNULL
    ).stdout
    found = re.match(rb"ffmpeg version \D{0,2}(\d+)\.(\d+)", words)
    version = (int(found[1]), int(found[2])) if found else (99, 0)
    if version < _LEAST:
        raise LabelError(
            f"ffmpeg {version[0]}.{version[1]} is too old",
            f"install version {_LEAST[0]}.{_LEAST[1]} or later, or give --no-visible",
        )
    return Program(ffmpeg, ffprobe, version)


def probe(path: Path, demuxer: str = "") -> dict[str, Any]:
    """Streams and tags of a file as ffprobe gives them. Raises :class:`InputError`."""
    words = ["-show_format", "-show_streams", "-of", "json", *_input(path, demuxer)]
    found: dict[str, Any] = json.loads(_run([program().ffprobe, "-v", "error", *words]))
    return found


def run(inputs: Sequence[tuple[Path, str]], options: Sequence[str], target: Path | None) -> bytes:
    """Run ffmpeg; what it writes to its standard output, when there is no ``target``.

    Args:
        inputs: files with the demuxer that must read them, empty to let ffmpeg find it.

    Raises:
        InputError: with the last words of ffmpeg.
    """
    words = [program().ffmpeg, "-v", "error", "-nostdin", "-y"]
    for path, demuxer in inputs:
        words += _input(path, demuxer)
    # Without the flag, every file would say which ffmpeg wrote it.
    return _run([*words, *options, "-fflags", "+bitexact", _name(target) if target else "pipe:1"])


@lru_cache(maxsize=1)
def encoders() -> frozenset[str]:
    """Names of the encoders that this ffmpeg has."""
    listed = _run([program().ffmpeg, "-v", "error", "-encoders"]).decode("utf-8", "replace")
    return frozenset(re.findall(r"^ [VAS][.\w]{5} (\S+)", listed, re.MULTILINE))


def encoder(codec: str, choices: Sequence[str]) -> str:
    """The first encoder of ``choices`` that is there.

    Raises:
        LabelError: there is none for ``codec``.
    """
    found = next((name for name in choices if name in encoders()), None)
    if found is None:
        raise LabelError(
            f"this ffmpeg cannot write {codec or 'this codec'}, so the file would change its codec",
            "convert it to H.264 or Opus first, or give --no-visible",
        )
    return found


def samples(path: Path, rate: int, channels: int, dtype: str) -> bytes:
    """A whole short sound as raw samples. Raises :class:`InputError`."""
    options = ["-map", "0:a:0", "-ar", str(rate), "-ac", str(channels), "-f", _RAW[dtype]]
    return run([(path, "")], options, None)


def check_whole(found: dict[str, Any], target: Path, demuxer: str) -> None:
    """Compare lengths: a decoder that loses its way in a damaged file ends early and calls it
    success. Streams without an index only have guesses of their length, which say nothing.

    Raises:
        InputError: the new file is shorter than the old one.
    """
    if demuxer in _GUESSES:
        return
    formats = (found["format"], probe(target, demuxer)["format"])
    before, after = (float(item.get("duration", 0) or 0) for item in formats)
    if after < before - max(1.0, before / 50):
        raise InputError(
            f"only {after:.1f} of {before:.1f} s could be decoded", "check it with ffprobe"
        )


def _input(path: Path, demuxer: str) -> list[str]:
    return [*_LOCAL, *(["-f", demuxer] if demuxer else []), "-i", _name(path)]


def _name(path: Path) -> str:
    return f"file:{path}"


def _run(words: list[str]) -> bytes:
    done = subprocess.run(  # noqa: S603 (a list of words, no shell)
        words, capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        said = lines[-1][:200] if lines else f"exit code {done.returncode}"
        raise InputError(f"ffmpeg could not read or write it ({said})", "check it with ffprobe")
    return done.stdout
