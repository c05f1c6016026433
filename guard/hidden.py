"""What a text says in another reading: decoded payloads and columns, searched like any text.

The readings come from ``detectors/encoded.py`` and ``detectors/columns.py``; here the detectors run
over them and their findings are given places in the original: the payload, or the characters of
the column. The findings keep the detector's name. They are *late* (see ``Detector.late``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from guard.detectors import columns, encoded
from guard.model import Content, Finding, Where

Find = Callable[[Sequence[Content]], list[list[Finding]]]
#: How often what was decoded is looked into again.
DEPTH = 2
#: Columns make words by chance: a spelling that is itself a guess does not count there.
SURE = 0.75


def hidden(content: Content, find: Find, depth: int = DEPTH) -> list[Finding]:
    """Findings in the hidden readings of a text; empty, at about a microsecond, for most texts."""
    text = content.text
    payloads = encoded.payloads(text)
    found: list[Finding] = []
    for payload in payloads:
        inner = replace(content, body=payload.text, views={})
        inside = find([inner])[0]
        if depth > 1:
            inside = [*inside, *hidden(inner, find, depth - 1)]
        found += [_of_payload(finding, payload) for finding in inside if _is_meant(finding)]
    if "\n" in text:
        for reading in columns.readings(text):
            inside = find([replace(content, body=reading.text, views={})])[0]
            found += [
                _of_column(finding, reading)
                for finding in inside
                if finding.where is not None and _is_meant(finding) and finding.score >= SURE
            ]
    return found


def _is_meant(finding: Finding) -> bool:
    """Whether a finding makes sense in a reading: its quality as a text is nobody's concern."""
    return not finding.category.startswith("quality.")


def _of_payload(finding: Finding, payload: encoded.Payload) -> Finding:
    decoded = finding.where.decoded if finding.where and finding.where.decoded else payload.text
    where = Where(payload.start, payload.end, decoded=decoded)
    return replace(finding, where=where, why=f"{payload.kind}: {finding.why}")


def _of_column(finding: Finding, reading: columns.Reading) -> Finding:
    assert finding.where is not None
    spans = tuple(
        sorted(span for piece in finding.where.pieces() for span in reading.spans(*piece))
    )
    where = Where(spans[0][0], spans[-1][1], spans if len(spans) > 1 else ())
    return replace(finding, where=where, why=f"written in columns: {finding.why}")
