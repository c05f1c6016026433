"""Input files: which ones, and their lines as bytes, hashed while they are read."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from guard.errors import InputError

SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".txt", ".txt.gz")
#: A longer line is quarantined unread, so that a small .gz cannot fill the memory.
MAX_LINE: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Input:
    """A file to scan. ``name`` is its path below ``kept/``, with forward slashes."""

    path: Path
    name: str

    @property
    def rows(self) -> bool:
        """JSON objects one a line; otherwise plain text, one document a line."""
        return self.name.endswith((".jsonl", ".jsonl.gz"))


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it was read, line end included; ``raw`` is empty where it was too long.

    ``sha256`` (hex) leaves the line end out and is given for a line that was too long.
    """

    number: int
    raw: bytes
    sha256: str = ""


def find_inputs(paths: Iterable[Path]) -> tuple[list[Input], list[str]]:
    """The files to scan, in the order given and sorted inside folders, and what was passed over.

    Hidden files and folders are no data and are not mentioned.

    Raises:
        InputError: a path that does not exist or cannot be read as data, or two of one name.
    """
    inputs: dict[str, Input] = {}
    passed_over: list[str] = []
    for path in paths:
        for item in _below(path):
            if not item.name.endswith(SUFFIXES):
                passed_over.append(item.name)
            elif item.name in inputs:
                first = inputs[item.name].path
                raise InputError(
                    f"{item.path} and {first} would both be written to kept/{item.name}",
                    "rename one, or scan them into two folders",
                )
            else:
                inputs[item.name] = item
    if not inputs:
        raise InputError("no data file among the inputs", f"give files in {', '.join(SUFFIXES)}")
    return list(inputs.values()), passed_over


def _below(path: Path) -> Iterator[Input]:
    if path.is_dir():
        for file in sorted(path.rglob("*"), key=lambda item: item.relative_to(path).parts):
            inside = file.relative_to(path)
            if file.is_file() and not any(part.startswith(".") for part in inside.parts):
                yield Input(file, inside.as_posix())
    elif not path.exists():
        raise InputError(f"{path}: no such file or folder", "check the path")
    elif not path.name.endswith(SUFFIXES):
        raise InputError(f"{path}: not a data file", f"give one of {', '.join(SUFFIXES)}")
    else:
        yield Input(path, path.name)


@dataclass(slots=True)
class Reader:
    """The lines of one file. ``size`` (bytes) and ``sha256`` describe it once it was read."""

    path: Path
    size: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the file as it lies on the disk."""
        digest: str = self._hash.hexdigest()
        return digest

    def lines(self) -> Iterator[Line]:
        """Lines end at LF only and count from 1, in the decompressed text.

        Raises:
            InputError: the file cannot be opened, or its gzip stream is broken.
        """
        number = 0
        try:
            with self.path.open("rb") as file, self._decoded(file) as stream:
                while raw := stream.readline(MAX_LINE + 1):
                    number += 1
                    yield self._line(number, raw, stream)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(
                f"{self.path}: the gzip stream is broken after line {number}",
                "fetch or compress the file again",
            ) from error
        except OSError as error:
            raise InputError(
                f"{self.path}: {(error.strerror or str(error)).lower()}",
                "check the path and the permissions",
            ) from error

    def _decoded(self, file: io.BufferedReader) -> io.BufferedIOBase:
        hashed = io.BufferedReader(_Hashed(file, self), 1 << 20)
        return gzip.GzipFile(fileobj=hashed) if self.path.name.endswith(".gz") else hashed

    def saw(self, data: memoryview) -> None:
        """Count and hash a piece of the file."""
        self.size += len(data)
        self._hash.update(data)

    @staticmethod
    def _line(number: int, raw: bytes, stream: io.BufferedIOBase) -> Line:
        if len(raw) <= MAX_LINE or raw.endswith(b"\n"):
            return Line(number, raw)
        digest = hashlib.sha256()
        while raw and not raw.endswith(b"\n"):
            digest.update(raw)
            raw = stream.readline(1 << 20)
        digest.update(raw.rstrip(b"\r\n"))
        return Line(number, b"", digest.hexdigest())


class _Hashed(io.RawIOBase):
    """A file that tells ``reader`` every piece that is read from it."""

    def __init__(self, file: io.BufferedReader, reader: Reader) -> None:
        self._file = file
        self._reader = reader

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer)
        self._reader.saw(memoryview(buffer)[:count])
        return count
