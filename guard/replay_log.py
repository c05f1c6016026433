"""Replaying an audit log: what was recorded, against what another policy says of the same texts.

A log holds keyed digests, no texts. Whoever kept the texts (and has the log's keys) can match them
to the records; the recorded decision then stands for the old policy.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard.compile import build_engine
from guard.errors import InputError
from guard.model import Action, Content, Finding, FiredRule, Verdict
from guard.policies.load import load_policy
from guard.replay import Replay, Row, read_rows
from guard.scan.files import Reader

if TYPE_CHECKING:
    from guard.audit import AuditLog

_EVERY = 1 << 62


@dataclass(frozen=True, slots=True)
class Matched:
    """The outcome: ``without_text`` counts the decisions whose text was not among those given."""

    replay: Replay
    without_text: int


def replay_log(
    folder: Path,
    texts: Path | None,
    policy: str,
    *,
    on: dt.date | None = None,
    trusted: Collection[str] = (),
) -> Matched:
    """Judge the texts of a log's decisions with ``policy``.

    Args:
        texts: .jsonl(.gz) rows of ``text`` and, where known, ``subject`` and ``tenant``.
        on: the day whose rules apply; today.
        trusted: public keys; if there are any, own packs must be signed, as for service.

    Raises:
        InputError: no texts were given.
        EvidenceError: no log in the folder.
        PolicyError: a policy that cannot be used.
    """
    from guard.audit import open_log

    if texts is None:
        raise InputError(
            f"{folder}: an audit log holds keyed digests, not texts",
            "keep the texts of your traffic as .jsonl rows and give them with --texts FILE",
        )
    engine = build_engine(load_policy(policy, trusted))
    day = on or dt.date.today()
    done = Replay()
    with open_log(folder, create=False) as log:
        records = _by_digest(log.search(limit=_EVERY, kind="decision"))
        total = sum(map(len, records.values()))
        for row, record in _matches(log, records, texts):
            findings = engine.find([row.content])[0]
            done.add(row, _recorded(record), engine.policy.decide(row.content, findings, on=day))
    return Matched(done, total - done.rows)


def _by_digest(records: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        found.setdefault(record["body"]["digests"]["content"], []).append(record)
    return found


def _matches(
    log: AuditLog, records: dict[str, list[Mapping[str, Any]]], texts: Path
) -> Iterator[tuple[Row, Mapping[str, Any]]]:
    """Every record of a given text, once, however often the text is given."""
    waiting = dict(records)
    for row in read_rows(texts, Reader(texts).lines(), "prompt"):
        digest = log.digest(row.content.body)
        if subject := row.content.subject:
            digest = log.keys.subject(subject).bind(digest)
        for record in waiting.pop(digest, ()):
            yield _as_recorded(row, record), record


def _as_recorded(row: Row, record: Mapping[str, Any]) -> Row:
    """The row with the role and the channel under which it was judged."""
    body = record["body"]
    content: Content = replace(
        row.content, role=body["role"], channel=body["channel"], id=f"#{record['index']}"
    )
    return Row(content, row.line)


def _recorded(record: Mapping[str, Any]) -> Verdict:
    """What the record says was decided, as far as a comparison needs it."""
    body = record["body"]
    findings = [Finding(f["detector"], f["matcher"], f["category"], f["score"])
                for f in body["findings"]]  # fmt: skip
    rules = [
        FiredRule(
            rule["id"], "", rule["category"], Action[rule["action"]], rule["severity"], (),
            tuple(n for n in rule["findings"] if n < len(findings)),
            observe=rule.get("observe", False), waived=rule.get("waived", ""),
        )
        for rule in body["rules"]
    ]  # fmt: skip
    return Verdict(Action[body["action"]], "", findings=tuple(findings), rules=tuple(rules))
