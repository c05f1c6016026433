"""Checking a log: every byte of the evidence against the tree, the signatures and each other.

What is checked, in this order: the public key; the signed digests of log.db (each byte of the
file); the WAL's own checksums; the schema; that indices are dense, entries hash to their leaves,
leaves to the stored tree and the tree to every signed checkpoint, in the database and in the
``checkpoints`` folder, which must agree; and the key files, if they are there.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from guard.audit import pages, store, wal
from guard.audit.files import PARTIAL, Layout, locked
from guard.audit.head import read_vkey
from guard.audit.keys import Keys
from guard.audit.note import Checkpoint, NoteError, VerifierKey
from guard.audit.tree import Frontier
from guard.errors import EvidenceError, GuardError, InputError

#: A broken log can be broken in a million places; the first ones tell what happened.
MAX_PROBLEMS: Final = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written: ``where`` names the record or the file and place."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """The result of :func:`verify`.

    ``unsealed`` records lie after the newest checkpoint: whole and in order, but a cut at the
    end of them would leave no trace. ``key_pinned`` is false when the public key was taken from
    the log's own folder, which whoever can replace the whole folder can replace too. ``notes``
    say what could not be covered; they are no problems.
    """

    records: int = 0
    sealed: int = 0
    checkpoints: int = 0
    origin: str = ""
    key: str = ""
    key_pinned: bool = False
    root: str = ""
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verified(self) -> bool:
        return not self.problems

    @property
    def unsealed(self) -> int:
        return max(0, self.records - self.sealed)


@dataclass(slots=True)
class _Work:
    """What is known so far."""

    layout: Layout
    key: VerifierKey
    pinned: bool
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: dict[int, bytes] = field(default_factory=dict)
    wal: bytes = b""
    edge: Frontier = field(default_factory=Frontier)
    sealed: int = 0

    def bad(self, where: str, what: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(where, what))

    @contextlib.contextmanager
    def within(self, where: str) -> Iterator[None]:
        """Whatever goes wrong inside is a problem at ``where``."""
        try:
            yield
        except GuardError as error:
            if not isinstance(error, EvidenceError):
                raise
            self.bad(where, error.message)
        except (sqlite3.Error, OverflowError, ValueError, TypeError) as error:
            if "locked" in str(error):
                raise
            self.bad(where, str(error))

    def report(self) -> Report:
        return Report(
            records=self.edge.size,
            sealed=self.sealed,
            checkpoints=len(self.files),
            origin=self.key.name,
            key=str(self.key),
            key_pinned=self.pinned,
            root=self.edge.root().hex(),
            problems=tuple(self.problems),
            notes=tuple(self.notes),
        )


def load_key(source: str | Path, origin: str) -> VerifierKey:
    """A public key given by the auditor: a vkey, or a file with a vkey or a PEM public key.

    Raises :class:`InputError` if it is none of these.
    """
    text = str(source)
    if Path(text).is_file():
        text = Path(text).read_bytes().decode(errors="replace").strip()
    try:
        if "-----BEGIN" in text:
            return VerifierKey(origin, _from_pem(text))
        return VerifierKey.parse(text)
    except (NoteError, ValueError) as error:
        remedy = "give the log.vkey file, its text, or an Ed25519 public key in PEM"
        raise InputError(f"--key {source}: {error}", remedy) from error


def _from_pem(text: str) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(text.encode())
    except UnsupportedAlgorithm as error:
        raise ValueError("unknown kind of key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    return key.public_bytes_raw()


def verify(
    path: str | os.PathLike[str],
    *,
    key: str | Path | None = None,
    keys: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Check a log; what is wrong is in the report, never an exception.

    Args:
        path: the log's folder. Running writers may go on; nothing in it is changed.
        key: the public key the auditor trusts; without it the one beside the log is used.
        keys: the folder of the secrets, checked too if it is there.
        progress: called with (records done, records in all) now and then.

    Raises:
        InputError: no such folder, or an unusable ``key``.
        CannotFinish: the folder cannot be read, or somebody holds the log.
    """
    root = Path(path)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder", "check the path")
    layout = Layout(root, Path(keys) if keys is not None else root / "keys")
    try:
        beside: VerifierKey | None = read_vkey(layout)
        problems = []
    except EvidenceError as error:
        beside, problems = None, [Problem("log.vkey", error.message)]
    trusted = load_key(key, beside.name if beside else "?") if key is not None else beside
    if trusted is None:
        return Report(problems=tuple(problems))
    if beside is not None and beside != trusted:
        problems.append(Problem("log.vkey", "not the key that was given"))
    work = _Work(layout, trusted, key is not None, problems)
    if not work.pinned:
        work.notes.append("the public key is the one beside the log; pin it with --key")
    _check_all(work, progress or (lambda done, total: None))
    return work.report()


def _check_all(work: _Work, progress: Callable[[int, int], None]) -> None:
    layout = work.layout
    if not layout.db.is_file():
        work.bad("log.db", "missing")
        return
    with (
        locked(layout.pages_lock, shared=True, wait_s=60),
        contextlib.ExitStack() as held,
    ):
        db: sqlite3.Connection | None = None
        with locked(layout.commit_lock, shared=True, wait_s=60), work.within("log.db"):
            _check_names(work)
            work.wal = layout.wal.read_bytes() if layout.wal.exists() else b""
            db = held.enter_context(contextlib.closing(store.snapshot(layout)))
        whole = _check_pages(work)
        if broken := wal.damage(work.wal):
            work.bad(f"log.db-wal byte {broken[0]}", broken[1])
        if db is not None:
            if not whole:
                _check_structure(work, db)
            with work.within("log.db"):
                _check_tree(work, db, progress)
            with work.within("log.db"):
                _check_checkpoints(work, db)
    _check_keys(work)


def _check_names(work: _Work) -> None:
    """Take stock of the folder. Checkpoint files are strict; strangers beside the log are noted."""
    layout = work.layout
    if (layout.root / "log.db-journal").exists():
        # SQLite would roll it back into the database: no file of ours, and a way to change it.
        raise EvidenceError("log.db-journal: a rollback journal was put beside the database")
    if layout.starting.exists():
        raise EvidenceError("init.unfinished: the log was never finished being made")
    names = sorted(p.name for p in layout.root.iterdir())
    odd = [n for n in names if n not in layout.expected() and not n.startswith(PARTIAL)]
    if odd:
        work.notes.append(f"not part of the log, not checked: {', '.join(odd[:5])}")
    if not layout.checkpoints.is_dir():
        work.bad("checkpoints", "missing")
        return
    for path in sorted(layout.checkpoints.iterdir()):
        name = path.name
        if name.isascii() and name.isdigit() and len(name) == 20 and path.is_file():
            work.files[int(name)] = path.read_bytes()
        elif not name.startswith(PARTIAL):
            work.bad(f"checkpoints/{name}", "not a checkpoint of this log")


def _check_pages(work: _Work) -> bool:
    """Every byte of log.db against its signed digests; whether that covered all of it."""
    signed: pages.Pages | None = None
    with work.within("log.pages"):
        signed = pages.read(work.layout, work.key)
        for place in pages.differences(work.layout.db, signed):
            work.bad(place, "changed since it was signed")
        if not signed.whole:
            work.notes.append("a crash left part of log.db unsigned; `guard audit seal` signs it")
    return signed is not None and signed.whole and not work.problems


def _check_structure(work: _Work, db: sqlite3.Connection) -> None:
    """SQLite's own check, where the signed digests do not cover the file."""
    with work.within("log.db"):
        for (line,) in db.execute("PRAGMA integrity_check(5)"):
            if line != "ok":
                work.bad("log.db", line)


def _check_tree(work: _Work, db: sqlite3.Connection, progress: Callable[[int, int], None]) -> None:
    """Rebuild the tree from the entries, comparing each stored hash and checkpoint on the way."""
    edge = work.edge
    nodes = iter(
        db.execute("SELECT level, idx, hash FROM node ORDER BY (idx + 1) << (8 * level), level")
    )
    total = db.execute("SELECT count(*) FROM entry").fetchone()[0]
    heads = set(work.files)
    _check_head(work, heads)
    for index, body, leaf in db.execute("SELECT idx, body, leaf FROM entry ORDER BY idx"):
        if index != edge.size:
            work.bad(f"record {edge.size}", f"missing: the next one in the database is {index}")
            return
        if not isinstance(body, bytes) or sha256(b"\x00" + body).digest() != leaf:
            work.bad(f"record {index}", "its bytes do not hash to its leaf")
            return
        for node in edge.append(leaf):
            if next(nodes, None) != (node.level, node.index, node.hash):
                work.bad(f"record {index}", f"stored hash {node.level}/{node.index} is wrong")
                return
        if edge.size in heads:
            _check_head(work, heads)
        if index & 0x3FFF == 0:
            progress(index, total)
    if next(nodes, None) is not None:
        work.bad("log.db", "hashes of subtrees that do not exist")
    _check_state(work, db)


def _check_state(work: _Work, db: sqlite3.Connection) -> None:
    rows = db.execute("SELECT id, size, peaks FROM state").fetchall()
    if rows != [(0, work.edge.size, work.edge.pack())]:
        size = rows[0][1] if len(rows) == 1 else "?"
        what = f"the database counts {size} records and holds {work.edge.size}"
        what = what if size != work.edge.size else "the stored frontier is not that of the records"
        work.bad(f"record {work.edge.size}", what)


def _check_head(work: _Work, heads: set[int]) -> None:
    """The checkpoint file of the current size, against the signature and the tree."""
    size = work.edge.size
    if size not in heads:
        return
    where = f"checkpoints/{size:020d}"
    try:
        head = Checkpoint.open(work.files[size].decode(), work.key)
    except (NoteError, UnicodeDecodeError) as error:
        work.bad(where, str(error))
        return
    if head.size != size:
        work.bad(where, f"says size {head.size}")
    elif head.root != work.edge.root():
        work.bad(where, f"records {work.sealed}..{size - 1} are not those that were signed")
    else:
        work.sealed = size


def _check_checkpoints(work: _Work, db: sqlite3.Connection) -> None:
    """Files and rows must agree; a file may be ahead by the one whose row a crash prevented."""
    rows = dict(db.execute("SELECT size, note FROM checkpoint"))
    for size, note in sorted(rows.items()):
        if size not in work.files:
            work.bad(f"checkpoints/{size:020d}", "missing")
        elif work.files[size] != str(note).encode():
            work.bad(f"checkpoints/{size:020d}", "not the checkpoint in the database")
    if 0 not in rows:
        work.bad("log.db", "the checkpoint of the empty log is missing")
    for size in sorted(work.files):
        if size > work.edge.size:
            what = f"{size} records were signed, {work.edge.size} are here"
            work.bad(f"record {work.edge.size}", what)
        elif size not in rows:
            work.notes.append(f"checkpoint {size} is not in the database: a crash came between")


def _check_keys(work: _Work) -> None:
    layout = work.layout
    if not layout.keys.is_dir():
        work.notes.append("no key folder here: the secrets were not checked")
        return
    with work.within(layout.keys.name):
        Keys(layout.keys).check(work.key)


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain JSON types."""
    return {
        "verified": report.verified,
        "records": report.records,
        "sealed": report.sealed,
        "unsealed": report.unsealed,
        "checkpoints": report.checkpoints,
        "root": report.root,
        "origin": report.origin,
        "key": report.key,
        "key_pinned": report.key_pinned,
        "problems": [{"where": p.where, "what": p.what} for p in report.problems],
        "notes": list(report.notes),
    }
