"""Counting and the measures drawn from it. Null (None) where a measure is undefined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

#: Two-sided 95 % quantile of the standard normal distribution.
Z95: Final = 1.959963984540054
Interval = tuple[float, float]


def ratio(part: int, whole: int) -> float | None:
    """``part / whole``, None when there is nothing to divide by."""
    return part / whole if whole else None


def wilson(hits: int, n: int, z: float = Z95) -> Interval | None:
    """Wilson score interval of a proportion (Wilson 1927), 0..1; None for ``n == 0``.

    Unlike the normal approximation it is sound for few rows and for rates near 0 and 1, which
    recall and false-positive rate are meant to be.
    """
    if n == 0:
        return None
    p, zz = hits / n, z * z
    centre = (p + zz / (2 * n)) / (1 + zz / n)
    half = z / (1 + zz / n) * math.sqrt(p * (1 - p) / n + zz / (4 * n * n))
    return (max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half)))


@dataclass(slots=True)
class Counts:
    """The confusion matrix. Positive means unsafe; flagged means REVIEW or higher."""

    tp: int = 0
    fp: int = 0
    tn: int = 0
    fn: int = 0

    def add(self, *, unsafe: bool, flagged: bool) -> None:
        """Count one row."""
        self.tp += unsafe and flagged
        self.fn += unsafe and not flagged
        self.fp += flagged and not unsafe
        self.tn += not flagged and not unsafe

    def measures(self) -> dict[str, Any]:
        """``M`` of the JSON contract; ``macro_f1`` is the mean of both classes' F1."""
        tp, fp, tn, fn = self.tp, self.fp, self.tn, self.fn
        f1, safe_f1 = _f1(tp, fp, fn), _f1(tn, fn, fp)
        return {
            "n": tp + fp + tn + fn,
            "unsafe": tp + fn,
            "tp": tp,
            "fp": fp,
            "tn": tn,
            "fn": fn,
            "precision": ratio(tp, tp + fp),
            "recall": ratio(tp, tp + fn),
            "f1": f1,
            "macro_f1": None if f1 is None or safe_f1 is None else (f1 + safe_f1) / 2,
            "fpr": ratio(fp, fp + tn),
            "recall_ci": wilson(tp, tp + fn),
            "fpr_ci": wilson(fp, fp + tn),
        }


def _f1(right: int, wrong: int, missed: int) -> float | None:
    """F1 of one class; None where the class has no row, because its recall is undefined then."""
    return ratio(2 * right, 2 * right + wrong + missed) if right + missed else None


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile of an ascending sequence: always a value that was measured."""
    if not ordered:
        return None
    return ordered[max(1, math.ceil(percent / 100 * len(ordered))) - 1]
