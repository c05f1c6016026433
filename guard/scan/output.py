"""What a scan writes: all of it beside OUT first, moved into place whole, or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from guard.errors import CannotFinish, InputError
from guard.scan.files import Input
from guard.stages.stage2_data_cleaner import Entry


def to_json(value: Any, *, indent: int | None = None) -> str:
    """JSON text that UTF-8 can carry: lone surrogates make it escape everything."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text


def ledger_name(name: str) -> str:
    """The ledger's file name for an input: flat, one to one, and always .jsonl."""
    return name.replace("%", "%25").replace("/", "%2F") + ".jsonl"


def check_free(out: Path) -> None:
    """Refuse a folder that holds something: no run may mix its output with another's.

    Raises:
        InputError: ``out`` is a file or a folder that is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists and is not an empty folder", "choose another --out")


@contextlib.contextmanager
def staging(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` which becomes ``out`` when the block ends well.

    Otherwise it is removed with all that is in it.

    Raises:
        CannotFinish: the disk is full, or the folder cannot be written.
    """
    out = out.absolute()
    box: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        box = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        inside = box / "out"  # mkdtemp gives 0700; this one gets the user's usual mode
        inside.mkdir()
        yield inside
        for folder in [inside, *(path for path in inside.rglob("*") if path.is_dir())]:
            _sync(folder)
        inside.rename(out)
        _sync(out.parent)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CannotFinish(
            f"{out}: {reason}; nothing was written", "free space or choose another folder"
        ) from error
    finally:
        if box is not None:
            shutil.rmtree(box, ignore_errors=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _durable(path: Path) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def kept_file(folder: Path, file: Input) -> Iterator[BinaryIO]:
    """The file of kept documents, in the input's own format. Gzip without clock time and name."""
    with _durable(folder / "kept" / file.name) as raw:
        if not file.name.endswith(".gz"):
            yield raw
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as packed:
            yield cast(BinaryIO, packed)


@contextlib.contextmanager
def ledger_file(folder: Path, file: Input) -> Iterator[BinaryIO]:
    """The ledger of one input: one JSON object a line, in the order of the input."""
    with _durable(folder / "ledger" / ledger_name(file.name)) as raw:
        yield raw


def ledger_line(entry: Entry) -> bytes:
    """One line of the ledger."""
    return (to_json(dataclasses.asdict(entry)) + "\n").encode()


def write_text(path: Path, text: str) -> None:
    """A whole text file, on the disk when this returns."""
    with _durable(path) as file:
        file.write(text.encode())


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 (hex) of every file below ``folder``, by its path, sorted."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _digest(path) for path in files}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def root(outputs: dict[str, str]) -> str:
    """One SHA-256 (hex) over all outputs, as of the lines that ``sha256sum`` prints for them."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in outputs.items())
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()
