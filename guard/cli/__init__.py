"""The command line. This file only parses: each command is one file, imported when it runs.

Exit codes: 0 done, 1 judged bad, 2 wrong use or unreadable input, 3 could not finish,
130 interrupted. An error is exactly one line on stderr.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from guard import __version__
from guard.errors import GuardError, InputError

#: command -> one line of help, by the person who uses it. The module is guard.cli.<command>.
COMMANDS: dict[str, dict[str, str]] = {
    "first look 先看一眼": {
        "demo": "the whole pipeline on bundled input, offline | 用内置素材走完整条流水线",
    },
    "engineer 服务工程师": {
        "check": "judge a text, a file or stdin, one decision a line | 检查文本",
        "label": "write visible and metadata labels, C2PA | 写入显式与隐式标识",
        "inspect": "every label found in a file, with a verdict | 读取文件中的标识",
        "policy": "list, show, lint, test, coverage, import, diff, replay, sign | 规则包",
        "feedback": "say whether a decision was right; becomes a sample | 反馈一条决定",
    },
    "data engineer 数据工程师": {
        "scan": "clean a data set, with a ledger of every row | 清洗训练数据",
        "evaluate": "precision, recall, F1, FPR with intervals | 在标注数据上评测",
    },
    "auditor 审计员": {
        "audit": "init, verify, seal, stats, prove, show, search, export | 审计日志",
    },
}


class _Parser(argparse.ArgumentParser):
    """An argparse parser whose errors are one line, as all our errors are."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message, f"see `{self.prog} --help`")


def _overview() -> str:
    width = max(len(name) for group in COMMANDS.values() for name in group)
    lines = []
    for group, commands in COMMANDS.items():
        lines.append(f"{group}:")
        lines += [f"  {name:<{width}}  {text}" for name, text in commands.items()]
    return "\n".join(lines)


def build_parser(command: str | None) -> argparse.ArgumentParser:
    """The parser; only ``command``'s module is imported, so ``--help`` stays fast."""
    parser = _Parser(
        prog="guard",
        usage="guard COMMAND [options]",
        description="AIGC compliance and content safety | 生成式人工智能合规与内容安全流水线",
        epilog=_overview() + "\n\n`guard COMMAND --help` shows the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"aigc-guard {__version__}")
    names = [name for group in COMMANDS.values() for name in group]
    if command not in names:
        parser.add_argument("command", choices=names, metavar="COMMAND", help=argparse.SUPPRESS)
        return parser
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", prog="guard", help=argparse.SUPPRESS
    )
    module = importlib.import_module(f"guard.cli.{command}")
    help_text = next(group[command] for group in COMMANDS.values() if command in group)
    sub = commands.add_parser(command, description=help_text)
    module.add_arguments(sub)
    sub.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # Hostile text is printed, never refused: what UTF-8 cannot carry becomes an escape.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        command = next((word for word in words if not word.startswith("-")), None)
        args = build_parser(command).parse_args(words)
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except GuardError as error:
        print(f"guard: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`guard ... | head`): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _os_error(error)


def _os_error(error: OSError) -> int:
    """One line and exit 2 for what the caller named wrongly, 3 for what the machine refused."""
    name = error.filename or "a file"
    missing = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError)
    mend = {
        errno.ENOENT: "check the path",
        errno.EISDIR: "give a file, not a folder",
        errno.ENOTDIR: "check the path",
        errno.EACCES: "check the permissions",
        errno.EROFS: "choose a folder that can be written",
        errno.ENOSPC: "free some space and run it again",
    }.get(error.errno or 0, "check the path and the disk")
    print(f"guard: {name}: {os.strerror(error.errno or 0).lower()}; {mend}", file=sys.stderr)
    return 2 if missing else 3


if __name__ == "__main__":
    raise SystemExit(main())
