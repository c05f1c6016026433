"""The SQLite file: schema, connections, reading, and one transaction that appends.

``entry`` holds the exact bytes that were hashed; ``node`` every eighth level of the tree, so
that a proof needs a few hundred hashes at most; ``state`` the frontier, kept in the same
transaction; ``checkpoint`` the signed notes that are also files.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from guard.audit.files import Layout, locked
from guard.audit.rawfile import Connection
from guard.audit.tree import TILE_WIDTH, Frontier, Reader
from guard.errors import CannotFinish, EvidenceError

#: "aigc" in ASCII: tells our files from any other SQLite database (PRAGMA application_id).
APPLICATION_ID: Final = 0x61696763
VERSION: Final = 1

#: How long to wait for a stranger's lock on the database; our own writers queue on commit.lock.
BUSY_S: Final = 5.0

# The triggers guard against accidents; against intent there are the tree and the signatures.
SCHEMA: Final[dict[str, str]] = {
    "entry": "CREATE TABLE entry (idx INTEGER PRIMARY KEY, body BLOB NOT NULL, leaf BLOB NOT NULL)",
    "node": "CREATE TABLE node (level INTEGER NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT NULL,"
    " PRIMARY KEY (level, idx)) WITHOUT ROWID",
    "checkpoint": "CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL)",
    "state": "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL,"
    " peaks BLOB NOT NULL)",
} | {
    f"{table}_{verb.lower()}": f"CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table}"
    " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
    for table in ("entry", "node", "checkpoint")
    for verb in ("UPDATE", "DELETE")
}

_MACHINE: Final = (
    "locked",
    "disk is full",
    "disk I/O",
    "readonly",
    "unable to open",
    "interrupted",
)
_REMEDY: Final = "run `guard audit verify` to see where"


@contextlib.contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours: what the machine refused, or evidence that is damaged."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if any(sign in text for sign in _MACHINE):
            remedy = (
                "end the program that holds it" if "locked" in text else "check disk and rights"
            )
            raise CannotFinish(f"{folder}: {text}", remedy) from error
        raise EvidenceError(f"{folder}: {text}", _REMEDY) from error
    except (sqlite3.DatabaseError, OverflowError) as error:
        raise EvidenceError(f"{folder / 'log.db'}: {error}", _REMEDY) from error


def _connect(db: Path, mode: str) -> Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(db.absolute()))}?{mode}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
        factory=Connection,
    )
    try:
        connection.use(db)
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA cell_size_check=ON")
    except BaseException:
        connection.close()
        raise
    return connection


def create(db: Path, note: str) -> None:
    """Make an empty log database with its checkpoint of size 0. The file must not exist."""
    with contextlib.closing(_connect(db, "mode=rwc")) as connection:
        connection.execute(f"PRAGMA page_size={TILE_WIDTH * 16}")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("BEGIN")
        for statement in SCHEMA.values():
            connection.execute(statement)
        connection.execute("INSERT INTO state VALUES (0, 0, x'')")
        connection.execute("INSERT INTO checkpoint VALUES (0, ?)", (note,))
        connection.execute("COMMIT")


def check_identity(db: Path, connection: sqlite3.Connection) -> None:
    """Raise :class:`EvidenceError` unless this is a log of ours, of this version, unaltered."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise EvidenceError(f"{db}: not an audit log", "choose another folder")
    if version != VERSION:
        text = f"{db}: audit log of format {version}, this program knows {VERSION}"
        raise EvidenceError(text, "use the program version that wrote it")
    found = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    if found != SCHEMA:
        odd = min(set(found.items()) ^ set(SCHEMA.items()), key=str)[0]
        raise EvidenceError(f"{db}: the schema was altered at {odd!r}", _REMEDY)


def writer(db: Path) -> sqlite3.Connection:
    """A connection for the committer. Never checkpoints the WAL by itself: see ``pages.fold``."""
    connection = _connect(db, "mode=rw")
    try:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        check_identity(db, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def anchor(db: Path) -> sqlite3.Connection:
    """A second, read-only connection beside the writer's.

    While it is open SQLite does not take the writer's close for the last one, and so does not
    fold the WAL into log.db by itself; a read-only connection cannot do that either.
    """
    connection = _connect(db, "mode=ro")
    connection.execute("SELECT size FROM state").fetchone()
    return connection


def snapshot(layout: Layout) -> sqlite3.Connection:
    """A read transaction on the log as it is now. The caller holds the pages lock.

    With nothing in the WAL the file is opened as immutable, which leaves no trace in the folder
    and works on read-only media; the pages lock keeps the file as it is meanwhile.
    """
    live = layout.wal.exists() and layout.wal.stat().st_size
    connection = _connect(layout.db, "mode=ro" if live else "mode=ro&immutable=1")
    try:
        check_identity(layout.db, connection)
        connection.execute("BEGIN")
        connection.execute("SELECT size FROM state").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def reading(layout: Layout) -> Iterator[sqlite3.Connection]:
    """A consistent view of the log, beside running writers. Errors are ours."""
    if not layout.db.exists():
        text = f"{layout.root}: no audit log here"
        raise EvidenceError(text, "check the path, or make one with `guard audit init`")
    with (
        locked(layout.pages_lock, shared=True),
        translated(layout.root),
        contextlib.closing(snapshot(layout)) as connection,
    ):
        yield connection


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it lies in the log: its index and the exact bytes that were hashed."""

    index: int
    body: bytes


def frontier(db: sqlite3.Connection) -> Frontier:
    """The frontier after the last record. Raises :class:`EvidenceError` if it is garbled."""
    row = db.execute("SELECT size, peaks FROM state").fetchone()
    try:
        return Frontier.unpack(*row)
    except (TypeError, ValueError) as error:
        raise EvidenceError(f"the log's frontier is damaged: {error}", _REMEDY) from error


def reader(db: sqlite3.Connection) -> Reader:
    """Hashes of stored subtrees, for :mod:`guard.audit.tree`."""

    def read(level: int, start: int, count: int) -> Sequence[bytes]:
        leaves = "SELECT leaf FROM entry WHERE idx >= ?2 AND idx < ?3 AND 0 = ?1 ORDER BY idx"
        nodes = "SELECT hash FROM node WHERE level = ?1 AND idx >= ?2 AND idx < ?3 ORDER BY idx"
        query = nodes if level else leaves
        rows = [row[0] for row in db.execute(query, (level, start, start + count))]
        if len(rows) != count:
            raise EvidenceError(f"hashes {start}..{start + count - 1} are missing", _REMEDY)
        return rows

    return read


def entries(db: sqlite3.Connection, start: int, end: int) -> Iterator[Entry]:
    """Records start..end-1, in order."""
    query = "SELECT idx, body FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx"
    for index, body in db.execute(query, (start, end)):
        yield Entry(index, body)


def leaves(db: sqlite3.Connection, start: int) -> Iterator[tuple[Entry, bytes]]:
    """Records from ``start`` on with their stored leaf hashes, in order."""
    query = "SELECT idx, body, leaf FROM entry WHERE idx >= ? ORDER BY idx"
    for index, body, leaf in db.execute(query, (start,)):
        yield Entry(index, body), leaf


def entry(db: sqlite3.Connection, index: int) -> Entry | None:
    """One record, or None."""
    return next(entries(db, index, index + 1), None)


def last_checkpoint(db: sqlite3.Connection) -> tuple[int, str]:
    """Size and note of the newest checkpoint. Every log has one, of size 0 at first."""
    query = "SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1"
    row: tuple[int, str] | None = db.execute(query).fetchone()
    if row is None:
        raise EvidenceError("the log has no checkpoint", _REMEDY)
    return row


def append(db: sqlite3.Connection, batch: Sequence[tuple[bytes, bytes]]) -> int:
    """Append (body, leaf hash) pairs in one durable transaction; the index of the first.

    The caller holds the commit lock, so BEGIN IMMEDIATE waits for strangers only.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        edge = frontier(db)
        first = edge.size
        rows, nodes = [], []
        for body, leaf in batch:
            rows.append((edge.size, body, leaf))
            nodes += edge.append(leaf)
        db.executemany("INSERT INTO entry VALUES (?, ?, ?)", rows)
        db.executemany(
            "INSERT INTO node VALUES (?, ?, ?)", [(n.level, n.index, n.hash) for n in nodes]
        )
        db.execute("UPDATE state SET size = ?, peaks = ?", (edge.size, edge.pack()))
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
        raise
    return first
