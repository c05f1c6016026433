"""Measuring a policy and its detectors on labelled rows."""

from __future__ import annotations

from guard.evaluate.measure import Counts, percentile, wilson
from guard.evaluate.run import Evaluation, compare, evaluate, failures, judged, row_result

__all__ = [
    "Counts",
    "Evaluation",
    "compare",
    "evaluate",
    "failures",
    "judged",
    "percentile",
    "row_result",
    "wilson",
]
