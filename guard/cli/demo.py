"""``guard demo``: the whole pipeline on bundled input, offline, in less than a minute."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from guard.cli.output import print_json, progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, default=Path("demo-out"), metavar="DIR", help="default: demo-out"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")


def run(args: argparse.Namespace) -> int:
    from guard.demo import run as demo

    if args.json:
        print_json(demo.run(args.out, _Quiet()))
        return 0
    from guard.demo import terminal

    outcome = demo.run(args.out, _Tables())
    terminal.show_labels(outcome)
    terminal.show_log(outcome.log, outcome.log_seconds)
    terminal.show_places(outcome)
    return 0


class _Quiet:
    """Shows nothing."""

    def stage(self, stage: Any) -> None:
        pass

    def watch(self, items: Iterable[Any], label: str, total: int) -> Iterable[Any]:
        return items


class _Tables:
    """A bar while a stage runs and a table when it is done."""

    def stage(self, stage: Any) -> None:
        from guard.demo import terminal

        terminal.show_stage(stage)

    def watch(self, items: Iterable[Any], label: str, total: int) -> Iterable[Any]:
        return progress(items, label, total)
