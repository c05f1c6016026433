"""ffmpeg as a source and a sink of raw samples or frames, so that nothing is held whole."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from guard.errors import InputError
from guard.watermark import ffmpeg


@contextmanager
def decoded(
    path: Path, demuxer: str, options: Sequence[str], start: float = 0
) -> Iterator[IO[bytes]]:
    """What ffmpeg writes to its standard output, from the second ``start`` on.

    Reading may stop before its end.

    Raises:
        InputError: with the last words of ffmpeg, when it was read to its end and failed.
    """
    words = [ffmpeg.program().ffmpeg, "-v", "error", "-nostdin"]
    words += [*(["-ss", f"{start:.3f}"] if start else []), *ffmpeg._input(path, demuxer)]
    with _running([*words, *options, "pipe:1"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        with process.stdout as out:
            yield out
            if out.read(1):  # the reader has enough
                process.kill()
                process.wait()


@contextmanager
def encoder(
    source: tuple[Path, str], raw: Sequence[str], options: Sequence[str], target: Path
) -> Iterator[IO[bytes]]:
    """The standard input of ffmpeg, as its input 1 of the form ``raw``; ``source`` is input 0.

    Raises:
        InputError: with the last words of ffmpeg.
    """
    words = [ffmpeg.program().ffmpeg, "-v", "error", "-y", *ffmpeg._input(*source)]
    words += [*raw, "-i", "pipe:0"]
    words += [*options, "-fflags", "+bitexact", ffmpeg._name(target)]
    with _running(words, stdin=subprocess.PIPE) as process:
        assert process.stdin
        try:
            with process.stdin as into:
                yield into
        except BrokenPipeError:
            pass  # ffmpeg says why


@contextmanager
def _running(words: list[str], **pipes: Any) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(words, stderr=said, **pipes)  # noqa: S603 (no shell)
        try:
            yield process
            process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.returncode > 0:
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").strip().splitlines()
            reason = lines[-1][:200] if lines else f"exit code {process.returncode}"
            raise InputError(
                f"ffmpeg could not read or write it ({reason})", "check it with ffprobe"
            )
