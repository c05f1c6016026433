"""``guard inspect``: every label and mark of files, judged by clause."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from guard.cli.output import print_json, print_table, progress
from guard.errors import InputError
from guard.model import Inspection

_VERDICTS = {
    "confirmed": "确认为生成合成",
    "possible": "可能为生成合成",
    "suspected": "疑似生成合成",
    "none": "未见标识",
}


#: More files than this are summed up; those that need a look are listed.
_MOST_ROWS = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="files, or folders with all in them"
    )
    parser.add_argument("--c2pa-trust", metavar="PEM", help="anchors that make a signature Trusted")
    parser.add_argument("--label-key", metavar="PEM", help="key that checks a signed ReservedCode1")
    parser.add_argument(
        "--watermark-key", metavar="FILE", help="key with which invisible marks are looked for"
    )
    parser.add_argument(
        "--declared", action="store_true", help="the user declared the content as machine-made"
    )
    parser.add_argument(
        "--gate", action="store_true", help="exit 1 unless every file has a compliant label"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per file")
    page = parser.add_argument_group("a page on which anybody drops a file and sees its marks")
    page.add_argument("--serve", action="store_true", help="serve it until interrupted")
    page.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    page.add_argument("--port", type=int, default=8090, help="default: %(default)s; 0 picks one")


def run(args: argparse.Namespace) -> int:
    if args.serve:
        return _serve(args)
    if not args.files:
        raise InputError("FILE is needed", "name files or folders, or give --serve")
    from guard.label import acceptable, inspect_file

    trust = Path(args.c2pa_trust) if args.c2pa_trust else None
    files = list(_files(args.files))
    results = []
    for file in progress(files, "inspect", total=len(files)):
        results.append(
            inspect_file(
                file,
                declared=args.declared,
                trust=trust,
                label_key=args.label_key,
                watermark_key=args.watermark_key,
            )
        )
        if args.json:
            print_json(results[-1])
    if not args.json:
        _show(results)
    return int(args.gate and not all(map(acceptable, results)))


def _files(names: list[str]) -> Iterator[str]:
    """The files themselves, and all in folders, sorted; hidden ones and links out are left out."""
    for name in names:
        if not Path(name).is_dir():
            yield name
            continue
        for folder, folders, files in os.walk(name):
            folders[:] = sorted(item for item in folders if not item.startswith("."))
            paths = (Path(folder, item) for item in sorted(files) if not item.startswith("."))
            yield from (str(path) for path in paths if path.is_file() and not path.is_symlink())


def _serve(args: argparse.Namespace) -> int:
    from guard.serve.inspect_page import InspectPage
    from guard.serve.listen import listen

    listen(InspectPage(args.c2pa_trust), args.host, args.port)
    return 0


def _summary(results: list[Inspection]) -> None:
    """Counts by verdict and by standard, and what needs a look."""
    counted = Counter((item.verdict, item.standard.status) for item in results)
    rows = [(f"{v} {_VERDICTS[v]}", status, n) for (v, status), n in sorted(counted.items())]
    print_table(f"{len(results)} files", ("verdict", "GB 45438", "files"), rows)
    odd = [r for r in results if r.standard.status in ("noncompliant", "inconclusive")]
    if odd:
        print_table("", ("to be looked at", "GB 45438", "why"), [_why(r) for r in odd[:_MOST_ROWS]])
    if len(odd) > _MOST_ROWS:
        print(f"... and {len(odd) - _MOST_ROWS} more; --json lists all")


def _why(item: Inspection) -> tuple[str, str, str]:
    first = item.standard.reason or next((p.message for p in item.standard.problems), "")
    return item.file, item.standard.status, first


def _mark(item: Inspection) -> str:
    if item.watermark is None:
        return "-"
    return str(item.watermark["payload"] or item.watermark["state"])


def _show(results: list[Inspection]) -> None:
    if len(results) > _MOST_ROWS:
        _summary(results)
        return
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
            _mark(item),
        )
        for item in results
    ]
    columns = ("file", "verdict", "GB 45438", "producer", "ProduceID", "carrier", "visible", "C2PA")
    print_table("", (*columns, "watermark"), rows)
    notes: list[tuple[str, str, str, str]] = [
        (i.file, p.clause, p.certainty, p.message) for i in results for p in i.standard.problems
    ]
    notes += [
        (
            i.file,
            "ReservedCode1",
            "",
            f"signature: {i.signature['state']}, key {i.signature['key']}",
        )
        for i in results
        if i.signature
    ]
    notes += [(i.file, "", "", i.standard.reason) for i in results if i.standard.reason]
    notes += [(i.file, "", "", f"trace: {trace}") for i in results for trace in i.traces]
    if notes:
        print_table("", ("file", "clause", "certainty", "problem"), notes)
