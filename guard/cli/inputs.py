"""Where a command's texts come from: an argument, a file, JSON Lines, standard input."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guard.errors import InputError

#: Recorded with a text whose bytes were not valid UTF-8.
REPLACED = {"encoding": "invalid UTF-8, replaced by U+FFFD"}


@dataclass(frozen=True, slots=True)
class Text:
    """A text, its name in the output, and what had to be done to read it."""

    text: str
    id: str
    meta: dict[str, str]


def decode(data: bytes) -> tuple[str, dict[str, str]]:
    """Bytes as text; broken UTF-8 is replaced and said so, never refused."""
    try:
        return data.decode("utf-8-sig"), {}
    except UnicodeDecodeError:
        return data.decode("utf-8-sig", errors="replace"), dict(REPLACED)


def read_bytes(path: str) -> bytes:
    """A file's bytes, unpacked when its name ends in .gz.

    Raises:
        InputError: no such file, not readable, or not gzip.
    """
    try:
        data = Path(path).read_bytes()
        return gzip.decompress(data) if path.endswith(".gz") else data
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", "check the path") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: not readable as gzip ({error})", "unpack it first") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})", "check it") from None


def texts(argument: str | None, file: str | None) -> Iterator[Text]:
    """The texts of a command.

    An argument is one text; ``-`` or nothing reads standard input, one text a line; a file is one
    text a line, or, when it is .jsonl(.gz), one JSON object with a "text" field a line.
    """
    if argument is not None and argument != "-":
        if file is not None:
            raise InputError("a text and -f FILE were both given", "give one of them")
        yield Text(argument, "0", {})
        return
    name = file or "-"
    data = sys.stdin.buffer.read() if name == "-" else read_bytes(name)
    reader = _json_lines if name.endswith((".jsonl", ".jsonl.gz")) else _lines
    yield from reader(name, data)


def _split(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def _lines(name: str, data: bytes) -> Iterator[Text]:
    for number, line in enumerate(_split(data), 1):
        text, meta = decode(line.rstrip(b"\r"))
        yield Text(text, str(number), meta)


def _json_lines(name: str, data: bytes) -> Iterator[Text]:
    for number, line in enumerate(_split(data), 1):
        if not line.strip():
            continue
        source, meta = decode(line)
        try:
            row = json.loads(source)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name}:{number}: not JSON ({error})", "mend that line") from None
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise InputError(
                f'{name}:{number}: no "text" string', 'give one object with "text" a line'
            )
        yield Text(row["text"], str(row.get("id", number)), meta)
