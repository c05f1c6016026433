"""Kinds of personal information that only context shows, on texts not written with the rules in view.

    python bench/pii_held_out.py [--part tune|test|all] [--show]

The texts are ``tests/data/pii_held_out.jsonl``: 350 made-up chats, tickets, forms, notes, notices,
contracts and news lines, 159 of them without any personal data. They were written before their
author had seen a detector. ``tune`` (every other line) may be looked at while rules are written,
``test`` gives figures only. A value counts as found when a finding of its kind, at the score from
which the shipped rules act, covers it to four fifths (intersection over union); a finding that
touches no value of its kind counts against precision.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from guard.detectors.pii import PiiDetector  # noqa: E402
from guard.model import Content  # noqa: E402

TEXTS = ROOT / "tests" / "data" / "pii_held_out.jsonl"
#: policies/cn-pipl/10-personal-information.yaml
THRESHOLDS = {"name": 0.7, "address": 0.8, "landline": 0.7, "plate": 0.7}
Span = tuple[int, int]


def overlap(a: Span, b: Span) -> float:
    """Intersection over union of two stretches."""
    common = min(a[1], b[1]) - max(a[0], b[0])
    return max(0, common) / (max(a[1], b[1]) - min(a[0], b[0]))


def rows(part: str = "all") -> Iterator[dict[str, Any]]:
    for line in TEXTS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if part in ("all", row["part"]):
            yield row


def findings(detector: PiiDetector, text: str) -> Iterator[tuple[str, Span]]:
    """(kind, stretch) of the findings on which the shipped rules act."""
    for finding in detector.find([Content(text)])[0]:
        kind = finding.category.removeprefix("pii.")
        if finding.where and finding.score >= THRESHOLDS.get(kind, 0.6):
            yield kind, (finding.where.start, finding.where.end)


def measure(part: str = "all", show: bool = False) -> dict[str, dict[str, int]]:
    """Per kind: ``values`` planted, of these ``found``; ``right`` and ``wrong`` findings."""
    detector = PiiDetector()
    table: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(FIELDS, 0))
    for row in rows(part):
        text, planted = row["text"], [(k, (s, e)) for k, s, e in row["values"]]
        allowed = planted + [(k, (s, e)) for k, s, e in row.get("optional", ())]
        got = list(findings(detector, text))
        for kind, span in planted:
            hit = any(k == kind and overlap(span, other) >= 0.8 for k, other in got)
            table[kind]["values"] += 1
            table[kind]["found"] += hit
            if show and not hit:
                print(f"MISSED {kind} {text[slice(*span)]!r} IN {text!r}")
        for kind, span in got:
            right = any(k == kind and overlap(span, other) > 0 for k, other in allowed)
            table[kind]["right" if right else "wrong"] += 1
            if show and not right:
                print(f"WRONG {kind} {text[slice(*span)]!r} IN {text!r}")
    return dict(table)


FIELDS = ("values", "found", "right", "wrong")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("tune", "test", "all"), default="all")
    parser.add_argument("--show", action="store_true", help="misses and wrong findings")
    args = parser.parse_args()
    print(f"{'kind':<12}{'values':>8}{'recall':>8}{'found':>8}{'precision':>10}")
    for kind, n in sorted(
        measure(args.part, args.show).items(), key=lambda item: -item[1]["values"]
    ):
        recall = f"{n['found'] / n['values']:.3f}" if n["values"] else "-"
        total = n["right"] + n["wrong"]
        precision = f"{n['right'] / total:.3f}" if total else "-"
        print(f"{kind:<12}{n['values']:>8}{recall:>8}{total:>8}{precision:>10}")


if __name__ == "__main__":
    main()
