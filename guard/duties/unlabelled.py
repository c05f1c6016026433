"""Content handed over without a visible label, on the user's request (labelling measures, art. 9).

Allowed when the user agreement settles the user's own duty to label, and when the record of it is
kept for at least six months. The metadata label stays in the file: art. 9 frees from the visible
one only. Without a log there is no such copy.
"""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from guard.errors import InputError
from guard.label import label_file
from guard.model import Label, Record, Sink
from guard.stages.stage4_label_writer import Labelled

#: Art. 9: records are kept for not less than six months.
MONTHS = 6


def keep_until(day: dt.date, months: int = MONTHS) -> dt.date:
    """The first day on which a record of ``day`` may go: so many calendar months later, or the
    last day of a month too short.

    >>> keep_until(dt.date(2026, 8, 31))
    datetime.date(2027, 2, 28)
    """
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    return dt.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def supply_unlabelled(
    source: str | Path,
    target: str | Path,
    label: Label,
    *,
    agreement: str,
    subject: str,
    reason: str,
    sink: Sink,
    request_id: str = "",
    today: dt.date | None = None,
) -> Labelled:
    """Write ``source`` to ``target`` with its metadata label but no visible one, and record why.

    The record (``unlabelled_supply``) comes first and the label's own second, each before the file
    appears; both name the same ``ProduceID``.

    Args:
        agreement: which terms the user agreed to, as a version or address; they must say that the
            user labels the content where the law asks for it.
        subject: the user, whom the log pseudonymises.
        reason: what the user wants it for, as they put it.

    Raises:
        InputError: one of the three is missing. LabelError, OSError: as :func:`label_file`.
    """
    for name, value in (("agreement", agreement), ("subject", subject), ("reason", reason)):
        if not value.strip():
            raise InputError(
                f"art. 9 of the labelling measures: no copy without a visible label unless"
                f" {name} is given",
                "name the agreement, the user and the reason, or write the visible label",
            )
    label = _numbered(label)
    day = today or dt.datetime.now(dt.UTC).date()
    body = {
        "agreement": agreement,
        "reason": reason,
        "produce_id": label.produce_id,
        "implicit_label": True,
        "requested_on": day.isoformat(),
        "keep_until": keep_until(day).isoformat(),
    }
    sink.append(
        Record(
            "unlabelled_supply",
            body,
            stage="label_writer",
            subject=subject,
            request_id=request_id,
        )
    )
    return label_file(source, target, label, visible=False, sink=sink)


def _numbered(label: Label) -> Label:
    return label if label.produce_id else replace(label, produce_id=uuid4().hex)
