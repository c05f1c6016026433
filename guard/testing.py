"""For the tests of programs that use aigc-guard: a guard whose log is a list.

>>> from guard.testing import recording_guard
>>> g = recording_guard()
>>> d = g.check("你好", subject="user-1")
>>> g.sink.records[d.record].body["action"]
'PASS'
"""

from __future__ import annotations

import hashlib
import threading
from typing import Any

from guard.model import Record, Sink
from guard.pipeline import Guard


class ListSink(Sink):
    """A sink in memory: ``records`` holds what a log would have been given."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._lock = threading.Lock()

    def append(self, record: Record) -> int:
        with self._lock:
            self.records.append(record)
            return len(self.records) - 1

    def digest(self, data: str | bytes) -> str:
        """SHA-256 without a key: equal in every run, so that tests can compare."""
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        return hashlib.sha256(raw).hexdigest()

    def close(self) -> None:
        """Nothing to release; the records stay readable."""


class RecordingGuard(Guard):
    """A guard with a :class:`ListSink`."""

    sink: ListSink

    def close(self) -> None:
        """Leaves the records in place."""


def recording_guard(policy: str | None = None, **options: Any) -> RecordingGuard:
    """A guard as :meth:`guard.Guard.load` makes it, recording into a list."""
    guard = RecordingGuard.load(policy, **options)
    guard.sink = ListSink()
    return guard
