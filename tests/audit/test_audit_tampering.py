"""Whatever is done to the evidence, verify finds it, says where, and never breaks."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guard.audit import AuditLog, Report, open_log, verify
from guard.errors import EvidenceError
from guard.model import Record


def fill(log: AuditLog, start: int, end: int) -> None:
    log.append_many([Record("note", {"number": i}) for i in range(start, end)])


@pytest.fixture
def copy(small_log: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_log, tmp_path / "audit"))


def evidence(folder: Path) -> list[Path]:
    """Every file with a byte in it, the keys too."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size)


def flips(folder: Path, stride: int) -> Iterator[tuple[Path, int, int]]:
    """(file, offset, mask): all of the small files, one byte in ``stride`` of the database."""
    dice = random.Random(20250901)
    for path in evidence(folder):
        step = stride if path.name.startswith("log.db") else max(1, stride // 40)
        for at in range(dice.randrange(step), path.stat().st_size, step):
            yield path, at, 1 << dice.randrange(8)


def undetected(folder: Path, stride: int) -> list[tuple[str, int, int]]:
    missed = []
    for path, at, mask in flips(folder, stride):
        with path.open("r+b") as file:
            file.seek(at)
            old = file.read(1)
            file.seek(at)
            file.write(bytes([old[0] ^ mask]))
            file.flush()
            if verify(folder).verified:
                missed.append((path.name, at, mask))
            file.seek(at)
            file.write(old)
    assert verify(folder).verified
    return missed


def test_the_copy_verifies_and_verifying_leaves_no_trace(copy: Path) -> None:
    before = {p: p.read_bytes() for p in evidence(copy)}
    report = verify(copy)
    assert report.verified
    assert (report.records, report.sealed, report.checkpoints) == (300, 300, 3)
    assert {
        p: p.read_bytes() for p in copy.rglob("*") if p.is_file() and p.stat().st_size
    } == before


@pytest.mark.slow
def test_flipped_bytes_are_found(copy: Path) -> None:
    assert undetected(copy, stride=251) == []


@pytest.mark.soak
def test_every_flipped_byte_is_found(copy: Path) -> None:
    assert undetected(copy, stride=1) == []


@pytest.mark.slow
def test_flipped_bytes_are_found_in_a_log_that_crashed(small_log: Path, tmp_path: Path) -> None:
    """Then the newest records are in the WAL, whose checksums SQLite trusts in silence."""
    folder = Path(shutil.copytree(small_log, tmp_path / "audit"))
    crash(folder)
    assert (folder / "log.db-wal").stat().st_size
    report = verify(folder)
    assert report.verified
    assert (report.records, report.unsealed) == (320, 20)
    # The shared-memory index is rebuilt from the WAL by whoever comes first: no evidence.
    (folder / "log.db-shm").unlink()
    assert undetected(folder, stride=331) == []


def crash(folder: Path) -> None:
    """Append 20 records in a process that ends without closing anything."""
    code = (
        "import os, sys; from guard.audit import open_log; from guard.model import Record\n"
        "log = open_log(sys.argv[1])\n"
        "for i in range(20): log.append(Record('note', {'number': i}))\n"
        "os.kill(os.getpid(), 9)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(folder)], env=environment(), check=False)
    assert run.returncode == -9


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def sql(folder: Path, *statements: str) -> None:
    """What somebody with the sqlite3 tool would do."""
    db = sqlite3.connect(folder / "log.db")
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def sql_in_place(folder: Path, *statements: str) -> None:
    """The same, by one who puts the triggers back and signs nothing."""
    db = sqlite3.connect(folder / "log.db")
    triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    db.close()
    sql(folder, *statements, *(text for _, text in triggers))


SQL = {
    "changed": "UPDATE entry SET body = CAST(replace(body, '17', '71') AS BLOB) WHERE idx = 17",
    "dropped": "DELETE FROM entry WHERE idx = 17",
    "dropped last": "DELETE FROM entry WHERE idx = 299",
    "duplicated": "INSERT INTO entry SELECT 300, body, leaf FROM entry WHERE idx = 17",
    "swapped": "UPDATE entry SET (body, leaf) = (SELECT body, leaf FROM entry AS o WHERE o.idx ="
    " 35 - entry.idx) WHERE idx IN (17, 18)",
    "leaf": "UPDATE entry SET leaf = zeroblob(32) WHERE idx = 17",
    "text": "UPDATE entry SET body = CAST(body AS TEXT) WHERE idx = 17",
    "node": "UPDATE node SET hash = zeroblob(32)",
    "no node": "DELETE FROM node",
    "more nodes": "INSERT INTO node VALUES (1, 1, zeroblob(32))",
    "no checkpoint": "DELETE FROM checkpoint WHERE size = 40",
    "no first checkpoint": "DELETE FROM checkpoint WHERE size = 0",
    "checkpoint": "UPDATE checkpoint SET note = note || ' ' WHERE size = 40",
    "frontier": "UPDATE state SET peaks = zeroblob(length(peaks))",
    "count": "UPDATE state SET size = 301",
    "no state": "DELETE FROM state",
    "table": "CREATE TABLE more (x)",
    "view": "DROP TABLE state; CREATE VIEW state AS SELECT 0 AS id, 300 AS size, x'' AS peaks",
    "version": "PRAGMA user_version = 9",
    "vacuum": "VACUUM",
    "free pages": "CREATE TABLE t AS SELECT * FROM entry; DROP TABLE t",
}


@pytest.mark.parametrize("name", SQL)
def test_sql_is_found(copy: Path, name: str) -> None:
    sql_in_place(copy, *SQL[name].split("; "))
    assert_found(verify(copy))


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("changed", "record 17"),
        ("dropped", "record 17"),
        ("dropped last", "record 299"),
        ("duplicated", "record 301"),
        ("leaf", "record 17"),
    ],
)
def test_the_place_is_named(copy: Path, name: str, where: str) -> None:
    sql_in_place(copy, SQL[name])
    assert where in [problem.where for problem in verify(copy).problems]


def test_a_rehashed_forgery_is_named_between_its_checkpoints(copy: Path) -> None:
    """Body and leaf changed together: only the signed roots can tell."""
    db = sqlite3.connect(copy / "log.db")
    db.create_function("leaf", 1, lambda body: __import__("hashlib").sha256(b"\0" + body).digest())
    for trigger in ("entry_update",):
        db.execute(f"DROP TRIGGER {trigger}")
    db.execute("UPDATE entry SET body = CAST(replace(body, '17', '71') AS BLOB) WHERE idx = 117")
    db.execute("UPDATE entry SET leaf = leaf(body) WHERE idx = 117")
    db.commit()
    db.close()
    found = [str(problem) for problem in verify(copy).problems]
    assert any("schema" in line for line in found) or any("40..299" in line for line in found)


def assert_found(report: Report) -> None:
    assert not report.verified
    assert all(problem.where and problem.what for problem in report.problems)


def swap(a: Path, b: Path) -> None:
    text = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(text)


def append_to(path: Path, data: bytes) -> None:
    path.write_bytes(path.read_bytes() + data)


def checkpoint(folder: Path, size: int) -> Path:
    return folder / "checkpoints" / f"{size:020d}"


FILES: dict[str, Callable[[Path], object]] = {
    "a page dropped": lambda d: os.truncate(d / "log.db", (d / "log.db").stat().st_size - 4096),
    "a page more": lambda d: append_to(d / "log.db", bytes(4096)),
    "no database": lambda d: (d / "log.db").unlink(),
    "empty database": lambda d: os.truncate(d / "log.db", 0),
    "another database": lambda d: (d / "log.db").write_bytes(b"x" * 9000),
    "no digests": lambda d: (d / "log.pages").unlink(),
    "no key": lambda d: (d / "log.vkey").unlink(),
    "key with a line more": lambda d: append_to(d / "log.vkey", b"\n"),
    "no folder of checkpoints": lambda d: shutil.rmtree(d / "checkpoints"),
    "a checkpoint dropped": lambda d: checkpoint(d, 40).unlink(),
    "the last checkpoint dropped": lambda d: checkpoint(d, 300).unlink(),
    "a checkpoint twice": lambda d: shutil.copy(checkpoint(d, 40), checkpoint(d, 41)),
    "a checkpoint of later": lambda d: shutil.copy(checkpoint(d, 40), checkpoint(d, 999)),
    "checkpoints swapped": lambda d: swap(checkpoint(d, 40), checkpoint(d, 300)),
    "a stranger among checkpoints": lambda d: (d / "checkpoints" / "x").write_text("x"),
    "a rollback journal": lambda d: (d / "log.db-journal").write_text("x"),
    "a write-ahead log": lambda d: (d / "log.db-wal").write_bytes(os.urandom(5000)),
    "signing key damaged": lambda d: append_to(d / "keys" / "sign.pem", b"\n"),
    "digest key lost": lambda d: (d / "keys" / "digest.key").write_text("00" * 32 + "\n"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_are_found(copy: Path, name: str) -> None:
    FILES[name](copy)
    if name == "digest key lost":
        (copy / "keys" / "digest.key").write_text("00")
    assert_found(verify(copy))


@pytest.mark.parametrize("swapped", [(0, 5), (3, 4), (10, 20)])
def test_swapped_pages_are_found(copy: Path, swapped: tuple[int, int]) -> None:
    data = bytearray((copy / "log.db").read_bytes())
    a, b = (slice(n * 4096, n * 4096 + 4096) for n in swapped)
    data[a], data[b] = data[b], data[a]
    (copy / "log.db").write_bytes(data)
    assert_found(verify(copy))


def test_an_older_copy_is_found_by_who_kept_a_checkpoint(copy: Path, tmp_path: Path) -> None:
    older = Path(shutil.copytree(copy, tmp_path / "older"))
    with open_log(copy) as log:
        fill(log, 0, 10)
    kept = checkpoint(copy, 310)
    assert verify(older).verified  # alone, it is a log like any other
    shutil.copy(kept, older / "checkpoints")
    problems = verify(older).problems
    assert [p.where for p in problems] == ["record 300"]
    with pytest.raises(EvidenceError, match="older than its checkpoint 310"):
        open_log(older)


def test_another_key_is_found_when_the_right_one_is_pinned(copy: Path, tmp_path: Path) -> None:
    pinned = (copy / "log.vkey").read_text()
    with open_log(tmp_path / "forged", origin="test.example/log") as forged:
        fill(forged, 0, 300)
    assert verify(tmp_path / "forged").verified
    assert not verify(tmp_path / "forged", key=pinned.strip()).verified
    assert verify(copy, key=copy / "log.vkey").key_pinned


def test_an_altered_log_takes_no_more_records(copy: Path) -> None:
    sql_in_place(copy, SQL["changed"], SQL["count"])
    with pytest.raises(EvidenceError):
        open_log(copy)


def test_damage_is_not_covered_up_by_later_writing(copy: Path) -> None:
    """A byte in free space changes no record; the next fold must not sign it."""
    data = bytearray((copy / "log.db").read_bytes())
    at = next(i for i in range(4096 * 3, len(data)) if data[i : i + 24] == bytes(24)) + 12
    data[at] ^= 1
    (copy / "log.db").write_bytes(data)
    assert_found(verify(copy))
    with pytest.raises(EvidenceError, match="changed since it was signed"), open_log(copy) as log:
        fill(log, 0, 5)
    assert_found(verify(copy))
    with pytest.raises(EvidenceError), open_log(copy) as log:
        log.seal()


def test_strangers_files_are_noted_and_change_nothing(copy: Path) -> None:
    (copy / "README").write_text("mine")
    report = verify(copy)
    assert report.verified
    assert any("README" in line for line in report.notes)
