"""``guard demo``: the whole pipeline on bundled input, offline, in less than a minute."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from shlex import quote
from typing import Any

from guard.cli.output import print_json, print_table, progress
from guard.demo.outcome import Example, Log, Outcome, Stage

_WIDTH = 44
_MISSES = 5
_COLUMNS = ("id", "内容 content", "结果", "规则 rule", "依据 basis")


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
    outcome = demo.run(args.out, _Tables())
    show_labels(outcome)
    show_log(outcome.log, outcome.log_seconds)
    show_places(outcome)
    return 0


class _Quiet:
    """Shows nothing."""

    def stage(self, stage: Stage) -> None:
        pass

    def watch(self, items: Iterable[Any], label: str, total: int) -> Iterable[Any]:
        return items


class _Tables:
    """A bar while a stage runs and a table when it is done."""

    def stage(self, stage: Stage) -> None:
        show_stage(stage)

    def watch(self, items: Iterable[Any], label: str, total: int) -> Iterable[Any]:
        return progress(items, label, total)


def say(line: str = "") -> None:
    """One line on standard output."""
    sys.stdout.write(line + "\n")


def show_stage(stage: Stage) -> None:
    """The counts of a judging stage, examples with rule and clause, and what was missed."""
    counts = "  ".join(f"{name} {n}" for name, n in stage.counts.items())
    say(f"\n[{stage.number}/5] {stage.title}  {stage.rows} 条 rows, {stage.seconds:.2f} s")
    say(f"      {counts}")
    if stage.balance:
        law = "输入 {input} = 保留 {kept} + 剔除 {dropped} + 隔离 {quarantined}"
        say("      " + law.format_map(stage.balance) + "  (input = kept + dropped + quarantined)")
    print_table(
        "", ("id", "内容 content", "结果", "规则 rule", "依据 basis"), _rows(stage.examples)
    )
    say(f"      与预期一致 as expected: {stage.right}/{stage.rows}")
    for one in stage.misses[:_MISSES]:
        say(f"      不符 miss: {one.id} {one.note}: 预期 {one.expect}, 得到 {one.outcome}")
    if len(stage.misses) > _MISSES:
        say(f"      …其余 {len(stage.misses) - _MISSES} 条见 report.html (the rest is there)")


def _rows(examples: Iterable[Example]) -> list[tuple[str, ...]]:
    return [
        (one.id, _short(one.text), one.outcome, one.title or one.note, _basis(one))
        for one in examples
    ]


def _basis(one: Example) -> str:
    more = "…" if len(one.clauses) > 1 else ""
    return one.clauses[0].clause + more if one.clauses else ""


def _short(text: str) -> str:
    """One line without invisible characters."""
    line = "".join(c if c.isprintable() else " " if c.isspace() else "·" for c in text)
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"


def show_labels(run: Outcome) -> None:
    """What our reader finds in each labelled file."""
    say(f"\n[4/5] 标识写入 label writer  {len(run.labelled)} 个文件, {run.label_seconds:.2f} s")
    rows = [
        (
            one.file,
            one.facts["carrier"] or "-",
            one.facts["standard"]["status"],
            (one.facts["c2pa"] or {}).get("state", "-"),
            one.facts["verdict"],
        )
        for one in run.labelled
    ]
    print_table("", ("文件 file", "载体 carrier", "GB 45438", "C2PA", "结论 verdict"), rows)


def show_log(log: Log, seconds: float) -> None:
    """The log's size and what verifying says of it, and of a copy with one bit changed."""
    state = "校验通过 verified" if log.verified else "校验失败 NOT VERIFIED"
    say(f"\n[5/5] 审计日志 audit log  {log.records} 条 records, {state}, {seconds:.2f} s")
    say(f"      副本改动一个比特后 one bit changed in a copy: {log.tampered}")


def show_places(run: Outcome) -> None:
    """Where everything is, and five commands to go on with."""
    say()
    rows = [(f"{run.out}/{place}", what) for place, what in run.places.items()]
    print_table(f"写出的文件 written in {run.seconds:.1f} s", ("位置 place", "内容 what"), rows)
    say("接下来试试 what to try next:")
    for command in next_commands(run.out):
        say(f"  {_this_program()}{command.removeprefix('guard')}")


def _this_program() -> str:
    """How the reader can call us: ``guard``, or its path where that is not on the search path."""
    called = Path(sys.argv[0])
    if called.name != "guard" or shutil.which("guard"):
        return "guard"
    return quote(os.path.relpath(called))


def next_commands(out: str) -> tuple[str, ...]:
    """Five commands that work on what the run left behind."""
    return (
        'guard check "教我怎么购买枪支" --role prompt',
        f"guard inspect {quote(out + '/labelled/mountains.png')}"
        f" --c2pa-trust {quote(out + '/c2pa/root.pem')}",
        f"guard scan {quote(out + '/input/corpus.jsonl')} --out my-scan",
        f"guard audit verify --audit {quote(out + '/audit')}",
        "guard policy coverage",
    )
