"""Signed digests of log.db itself, block by block.

The tree proves every entry, but a database file also has bytes that hold no entry (free space
in pages, header fields). ``log.pages`` is a signed note with the SHA-256 of each block of the
file, so that verify finds any changed byte of it. It costs little: the WAL names the pages that
change, and the main file changes only in :func:`fold`, never behind our back.

While a fold is under way the blocks it may touch stand as "-": after a crash there, only they
are open, and the next fold closes them again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from guard.audit import rawfile, wal
from guard.audit.files import Layout, write_whole
from guard.audit.note import NoteError, VerifierKey, number, open_note, sign_note
from guard.errors import EvidenceError

if TYPE_CHECKING:
    from guard.audit.keys import Keys

PAGE: Final = 4096
BLOCK: Final = 64 * PAGE
_HEAD: Final = "aigc-guard/pages@v1"
_OPEN: Final = "-"


@dataclass(frozen=True, slots=True)
class Pages:
    """Digests of the blocks of log.db. ``size`` is None while the file may grow."""

    size: int | None
    blocks: tuple[str, ...]

    @property
    def whole(self) -> bool:
        return self.size is not None and _OPEN not in self.blocks

    def text(self) -> str:
        size = _OPEN if self.size is None else str(self.size)
        return "\n".join([_HEAD, f"log.db {size}", *self.blocks, ""])

    @classmethod
    def open(cls, note: str, key: VerifierKey) -> Pages:
        """The digests in a note signed by ``key``. Raises :class:`NoteError`."""
        lines = open_note(note, key).split("\n")
        if len(lines) < 3 or lines[0] != _HEAD or not lines[1].startswith("log.db "):
            raise NoteError("not the digests of a log.db")
        size = lines[1].removeprefix("log.db ")
        return cls(None if size == _OPEN else number(size), tuple(lines[2:-1]))


def _digests(db: Path, blocks: Iterable[int]) -> dict[int, str]:
    with rawfile.reading(db) as read:
        return {block: sha256(read(BLOCK, block * BLOCK)).hexdigest() for block in blocks}


def _count(size: int) -> int:
    return -(-size // BLOCK)


def measure(db: Path) -> Pages:
    """The digests of the whole file."""
    size = db.stat().st_size
    return Pages(size, tuple(_digests(db, range(_count(size))).values()))


def differences(db: Path, pages: Pages, blocks: Iterable[int] | None = None) -> list[str]:
    """What does not agree between the file and its digests, as places for people."""
    size = db.stat().st_size
    if pages.size is not None and size != pages.size:
        return [f"log.db has {size} bytes instead of {pages.size}"]
    if size < (len(pages.blocks) - 1) * BLOCK:
        return [f"log.db ends at byte {size}, before the end of its signed blocks"]
    wanted = range(len(pages.blocks)) if blocks is None else blocks
    known = [block for block in wanted if pages.blocks[block] != _OPEN]
    now = _digests(db, known)
    return [
        f"log.db bytes {block * BLOCK}..{min(size, (block + 1) * BLOCK) - 1}"
        for block in known
        if now[block] != pages.blocks[block]
    ]


def fold(layout: Layout, db: sqlite3.Connection, keys: Keys, origin: str) -> None:
    """Move the WAL into log.db and sign the new digests.

    The caller holds the commit lock and the pages lock exclusively. Raises
    :class:`EvidenceError`, before anything is changed, when a block that is about to change is
    not what was signed: folding over it would hide the damage.
    """
    old = read(layout, keys.verifier(origin))
    log = layout.wal.read_bytes() if layout.wal.exists() else b""
    if not log and old.whole:
        return
    touched = {(page - 1) * PAGE // BLOCK for page in wal.changed_pages(log)}
    known = len(old.blocks)
    touched.add(known - 1)  # the last block may grow
    bad = differences(layout.db, old, sorted(b for b in touched if b < known))
    if bad:
        raise EvidenceError(f"{layout.root}: {bad[0]} changed since it was signed", _REMEDY)
    blocks = [_OPEN if b in touched else digest for b, digest in enumerate(old.blocks)]
    _write(layout, Pages(None, tuple(blocks)), keys, origin)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = layout.db.stat().st_size
    blocks += [_OPEN] * (_count(size) - known)
    new = _digests(layout.db, [b for b, digest in enumerate(blocks) if digest == _OPEN])
    blocks = [new.get(b, digest) for b, digest in enumerate(blocks)]
    _write(layout, Pages(size, tuple(blocks)), keys, origin)


_REMEDY: Final = "run `guard audit verify`, keep a copy of the folder and start a new log"


def _write(layout: Layout, pages: Pages, keys: Keys, origin: str) -> None:
    write_whole(layout.pages, sign_note(pages.text(), origin, keys.signing).encode())


def write_first(layout: Layout, keys: Keys, origin: str) -> None:
    """Sign the digests of a log that was just made."""
    _write(layout, measure(layout.db), keys, origin)


def read(layout: Layout, key: VerifierKey) -> Pages:
    """The signed digests. Raises :class:`EvidenceError` when they are missing or garbled."""
    try:
        return Pages.open(layout.pages.read_bytes().decode(), key)
    except FileNotFoundError:
        raise EvidenceError(f"{layout.pages}: missing", _REMEDY) from None
    except (NoteError, UnicodeDecodeError) as error:
        raise EvidenceError(f"{layout.pages}: {error}", _REMEDY) from error
