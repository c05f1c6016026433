"""Looking for records: a scan from the newest one back, on a consistent view of the log."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from guard.audit import store
from guard.audit.entry import decode
from guard.errors import InputError

if TYPE_CHECKING:
    from guard.audit.log import AuditLog

Test = Callable[[dict[str, Any]], bool]


def moment(text: str) -> str:
    """A date or RFC 3339 time as it stands in entries (UTC). Raises :class:`InputError`."""
    try:
        when = dt.datetime.fromisoformat(text)
    except ValueError:
        remedy = "write 2026-01-31 or 2026-01-31T08:00:00+08:00"
        raise InputError(f"time {text!r} is not a date", remedy) from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    return when.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _rules(record: dict[str, Any]) -> list[str]:
    rules = record.get("body", {}).get("rules", [])
    return [rule.get("id", "") for rule in rules if isinstance(rule, dict)]


def _field(name: str, value: str) -> Test:
    return lambda record: record.get(name) == value


def _body(name: str, value: str) -> Test:
    return lambda record: record.get("body", {}).get(name) == value


def _digest(log: AuditLog, content: str, subject: str) -> Test:
    plain = log.digest(content)
    wanted = {plain, log.keys.subject(subject).bind(plain)} if subject else {plain}
    return lambda record: not wanted.isdisjoint(record.get("body", {}).get("digests", {}).values())


def _tests(log: AuditLog, wanted: dict[str, str]) -> list[Test]:
    """One test per criterion; see :func:`search` for their meaning."""
    made: dict[str, Callable[[str], Test]] = {
        "kind": lambda v: _field("kind", v),
        "stage": lambda v: _field("stage", v),
        "request_id": lambda v: _field("request_id", v),
        "pseudonym": lambda v: _field("subject", v),
        "subject": lambda v: _field("subject", log.keys.pseudonym(v)),
        "action": lambda v: _body("action", v),
        "role": lambda v: _body("role", v),
        "produce_id": lambda v: _body("produce_id", v),
        "rule": lambda v: lambda record: v in _rules(record),
        "content": lambda v: _digest(log, v, wanted.get("subject", "")),
        "since": lambda v: lambda record: record.get("time", "") >= v,
        "until": lambda v: lambda record: record.get("time", "") < v,
    }
    unknown = sorted(set(wanted) - set(made))
    if unknown:
        raise InputError(f"records cannot be searched by {unknown[0]!r}", f"use {', '.join(made)}")
    for name in ("since", "until"):
        if name in wanted:
            wanted[name] = moment(wanted[name])
    return [made[name](value) for name, value in wanted.items()]


def search(log: AuditLog, limit: int, **wanted: str) -> list[dict[str, Any]]:
    """The newest ``limit`` records that meet all criteria, newest first.

    Criteria: ``kind``, ``stage``, ``action``, ``role``, ``rule`` (a fired rule's id),
    ``produce_id`` (the number in a label),
    ``request_id``, ``subject`` (the caller's id of a person; needs the keys), ``pseudonym`` (as it
    stands in the log), ``content`` (the exact text that was judged; needs the keys, and the
    subject if it had one), ``since`` and ``until`` (RFC 3339, UTC unless said; end exclusive).
    """
    tests = _tests(log, dict(wanted))
    found: list[dict[str, Any]] = []
    with store.reading(log.layout) as db:
        for index, body in db.execute("SELECT idx, body FROM entry ORDER BY idx DESC"):
            if len(found) >= limit:
                break
            record = decode(index, body)
            if all(test(record) for test in tests):
                found.append(record)
    return found
