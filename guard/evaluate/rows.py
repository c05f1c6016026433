"""Labelled rows: read strictly, because a wrong row would silently falsify a figure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from guard.errors import InputError
from guard.model import Content, Role
from guard.scan.files import Reader

RoleChoice = Literal["auto", "prompt", "context", "output", "training"]
#: Kind of a row -> role; every other kind is an output.
ROLE_OF_KIND: Final[dict[str, Role]] = {
    "prompt": "prompt",
    "query": "prompt",
    "document": "context",
}
LABELS: Final = ("safe", "unsafe")


@dataclass(frozen=True, slots=True)
class Labelled:
    """One row to judge. ``kind`` and ``risk`` are empty where the row has none."""

    content: Content
    unsafe: bool
    source: str
    kind: str
    risk: str


def sources(files: Sequence[Path]) -> dict[str, Path]:
    """A name per file: its stem, with its folder's name where two files share the stem.

    Raises:
        InputError: a file is missing, has another format, or is given twice.
    """
    for file in files:
        if not file.name.endswith((".jsonl", ".jsonl.gz")):
            raise InputError(f"{file}: not a labelled set", "give .jsonl or .jsonl.gz files")
        if not file.is_file():
            raise InputError(f"{file}: no such file", "check the path")
    stems = [stem(file) for file in files]
    named: dict[str, Path] = {}
    for file, name in zip(files, stems, strict=True):
        unique = name if stems.count(name) == 1 else f"{file.absolute().parent.name}/{name}"
        if unique in named:
            raise InputError(f"{file} and {named[unique]} have one name", "give each file once")
        named[unique] = file
    return named


def stem(file: Path) -> str:
    """``cold`` for ``cold.jsonl.gz``."""
    return file.name.removesuffix(".gz").removesuffix(".jsonl")


def read_rows(
    source: str, file: Path, role: RoleChoice = "auto", limit: int | None = None
) -> Iterator[Labelled]:
    """The first ``limit`` rows of ``file`` (all when None); blank lines are no rows.

    Raises:
        InputError: naming file and line: not JSON, no text, a label other than safe and unsafe.
    """
    count = 0
    for line in Reader(file).lines():
        if not line.raw.strip() and not line.sha256:
            continue
        if count == limit:
            return
        count += 1
        yield _labelled(source, role, _parse(file, line.number, line.raw), line.number)


def _parse(file: Path, number: int, raw: bytes) -> dict[str, Any]:
    where = f"{file} line {number}"
    remedy = 'each line is an object {"text": "…", "label": "safe" | "unsafe", …} in UTF-8'
    try:
        row = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON", remedy) from error
    if not isinstance(row, dict):
        raise InputError(f"{where}: not an object", remedy)
    if not isinstance(row.get("text"), str):
        raise InputError(f"{where}: field 'text' is missing or no string", remedy)
    if row.get("label") not in LABELS:
        raise InputError(f"{where}: field 'label' is {row.get('label')!r:.40}", remedy)
    return row


def _labelled(source: str, role: RoleChoice, row: dict[str, Any], number: int) -> Labelled:
    kind, risk = _word(row, "kind"), _word(row, "risk")
    actual: Role = ROLE_OF_KIND.get(kind, "output") if role == "auto" else role
    prompt = _word(row, "prompt") if actual == "output" else ""
    content = Content(
        row["text"],
        role=actual,
        id=str(row.get("id", f"{source}:{number}")),
        lang=_word(row, "lang"),
        meta={"prompt": prompt} if prompt else {},
    )
    return Labelled(content, row["label"] == "unsafe", source, kind, risk)


def _word(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""
