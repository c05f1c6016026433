"""The audit log: append, read, prove. One object per folder and process; share it freely.

Writers of several processes take turns on ``commit.lock``. Nothing is held open across a fork.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from guard.audit import pages, store
from guard.audit.committer import Committer, Item
from guard.audit.entry import decode, encode
from guard.audit.files import Layout, busy, locked, refuse_network, write_whole
from guard.audit.head import check_tail, read_vkey, sign_head
from guard.audit.keys import Keys
from guard.audit.note import Proof
from guard.audit.tree import inclusion_proof, leaf_hash
from guard.errors import CannotFinish, EvidenceError, GuardError, InputError
from guard.model import Record

if TYPE_CHECKING:
    from guard.audit.check import Report

#: A checkpoint is signed after so many records or seconds: they bound the tail that could be cut.
CHECKPOINT_RECORDS: Final = 10_000
CHECKPOINT_S: Final = 60.0

#: The WAL is folded into log.db beyond this size (bytes).
FOLD_BYTES: Final = 4 << 20

_RETRY_S: Final = 5.0


class AuditLog:
    """An open log; get one from :func:`guard.audit.open_log`. Implements ``guard.model.Sink``.

    ``wait_s`` bounds how long a caller waits for a log that somebody else holds.
    """

    def __init__(self, layout: Layout, wait_s: float) -> None:
        self.layout = layout
        self.vkey = read_vkey(layout)
        self.keys = Keys(layout.keys)
        self._wait_s = wait_s
        self._reset()
        with store.reading(layout) as db:
            check_tail(layout, db, self.vkey)
        _OPEN.add(self)

    def _reset(self) -> None:
        """Fresh threads and locks, nothing open: at first, and in a forked child."""
        self._mutex, self._turn = threading.Lock(), threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._anchor: sqlite3.Connection | None = None
        self._broken: EvidenceError | None = None
        self._closed = self._forking = False
        self._unsealed_since: float | None = None
        self._size = self._sealed = 0
        self._committer = Committer(self._exclusive, self._commit, self._idle, self._wait_s)

    # Sink ---------------------------------------------------------------------------------------

    def append(self, record: Record) -> int:
        """Write a record; its index, once it is on the disk.

        Raises :class:`CannotFinish` (nothing was written), :class:`EvidenceError` (the log
        contradicts itself), :class:`InputError` (the record cannot be an entry).
        """
        return self.append_many((record,))[0]

    def append_many(self, records: Sequence[Record]) -> list[int]:
        """Write records in order, in few transactions; their indices."""
        if self._broken is not None:
            raise EvidenceError(self._broken.message, self._broken.remedy)
        return self._committer.submit([self._item(record) for record in records])

    def digest(self, data: str | bytes) -> str:
        """Keyed digest (HMAC-SHA-256, hex) by which content is referred to in records."""
        return self.keys.digest(data)

    def close(self) -> None:
        """Write what is queued, sign a checkpoint and leave the folder clean. Repeatable."""
        if self._closed:
            return
        self._closed = True
        _OPEN.discard(self)
        self._committer.close()
        if self._db is not None:
            with self._exclusive(self._wait_s):
                try:
                    if self._broken is None:
                        self._sign_head()
                finally:
                    self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Reading ------------------------------------------------------------------------------------

    def get(self, index: int) -> dict[str, Any]:
        """The record as a dict with its ``index``. Raises :class:`InputError` if there is none."""
        return decode(index, self.raw(index))

    def raw(self, index: int) -> bytes:
        """The exact bytes of a record, those the tree commits to."""
        with store.reading(self.layout) as db:
            found = store.entry(db, index)
            if found is None:
                raise _no_record(index, store.frontier(db).size)
            return found.body

    def search(self, limit: int = 100, **wanted: str) -> list[dict[str, Any]]:
        """The newest records that match, newest first; see :func:`guard.audit.search.search`."""
        from guard.audit.search import search

        return search(self, limit, **wanted)

    def stats(self) -> dict[str, Any]:
        """Counts and the newest checkpoint; ``unsealed`` records are not yet under a signature."""
        with store.reading(self.layout) as db:
            edge = store.frontier(db)
            size, note = store.last_checkpoint(db)
            ends = [store.entry(db, i) for i in (0, edge.size - 1)] if edge.size else []
        times = [decode(e.index, e.body).get("time") for e in ends if e] or [None]
        files = (self.layout.db, self.layout.wal)
        return {
            "origin": self.vkey.name,
            "records": edge.size,
            "size": edge.size,
            "sealed": size,
            "unsealed": edge.size - size,
            "root": edge.root().hex(),
            "first": times[0],
            "last": times[-1],
            "bytes": sum(p.stat().st_size for p in files if p.exists()),
            "checkpoint": note,
        }

    def prove(self, index: int) -> str:
        """A C2SP ``.tlog-proof`` of one record, with its bytes; verifiable offline by anybody.

        Signs a checkpoint first if none covers the record yet.
        """
        with store.reading(self.layout) as db:
            found, (size, note) = store.entry(db, index), store.last_checkpoint(db)
            if found is None:
                raise _no_record(index, store.frontier(db).size)
            if index < size:
                path = inclusion_proof(store.reader(db), index, size)
                return str(Proof(found.body, index, tuple(path), note))
        self.checkpoint()
        return self.prove(index)

    def verify(self, key: str | Path | None = None) -> Report:
        """Check every byte of the evidence; see :func:`guard.audit.verify`."""
        from guard.audit.check import verify

        return verify(self.layout.root, key=key, keys=self.layout.keys)

    # Signing ------------------------------------------------------------------------------------

    def checkpoint(self) -> str:
        """Sign the log as it is now; the signed note. Nothing new: the newest one again."""
        with self._exclusive(self._wait_s):
            return self._sign_head()

    def seal(self) -> str:
        """Sign a checkpoint and the database file too, so that every byte is covered."""
        with self._exclusive(self._wait_s):
            note = self._sign_head()
            self._fold(wait=True)
            return note

    def shred(self, subject: str, reason: str) -> int:
        """Record, then do: destroy the subject's key. The index of the record.

        From then on nobody, ourselves included, can tell which records were about the subject or
        test a guessed content against them; all proofs stay valid.
        """
        name = self.keys.pseudonym(subject)
        if not self.search(limit=1, pseudonym=name):
            text = "no record of this log is about this subject"
            raise InputError(text, "check its spelling, or see whether it was shredded before")
        body = {"pseudonym": name, "reason": reason}
        index = self.append(Record(kind="shred", stage="audit", body=body))
        self.keys.shred(subject)
        return index

    # Writing, under the locks -------------------------------------------------------------------

    def _item(self, record: Record) -> Item:
        body = encode(record, self.keys)
        return body, leaf_hash(body)

    @contextlib.contextmanager
    def _exclusive(self, wait_s: float | None = None) -> Iterator[None]:
        """The right to write, among our threads and all processes."""
        self._acquire(wait_s)
        try:
            with locked(self.layout.commit_lock, wait_s=wait_s), store.translated(self.layout.root):
                yield
        finally:
            self._mutex.release()

    def _acquire(self, wait_s: float | None) -> None:
        """Take the mutex in turn: whoever waits for it goes before the committer's next round."""
        timeout = -1 if wait_s is None else wait_s
        if self._turn.acquire(timeout=timeout):
            try:
                if self._mutex.acquire(timeout=timeout):
                    return
            finally:
                self._turn.release()
        raise busy(self.layout.root, wait_s or 0)

    def _writer(self) -> sqlite3.Connection:
        if self._db is None:
            if self._closed:
                raise CannotFinish(f"{self.layout.root}: the log is closed", "open it again")
            self.keys.check(self.vkey)
            db = store.writer(self.layout.db)
            try:
                anchor = store.anchor(self.layout.db)
                check_tail(self.layout, db, self.vkey)
            except BaseException:
                with contextlib.closing(store.anchor(self.layout.db)):
                    db.close()
                raise
            self._db, self._anchor = db, anchor
        return self._db

    def _commit(self, items: Sequence[Item]) -> int:
        first = store.append(self._writer(), items)
        self._size = first + len(items)
        if self._unsealed_since is None:
            self._unsealed_since = time.monotonic()
        return first

    def _idle(self) -> float | None:
        """Checkpoint and fold when due; seconds until the next look."""
        try:
            return self._maintain()
        except EvidenceError as error:
            self._broken = error  # whoever appends next is told
            return None
        except (GuardError, OSError, sqlite3.Error):
            return _RETRY_S  # the records are durable; signing them can wait for disk space

    def _maintain(self) -> float | None:
        if self._unsealed_since is None or self._db is None:
            return None
        age = time.monotonic() - self._unsealed_since
        if age >= CHECKPOINT_S or self._size - self._sealed >= CHECKPOINT_RECORDS:
            # Another process may have signed since we last looked.
            self._sealed, _ = store.last_checkpoint(self._db)
            if age >= CHECKPOINT_S or self._size - self._sealed >= CHECKPOINT_RECORDS:
                self._sign_head()
        if self.layout.wal.stat().st_size >= FOLD_BYTES:
            self._fold(wait=False)
        return None if self._unsealed_since is None else max(0.0, CHECKPOINT_S - age)

    def _sign_head(self) -> str:
        """Sign the tree as it is: first the file, so that no crash leaves a row without it."""
        db = self._writer()
        edge, (sealed, note) = store.frontier(db), store.last_checkpoint(db)
        if edge.size != sealed:
            note = sign_head(edge, self.vkey.name, self.keys)
            write_whole(self.layout.checkpoint(edge.size), note.encode())
            db.execute("INSERT INTO checkpoint VALUES (?, ?)", (edge.size, note))
        self._unsealed_since, self._sealed = None, edge.size
        return note

    def _fold(self, *, wait: bool) -> None:
        """Fold the WAL; without ``wait`` not now if somebody is reading."""
        try:
            with locked(self.layout.pages_lock, wait_s=None if wait else 0):
                pages.fold(self.layout, self._writer(), self.keys, self.vkey.name)
        except CannotFinish:
            if wait:
                raise

    def _release(self) -> None:
        """Close the database. SQLite would fold the WAL by itself on the last close, unsigned;
        the anchor keeps it from that unless our own fold left nothing to do."""
        db, anchor = self._db, self._anchor
        self._db = self._anchor = None
        if db is None or anchor is None:
            return
        try:
            with locked(self.layout.pages_lock):
                if self._broken is None:
                    pages.fold(self.layout, db, self.keys, self.vkey.name)
                    if not self.layout.wal.stat().st_size:
                        anchor.close()
                db.close()
        finally:
            db.close()
            anchor.close()

    # Forks and exit -----------------------------------------------------------------------------

    def _before_fork(self) -> None:
        """Close the database: SQLite's handles and locks must not cross a fork."""
        with contextlib.suppress(GuardError, OSError, sqlite3.Error):
            self._acquire(self._wait_s)
            self._forking = True
            if self._db is not None:
                with locked(self.layout.commit_lock, wait_s=self._wait_s):
                    self._release()

    def _after_fork_in_parent(self) -> None:
        if self._forking:
            self._forking = False
            self._mutex.release()

    def _after_fork_in_child(self) -> None:
        _LEAKED.extend((self._db, self._anchor))
        self.keys.after_fork()
        self._reset()


def _no_record(index: int, size: int) -> InputError:
    return InputError(f"no record {index}: the log has {size} records", "count from 0")


def open_log(
    path: str | os.PathLike[str],
    *,
    create: bool = True,
    origin: str | None = None,
    keys: str | os.PathLike[str] | None = None,
    wait_s: float = 10.0,
) -> AuditLog:
    """Open the audit log in a folder.

    Args:
        path: the folder; with ``create`` a missing log is made in it.
        origin: name of the log in its checkpoints (a new log; default: a random one).
        keys: folder of the secrets; default: ``keys`` inside ``path``.
        wait_s: seconds to wait for a log that another program holds.

    Raises:
        EvidenceError: no log there, not a log of ours, or one that contradicts itself.
        CannotFinish: the folder cannot be written, or is held, or is on a network file system.
        InputError: the path is not a folder, or the origin is not allowed.
    """
    from guard.audit.create import create_log

    root = Path(path)
    layout = Layout(root, Path(keys) if keys is not None else root / "keys")
    if root.exists() and not root.is_dir():
        raise InputError(f"{root}: not a folder", "give the folder of the audit log")
    if create:
        create_log(layout, origin, wait_s)
    if root.exists():
        refuse_network(root)
    log = AuditLog(layout, wait_s)
    if origin is not None and origin != log.vkey.name:
        raise InputError(f"{root}: the origin of this log is {log.vkey.name}", "leave it out")
    return log


_OPEN: weakref.WeakSet[AuditLog] = weakref.WeakSet()

#: Handles that a child inherited after all (its parent could not close them): closing them here
#: would disturb the parent's locks and its WAL.
_LEAKED: list[object] = []


def _each(method: str) -> None:
    for log in list(_OPEN):
        getattr(log, method)()


def _close_all() -> None:
    for log in list(_OPEN):
        # The records are durable; there is nobody left to tell that they are not signed.
        with contextlib.suppress(GuardError, OSError, sqlite3.Error):
            log.close()


atexit.register(_close_all)
os.register_at_fork(
    before=lambda: _each("_before_fork"),
    after_in_parent=lambda: _each("_after_fork_in_parent"),
    after_in_child=lambda: _each("_after_fork_in_child"),
)
