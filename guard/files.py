"""Writing that is whole or not at all: a temporary name, fsync, rename, fsync of the folder."""

from __future__ import annotations

import hashlib
import os
import queue
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Self


class BackgroundDigest:
    """SHA-256 of a large file while it is being written: hashing takes longer than writing, and
    both leave the interpreter free. A context manager, so that no thread outlives an error."""

    def __init__(self) -> None:
        self._pieces: queue.Queue[bytes | None] = queue.Queue(maxsize=16)
        self._hash = hashlib.sha256()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def update(self, piece: bytes) -> None:
        """Add bytes, in order; waits when hashing is far behind."""
        self._pieces.put(piece)

    def hexdigest(self) -> str:
        """The digest of all that was added, after which nothing can be."""
        self._end()
        return self._hash.hexdigest()

    def _end(self) -> None:
        if self._thread.is_alive():
            self._pieces.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (piece := self._pieces.get()) is not None:
            self._hash.update(piece)


def sync_folder(folder: Path) -> None:
    """Make a rename inside ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``: afterwards it is the old file or the new one, never a part.

    Raises:
        OSError: nothing is left behind.
    """
    write_with(path, lambda file: file.write(data))


def write_with(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """As :func:`write_file`, the data written by ``fill``: nothing has to fit into memory."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Make the folder ``path``, which must not exist, with all ``files`` in it or not at all.

    Raises:
        OSError: nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        for name, data in files.items():
            write_file(draft / name, data)
        draft.chmod(0o755)
        draft.rename(path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    sync_folder(path.parent)
