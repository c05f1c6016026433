"""What the judging stages share: find, decide, stamp."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from time import perf_counter

from guard.compile import Engine
from guard.model import DETECTOR_FAILED, Content, Decision, Finding


def judge(engine: Engine, batch: Sequence[Content], on: dt.date, stage: str) -> list[Decision]:
    """Run the detectors over a batch and let the policy judge each item.

    ``took_us`` of an item is its own time plus an equal share of the batch's detection.
    """
    if not batch:
        return []
    begun = perf_counter()
    found = engine.find(batch)
    share = (perf_counter() - begun) / len(batch)
    return [
        _decide(engine, content, findings, on, stage, share)
        for content, findings in zip(batch, found, strict=True)
    ]


def _decide(
    engine: Engine, content: Content, findings: list[Finding], on: dt.date, stage: str, share: float
) -> Decision:
    begun = perf_counter()
    verdict = engine.policy.decide(content, findings, on=on)
    return Decision(
        verdict.action,
        verdict.text,
        verdict.redactions,
        verdict.reply,
        verdict.findings,
        verdict.rules,
        verdict.risk,
        verdict.risks,
        policy=engine.policy.name,
        stage=stage,
        took_us=round((share + perf_counter() - begun) * 1e6, 1),
        complete=not any(finding.matcher == DETECTOR_FAILED for finding in findings),
        id=content.id,
    )
