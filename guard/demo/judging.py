"""Stages 1, 2 and 3 over the bundled input, each compared with what the material expects."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from guard.demo import material
from guard.demo.outcome import Example, Stage
from guard.model import Action, Clause, Content, Decision, FiredRule, Role, Rule

if TYPE_CHECKING:
    from guard.pipeline import Guard

#: Wraps a stream of items for a progress bar: (items, label, total) -> items.
Watch = Callable[[Iterable[Any], str, int], Iterable[Any]]

#: How many examples of each outcome are shown, strictest first.
SHOWN: Final[Mapping[str, int]] = {
    "BLOCK": 3,
    "REVIEW": 1,
    "REDACT": 2,
    "PASS": 2,
    "drop": 3,
    "quarantine": 1,
    "redact": 2,
    "duplicate": 1,
    "keep": 2,
}


def check_rows(
    guard: Guard, rows: Sequence[material.Row], role: Role, watch: Watch
) -> tuple[Stage, list[Decision]]:
    """Check prompts (stage 1) or answers (stage 3), one call and one log entry each."""
    number, name, title = _NAMES[role]
    begun = perf_counter()
    decisions = [
        guard.check(_content(row, role, place))
        for place, row in enumerate(watch(rows, title, len(rows)))
    ]
    seconds = perf_counter() - begun
    shown = [_example(row, decision) for row, decision in zip(rows, decisions, strict=True)]
    return _stage(number, name, title, shown, seconds), decisions


_NAMES: Final[Mapping[Role, tuple[int, str, str]]] = {
    "prompt": (1, "prompt_filter", "提示词过滤 prompt filter"),
    "output": (3, "output_classifier", "输出审核 output classifier"),
}


def _content(row: material.Row, role: Role, place: int) -> Content:
    """A day's traffic: some twenty users take turns, by opaque id."""
    meta = {"prompt": row.prompt} if row.prompt else {}
    return Content(row.text, role, id=row.id, subject=f"demo-user-{place % 20:02}", meta=meta)


def _example(row: material.Row, decision: Decision) -> Example:
    rule = decisive(decision.rules)
    return Example(
        id=row.id,
        text=decision.text,
        outcome=decision.action.name,
        rule=rule.id if rule else "",
        title=rule.title if rule else "",
        clauses=rule.clauses if rule else (),
        note=row.note,
        expect=row.expect.upper(),
    )


def decisive(rules: Iterable[FiredRule]) -> FiredRule | None:
    """The strictest rule that acted, the policy's first among equals."""
    acting = [rule for rule in rules if rule.action > Action.PASS and not rule.observe]
    return max(acting, key=lambda rule: rule.action, default=None)


def clean_corpus(guard: Guard, source: Path, out: Path, watch: Watch) -> Stage:
    """Clean the corpus file (stage 2) into the new folder ``out``."""
    from guard.scan import Setting, scan

    expected, title = material.truth(), "语料清洗 data cleaner"
    detectors = tuple(f"{d.name}@{d.version}" for d in guard.engine.detectors)
    begun = perf_counter()
    report = scan(
        [source],
        out,
        guard.judge,
        Setting(policy=guard.policy.name, detectors=detectors),
        sink=guard.sink,
        watch=lambda outcomes: watch(outcomes, title, len(expected)),
    )
    seconds = perf_counter() - begun
    shown = list(_documents(guard, out, expected))
    balance = {name: report[name] for name in _BALANCE}
    return _stage(2, "data_cleaner", title, shown, seconds, balance)


def _documents(
    guard: Guard, out: Path, expected: Mapping[str, material.Truth]
) -> Iterator[Example]:
    """Every document of the corpus with its line of the ledger, read back from the files."""
    ledger = {entry["id"]: entry for entry in _lines(out / "ledger" / "corpus.jsonl.jsonl")}
    kept = {row["id"]: row["text"] for row in _lines(out / "kept" / "corpus.jsonl")}
    rules = {rule.id: rule for rule in guard.policy.rules}
    originals = material.corpus()
    for name, truth in expected.items():
        entry = ledger.get(name, {})
        rule = rules.get(entry.get("rule", ""))
        again = entry.get("duplicate_of")
        yield Example(
            id=name,
            text=kept.get(name, originals[name]),
            outcome=entry.get("decision", "keep"),
            rule=entry.get("rule", ""),
            title=f"与 {again} 重复，相似度 {entry['jaccard']:.2f}"
            if again
            else (rule.title_zh if rule else entry.get("reason", "")),
            clauses=_clauses(guard, rule) if rule else (),
            note=truth.why,
            expect=truth.expect,
        )


def _clauses(guard: Guard, rule: Rule) -> tuple[Clause, ...]:
    known = (guard.policy.requirements[name] for name in rule.basis)
    return tuple(Clause(r.id, f"{r.instrument} {r.clause}", r.certainty) for r in known)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


_BALANCE: Final = ("input", "kept", "redacted", "dropped", "duplicates", "quarantined")


def _stage(
    number: int,
    name: str,
    title: str,
    shown: list[Example],
    seconds: float,
    balance: Mapping[str, int] | None = None,
) -> Stage:
    right = Counter(one.expect for one in shown if one.outcome == one.expect)
    total = Counter(one.expect for one in shown)
    return Stage(
        number,
        name,
        title,
        rows=len(shown),
        seconds=round(seconds, 3),
        counts=dict(Counter(one.outcome for one in shown).most_common()),
        expected={expect: (right[expect], n) for expect, n in total.most_common()},
        examples=tuple(_choose(shown)),
        misses=tuple(one for one in shown if one.outcome != one.expect),
        balance=balance or {},
    )


def _choose(shown: Sequence[Example]) -> Iterator[Example]:
    """The first few of each outcome, no rule twice; look-alikes among those that pass."""
    for outcome, most in SHOWN.items():
        seen: set[str] = set()
        for one in shown:
            key = one.rule or one.note
            if key == material.PLAIN or key in seen or len(seen) == most:
                continue
            if one.outcome == outcome == one.expect:
                seen.add(key)
                yield one
