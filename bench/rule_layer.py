"""The rule layer beside its peers: one run, one input, ratios, and what each finds.

Prints a table and writes ``out/rule_layer.json``. Each side runs in its own environment as a
subprocess, ours twice with the peers between, so that a change of the machine's mood shows as a
spread between our two runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import material

HERE = Path(__file__).resolve().parent
INPUT, OUT = HERE / "out" / "input.json", HERE / "out" / "rule_layer.json"
#: Peer -> its environment. Each is timed out after PEER_SECONDS.
PEERS = {
    "pyahocorasick": ".venv-ahocorasick",
    "presidio": ".venv-presidio",
    "llmguard": ".venv-llmguard",
}
PEER_SECONDS = 600
TARGET_US, TARGET_GROWTH_US = 60.0, 10.0
LARGE, SMALL = (f"g.check, cn + {n} words: Chinese, 36-44 characters" for n in ("60,000", "1,000"))
REFERENCE = "g.check, cn + 60,000 words"

Row = dict[str, Any]


def _rows(command: list[str], side: str) -> list[Row]:
    """The rows that a side prints; one row that says so when it cannot be run."""
    if not Path(command[0]).is_file():
        return [{"name": side, "missing": "not installed"}]
    try:
        done = subprocess.run(
            command, cwd=HERE, capture_output=True, text=True, timeout=PEER_SECONDS,
            env={**os.environ, "PYTHONHASHSEED": "0", "TOKENIZERS_PARALLELISM": "false"}, check=False,
        )  # fmt: skip
        rows: list[Row] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return [{"name": side, "missing": f"no result within {PEER_SECONDS} s"}]
    except (IndexError, json.JSONDecodeError):
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        missing = f"not installed: {reason}" if "ModuleNotFoundError" in reason else reason
        return [{"name": side, "missing": missing}]
    return rows


def _merged(first: list[Row], second: list[Row]) -> list[Row]:
    """Our two runs as one: the means, and the drift between them."""
    rows = []
    for a, b in zip(first, second, strict=True):
        mean = {key: round(statistics.mean((a[key], b[key])), 2) for key in ("p50", "p95")}
        rows.append({**a, **mean, "drift": round(abs(a["p50"] - b["p50"]) / mean["p50"], 2)})
    return rows


def targets(rows: list[Row]) -> list[Row]:
    """The figures promised for the rule layer, with what was measured."""
    at = {row["name"]: row["p50"] for row in rows if "p50" in row}
    if LARGE not in at:
        return []
    growth = round(at[LARGE] - at[SMALL], 2)
    return [
        {"what": LARGE, "limit": TARGET_US, "value": at[LARGE], "met": at[LARGE] <= TARGET_US},
        {"what": "60,000 words beside 1,000", "limit": TARGET_GROWTH_US, "value": growth, "met": growth <= TARGET_GROWTH_US},
    ]  # fmt: skip


def machine() -> dict[str, Any]:
    """What it ran on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in _lines("/proc/cpuinfo")
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []


def _line(row: Row, base: float, totals: dict[str, int]) -> str:
    if "missing" in row:
        return f"{row['name']:<64} {row['missing']}"
    found = " ".join(f"{kind} {n}/{totals[kind]}" for kind, n in row.get("found", {}).items())
    false = f"  plain {row['false']}/{row['plain']}" if "false" in row else ""
    ratio = row["p50"] / base if base else 0.0
    return f"{row['name']:<64} {row['n']:>5} {row['p50']:>10.1f} {row['p95']:>10.1f} {ratio:>9.2f}  {found}{false}"


def main(argv: list[str]) -> int:
    """Run all sides, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", action="store_true", help="leave the peers out")
    parser.add_argument(
        "--python", default=str(HERE / ".venv/bin/python"), help="python for our side"
    )
    options = parser.parse_args(argv)
    data = material.write(INPUT)
    ours = [options.python, "ours.py", str(INPUT)]
    first, theirs = _rows(ours, "aigc-guard"), []
    if "missing" in first[0]:
        print(f"bench: our own side fails: {first[0]['missing']}", file=sys.stderr)
        return 3
    for peer, folder in {} if options.ours else PEERS.items():
        print(f"bench: {peer} …", file=sys.stderr)
        theirs += _rows([str(HERE / folder / "bin/python"), "peers.py", peer, str(INPUT)], peer)
    rows = _merged(first, _rows(ours, "aigc-guard")) + theirs
    base = next((row["p50"] for row in rows if row["name"] == REFERENCE and "p50" in row), 0.0)
    totals = {kind: len(texts) for kind, texts in data["planted"].items()}
    print(f"{'microseconds a call':<64} {'n':>5} {'median':>10} {'p95':>10} {'x ours':>9}  found")
    for row in rows:
        print(_line(row, base, totals))
    result = {"machine": machine(), "planted": totals, "rows": rows, "targets": targets(rows)}
    for target in result["targets"]:
        print(
            f"{'met   ' if target['met'] else 'MISSED'} {target['what']}: {target['value']} us (at most {target['limit']})"
        )
    OUT.write_text(json.dumps(result, ensure_ascii=False, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
