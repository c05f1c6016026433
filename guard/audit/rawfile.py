"""Reading the bytes of log.db beside SQLite, without taking SQLite's locks away.

POSIX gives up all locks a process holds on a file as soon as it closes *any* descriptor of it
(sqlite.org/howtocorrupt, section 2.2). So a descriptor of our own is kept open, and closed only
when this process has no SQLite connection to the file any more. Connections are counted for that.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

_Key = tuple[int, int]


class _Users:
    """Users (connections and readers) of each database file, and our descriptor of it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count: dict[_Key, int] = {}
        self.fds: dict[_Key, int] = {}

    def add(self, path: Path) -> _Key:
        with self.lock:
            stat = path.stat()
            key = (stat.st_dev, stat.st_ino)
            self.count[key] = self.count.get(key, 0) + 1
            return key

    def drop(self, key: _Key) -> None:
        with self.lock:
            self.count[key] -= 1
            if not self.count[key]:
                del self.count[key]
                if (fd := self.fds.pop(key, None)) is not None:
                    os.close(fd)

    def fd(self, key: _Key, path: Path) -> int:
        with self.lock:
            if key not in self.fds:
                self.fds[key] = os.open(path, os.O_RDONLY)
            return self.fds[key]


_users = _Users()


def _in_child() -> None:
    """Forget the parent's users; their descriptors stay open, which harms nobody."""
    global _users
    _users = _Users()


os.register_at_fork(after_in_child=_in_child)


class Connection(sqlite3.Connection):
    """A connection that counts as a user of its file until it is closed."""

    _used: tuple[_Users, _Key] | None = None

    def use(self, path: Path) -> None:
        """Count from now on; the file must be there."""
        self._used = (_users, _users.add(path))

    def close(self) -> None:
        super().close()
        if self._used is not None:
            users, key = self._used
            self._used = None
            users.drop(key)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Callable[[int, int], bytes]]:
    """A function that reads (size, offset) of the file."""
    users = _users
    key = users.add(path)
    try:
        fd = users.fd(key, path)
        yield lambda size, offset: os.pread(fd, size, offset)
    finally:
        users.drop(key)
