"""Judge labelled rows, count, and compare with an earlier result."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from guard.errors import InputError
from guard.evaluate.measure import Counts, percentile
from guard.evaluate.rows import Labelled, RoleChoice, read_rows, sources
from guard.model import Action, Content, Decision

Judge = Callable[[Sequence[Content]], Sequence[Decision]]
Judged = tuple[Labelled, Decision]

BATCH: Final = 64
FLAGGED: Final = Action.REVIEW
#: Measures that ``compare`` subtracts.
COMPARED: Final = ("precision", "recall", "f1", "fpr")


@dataclass(slots=True)
class Evaluation:
    """Counts so far: overall, per source file, and per the rows' own kind and risk."""

    all: Counts = field(default_factory=Counts)
    sources: dict[str, Counts] = field(default_factory=dict)
    kinds: dict[str, Counts] = field(default_factory=dict)
    risks: dict[str, Counts] = field(default_factory=dict)
    took_us: array[float] = field(default_factory=lambda: array("d"))
    incomplete: int = 0

    def add(self, row: Labelled, decision: Decision) -> None:
        """Count one judged row."""
        groups = [self.all, self.sources.setdefault(row.source, Counts())]
        if row.kind:
            groups.append(self.kinds.setdefault(row.kind, Counts()))
        if row.risk:
            groups.append(self.risks.setdefault(row.risk, Counts()))
        for counts in groups:
            counts.add(unsafe=row.unsafe, flagged=decision.action >= FLAGGED)
        self.took_us.append(decision.took_us)
        self.incomplete += not decision.complete

    def result(self, policy: str, detectors: Sequence[str]) -> dict[str, Any]:
        """The JSON form; ``incomplete`` counts rows on which a detector failed."""
        ordered = sorted(self.took_us)
        return {
            "policy": policy,
            "detectors": list(detectors),
            "all": self.all.measures(),
            "sources": {name: counts.measures() for name, counts in self.sources.items()},
            "kinds": {name: self.kinds[name].measures() for name in sorted(self.kinds)},
            "risks": {name: self.risks[name].measures() for name in sorted(self.risks)},
            "latency_us": {f"p{p}": percentile(ordered, p) for p in (50, 95, 99)},
            "incomplete": self.incomplete,
        }


def judged(
    files: Sequence[Path],
    judge: Judge,
    *,
    role: RoleChoice = "auto",
    limit: int | None = None,
) -> Iterator[Judged]:
    """Every row with its decision, file by file, in order; ``limit`` rows of each file.

    Raises:
        InputError: an unreadable file, or a bad row (file and line are named).
    """
    named = sources(files)
    for source, file in named.items():
        stream = read_rows(source, file, role, limit)
        while batch := list(itertools.islice(stream, BATCH)):
            decisions = judge([row.content for row in batch])
            yield from zip(batch, decisions, strict=True)


def evaluate(rows: Iterable[Judged]) -> Evaluation:
    """Count judged rows."""
    evaluation = Evaluation()
    for row, decision in rows:
        evaluation.add(row, decision)
    return evaluation


def row_result(row: Labelled, decision: Decision) -> dict[str, Any]:
    """One line of ``--rows``: never the text."""
    return {
        "id": row.content.id,
        "action": decision.action.name,
        "risk": decision.risk,
        "risks": dict(decision.risks),
    }


def compare(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """New minus old of every compared measure: ``all``, and the ``sources`` both results have.

    Raises:
        InputError: ``old`` is no result of an evaluation.
    """
    try:
        before, after = old["sources"], new["sources"]
        shared = [name for name in after if name in before]
        return {
            "all": _deltas(new["all"], old["all"]),
            "sources": {name: _deltas(after[name], before[name]) for name in shared},
        }
    except (KeyError, TypeError) as error:
        raise InputError(
            "the result to compare with has not the form of `guard evaluate --json`",
            "give a file written by it",
        ) from error


def _deltas(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, float | None]:
    return {key: _minus(new[key], old[key]) for key in COMPARED}


def _minus(new: float | None, old: float | None) -> float | None:
    return None if new is None or old is None else new - old


def failures(
    result: Mapping[str, Any], *, max_fpr: float | None = None, min_recall: float | None = None
) -> list[str]:
    """The sources that miss a bound, one sentence each. Where a measure is undefined, none can.

    Sources are held to the bounds one by one: a mean over them hides the weak one.

    Raises:
        InputError: no source has the rows that a bound needs.
    """
    found: list[str] = []
    for key, bound, sign in (("fpr", max_fpr, 1), ("recall", min_recall, -1)):
        if bound is None:
            continue
        values = {name: m[key] for name, m in result["sources"].items() if m[key] is not None}
        if not values:
            raise InputError(f"no row to measure {key} on", "add a set that has some")
        word = "above" if sign > 0 else "below"
        found += [
            f"{name}: {key} {value:.4f} is {word} {bound:g}"
            for name, value in values.items()
            if sign * (value - bound) > 0
        ]
    return found
