"""``guard check``: judge texts, one decision each."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from guard.cli.inputs import Text, texts
from guard.cli.output import print_json, print_table, progress
from guard.model import ROLES, Action, Content, Decision

_BATCH = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", metavar="TEXT", help="the text; - for standard input")
    parser.add_argument("-f", "--file", help="one text a line, or .jsonl(.gz) with a text field")
    parser.add_argument("--role", choices=ROLES, default="prompt", help="where the text comes from")
    add_policy_arguments(parser)
    parser.add_argument("--subject", default="", help="opaque id of the user, kept as a pseudonym")
    parser.add_argument(
        "--explain", action="store_true", help="also say why rules that came near did not fire"
    )
    parser.add_argument("--gate", action="store_true", help="exit 1 when anything is blocked")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def add_policy_arguments(parser: argparse.ArgumentParser) -> None:
    """Options shared by the commands that judge."""
    parser.add_argument("--policy", metavar="NAME|PATH[,...]", help="sets, packs, pack folders")
    parser.add_argument("--detectors", choices=("all", "rules", "none"), help="layers to run")
    parser.add_argument("--config", metavar="FILE", help="a TOML configuration file")
    parser.add_argument("--audit", metavar="DIR", help="record every decision in this log")


def run(args: argparse.Namespace) -> int:
    from guard.pipeline import Guard

    worst = Action.PASS
    with Guard.load(
        args.policy, audit=args.audit, config=args.config, detectors=args.detectors
    ) as guard:
        items = texts(args.text, args.file)
        for text, decision in _decisions(guard, items, args):
            worst = max(worst, decision.action)
            misses = _near_misses(guard, text.text, args.role) if args.explain else None
            if args.json:
                shown = decision_json(decision)
                print_json(shown if misses is None else {**shown, "near_misses": misses})
            else:
                _show(text, decision)
                _show_misses(misses or [])
    return 1 if args.gate and worst is Action.BLOCK else 0


def _decisions(
    guard: Any, items: Iterable[Text], args: argparse.Namespace
) -> Iterable[tuple[Text, Decision]]:
    batch: list[Text] = []
    for item in progress(items, "checking"):
        batch.append(item)
        if len(batch) == _BATCH:
            yield from _judge(guard, batch, args)
            batch = []
    yield from _judge(guard, batch, args)


def _judge(
    guard: Any, batch: list[Text], args: argparse.Namespace
) -> Iterable[tuple[Text, Decision]]:
    contents = [
        Content(item.text, args.role, id=item.id, subject=args.subject, meta=item.meta)
        for item in batch
    ]
    return zip(batch, guard.check_many(contents), strict=True)


def decision_json(decision: Decision) -> dict[str, Any]:
    """The public JSON form of a decision (docs/decision.schema.json)."""
    from guard.decision_json import to_public

    return to_public(decision)


def _near_misses(guard: Any, text: str, role: Any) -> list[Any]:
    from guard.detectors.lexicon import LexiconDetector
    from guard.detectors.near_miss import near_misses

    content = Content(text, role)
    lexica = [d for d in guard.engine.detectors if isinstance(d, LexiconDetector)]
    return [miss for lexicon in lexica for miss in near_misses(lexicon, content)]


def _show_misses(misses: list[Any]) -> None:
    if misses:
        rows = [(miss.matcher, ", ".join(miss.present), miss.reason) for miss in misses]
        print_table("came near, did not fire 未触发", ("rule", "found", "why not"), rows)


def _show(text: Text, decision: Decision) -> None:
    shown = text.text if len(text.text) <= 60 else text.text[:60] + "…"
    title = f"{decision.action.name:<7}{shown}"
    if not decision.rules and decision.complete:
        print(title.replace("\n", " "))
        return
    rows = [
        (
            rule.action.name + (" (observe)" if rule.observe else ""),
            rule.id,
            rule.title,
            "; ".join(dict.fromkeys(decision.findings[i].evidence for i in rule.findings)),
            "\n".join(f"{c.clause} [{c.certainty}]" for c in rule.clauses),
        )
        for rule in decision.rules
    ]
    if not decision.complete:
        failed = [f for f in decision.findings if f.category == "system.detector_failed"]
        rows += [("BLOCK", f.detector, "detector failed", f.why, "fail closed") for f in failed]
    print_table(title.replace("\n", " "), ("action", "rule", "title", "evidence", "clauses"), rows)
    if decision.reply:
        print(f"reply: {decision.reply}")
