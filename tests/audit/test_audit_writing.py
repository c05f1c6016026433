"""Durability and order: threads, processes, forks, kills, full disks, held locks."""

import fcntl
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard.audit import AuditLog, open_log, verify
from guard.audit import log as log_module
from guard.audit.files import file_system
from guard.errors import CannotFinish, EvidenceError, InputError
from guard.model import Record, Sink

ROOT = Path(__file__).parents[2]


def note(number: int, **more: str) -> Record:
    return Record(kind="note", stage="test", body={"number": number}, **more)


def run(code: str, *args: object, **options: object) -> subprocess.Popen[str]:
    """Another process, with this checkout on its path."""
    start = "import os, sys, threading\nfrom guard.audit import open_log\n"
    start += "from guard.model import Record\nROOT = sys.argv[1]\n"
    return subprocess.Popen(
        [sys.executable, "-c", start + code, *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def numbers(folder: Path) -> list[tuple[str, int]]:
    """(writer, number) of every record, in the order of the log."""
    with open_log(folder, create=False) as log:
        found = log.search(limit=10**6)
    return [(r["body"]["by"], r["body"]["number"]) for r in reversed(found)]


def test_a_log_is_a_sink(log: AuditLog) -> None:
    assert isinstance(log, Sink)
    assert log.append(note(1)) == 0
    assert log.append_many([note(2), note(3)]) == [1, 2]
    assert log.append_many([]) == []
    record = log.get(1)
    assert (record["index"], record["kind"], record["body"]) == (1, "note", {"number": 2})
    with pytest.raises(InputError, match="has 3 records"):
        log.get(3)
    with pytest.raises(InputError):
        log.get(-1)


def test_more_records_than_one_transaction_takes(log: AuditLog) -> None:
    assert log.append_many([note(i) for i in range(9000)]) == list(range(9000))
    assert log.verify().verified


def test_threads_get_dense_indices(log: AuditLog) -> None:
    got: list[int] = []

    def write(start: int) -> None:
        got.extend(log.append(note(start + i)) for i in range(25))

    threads = [threading.Thread(target=write, args=(n * 100,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(400))
    assert log.verify().verified


WRITER = """
by, threads, each = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
log = open_log(ROOT)
def write(t):
    for i in range(each):
        index = log.append(Record("note", {"by": f"{by}.{t}", "number": i}))
        sys.stdout.write(f"{index} {by}.{t} {i}\\n"); sys.stdout.flush()
todo = [threading.Thread(target=write, args=(t,), daemon=True) for t in range(threads)]
[t.start() for t in todo]; [t.join() for t in todo]
log.close()
"""


def test_processes_and_threads_share_a_log(tmp_path: Path) -> None:
    """They also all find no log at first, and make one between them."""
    folder = tmp_path / "audit"
    writers = [run(WRITER, folder, name, 4, 25) for name in "abcd"]
    lines = [line for w in writers for line in w.communicate()[0].splitlines()]
    assert [w.returncode for w in writers] == [0] * 4
    assert sorted(int(line.split()[0]) for line in lines) == list(range(400))
    stored = numbers(folder)
    for line in lines:
        index, by, number = line.split()
        assert stored[int(index)] == (by, int(number))
    report = verify(folder)
    assert report.verified
    assert report.unsealed == 0


@pytest.mark.slow
def test_killed_writers_lose_nothing_acknowledged(tmp_path: Path) -> None:
    """kill -9 proves safety from crashes of processes; of power loss it says nothing."""
    folder, acknowledged = tmp_path / "audit", {}
    open_log(folder).close()
    for turn in range(4):
        writers = [run(WRITER, folder, f"{turn}{name}", 8, 10**6) for name in "ab"]
        for writer in writers:
            assert writer.stdout is not None
            # The pipe survives the writer: what it said before it died, it said after a commit.
            for _ in range(60):
                index, by, number = writer.stdout.readline().split()
                acknowledged[int(index)] = (by, int(number))
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            for line in writer.communicate()[0].split("\n")[:-1]:
                index, by, number = line.split()
                acknowledged[int(index)] = (by, int(number))
        assert verify(folder).verified
    stored = numbers(folder)
    assert len(acknowledged) > 400
    assert {i: stored[i] for i in acknowledged} == acknowledged
    open_log(folder).append(note(0))
    assert verify(folder).verified


def test_a_forked_child_and_its_parent_both_write(tmp_path: Path) -> None:
    code = """
log = open_log(ROOT)
log.append(Record("note", {"by": "parent", "number": 0}))
child = os.fork()
if not child:
    def write(): log.append(Record("note", {"by": "child", "number": 0}))
    todo = [threading.Thread(target=write) for _ in range(4)]
    [t.start() for t in todo]; [t.join() for t in todo]
    log.close()
    os._exit(0)
for i in range(5): log.append(Record("note", {"by": "parent", "number": i + 1}))
assert os.waitpid(child, 0)[1] == 0
log.append(Record("note", {"by": "parent", "number": 6}))
"""
    writer = run(code, tmp_path / "audit")
    assert (writer.communicate()[1], writer.returncode) == ("", 0)
    stored = numbers(tmp_path / "audit")
    assert stored.count(("child", 0)) == 4
    assert [n for by, n in stored if by == "parent"] == list(range(7))
    assert verify(tmp_path / "audit").unsealed == 0


def test_a_program_that_just_ends_leaves_a_sealed_log(tmp_path: Path) -> None:
    code = "log = open_log(ROOT)\nlog.append(Record('note', {}))\nraise SystemExit('bye')"
    assert run(code, tmp_path / "audit").communicate() == ("", "bye\n")
    report = verify(tmp_path / "audit")
    assert report.verified
    assert (report.records, report.unsealed) == (1, 0)
    assert sorted(p.name for p in (tmp_path / "audit").iterdir()) == [
        *("checkpoints", "commit.lock", "keys"),
        *("log.db", "log.pages", "log.vkey", "pages.lock"),
    ]


# Machines that refuse ---------------------------------------------------------------------------


def test_a_full_disk_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """A file may grow to 256 KiB, then the write fails as it does on a full disk."""
    code = """
from guard.errors import CannotFinish
log = open_log(ROOT)
count = 0
try:
    while True:
        count = log.append(Record("note", {"by": "x", "number": count, "fill": "x" * 3000})) + 1
except CannotFinish as error:
    print(count, error)
try:
    log.close()
except CannotFinish as error:
    print("close", error)
"""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 10, 256 << 10))

    writer = run(code, tmp_path / "audit", preexec_fn=limit)
    out, err = writer.communicate()
    assert (writer.returncode, err) == (0, "")
    count = int(out.split()[0])
    assert count > 10
    assert "disk" in out
    assert verify(tmp_path / "audit").verified
    stored = numbers(tmp_path / "audit")
    assert [n for _, n in stored] == list(range(count))
    with open_log(tmp_path / "audit") as log:
        assert log.append(note(0)) == count
    assert verify(tmp_path / "audit").unsealed == 0


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(CannotFinish, match="proc"):
        open_log("/proc/self/fdinfo/audit")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="not a folder"):
        open_log(tmp_path / "file")
    with pytest.raises(CannotFinish):
        open_log(tmp_path / "file" / "audit")


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[AuditLog]:
    """A log that does not wait long for others."""
    with open_log(tmp_path / "audit", wait_s=0.5) as opened:
        opened.append(note(0))
        opened.seal()
        yield opened


def test_a_held_lock_gives_up_and_writes_nothing_later(quick: AuditLog) -> None:
    with quick.layout.commit_lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(CannotFinish, match="held by another program"):
            quick.append(note(1))
        with pytest.raises(CannotFinish, match="held by another program"):
            quick.checkpoint()
    assert quick.append(note(2)) == 1
    assert quick.get(1)["body"] == {"number": 2}


def test_signing_gets_its_turn_on_a_busy_log(quick: AuditLog) -> None:
    """Neither the kernel's queue nor ours may starve who asks between the committer's rounds."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            quick.append(note(0))

    writers = [threading.Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    try:
        sizes = [int(quick.checkpoint().split("\n")[1]) for _ in range(10)]
        assert verify(quick.layout.root).verified
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert sizes == sorted(sizes)


def test_a_database_held_by_a_stranger(quick: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    quick.close()
    monkeypatch.setattr("guard.audit.store.BUSY_S", 0.05)
    stranger = sqlite3.connect(quick.layout.db)
    stranger.execute("BEGIN IMMEDIATE")
    with open_log(quick.layout.root) as log:
        with pytest.raises(CannotFinish, match="locked"):
            log.append(note(1))
        stranger.close()
        assert log.append(note(2)) == 1


def test_a_database_of_a_stranger(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "log.db")
    db.execute("CREATE TABLE mine (x)")
    db.close()
    with pytest.raises(EvidenceError):
        open_log(tmp_path)
    assert (tmp_path / "log.db").exists()


def test_a_log_without_its_database_is_not_made_anew(quick: AuditLog) -> None:
    quick.close()
    quick.layout.db.unlink()
    with pytest.raises(EvidenceError, match="missing"):
        open_log(quick.layout.root)


def test_an_unfinished_start_is_done_again(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "init.unfinished").touch()
    (folder / "log.db").write_bytes(b"half")
    with open_log(folder) as log:
        assert log.append(note(0)) == 0
    assert verify(folder).verified


def test_no_log_is_made_unless_wanted(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="no audit log here"):
        open_log(tmp_path / "audit", create=False)
    assert not (tmp_path / "audit").exists()


def test_network_file_systems_are_told_from_local_ones() -> None:
    mounts = (
        "1 0 8:1 / / rw - ext4 /dev/vda rw\n"
        "2 1 0:5 / /srv/my\\040share rw shared:1 - nfs4 host:/x rw\n"
        "3 2 0:6 / /srv/my\\040share/local rw - tmpfs tmpfs rw\n"
        "broken line\n"
    )
    assert file_system(Path("/srv/my share/audit"), mounts) == "nfs4"
    assert file_system(Path("/srv/my share/local/a"), mounts) == "tmpfs"
    assert file_system(Path("/srv/my sharey"), mounts) == "ext4"


# Upkeep -----------------------------------------------------------------------------------------


def test_checkpoints_are_signed_by_number(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "CHECKPOINT_RECORDS", 10)
    for i in range(35):
        log.append(note(i))
    log.close()
    sizes = sorted(int(p.name) for p in log.layout.checkpoints.iterdir())
    assert sizes == [0, 10, 20, 30, 35]


def test_checkpoints_are_signed_by_time(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "CHECKPOINT_S", 0.0)
    log.append(note(0))
    log.append(note(1))
    assert log.layout.checkpoint(1).exists()


def test_a_checkpoint_of_nothing_new_is_the_last_one(log: AuditLog) -> None:
    log.append(note(0))
    first = log.checkpoint()
    assert log.checkpoint() == first
    assert log.stats()["checkpoint"] == first
    assert log.stats()["unsealed"] == 0


def test_the_write_ahead_log_stays_short_and_the_log_verifies_at_any_time(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "FOLD_BYTES", 64 << 10)
    for i in range(60):
        log.append_many([Record("note", {"fill": "x" * 500, "n": n}) for n in range(20)])
        if i % 20 == 7:
            assert log.verify().verified
    assert log.layout.wal.stat().st_size < 256 << 10
    assert log.layout.db.stat().st_size > 512 << 10
    log.close()
    assert log.verify().verified


def test_reading_the_file_keeps_its_locks(log: AuditLog) -> None:
    """Closing any descriptor of a file drops all POSIX locks on it; then another process would
    take its close for the last one and remove the WAL under us."""
    log.append(note(0))
    log.seal()
    assert log.verify().verified
    code = "with open_log(ROOT) as log: log.append(Record('note', {}))"
    assert run(code, log.layout.root).communicate() == ("", "")
    assert log.layout.wal.exists()
    assert log.append(note(1)) == 2
    assert log.verify().records == 3


def test_reading_beside_a_writer_sees_whole_records(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    with open_log(folder) as log:
        for i in range(30):
            log.append(note(i))
            with open_log(folder, create=False) as other:
                assert other.get(i)["body"] == {"number": i}
        assert verify(folder).records == 30


# Records ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [{"x": "\ud800"}, {"x": "\x00\u202e" * 50}, {"x": "名" * 9000}, {"x": [1.5, None, True]}],
    ids=["lone surrogate", "control", "long", "types"],
)
def test_hostile_text_is_recorded_as_it_is(log: AuditLog, body: dict[str, object]) -> None:
    assert log.get(log.append(Record("note", body, request_id="\ud800")))["body"] == body
    json.loads(log.raw(0))


@pytest.mark.parametrize("body", [{"x": "x" * 70_000}, {"x": object()}], ids=["long", "type"])
def test_what_cannot_be_an_entry_is_refused(log: AuditLog, body: dict[str, object]) -> None:
    with pytest.raises(InputError):
        log.append(Record("note", body))
    assert log.append(note(0)) == 0


def test_subjects_are_pseudonyms_and_can_be_forgotten(log: AuditLog) -> None:
    digest = log.digest("the text")
    body = {"digests": {"content": digest}}
    for subject in ("user-1", "user-2", "user-1"):
        log.append(Record("decision", body, subject=subject))
    first, second, third = (log.get(i) for i in range(3))
    assert first["subject"] == third["subject"] != second["subject"]
    assert digest not in {r["body"]["digests"]["content"] for r in (first, second)}
    assert [r["index"] for r in log.search(subject="user-1", content="the text")] == [2, 0]
    proof = log.prove(0)

    assert log.shred("user-1", "requested by the person") == 3
    assert log.search(subject="user-1") == []
    assert log.search(subject="user-1", content="the text") == []
    assert [r["index"] for r in log.search(subject="user-2")] == [1]
    assert log.get(3)["body"] == {
        "pseudonym": first["subject"],
        "reason": "requested by the person",
    }
    assert log.prove(0) == proof
    assert log.verify().verified
    # Who comes back is somebody new.
    log.append(note(9, subject="user-1"))
    assert log.get(4)["subject"] not in {first["subject"], second["subject"]}
    with pytest.raises(InputError, match="about this subject"):
        log.shred("user-9", "never seen")


def test_forgetting_reaches_other_processes(tmp_path: Path) -> None:
    with open_log(tmp_path / "audit") as one, open_log(tmp_path / "audit") as other:
        one.append(note(0, subject="user-1"))
        before = one.get(0)["subject"]
        other.shred("user-1", "test")
        one.append(note(1, subject="user-1"))
        assert one.get(2)["subject"] != before


def test_no_name_of_a_subject_is_in_any_file(tmp_path: Path) -> None:
    with open_log(tmp_path / "audit") as log:
        log.append(note(0, subject="zhang-san-13800000000"))
        log.append(note(1, subject="zhang-san-13800000000"))
        files = [p for p in (tmp_path / "audit").rglob("*") if p.is_file()]
        assert any(p.name == "log.db-wal" for p in files)
        assert not any(b"zhang" in p.read_bytes() for p in files)


def test_keys_are_for_their_owner_only(log: AuditLog) -> None:
    modes = {p.name: p.stat().st_mode & 0o777 for p in log.layout.keys.iterdir()}
    assert set(modes.values()) == {0o600}
    assert log.layout.keys.stat().st_mode & 0o777 == 0o700


def test_keys_may_lie_elsewhere(tmp_path: Path) -> None:
    with open_log(tmp_path / "audit", keys=tmp_path / "safe") as log:
        log.append(note(0))
    assert not (tmp_path / "audit" / "keys").exists()
    assert verify(tmp_path / "audit").verified
    with open_log(tmp_path / "audit") as log, pytest.raises(InputError, match="key is not there"):
        log.append(note(1))
