"""What a log must say of itself before anything is added to it."""

from __future__ import annotations

import sqlite3
from typing import Final

from guard.audit import store
from guard.audit.files import Layout
from guard.audit.keys import Keys
from guard.audit.note import Checkpoint, NoteError, VerifierKey, sign_note
from guard.audit.tree import Frontier, leaf_hash
from guard.errors import CannotFinish, EvidenceError

_REMEDY: Final = "run `guard audit verify` to see where, keep a copy and start a new log"


def read_vkey(layout: Layout) -> VerifierKey:
    """The public key beside the log. Raises :class:`EvidenceError` if it is missing or garbled."""
    try:
        text = layout.vkey.read_bytes().decode()
        if not text.endswith("\n"):
            raise NoteError("not a verifier key")
        return VerifierKey.parse(text[:-1])
    except FileNotFoundError:
        what = "missing" if layout.db.exists() else "no audit log here"
        raise EvidenceError(f"{layout.vkey}: {what}", "check the path") from None
    except (NoteError, UnicodeDecodeError) as error:
        raise EvidenceError(f"{layout.vkey}: {error}", "restore it from a copy") from error
    except OSError as error:
        raise CannotFinish(f"{layout.vkey}: {error.strerror}", "check the path") from error


def sign_head(edge: Frontier, origin: str, keys: Keys) -> str:
    """A checkpoint of the tree with this frontier, as a signed note."""
    return sign_note(Checkpoint(origin, edge.size, edge.root()).text(), origin, keys.signing)


def check_tail(layout: Layout, db: sqlite3.Connection, key: VerifierKey) -> None:
    """Recompute the frontier from the newest checkpoint on; refuse a log that disagrees.

    Cheap (at most :data:`CHECKPOINT_RECORDS` records or so); verify checks the rest.
    """
    size, note = store.last_checkpoint(db)
    try:
        signed = Checkpoint.open(note, key)
    except NoteError as error:
        raise EvidenceError(f"{layout.root}: checkpoint {size}: {error}", _REMEDY) from error
    edge, state = Frontier.at(store.reader(db), size), store.frontier(db)
    if (signed.size, signed.root) != (size, edge.root()):
        raise EvidenceError(f"{layout.root}: records do not match checkpoint {size}", _REMEDY)
    for entry, leaf in store.leaves(db, size):
        if entry.index != edge.size or leaf_hash(entry.body) != leaf:
            raise EvidenceError(f"{layout.root}: record {edge.size} was altered", _REMEDY)
        edge.append(leaf)
    if edge != state:
        raise EvidenceError(f"{layout.root}: the tree does not match its records", _REMEDY)
    newest = max((p.name for p in layout.checkpoints.glob("[0-9]*")), default="0")
    if newest > f"{edge.size:020d}":
        text = f"{layout.root}: the log is older than its checkpoint {newest.lstrip('0')}"
        raise EvidenceError(text, _REMEDY)
