"""Making a log: keys, public key, database, first checkpoint; whole or to be done again."""

from __future__ import annotations

import contextlib
import secrets

from guard.audit import keys, pages, store
from guard.audit.files import (
    Layout,
    cannot_write,
    locked,
    refuse_network,
    sync_folder,
    write_whole,
)
from guard.audit.head import sign_head
from guard.audit.note import valid_name
from guard.audit.tree import Frontier
from guard.errors import EvidenceError, InputError


def create_log(layout: Layout, origin: str | None, wait_s: float) -> None:
    """Make the log unless it is there. Processes that start together make one between them.

    A crash on the way leaves ``init.unfinished``; the next one then starts over, which is safe
    because nothing was acknowledged before that file was gone.
    """
    if layout.db.exists() and not layout.starting.exists():
        return
    name = origin or f"aigc-guard/log-{secrets.token_hex(8)}"
    if not valid_name(name):
        raise InputError(f"origin {name!r}: a space, a plus or a control character", "leave it out")
    try:
        layout.root.mkdir(parents=True, exist_ok=True)
        refuse_network(layout.root)
        with locked(layout.commit_lock, wait_s=wait_s), store.translated(layout.root):
            if layout.starting.exists():
                _clear(layout)
            elif layout.db.exists():
                return
            elif layout.vkey.exists() or layout.checkpoints.exists():
                text = f"{layout.db}: missing, though the rest of the log is there"
                raise EvidenceError(text, "restore it from a copy, or choose another folder")
            _make(layout, name)
    except OSError as error:
        raise cannot_write(layout.root, error) from error


def _make(layout: Layout, origin: str) -> None:
    write_whole(layout.starting, b"")
    layout.checkpoints.mkdir()
    keys.create(layout.keys)
    ring = keys.Keys(layout.keys)
    write_whole(layout.vkey, f"{ring.verifier(origin)}\n".encode())
    note = sign_head(Frontier(), origin, ring)
    write_whole(layout.checkpoint(0), note.encode())
    store.create(layout.db, note)
    pages.write_first(layout, ring, origin)
    layout.pages_lock.touch()
    for folder in (layout.checkpoints, layout.root):
        sync_folder(folder)
    layout.starting.unlink()
    sync_folder(layout.root)


def _clear(layout: Layout) -> None:
    """Remove what an unfinished start left. Keys are kept: they may be shared or precious."""
    shm = layout.root / "log.db-shm"
    for path in (layout.db, layout.wal, shm, layout.pages, layout.vkey, layout.checkpoint(0)):
        path.unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        layout.checkpoints.rmdir()
