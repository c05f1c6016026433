"""``guard inspect``: every label and mark of files, judged by clause."""

from __future__ import annotations

import argparse
from pathlib import Path

from guard.cli.output import print_json, print_table, progress
from guard.model import Inspection

_VERDICTS = {
    "confirmed": "确认为生成合成",
    "possible": "可能为生成合成",
    "suspected": "疑似生成合成",
    "none": "未见标识",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--c2pa-trust", metavar="PEM", help="anchors that make a signature Trusted")
    parser.add_argument(
        "--declared", action="store_true", help="the user declared the content as machine-made"
    )
    parser.add_argument(
        "--gate", action="store_true", help="exit 1 unless every file has a compliant label"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per file")


def run(args: argparse.Namespace) -> int:
    from guard.label import acceptable, inspect_file

    trust = Path(args.c2pa_trust) if args.c2pa_trust else None
    results = []
    for file in progress(args.files, "inspect", total=len(args.files)):
        results.append(inspect_file(file, declared=args.declared, trust=trust))
        if args.json:
            print_json(results[-1])
    if not args.json:
        _show(results)
    return int(args.gate and not all(map(acceptable, results)))


def _show(results: list[Inspection]) -> None:
    rows = [
        (
            item.file,
            f"{item.verdict} {_VERDICTS[item.verdict]}",
            item.standard.status,
            (item.label or {}).get("ContentProducer", "-"),
            (item.label or {}).get("ProduceID", "-"),
            ", ".join(item.carriers) or "-",
            item.explicit["text"] or ("-" if item.explicit["checked"] else "not checked"),
            (item.c2pa or {}).get("state", "-"),
        )
        for item in results
    ]
    columns = ("file", "verdict", "GB 45438", "producer", "ProduceID", "carrier", "visible", "C2PA")
    print_table("", columns, rows)
    notes: list[tuple[str, str, str, str]] = [
        (i.file, p.clause, p.certainty, p.message) for i in results for p in i.standard.problems
    ]
    notes += [(i.file, "", "", i.standard.reason) for i in results if i.standard.reason]
    notes += [(i.file, "", "", f"trace: {trace}") for i in results for trace in i.traces]
    if notes:
        print_table("", ("file", "clause", "certainty", "problem"), notes)
