"""Damage files in many ways and read them: no crash, hang, flood of memory or invented label.

    python tests/watermark/mutated.py FOLDER SEED COUNT

``FOLDER`` has a whole file of every kind. Prints the first file that goes wrong
as hex and exits 1. Runs in a process of its own, so that its limits of memory and time hold.
"""

from __future__ import annotations

import random
import resource
import signal
import sys
from pathlib import Path

from guard.errors import GuardError
from guard.model import Label
from guard.watermark import formats

LABEL = Label("somebody", "number-7")
#: Memory beyond what is in use at the start, and seconds for one file.
MOST_MEMORY, MOST_SECONDS = 256 << 20, 10
NUMBERS = (
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\0\0\0\1",
    b"\1\0\0\0",
)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """One to four of: bytes changed, numbers made extreme, stretches cut, doubled or moved."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        if not out:
            break
        at, kind = chance.randrange(len(out)), chance.randrange(6)
        length = min(len(out) - at, int(chance.expovariate(1 / 40)) + 1)
        if kind == 0:
            out[at] = chance.randrange(256)
        elif kind == 1:
            number = chance.choice(NUMBERS)
            out[at : at + len(number)] = number
        elif kind == 2:
            del out[at : at + length]
        elif kind == 3:
            out[at:at] = out[at : at + length]
        elif kind == 4:
            stretch = bytes(out[at : at + length])
            place = chance.randrange(len(out))
            out[place : place + length] = stretch
        else:
            del out[at:]
    return bytes(out)


def attempt(data: bytes, name: str, *, labelled: bool) -> str:
    """What goes wrong with a damaged file; empty when nothing does."""
    fmt = formats.detect(data, name)
    if fmt is None:
        return ""
    found = fmt.container.read_labels(data).found
    if found and not labelled:
        return f"a label was invented: {found[0]}"
    try:
        out = formats.write_label(data, fmt, LABEL)
    except GuardError:
        return ""
    again = fmt.container.read_labels(out).found
    return "" if len(again) == 1 else f"{len(again)} labels after writing"


def main(folder: Path, seed: int, count: int) -> int:
    chance = random.Random(seed)
    samples = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    pairs = []
    for name, data in samples.items():
        fmt = formats.require(data, name)
        bare = not fmt.container.read_labels(data).found
        pairs += [(name, data, not bare), (name, formats.write_label(data, fmt, LABEL), True)]
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_MEMORY, resource.RLIM_INFINITY))
    for number in range(count):
        name, data, labelled = pairs[chance.randrange(len(pairs))]
        broken = damaged(data, chance)
        signal.alarm(MOST_SECONDS)
        try:
            fault = attempt(broken, name, labelled=labelled)
        except BaseException as error:
            fault = f"{type(error).__name__}: {error}"
        signal.alarm(0)
        if fault:
            print(f"{name}, file {number} of seed {seed}: {fault}\n{broken[:20_000].hex()}")
            return 1
    print(f"{count} files")
    return 0


class _TooSlowError(Exception):
    """A file took longer than it may."""


def _too_slow(*_: object) -> None:
    raise _TooSlowError


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, _too_slow)
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
