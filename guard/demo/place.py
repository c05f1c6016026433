"""Where a demo goes: built beside its place, moved in whole, and only over a demo of ours."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from guard.errors import CannotFinish, InputError

#: The file that says that a folder was made by the demo and may be replaced by it.
MARKER: Final = ".guard-demo"
#: All that a run writes. A folder with anything else in it is somebody's work and is left alone.
ENTRIES: Final = frozenset({MARKER, "report.html", "input", "labelled", "scan", "audit", "c2pa"})


def check_replaceable(out: Path) -> None:
    """Refuse a place that holds something which is not an earlier demo of ours.

    Raises:
        InputError: ``out`` is a file, or a folder with foreign content.
    """
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise InputError(f"{out} is not a folder", "choose another --out")
    held = {path.name for path in out.iterdir()} if out.exists() else set()
    if held and MARKER not in held:
        raise InputError(f"{out} is not empty and not a demo folder", "choose another --out")
    if foreign := sorted(held - ENTRIES):
        raise InputError(
            f"{out} holds {foreign[0]!r}, which the demo did not write",
            "move it away or choose another --out",
        )


@contextlib.contextmanager
def building(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` that takes its place when the block ends well.

    The earlier demo is moved aside first and removed last, so that one of the two is always there.

    Raises:
        InputError: see :func:`check_replaceable`.
        CannotFinish: the disk is full or the folder cannot be written; nothing has changed.
    """
    check_replaceable(out)
    out = out.absolute()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        box = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise _cannot(out, error) from error
    try:
        inside = box / "new"  # mkdtemp gives 0700; this one gets the user's usual mode
        inside.mkdir()
        yield inside
        (inside / MARKER).write_text("Made by `guard demo`, which may replace this folder.\n")
        _swap(inside, out, box / "old")
    except OSError as error:
        raise _cannot(out, error) from error
    finally:
        shutil.rmtree(box, ignore_errors=True)


def _swap(new: Path, out: Path, old: Path) -> None:
    check_replaceable(out)  # again: the run took a while
    if out.exists():
        out.rename(old)
    try:
        new.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise


def _cannot(out: Path, error: OSError) -> CannotFinish:
    reason = (error.strerror or str(error)).lower()
    return CannotFinish(f"{out}: {reason}", "free space or choose another --out")
