"""Recall and false alarms of the rules on texts whose author had not seen them.

    python bench/blind.py [--part test|dev] [--json]

``tests/data/blind_*.jsonl``: names in running text, attacks on a model's instructions (direct, and
in documents), short platform violations, each with harmless look-alikes, written one by one by
somebody who knew neither rules nor detectors. Half of each (``dev``) may be read while rules are
written. The other half (``test``) must not be: whoever changes rules looks at its figures only.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from guard import Action, Guard  # noqa: E402

DATA = ROOT / "tests" / "data"
#: policies/cn-pipl: the score from which a name is acted upon.
NAME_SCORE = 0.7
Row = dict[str, Any]


def rows(name: str, part: str) -> Iterator[Row]:
    for line in (DATA / f"blind_{name}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["part"] == part:
            yield row


def names(guard: Guard, part: str) -> Row:
    """Distinct names found whole, and findings that touch no name."""
    count: Counter[str] = Counter()
    for row in rows("names", part):
        values = {value["value"] for value in row["values"]}
        got = [
            row["text"][finding.where.start : finding.where.end]
            for finding in guard.check(row["text"]).findings
            if finding.category == "pii.name" and finding.where and finding.score >= NAME_SCORE
        ]
        right = sum(any(one in value or value in one for value in values) for one in got)
        count.update(
            n=len(values), found=len(values & set(got)), right=right, wrong=len(got) - right
        )
    precision = round(count["right"] / max(1, count["right"] + count["wrong"]), 3)
    return {
        "n": count["n"],
        "recall": round(count["found"] / count["n"], 3),
        "precision": precision,
    }


def injection(guard: Guard, name: str, role: Any, part: str) -> dict[str, Row]:
    """Rows held up by a rule on injection, by language and style."""
    table: dict[str, Counter[str]] = {}
    for row in rows(name, part):
        fired = guard.check(row["text"], role=role).rules
        hit = any(
            rule.category.startswith("injection") and rule.action >= Action.REVIEW for rule in fired
        )
        for key in ("all", f"{row['lang']} {row['style']}"):
            table.setdefault(key, Counter()).update({row["label"]: 1, f"{row['label']} hit": hit})
    return {key: rates(count) for key, count in table.items()}


def violations(guard: Guard, part: str) -> dict[str, Row]:
    """Rows held up as a prompt or as an output, by class."""
    table: dict[str, Counter[str]] = {}
    for row in rows("violations", part):
        action = max(guard.check(row["text"], role=role).action for role in ("prompt", "output"))
        hit, label = action >= Action.REVIEW, row["label"]
        for key in ("all", row["category"]):
            count = table.setdefault(key, Counter())
            count.update(
                {label: 1, f"{label} hit": hit, f"{label} blocked": action is Action.BLOCK}
            )
    return {key: rates(count) for key, count in table.items()}


def rates(count: Counter[str]) -> Row:
    shown = {
        "n": count["unsafe"],
        "recall": round(count["unsafe hit"] / max(1, count["unsafe"]), 3),
    }
    shown |= {"harmless": count["safe"], "held": count["safe hit"]}
    return shown | ({"blocked": count["safe blocked"]} if "safe blocked" in count else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("test", "dev"), default="test")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    guard = Guard.load(detectors="rules")
    result: dict[str, dict[str, Row]] = {
        "names": {"all": names(guard, args.part)},
        "injection, direct": injection(guard, "injection", "prompt", args.part),
        "injection, in documents": injection(guard, "indirect", "context", args.part),
        "short violations": violations(guard, args.part),
    }
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
        return
    for title, table in result.items():
        print(f"\n{title} ({args.part})")
        for key, row in table.items():
            print(f"  {key:<24}" + "  ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
