"""The bundled input: written for the demo, with what is expected of every row beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

#: The files of ``guard/demo/data`` that a run copies beside its output, for trying things out.
NAMES: Final = ("prompts.jsonl", "answers.jsonl", "corpus.jsonl", "corpus_truth.jsonl")
#: Why a document of the corpus is kept when there is nothing to say about it.
PLAIN: Final = "普通文本"


@dataclass(frozen=True, slots=True)
class Row:
    """A prompt or an answer. ``expect`` is an action in lower case, ``risk`` a coarse class."""

    id: str
    text: str
    expect: str
    risk: str
    note: str
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Truth:
    """What should become of a document of the corpus, and why; ``of`` is the original's id."""

    id: str
    expect: str
    why: str
    of: str = ""


def prompts() -> list[Row]:
    """What users asked."""
    return [Row(**row) for row in _rows("prompts.jsonl")]


def answers() -> list[Row]:
    """What a model answered: harmful, careless, broken and sound answers."""
    return [Row(**row) for row in _rows("answers.jsonl")]


def truth() -> dict[str, Truth]:
    """The expected outcome of every document of the corpus, by id."""
    return {row["id"]: Truth(**row) for row in _rows("corpus_truth.jsonl")}


def corpus() -> dict[str, str]:
    """The texts of the corpus by id."""
    return {row["id"]: row["text"] for row in _rows("corpus.jsonl")}


def flow() -> str:
    """The picture of the flow, as SVG markup."""
    return _read("flow.svg")


def copy_to(folder: Path) -> None:
    """Write the material into the new folder ``folder``, byte for byte."""
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes((files("guard.demo") / "data" / name).read_bytes())


def _read(name: str) -> str:
    return (files("guard.demo") / "data" / name).read_text(encoding="utf-8")


def _rows(name: str) -> Iterator[dict[str, Any]]:
    # Split at LF only: a text may hold other characters that str.splitlines takes for line ends.
    return (json.loads(line) for line in _read(name).split("\n") if line)
