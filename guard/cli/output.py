"""What every command prints with: JSON for machines, tables for people, a progress bar for both."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any


def plain(value: Any) -> Any:
    """``value`` as JSON types: dataclasses become objects, enums their names."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def to_json(value: Any, *, indent: int | None = None) -> str:
    """JSON text that is always valid UTF-8, lone surrogates included (they are escaped)."""
    text = json.dumps(plain(value), ensure_ascii=False, indent=indent, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(plain(value), ensure_ascii=True, indent=indent, allow_nan=False)
    return text


def print_json(value: Any) -> None:
    """One JSON object on one line."""
    sys.stdout.write(to_json(value) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table that aligns Chinese and Latin text; as wide as the terminal, if it is one."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*[str(cell) for cell in row])
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False, markup=False)
    console.print(table)


def progress(items: Iterable[Any], label: str, total: int | None = None) -> Iterator[Any]:
    """``items`` unchanged, with a bar on stderr when that is a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, label, total=total, console=Console(stderr=True), transient=True)
