"""The public JSON form of decisions, versioned; its schema is docs/decision.schema.json."""

from __future__ import annotations

from typing import Any

from guard.model import Decision, Finding, FiredRule, Where

#: Raised by one when a field changes meaning or goes away; new fields do not raise it.
FORM = 1


def _where(where: Where | None) -> dict[str, Any] | None:
    if where is None:
        return None
    shown: dict[str, Any] = {"start": where.start, "end": where.end}
    if where.spans:
        shown["spans"] = [list(span) for span in where.spans]
    if where.decoded is not None:
        shown["decoded"] = where.decoded
    if where.box is not None:
        shown["box"] = list(where.box)
    if where.time is not None:
        shown["time"] = list(where.time)
    return shown


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "detector": finding.detector,
        "matcher": finding.matcher,
        "category": finding.category,
        "score": finding.score,
        "where": _where(finding.where),
        "evidence": finding.evidence,
        "why": finding.why,
    }


def _rule(rule: FiredRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "category": rule.category,
        "action": rule.action.name,
        "severity": rule.severity,
        "clauses": [
            {"id": c.id, "clause": c.clause, "certainty": c.certainty} for c in rule.clauses
        ],
        "findings": list(rule.findings),
        "observe": rule.observe,
        "waived": rule.waived,
    }


def to_public(decision: Decision) -> dict[str, Any]:
    """A decision as JSON types."""
    return {
        "form": FORM,
        "id": decision.id,
        "action": decision.action.name,
        "text": decision.text,
        "reply": decision.reply,
        "redactions": [
            {"start": r.start, "end": r.end, "replacement": r.replacement, "category": r.category}
            for r in decision.redactions
        ],
        "findings": [_finding(finding) for finding in decision.findings],
        "rules": [_rule(rule) for rule in decision.rules],
        "risk": decision.risk,
        "risks": dict(decision.risks),
        "policy": decision.policy,
        "stage": decision.stage,
        "took_us": decision.took_us,
        "complete": decision.complete,
        "record": decision.record,
        "parts": [to_public(part) for part in decision.parts],
    }
