"""One scan: files in; kept, ledger and report out; the balance checked file by file."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from guard.detectors import duplicates
from guard.errors import CannotFinish, GuardError
from guard.model import Sink
from guard.scan import output
from guard.scan.documents import Documents, Row
from guard.scan.files import Input, Reader, find_inputs
from guard.scan.page import render
from guard.stages.stage2_data_cleaner import Balance, Cleaned, Judge, Place, clean, run_record

Watch = Callable[[Iterable[Cleaned]], Iterable[Cleaned]]
#: Categories that mean trouble with the document or with us, not a rule's verdict.
TROUBLE: Final = ("input.", "system.")


class StrictError(GuardError):
    """A strict scan met a document that would be quarantined."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Setting:
    """What a scan's outcome depends on beside its input: goes into the report and the log.

    ``policy`` is ``id@version#digest``, ``detectors`` are ``name@version``, ``field`` names the
    text field of JSON rows, ``strict`` stops at the first quarantined document.
    """

    policy: str = ""
    detectors: tuple[str, ...] = ()
    field: str = "text"
    strict: bool = False

    def recipe(self) -> dict[str, Any]:
        """Everything that decides, as JSON types, with its digest."""
        body = {
            "policy": self.policy,
            "detectors": [*self.detectors, f"{duplicates.NAME}@{duplicates.VERSION}"],
            "field": self.field,
            "duplicates": {
                "grams": duplicates.GRAM,
                "permutations": duplicates.PERMUTATIONS,
                "bands": duplicates.BANDS,
                "threshold": duplicates.THRESHOLD,
            },
        }
        return {**body, "sha256": hashlib.sha256(output.to_json(body).encode()).hexdigest()}


@dataclass(slots=True)
class Tally:
    """Counts over a whole run. Each document counts once, under the rule that decided."""

    total: Balance = field(default_factory=Balance)
    rules: dict[str, Counter[str]] = field(default_factory=dict)
    categories: dict[str, Counter[str]] = field(default_factory=dict)
    sources: dict[str, Balance] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, cleaned: Cleaned) -> None:
        """Count one document."""
        self.total.add(cleaned.decision)
        self.sources.setdefault(cleaned.doc.source, Balance()).add(cleaned.decision)
        if (entry := cleaned.entry) is None:
            return
        if entry.rule:
            self.rules.setdefault(entry.rule, Counter())[entry.decision] += 1
        self.categories.setdefault(entry.category, Counter())[entry.decision] += 1
        self.errors[entry.category] += entry.category.startswith(TROUBLE)

    def as_dict(self) -> dict[str, Any]:
        return {
            "by_rule": {key: dict(self.rules[key]) for key in sorted(self.rules)},
            "by_category": {key: dict(self.categories[key]) for key in sorted(self.categories)},
            "by_source": {key: self.sources[key].as_dict() for key in sorted(self.sources)},
            "errors": {key: self.errors[key] for key in sorted(+self.errors)},
        }


def scan(
    paths: Sequence[Path],
    out: Path,
    judge: Judge,
    setting: Setting,
    *,
    sink: Sink | None = None,
    watch: Watch = iter,
) -> dict[str, Any]:
    """Clean the files and folders ``paths`` into the new folder ``out``; returns the report.

    Args:
        judge: contents in, decisions out, same order.
        sink: gets one record for the run before ``out`` appears.
        watch: wraps the stream of outcomes (for a progress bar).

    Raises:
        InputError: unreadable input, two inputs of one name, or ``out`` is not empty.
        CannotFinish: ``out`` could not be written; nothing is left behind.
        StrictError: ``setting.strict`` and a document would be quarantined.
    """
    inputs, passed_over = find_inputs(paths)
    output.check_free(out)
    tally = Tally()
    with output.staging(out) as folder:
        with tempfile.TemporaryFile(dir=folder) as store:
            index: duplicates.DuplicateIndex[Place]
            index = duplicates.DuplicateIndex(store=cast(BinaryIO, store))
            files = [_one(file, folder, judge, setting, index, tally, watch) for file in inputs]
        report = _report(folder, setting, tally, files, passed_over)
        text = output.to_json(report, indent=2) + "\n"
        output.write_text(folder / "report.json", text)
        output.write_text(folder / "report.html", render(report))
        if sink is not None:
            sink.append(_record(tally.total, report, text))
    return report


def _one(
    file: Input,
    folder: Path,
    judge: Judge,
    setting: Setting,
    index: duplicates.DuplicateIndex[Place],
    tally: Tally,
    watch: Watch,
) -> dict[str, Any]:
    """Clean one file; its line of the report."""
    balance, reader = Balance(), Reader(file.path)
    documents = Documents(file, reader, setting.field)
    with output.kept_file(folder, file) as kept, output.ledger_file(folder, file) as ledger:
        for cleaned in watch(clean(documents, judge, duplicates=index)):
            if setting.strict and cleaned.decision == "quarantine":
                raise _stopped(cleaned)
            balance.add(cleaned.decision)
            tally.add(cleaned)
            kept.write(_kept(cleaned))
            if cleaned.entry is not None:
                ledger.write(output.ledger_line(cleaned.entry))
    if not balance.holds:
        raise CannotFinish(f"{file.path}: the counts do not balance", "report this as a bug")
    head = {"file": file.name, "sha256": reader.sha256, "bytes": reader.size}
    return {**head, "blank": documents.blank, **balance.as_dict()}


def _kept(cleaned: Cleaned) -> bytes:
    """The line for ``kept/``: as it was read, or with its text replaced, or nothing."""
    row = cast(Row, cleaned.doc)
    if cleaned.decision == "redact" and cleaned.text != row.text:
        return row.rewritten(cleaned.text)
    return row.raw if cleaned.decision in ("keep", "redact") else b""


def _stopped(cleaned: Cleaned) -> StrictError:
    entry = cleaned.entry
    assert entry is not None
    why = entry.reason or entry.rule
    return StrictError(
        f"{entry.file} line {entry.line} would be quarantined ({entry.category}: {why})",
        "mend it, or run without --strict",
    )


def _report(
    folder: Path,
    setting: Setting,
    tally: Tally,
    files: list[dict[str, Any]],
    passed_over: list[str],
) -> dict[str, Any]:
    outputs = output.digests(folder)
    return {
        **tally.total.as_dict(),
        **tally.as_dict(),
        "files": files,
        "passed_over": passed_over,
        "policy": setting.policy,
        "detectors": setting.recipe()["detectors"],
        "recipe": setting.recipe(),
        "outputs": outputs,
        "outputs_sha256": output.root(outputs),
    }


def _record(total: Balance, report: dict[str, Any], text: str) -> Any:
    return run_record(
        total,
        policy=report["policy"],
        recipe_sha256=report["recipe"]["sha256"],
        inputs={entry["file"]: entry["sha256"] for entry in report["files"]},
        outputs_sha256=report["outputs_sha256"],
        report_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
