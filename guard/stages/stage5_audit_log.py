"""Stage 5, audit log: what was decided, why and by which rules, never the content itself.

Content stands in a record as keyed digests only: whoever holds the text and the key can show that
this record is about it, nobody can read it out of the log.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from guard.model import Action, Content, Decision, Finding, FiredRule, Record, Sink

#: Findings of one decision that are recorded one by one; all are counted.
MAX_FINDINGS: Final = 64

#: Longest string taken over from callers, detectors and packs, in characters.
MAX_TEXT: Final = 200

#: What a body may weigh: an entry holds 65,535 bytes, the rest is its frame.
MAX_BYTES: Final = 60_000


def record_decisions(
    sink: Sink,
    contents: Sequence[Content],
    decisions: Sequence[Decision],
    *,
    detectors: Sequence[str] = (),
) -> list[int]:
    """Record decisions in order; their indices in the log, once they are durable there.

    ``detectors`` are all that ran, as ``name@version``: without them no decision can be replayed.
    """
    pairs = zip(contents, decisions, strict=True)
    records = [_record(sink, content, decision, detectors) for content, decision in pairs]
    many = getattr(sink, "append_many", None)  # a log shares one disk sync among them
    return many(records) if many is not None else [sink.append(record) for record in records]


def record_decision(
    sink: Sink, content: Content, decision: Decision, *, detectors: Sequence[str] = ()
) -> int:
    """Record one decision; see :func:`record_decisions`."""
    return sink.append(_record(sink, content, decision, detectors))


def _record(sink: Sink, content: Content, decision: Decision, detectors: Sequence[str]) -> Record:
    return Record(
        kind="decision",
        stage=decision.stage,
        subject=content.subject,
        request_id=_clip(content.request_id),
        body=decision_body(sink, content, decision, detectors),
    )


def decision_body(
    sink: Sink, content: Content, decision: Decision, detectors: Sequence[str] = ()
) -> dict[str, Any]:
    """The body of a decision's record; fits an entry whatever the content was."""
    body = {
        **_of_content(sink, content),
        **_of_verdict(decision, MAX_FINDINGS),
        "policy": decision.policy,
        "risks": {key: round(value, 4) for key, value in decision.risks.items()},
        "complete": decision.complete,
        "took_us": round(decision.took_us, 1),
        "detectors": sorted({*detectors, *(f.detector for f in decision.findings)}),
        "digests": _digests(sink, content, decision),
    }
    if decision.parts:
        body["parts"] = [_of_verdict(part, MAX_FINDINGS // 8) for part in decision.parts]
    return _fitting(body)


def _of_content(sink: Sink, content: Content) -> dict[str, Any]:
    body = {
        "role": content.role,
        "modality": content.modality,
        "channel": content.channel,
        "lang": _clip(content.lang),
        "id": _clip(content.id),
        "length": len(content.body),
    }
    if encoding := content.meta.get("encoding"):
        body["encoding"] = _clip(str(encoding))  # bytes that were replaced to make it text
    for name in ("session", "tenant"):
        if value := getattr(content, name):
            # The name goes in too, or equal ids of both kinds would look equal.
            body[name] = sink.digest(f"{name}:{value}")[:32]
    return body


def _digests(sink: Sink, content: Content, decision: Decision) -> dict[str, str]:
    """Of the text that was checked, of the text that was released, and of the prompt, if any."""
    found = {"content": sink.digest(content.body)}
    if isinstance(content.body, str) and decision.action is not Action.BLOCK:
        found["released"] = sink.digest(decision.text)
    prompt = content.meta.get("prompt")
    if isinstance(prompt, str):
        found["context"] = sink.digest(prompt)
    return found


def _of_verdict(decision: Decision, most: int) -> dict[str, Any]:
    counts = Counter(finding.category for finding in decision.findings)
    return {
        "action": decision.action.name,
        "risk": round(decision.risk, 4),
        "rules": [_of_rule(rule, most) for rule in decision.rules],
        "findings": [_of_finding(finding) for finding in decision.findings[:most]],
        "finding_counts": dict(counts),
        "redactions": len(decision.redactions),
        "replied": bool(decision.reply),
    }


def _of_rule(rule: FiredRule, most: int) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": rule.id,
        "action": rule.action.name,
        "severity": rule.severity,
        "category": rule.category,
        "clauses": [clause.id for clause in rule.clauses],
        "findings": list(rule.findings[:most]),
    }
    if rule.observe:
        body["observe"] = True
    if rule.waived:
        body["waived"] = _clip(rule.waived)
    return body


def _of_finding(finding: Finding) -> dict[str, Any]:
    body: dict[str, Any] = {
        "detector": finding.detector,
        "matcher": _clip(finding.matcher),
        "category": finding.category,
        "score": round(finding.score, 4),
        "evidence": _clip(finding.evidence),
    }
    where = finding.where
    if where is not None:
        # Never ``where.decoded``: that is plain content.
        body["where"] = {"start": where.start, "end": where.end}
        if where.box is not None:
            body["where"]["box"] = list(where.box)
        if where.time is not None:
            body["where"]["time"] = list(where.time)
    return body


def _clip(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _fitting(body: dict[str, Any]) -> dict[str, Any]:
    """Drop detail, plainly marked, until the body fits: first of parts, then findings, rules."""
    for name in ("parts", "findings", "rules", "risks", "finding_counts", "detectors"):
        while _weight(body) > MAX_BYTES and body.get(name):
            body["cut"] = sorted({*body.get("cut", ()), name})
            body[name] = _half(body[name])
    return body


def _half(value: Sequence[Any] | Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return dict(list(value.items())[: len(value) // 2])
    return list(value[: len(value) // 2])


def _weight(body: Mapping[str, Any]) -> int:
    return len(json.dumps(body).encode())
