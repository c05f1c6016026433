"""``guard scan``: clean a data set, with a ledger of every document that was not kept as it was."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from guard.cli.check import add_policy_arguments
from guard.cli.output import print_json, print_table, progress

_COLUMNS = ("input", "kept", "redacted", "dropped", "duplicates", "quarantined")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help=".jsonl, .txt (also .gz), or folders of them"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="a new or empty folder")
    parser.add_argument("--field", default="text", help="the text field of JSON rows (text)")
    parser.add_argument(
        "--strict", action="store_true", help="exit 1 at the first quarantined document"
    )
    add_policy_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print report.json on one line")


def run(args: argparse.Namespace) -> int:
    from guard.pipeline import Guard
    from guard.scan import Setting, scan

    with Guard.load(
        args.policy, audit=args.audit, config=args.config, detectors=args.detectors
    ) as guard:
        setting = Setting(
            policy=guard.policy.name,
            detectors=tuple(f"{d.name}@{d.version}" for d in guard.engine.detectors),
            field=args.field,
            strict=args.strict,
        )
        report = scan(
            [Path(name) for name in args.inputs],
            Path(args.out),
            guard.judge,
            setting,
            sink=guard.sink,
            watch=lambda stream: progress(stream, "scanning"),
        )
    if args.json:
        print_json(report)
    else:
        _show(report, args.out)
    return 0


def _show(report: dict[str, Any], out: str) -> None:
    rows = [[entry["file"], *(entry[key] for key in _COLUMNS)] for entry in report["files"]]
    if len(rows) > 1:
        rows.append(["total", *(report[key] for key in _COLUMNS)])
    print_table("", ("file", *_COLUMNS), rows)
    by_rule = [
        (count, rule, outcome)
        for rule, counts in report["by_rule"].items()
        for outcome, count in counts.items()
    ]
    if by_rule:
        top = sorted(by_rule, key=lambda row: (-row[0], row[1]))[:20]
        print_table("", ("documents", "rule", "outcome"), top)
    print(f"{out}/report.html, {out}/report.json, {out}/ledger/, {out}/kept/")
    for entry in report["files"]:
        if entry["input"] and entry["quarantined"] == entry["input"]:
            print(
                f"guard: all of {entry['file']} was quarantined; see the ledger's reason"
                " (is --field right?)",
                file=sys.stderr,
            )
