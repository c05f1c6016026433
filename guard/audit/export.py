"""Exports for those who verify or read elsewhere: tlog-tiles, JSON lines, CSV.

Each holds the records under the newest checkpoint, no more; tiles and JSON lines come with that
checkpoint, the public key and a stand-alone ``verify.py``.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from guard.audit import standalone, store
from guard.audit.entry import decode
from guard.audit.files import PARTIAL, cannot_write, sync_folder
from guard.audit.tree import TILE_WIDTH
from guard.errors import InputError

if TYPE_CHECKING:
    from guard.audit.log import AuditLog

FORMATS: Final = ("tiles", "jsonl", "csv")

#: Columns of the CSV form.
COLUMNS: Final = (
    "index", "time", "kind", "stage", "action", "role", "rules", "categories",
    "risk", "complete", "policy", "request_id", "subject",
)  # fmt: skip


def export(log: AuditLog, out: Path, form: str = "tiles") -> int:
    """Write an export into the new or empty folder ``out``; the number of records in it.

    It appears whole or not at all. Raises :class:`InputError` if ``out`` holds something.
    """
    writers: dict[str, Callable[[sqlite3.Connection, int, Path], None]] = {
        "tiles": _tiles,
        "jsonl": _jsonl,
        "csv": _csv,
    }
    if form not in writers:
        raise InputError(f"export format {form!r}", f"use one of {', '.join(FORMATS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: already there and not empty", "choose a new folder")
    partial = out.with_name(f"{PARTIAL}{os.getpid()}-{out.name}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        with store.reading(log.layout) as db:
            size, note = store.last_checkpoint(db)
            (partial / "checkpoint").write_bytes(note.encode())
            (partial / "log.vkey").write_bytes(f"{log.vkey}\n".encode())
            if form != "csv":
                shutil.copyfile(standalone.__file__, partial / "verify.py")
            writers[form](db, size, partial)
        _sync(partial)
        partial.replace(out)
        sync_folder(out.parent)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return size


def _sync(folder: Path) -> None:
    """Make every file of a tree durable."""
    for where, _, names in os.walk(folder):
        for name in names:
            with Path(where, name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(where))


# Tiles ------------------------------------------------------------------------------------------


def _tile(folder: Path, kind: str, index: int, width: int) -> Path:
    """Where a tile goes (c2sp.org/tlog-tiles), its folder made."""
    name = standalone.tile_name(index) + (f".p/{width}" if width < TILE_WIDTH else "")
    path = folder / "tile" / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _blocks(count: int) -> Iterator[tuple[int, int, int]]:
    """(tile index, start, width) of the tiles of ``count`` hashes."""
    for index in range(-(-count // TILE_WIDTH)):
        start = index * TILE_WIDTH
        yield index, start, min(TILE_WIDTH, count - start)


def _tiles(db: sqlite3.Connection, size: int, folder: Path) -> None:
    read = store.reader(db)
    for index, start, width in _blocks(size):
        bodies = (entry.body for entry in store.entries(db, start, start + width))
        bundle = b"".join(len(body).to_bytes(2) + body for body in bodies)
        _tile(folder, "entries", index, width).write_bytes(bundle)
    level, count = 0, size
    while count:
        for index, start, width in _blocks(count):
            _tile(folder, str(level), index, width).write_bytes(b"".join(read(level, start, width)))
        level, count = level + 1, count // TILE_WIDTH


# Lines ------------------------------------------------------------------------------------------


def _jsonl(db: sqlite3.Connection, size: int, folder: Path) -> None:
    with (folder / "records.jsonl").open("wb") as file:
        for entry in store.entries(db, 0, size):
            file.write(entry.body + b"\n")


def row(record: dict[str, Any]) -> list[str]:
    """A record as cells of :data:`COLUMNS`."""
    body = record.get("body", {})
    rules = [str(rule.get("id", "")) for rule in body.get("rules", [])]
    categories = dict.fromkeys(str(f.get("category", "")) for f in body.get("findings", []))
    flat = {**body, **record, "rules": " ".join(rules), "categories": " ".join(categories)}
    return [_cell(flat.get(column, "")) for column in COLUMNS]


def _cell(value: object) -> str:
    """Text of a cell; a spreadsheet would run one that begins like a formula, so it is quoted."""
    text = value if isinstance(value, str) else json.dumps(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _csv(db: sqlite3.Connection, size: int, folder: Path) -> None:
    # The byte order mark makes spreadsheets read UTF-8.
    with (folder / "records.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for entry in store.entries(db, 0, size):
            writer.writerow(row(decode(entry.index, entry.body)))
