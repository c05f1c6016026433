"""``guard evaluate``: how well a policy and its detectors do on labelled rows."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from guard.cli.output import print_json, print_table, progress, to_json
from guard.errors import InputError
from guard.model import ROLES

if TYPE_CHECKING:
    from guard.evaluate.run import Judged


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help='.jsonl(.gz) of {"text", "label": "safe|unsafe"}'
    )
    parser.add_argument(
        "--role", choices=("auto", *ROLES), default="auto", help="auto: by the row's kind (default)"
    )
    parser.add_argument("--policy", metavar="NAME|PATH[,...]", help="sets, packs, pack folders")
    parser.add_argument("--detectors", choices=("all", "rules", "none"), help="layers to run")
    parser.add_argument(
        "--limit", type=_positive, metavar="N", help="the first N rows of each file"
    )
    parser.add_argument("--rows", metavar="OUT.jsonl", help="write id, action, risk of every row")
    parser.add_argument("--compare", metavar="OLD.json", help="an earlier --json: show the deltas")
    parser.add_argument("--gate", action="store_true", help="exit 1 when a source misses a bound")
    parser.add_argument("--max-fpr", type=_rate, metavar="X", help="bound of --gate, 0..1")
    parser.add_argument("--min-recall", type=_rate, metavar="Y", help="bound of --gate, 0..1")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    from guard.evaluate import compare, evaluate, failures, judged
    from guard.pipeline import Guard

    bounds = _bounds(args)
    old = _read_old(args.compare) if args.compare else None
    with Guard.load(args.policy, detectors=args.detectors) as guard, _rows(args.rows) as rows:
        stream = judged(
            [Path(name) for name in args.files], guard.judge, role=args.role, limit=args.limit
        )
        evaluation = evaluate(_written(progress(stream, "evaluating"), rows))
        detectors = [f"{d.name}@{d.version}" for d in guard.engine.detectors]
        result = evaluation.result(guard.policy.name, detectors)
    if old is not None:
        result["compare"] = compare(result, old)
    missed = failures(result, **bounds) if args.gate else []
    if args.gate:
        result["gate"] = {**bounds, "missed": missed}
    if args.json:
        print_json(result)
    else:
        _show(result)
    return 1 if missed else 0


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def _bounds(args: argparse.Namespace) -> dict[str, float | None]:
    bounds = {"max_fpr": args.max_fpr, "min_recall": args.min_recall}
    given = any(bound is not None for bound in bounds.values())
    if args.gate and not given:
        raise InputError("--gate has no bound", "add --max-fpr or --min-recall")
    if given and not args.gate:
        raise InputError("a bound without --gate has no effect", "add --gate")
    return bounds


def _read_old(name: str) -> dict[str, Any]:
    try:
        old = json.loads(Path(name).read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{name}: not JSON", "give the output of --json") from error
    if not isinstance(old, dict):
        raise InputError(f"{name}: not an object", "give the output of --json")
    return old


@contextmanager
def _rows(name: str | None) -> Iterator[IO[str] | None]:
    """A file beside ``name`` that takes its place when all rows are written; None without one."""
    if name is None:
        yield None
        return
    target = Path(name)
    if not target.parent.is_dir():
        raise InputError(f"--rows {name}: its folder does not exist", "make it first")
    handle, beside = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - an open descriptor
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(target)
    finally:
        Path(beside).unlink(missing_ok=True)


def _written(stream: Iterable[Judged], rows: IO[str] | None) -> Iterator[Judged]:
    from guard.evaluate import row_result

    for row, decision in stream:
        if rows is not None:
            rows.write(to_json(row_result(row, decision)) + "\n")
        yield row, decision


def _show(result: dict[str, Any]) -> None:
    columns = ("n", "unsafe", "recall", "fpr", "precision", "f1")
    for title, key in (("sources", "sources"), ("kinds", "kinds"), ("risks", "risks")):
        groups = result[key] if key != "sources" else {**result[key], "(all)": result["all"]}
        if groups:
            rows = [(name, *_cells(measures)) for name, measures in groups.items()]
            print_table("", (title, *columns), rows)
    latency = ", ".join(f"{name} {_us(value)}" for name, value in result["latency_us"].items())
    print(f"{result['policy']}; latency {latency}; 95 % Wilson intervals in brackets")
    if result["incomplete"]:
        print(f"on {result['incomplete']} rows a detector failed: they count as flagged")
    if "compare" in result:
        deltas = {**result["compare"]["sources"], "(all)": result["compare"]["all"]}
        rows = [(name, *(_delta(value) for value in d.values())) for name, d in deltas.items()]
        print_table("new - old, in points", ("sources", *result["compare"]["all"]), rows)
    for line in result.get("gate", {}).get("missed", ()):
        print(f"gate: {line}")


def _cells(m: dict[str, Any]) -> tuple[object, ...]:
    recall, fpr = _share(m["recall"], m["recall_ci"]), _share(m["fpr"], m["fpr_ci"])
    return (m["n"], m["unsafe"], recall, fpr, _share(m["precision"]), _share(m["f1"]))


def _share(value: float | None, interval: tuple[float, float] | None = None) -> str:
    if value is None:
        return "–"
    bounds = f" [{100 * interval[0]:.1f}–{100 * interval[1]:.1f}]" if interval else ""
    return f"{100 * value:.1f} %{bounds}"


def _delta(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:+.1f}"


def _us(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} µs"
