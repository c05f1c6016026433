"""The folder of a log: names, locks, and writes that are whole or not there at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guard.errors import CannotFinish, InputError

#: Prefix of files that are being written; what a crash leaves of them means nothing.
PARTIAL: Final = ".partial-"

# WAL needs memory shared between all openers, and flock must reach all of them.
_NETWORK: Final = frozenset(
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre"]
    + [f"fuse.{name}" for name in ("sshfs", "s3fs", "gcsfuse")]
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are in a log's folder."""

    root: Path
    keys: Path

    @property
    def db(self) -> Path:
        return self.root / "log.db"

    @property
    def wal(self) -> Path:
        return self.root / "log.db-wal"

    @property
    def pages(self) -> Path:
        return self.root / "log.pages"

    @property
    def vkey(self) -> Path:
        return self.root / "log.vkey"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def commit_lock(self) -> Path:
        """Held by whoever writes to the log."""
        return self.root / "commit.lock"

    @property
    def pages_lock(self) -> Path:
        """Held shared by readers, exclusively while the WAL is folded into log.db."""
        return self.root / "pages.lock"

    @property
    def starting(self) -> Path:
        """Exists while the log is being made: what is here then was never acknowledged."""
        return self.root / "init.unfinished"

    def checkpoint(self, size: int) -> Path:
        return self.checkpoints / f"{size:020d}"

    def expected(self) -> frozenset[str]:
        """Names that belong in the folder."""
        fixed = (self.db, self.wal, self.pages, self.vkey, self.checkpoints)
        locks = (self.commit_lock, self.pages_lock, self.starting)
        return frozenset(p.name for p in fixed + locks) | {"log.db-shm", "keys"}


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_whole(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file so that a crash leaves the old one or the new one, durable on return."""
    partial = path.with_name(f"{PARTIAL}{os.getpid()}-{path.name}")
    try:
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(fd)
        partial.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> CannotFinish:
    """The error for a write that the machine refused."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    remedy = "free some space" if full else "check that the folder can be written"
    return CannotFinish(f"{path}: {os.strerror(error.errno or errno.EIO).lower()}", remedy)


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False, wait_s: float | None = None) -> Iterator[None]:
    """Hold the kernel's lock on a lock file.

    Waiters queue in the kernel, fairly. With ``wait_s`` a lock that is still held after so many
    seconds raises :class:`CannotFinish`.
    A reader does without a lock file that is not there (a copy of the log has none).
    """
    try:
        fd = os.open(path, os.O_RDONLY | (0 if shared else os.O_CREAT), 0o644)
    except FileNotFoundError:
        if not shared:
            raise InputError(f"{path.parent}: no such folder", "check the path") from None
        yield
        return
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        _take(fd, path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, wait_s)
        yield
    finally:
        # Unlocked by name: a forked child may hold a copy of the descriptor.
        fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)


def _take(fd: int, path: Path, kind: int, wait_s: float | None) -> None:
    if wait_s is None:
        fcntl.flock(fd, kind)
        return
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        if wait_s == 0 or not _queue(fd, kind, wait_s):
            raise busy(path.parent, wait_s) from None


def _queue(fd: int, kind: int, wait_s: float) -> bool:
    """Queue in the kernel for at most ``wait_s``; whether the lock was had.

    flock has no time limit and polling it would starve on a busy log, so a thread queues on a
    second descriptor of the same open file, to which the lock belongs.
    """
    twin, had, given_up = os.dup(fd), threading.Event(), threading.Event()

    def wait() -> None:
        with contextlib.suppress(OSError):
            fcntl.flock(twin, kind)
            had.set()
            if given_up.is_set():
                fcntl.flock(twin, fcntl.LOCK_UN)
        os.close(twin)

    threading.Thread(target=wait, name="guard-audit-lock", daemon=True).start()
    if had.wait(wait_s):
        return True
    given_up.set()
    return False


def busy(folder: Path, wait_s: float) -> CannotFinish:
    """The error for a log that somebody holds and does not let go."""
    held = f"{folder}: the log was held by another program for {wait_s:g} s"
    return CannotFinish(held, "end the program that holds it")


def refuse_network(folder: Path) -> None:
    """Raise :class:`CannotFinish` on a network file system, where locks and WAL do not hold."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return  # not Linux: nothing to read it from
    kind = file_system(folder.resolve(), mounts)
    if kind in _NETWORK:
        text = f"{folder}: the audit log cannot live on a network file system ({kind})"
        raise CannotFinish(text, "choose a folder on a local disk")


def file_system(folder: Path, mountinfo: str) -> str:
    """Type of the file system that holds ``folder``, from the text of /proc/self/mountinfo."""
    best, kind = -1, ""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) < 5 or not right:
            continue
        point = Path(fields[4].replace("\\040", " "))
        if folder.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), right.split(" ")[0]
    return kind
