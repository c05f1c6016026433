"""``guard feedback``: say whether a recorded decision was right."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from guard.cli.output import print_json
from guard.errors import InputError

if TYPE_CHECKING:
    from guard.feedback import Wrong


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("record", type=int, metavar="RECORD", help="index of the decision")
    parser.add_argument("opinion", choices=("right", "wrong"), help="what you say of it")
    parser.add_argument("--audit", required=True, type=Path, metavar="DIR", help="the log's folder")
    parser.add_argument("--note", default="", help="why; recorded, so put no content in it")
    parser.add_argument("--text", type=Path, metavar="FILE", help="the text: makes a candidate")
    parser.add_argument("--pack", type=Path, metavar="PACK", help="your pack; goes with --text")
    parser.add_argument("--subject", default="", help="the subject that the text was judged with")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    from guard.audit import open_log
    from guard.feedback import give

    wrong = _wrong(args)
    with open_log(args.audit, create=False) as log:
        given = give(log, args.record, args.opinion, note=args.note, wrong=wrong)
    if args.json:
        print_json({"record": given.record, "candidate": given.candidate})
        return 0
    print(f"recorded as {given.record}: decision {args.record} was {args.opinion}")
    if given.candidate:
        print(f"{given.candidate}: look at it, then copy the sample into a rule")
    return 0


def _wrong(args: argparse.Namespace) -> Wrong | None:
    from guard.cli.inputs import decode, read_bytes
    from guard.feedback import Wrong

    if (args.text is None) is not (args.pack is None):
        raise InputError("--text and --pack go together", "give both, or neither")
    if args.text is None:
        return None
    if args.opinion == "right":
        raise InputError("--text belongs to a wrong decision", "leave it out")
    text, _ = decode(read_bytes(str(args.text)))
    return Wrong(text.removesuffix("\n").removesuffix("\r"), args.pack, args.subject)
