"""The audit log's speed, beside plain SQLite group commit and one fsync per record.

    python bench/audit_append.py [--seconds 2] [--records 100000] [--dir DIR]

Prints records per second acknowledged when durable, acknowledge time (ms), and verify rates. The
floors run in the same minute on the same disk, so read the ratios: disks differ by a factor of 100.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from guard.audit import open_log, verify
from guard.audit.entry import encode
from guard.audit.keys import Keys
from guard.audit.tree import leaf_hash
from guard.model import Record

BODY = {
    "action": "PASS", "role": "prompt", "risk": 0.0, "policy": "cn@1#" + "0" * 16, "took_us": 41.2,
    "digests": {"content": "0" * 64, "released": "0" * 64}, "rules": [], "findings": [],
}  # fmt: skip
RECORD = Record("decision", BODY, stage="prompt_filter", subject="user-1", request_id="r-1")


def hammer(append, threads: int, seconds: float) -> list[float]:
    """Acknowledge times (s) of threads that append one record after another."""
    times: list[list[float]] = [[] for _ in range(threads)]
    end = time.perf_counter() + seconds

    def work(mine: list[float]) -> None:
        while (start := time.perf_counter()) < end:
            append()
            mine.append(time.perf_counter() - start)

    todo = [threading.Thread(target=work, args=(mine,)) for mine in times]
    for thread in todo:
        thread.start()
    for thread in todo:
        thread.join()
    return [t for mine in times for t in mine]


def our_writer(folder: str, threads: int, seconds: float, out) -> None:
    with open_log(folder) as log:
        out.put(hammer(lambda: log.append(RECORD), threads, seconds))


class FloorLog:
    """SQLite WAL FULL with a SHA-256 chain, group commit and flock: no tree, no signatures."""

    def __init__(self, folder: str) -> None:
        import fcntl

        self._flock = lambda fd, how: fcntl.flock(fd, how)
        self._modes = (fcntl.LOCK_EX, fcntl.LOCK_UN)
        self.fd = os.open(f"{folder}/lock", os.O_RDWR | os.O_CREAT)
        self.db = sqlite3.connect(
            f"{folder}/x.db", isolation_level=None, check_same_thread=False, timeout=30
        )
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute(
            "CREATE TABLE IF NOT EXISTS r (i INTEGER PRIMARY KEY, body BLOB, chain BLOB)"
        )
        self.cond, self.queue = threading.Condition(), []
        threading.Thread(target=self._run, daemon=True).start()

    def append(self) -> None:
        item = (json.dumps(BODY, sort_keys=True).encode(), threading.Event())
        with self.cond:
            self.queue.append(item)
            self.cond.notify()
        item[1].wait()

    def _run(self) -> None:
        while True:
            with self.cond:
                self.cond.wait_for(lambda: self.queue)
            self._flock(self.fd, self._modes[0])
            with self.cond:
                batch, self.queue = self.queue, []
            self.db.execute("BEGIN IMMEDIATE")
            row = self.db.execute("SELECT i, chain FROM r ORDER BY i DESC LIMIT 1").fetchone()
            index, chain = row or (-1, b"")
            rows = []
            for body, _ in batch:
                index, chain = index + 1, hashlib.sha256(chain + body).digest()
                rows.append((index, body, chain))
            self.db.executemany("INSERT INTO r VALUES (?, ?, ?)", rows)
            self.db.execute("COMMIT")
            self._flock(self.fd, self._modes[1])
            for _, done in batch:
                done.set()


def floor_writer(folder: str, threads: int, seconds: float, out) -> None:
    log = FloorLog(folder)
    out.put(hammer(log.append, threads, seconds))


def fsync_each(folder: Path, seconds: float) -> float:
    """Records per second with one fdatasync each, one thread."""
    count, end = 0, time.perf_counter() + seconds
    with (folder / "f").open("ab") as file:
        while time.perf_counter() < end:
            file.write(b"x" * 432)
            file.flush()
            os.fdatasync(file.fileno())
            count += 1
    return count / seconds


@contextlib.contextmanager
def folder(base: str | None):
    path = Path(tempfile.mkdtemp(prefix="audit-bench-", dir=base))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def measure(target, base: str | None, processes: int, threads: int, seconds: float) -> dict:
    context = multiprocessing.get_context("spawn")
    with folder(base) as path:
        out = context.Queue()
        args = (str(path), threads, seconds, out)
        todo = [context.Process(target=target, args=args) for _ in range(processes)]
        for process in todo:
            process.start()
        times = sorted(t for _ in todo for t in out.get())
        for process in todo:
            process.join()
    return {
        "rate": len(times) / seconds,
        "p50": times[len(times) // 2] * 1e3,
        "p99": times[int(len(times) * 0.99)] * 1e3,
        "max": times[-1] * 1e3,
    }


def cpu(base: str | None) -> tuple[float, float]:
    """Microseconds on the calling thread: encode and leaf hash; and the floor's dumps and hash."""
    with folder(base) as path:
        open_log(path).close()
        keys, n = Keys(path / "keys"), 5000
        start = time.perf_counter()
        for _ in range(n):
            leaf_hash(encode(RECORD, keys))
        ours = (time.perf_counter() - start) / n
        start = time.perf_counter()
        for _ in range(n):
            hashlib.sha256(json.dumps(BODY, sort_keys=True).encode()).digest()
        return ours * 1e6, (time.perf_counter() - start) / n * 1e6


def reading(base: str | None, records: int) -> None:
    with folder(base) as path:
        with open_log(path) as log:
            start = time.perf_counter()
            for _ in range(records // 10_000):
                log.append_many([RECORD] * 10_000)
            wrote = time.perf_counter() - start
        db = sqlite3.connect(path / "log.db")
        start = time.perf_counter()
        for _ in db.execute("SELECT idx, body, leaf FROM entry ORDER BY idx"):
            pass
        scan = time.perf_counter() - start
        db.close()
        start = time.perf_counter()
        report = verify(path)
        took = time.perf_counter() - start
        assert report.verified, report
        with open_log(path) as log:
            start = time.perf_counter()
            for i in range(0, report.records, max(1, report.records // 50)):
                log.prove(i)
            proof = (time.perf_counter() - start) / 50
        size = (path / "log.db").stat().st_size / report.records
    print(f"append_many      {report.records / wrote:10,.0f} rec/s in batches of 10,000")
    print(
        f"verify           {report.records / took:10,.0f} rec/s, {took / scan:.1f} x a read-only scan"
    )
    print(f"proof            {proof * 1e3:10.2f} ms of {report.records:,} records")
    print(f"stored           {size:10.0f} B a record")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument(
        "--dir", help="a folder on the disk to measure (default: the temporary one)"
    )
    args = parser.parse_args()
    with folder(args.dir) as path:
        print(f"fdatasync each   {fsync_each(path, args.seconds):10,.0f} rec/s\n")
    for processes, threads in ((1, 1), (1, 64), (4, 16)):
        for name, target in (("floor", floor_writer), ("guard", our_writer)):
            r = measure(target, args.dir, processes, threads, args.seconds)
            print(
                f"{processes} x {threads:<3} {name:<8} {r['rate']:10,.0f} rec/s   "
                f"p50 {r['p50']:7.2f}  p99 {r['p99']:7.2f}  max {r['max']:7.2f} ms"
            )
    ours, floor = cpu(args.dir)
    print(
        f"\nCPU a record     {ours:10.1f} us encode with pseudonym and leaf hash; json.dumps + SHA-256 {floor:.1f}"
    )
    reading(args.dir, args.records)


if __name__ == "__main__":
    main()
