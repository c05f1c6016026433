"""What a run of the demo found, as plain data for the terminal, the page and ``--json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guard.model import Clause


@dataclass(frozen=True, slots=True)
class Example:
    """One outcome that is worth showing.

    ``text`` is the text after redaction where there is one; ``clauses`` are what the rule serves;
    ``expect`` is what the material expects.
    """

    id: str
    text: str
    outcome: str
    rule: str
    title: str
    clauses: tuple[Clause, ...]
    note: str
    expect: str


@dataclass(frozen=True, slots=True)
class Stage:
    """The numbers of stage 1, 2 or 3.

    ``counts`` is outcome -> rows, ``expected`` is expected outcome -> (as expected, rows).
    ``misses`` are the rows that came out otherwise. ``balance`` is the cleaner's (see
    ``guard.stages.stage2_data_cleaner.Balance``), empty for the others.
    """

    number: int
    name: str
    title: str
    rows: int
    seconds: float
    counts: Mapping[str, int]
    expected: Mapping[str, tuple[int, int]]
    examples: tuple[Example, ...]
    misses: tuple[Example, ...]
    balance: Mapping[str, int]

    @property
    def right(self) -> int:
        """Rows that came out as the material expects."""
        return self.rows - len(self.misses)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A labelled file as our reader reads it back: ``facts`` are those of ``guard inspect --json``,
    and ``visible``, which says what the writer drew."""

    file: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Log:
    """The state of the audit log after the run. ``tampered`` is what verifying says of a copy in
    which one bit was changed."""

    records: int
    checkpoint: str
    verified: bool
    tampered: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole run. ``places`` maps what was written, relative to ``out``, to what it is."""

    out: str
    policy: str
    seconds: float
    stages: tuple[Stage, ...]
    labelled: tuple[Labelled, ...]
    label_seconds: float
    log: Log
    log_seconds: float
    places: Mapping[str, str]
