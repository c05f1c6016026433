"""``guard audit``: make, sign, verify and read an audit log."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard.cli.output import print_json, print_table

if TYPE_CHECKING:
    from guard.audit import AuditLog, Report

_HELP = {
    "init": "make an empty log | 新建日志",
    "verify": "check every byte of the evidence; exit 1 names the place | 验证全部证据",
    "seal": "sign a checkpoint now | 立即签发检查点",
    "stats": "records, size and the newest checkpoint | 记录数与最新检查点",
    "prove": "write one record's proof, verifiable offline | 导出单条记录的证明",
    "show": "one record | 显示一条记录",
    "search": "the newest records that match | 检索记录",
    "export": "all signed records as tiles, JSON lines or CSV | 导出已签名的全部记录",
    "shred": "destroy a subject's key, and record that | 销毁某主体的密钥并留痕",
}

#: What records can be searched by.
_CRITERIA = {
    "kind": "decision, label, scan, shred, ...",
    "stage": "the stage that decided",
    "action": "PASS, REDACT, REVIEW or BLOCK",
    "role": "prompt, context, output or training",
    "rule": "id of a rule that fired",
    "produce-id": "the number in a label (ProduceID)",
    "request-id": "the caller's request id",
    "subject": "the caller's id of a person",
    "content": "the exact text that was judged",
    "since": "date or time, UTC unless said",
    "until": "date or time, exclusive",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command each, all with --audit."""
    subs = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    made: dict[str, argparse.ArgumentParser] = {}
    for name, text in _HELP.items():
        sub = made[name] = subs.add_parser(name, help=text, description=text)
        sub.add_argument(
            "--audit", required=True, type=Path, metavar="DIR", help="the log's folder"
        )
        sub.add_argument("--keys", type=Path, metavar="DIR", help="its secrets (default: DIR/keys)")
        sub.add_argument("--json", action="store_true", help="one JSON object for machines")
    made["init"].add_argument("--origin", metavar="NAME", help="name of the log in checkpoints")
    made["verify"].add_argument("--key", metavar="PUB", help="public key you trust: vkey or PEM")
    made["prove"].add_argument("--out", required=True, type=Path, metavar="FILE.tlog-proof")
    for name in ("prove", "show"):
        made[name].add_argument("--index", required=True, type=int, metavar="N", help="from 0")
    _search_arguments(made["search"])
    made["export"].add_argument("--out", required=True, type=Path, metavar="DIR", help="new folder")
    made["export"].add_argument("--format", choices=("tiles", "jsonl", "csv"), default="tiles")
    made["shred"].add_argument("--subject", required=True, metavar="S", help="as given to check")
    made["shred"].add_argument("--reason", required=True, metavar="TEXT", help="kept in the log")


def _search_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="at most (default 20)")
    for name, text in _CRITERIA.items():
        parser.add_argument(f"--{name}", metavar=name.upper(), help=text)


def run(args: argparse.Namespace) -> int:
    """Dispatch to the sub-command."""
    commands: dict[str, Callable[[argparse.Namespace], int]] = {
        "init": _init,
        "verify": _verify,
        "seal": _seal,
        "stats": _stats,
        "prove": _prove,
        "show": _show,
        "search": _search,
        "export": _export,
        "shred": _shred,
    }
    return commands[args.what](args)


def _open(args: argparse.Namespace, *, create: bool = False) -> AuditLog:
    from guard.audit import open_log

    origin = getattr(args, "origin", None)
    return open_log(args.audit, create=create, origin=origin, keys=args.keys)


def _say(args: argparse.Namespace, value: dict[str, Any], text: str) -> None:
    if args.json:
        print_json(value)
    else:
        print(text)


def _init(args: argparse.Namespace) -> int:
    with _open(args, create=True) as log:
        key = str(log.vkey)
        value = {"audit": str(args.audit), "origin": log.vkey.name, "key": key}
        text = f"audit log in {args.audit} 日志已就绪\npublic key 公钥: {key}"
        _say(args, value, f"{text}\nkeep a copy of the key elsewhere 请在别处另存公钥")
    return 0


def _verify(args: argparse.Namespace) -> int:
    from guard.audit import verify
    from guard.audit.check import as_json

    report = verify(args.audit, key=args.key, keys=args.keys)
    _say(args, as_json(report), _verdict(report))
    return 0 if report.verified else 1


def _verdict(report: Report) -> str:
    lines = []
    if report.verified:
        head = f"verified 已验证: {report.records} records 条记录, {report.checkpoints} checkpoints"
        lines.append(f"{head} 个检查点, root {report.root}")
        if report.unsealed:
            lines.append(f"{report.unsealed} not yet under a checkpoint 条尚未进入检查点")
    else:
        lines.append("NOT verified 验证失败")
        lines += [f"  {problem.where}: {problem.what}" for problem in report.problems]
    return "\n".join([*lines, *(f"note 注: {note}" for note in report.notes)])


def _seal(args: argparse.Namespace) -> int:
    with _open(args) as log:
        note = log.seal()
    size = int(note.split("\n")[1])
    _say(args, {"size": size, "checkpoint": note}, note.rstrip())
    return 0


def _stats(args: argparse.Namespace) -> int:
    with _open(args) as log:
        stats = log.stats()
    if args.json:
        print_json(stats)
    else:
        print_table("", ("", ""), [(name, str(value).rstrip()) for name, value in stats.items()])
    return 0


def _prove(args: argparse.Namespace) -> int:
    from guard.audit.files import write_whole

    with _open(args) as log:
        proof = log.prove(args.index)
    write_whole(args.out, proof.encode())
    _say(args, {"index": args.index, "file": str(args.out)}, f"proof 证明: {args.out}")
    return 0


def _show(args: argparse.Namespace) -> int:
    from guard.cli.output import to_json

    with _open(args) as log:
        record = log.get(args.index)
    print(to_json(record, indent=None if args.json else 2))
    return 0


def _search(args: argparse.Namespace) -> int:
    given = {name.replace("-", "_"): getattr(args, name.replace("-", "_")) for name in _CRITERIA}
    wanted = {name: value for name, value in given.items() if value is not None}
    with _open(args) as log:
        records = log.search(args.limit, **wanted)
    if args.json:
        for record in records:
            print_json(record)
        return 0
    from guard.audit.export import COLUMNS, row

    shown = COLUMNS[:7]
    print_table("", shown, [row(record)[: len(shown)] for record in records])
    return 0


def _export(args: argparse.Namespace) -> int:
    from guard.audit.export import export

    with _open(args) as log:
        if log.stats()["unsealed"] and log.layout.keys.is_dir():
            log.checkpoint()
        count = export(log, args.out, args.format)
    text = f"{count} records 条记录 -> {args.out}"
    if args.format != "csv":
        text += f"\nverify it with 验证: python3 {args.out / 'verify.py'}"
    _say(args, {"records": count, "format": args.format, "out": str(args.out)}, text)
    return 0


def _shred(args: argparse.Namespace) -> int:
    with _open(args) as log:
        index = log.shred(args.subject, args.reason)
    text = f"the subject's key is destroyed, recorded as {index} 主体密钥已销毁并记录"
    _say(args, {"record": index, "reason": args.reason}, text)
    return 0
