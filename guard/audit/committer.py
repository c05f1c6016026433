"""Group commit: one thread per process that makes everything queued durable at once.

A disk sync costs a thousand times more than hashing a record, so callers share one. They join
the open batch; the committer takes it once it holds the commit lock, writes it in one
transaction, and only then wakes them with their indices.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from guard.errors import CannotFinish, GuardError

#: (entry bytes, leaf hash)
Item = tuple[bytes, bytes]

#: Most records in one transaction; callers beyond it wait, so the queue is bounded.
BATCH: Final = 4096


class _Batch:
    """Records that will share a transaction. A slot is None when its caller gave up."""

    __slots__ = ("done", "error", "first", "items")

    def __init__(self) -> None:
        self.items: list[Item | None] = []
        self.done = threading.Event()
        self.first = 0
        self.error: Exception | None = None


class Committer:
    """Collects records from any thread and commits them in groups.

    ``exclusive()`` yields the right to write (locks), ``commit(items)`` writes durably and
    returns the first index, ``idle()`` does what is due afterwards and returns the seconds
    until it wants to be called again (None: only after the next commit).
    """

    def __init__(
        self,
        exclusive: Callable[[], AbstractContextManager[object]],
        commit: Callable[[Sequence[Item]], int],
        idle: Callable[[], float | None],
        wait_s: float,
    ) -> None:
        self._exclusive, self._commit, self._idle, self._wait_s = exclusive, commit, idle, wait_s
        self._cond = threading.Condition()
        self._open = _Batch()
        self._thread: threading.Thread | None = None
        self._closing = False

    def submit(self, items: Sequence[Item]) -> list[int]:
        """Append the records, in order; their indices, once durable.

        Raises what the commit raised, or :class:`CannotFinish` when the log stayed locked; the
        records are then not in the log and will not be.
        """
        indices: list[int] = []
        for start in range(0, len(items), BATCH):
            indices += self._submit(items[start : start + BATCH])
        return indices

    def _submit(self, items: Sequence[Item]) -> list[int]:
        with self._cond:
            room = self._cond.wait_for(self._has_room(len(items)), self._wait_s)
            if not room:
                raise CannotFinish("the audit log's queue is full", "lower the load")
            if self._closing:
                raise CannotFinish("the audit log is closed", "open it again")
            batch, offset = self._open, len(self._open.items)
            batch.items += items
            self._start()
            self._cond.notify_all()
        if not batch.done.wait(self._wait_s):
            self._give_up(batch, offset, len(items))
        if batch.error is not None:
            raise _again(batch.error)
        # Slots that were given up take no index.
        first = batch.first + sum(item is not None for item in batch.items[:offset])
        return list(range(first, first + len(items)))

    def _has_room(self, count: int) -> Callable[[], bool]:
        return lambda: (
            self._closing or not self._open.items or (len(self._open.items) + count <= BATCH)
        )

    def _give_up(self, batch: _Batch, offset: int, count: int) -> None:
        """Take our records back, unless they are being committed: then wait for the outcome."""
        with self._cond:
            waiting = batch is self._open
            if waiting:
                batch.items[offset : offset + count] = [None] * count
        if waiting:
            raise busy_log(self._wait_s)
        batch.done.wait()

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="guard-audit", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        due: float | None = None
        while True:
            with self._cond:
                self._cond.wait_for(lambda: self._open.items or self._closing, due)
                if self._closing and not self._open.items:
                    return
            due = self._round()

    def _round(self) -> float | None:
        """Commit what is queued, then do what is due."""
        batch: _Batch | None = None
        try:
            with self._exclusive():
                batch = self._take()
                items = [item for item in batch.items if item is not None]
                if items:
                    batch.first = self._commit(items)
                batch.done.set()
                return self._idle()
        except Exception as error:  # handed to the callers; the thread must live on
            batch = batch or self._take()
            if not batch.done.is_set():
                batch.error = error
            return None
        finally:
            if batch is not None:
                batch.done.set()

    def _take(self) -> _Batch:
        with self._cond:
            batch, self._open = self._open, _Batch()
            self._cond.notify_all()
        return batch

    def close(self) -> None:
        """Commit what is queued and end the thread."""
        with self._cond:
            self._closing = True
            self._cond.notify_all()
        if self._thread is not None:
            self._thread.join(self._wait_s)
            if self._thread.is_alive():
                raise busy_log(self._wait_s)


def busy_log(wait_s: float) -> CannotFinish:
    return CannotFinish(
        f"the audit log was held by another program for {wait_s:g} s",
        "end the program that holds it",
    )


def _again(error: Exception) -> Exception:
    """A fresh copy for each caller: one exception object must not be raised in many threads."""
    if isinstance(error, GuardError):
        return type(error)(error.message, error.remedy)
    return CannotFinish(f"the audit log failed: {error}", "see the cause")
