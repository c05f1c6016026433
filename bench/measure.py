"""Timing by CPU time, so that other work on the machine does not count. Standard library only:
the environments of the peers run it too."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

#: CPU seconds that one case may take in one round; slow peers see fewer prompts and say so.
SECONDS = 2.0
ROUNDS = 5
_clock = time.process_time_ns


def _overhead() -> float:
    """What reading the clock itself costs, in nanoseconds."""
    gaps = []
    for _ in range(2_000):
        begun = _clock()
        gaps.append(_clock() - begun)
    return statistics.median(gaps)


def _round(call: Callable[[Any], object], items: Sequence[Any]) -> list[int]:
    times = []
    for item in items:
        begun = _clock()
        call(item)
        times.append(_clock() - begun)
    return times


def _affordable(call: Callable[[Any], object], items: Sequence[Any]) -> int:
    """How many items fit into SECONDS, from a second look at some; at least 20."""
    sample = items[:: max(1, len(items) // 20)][:20]
    _round(call, sample)
    each = sum(_round(call, sample)) / len(sample) / 1e9
    return min(len(items), max(20, int(SECONDS / max(each, 1e-9))))


def timed(
    call: Callable[[Any], object], items: Sequence[Any], rounds: int = ROUNDS
) -> dict[str, Any]:
    """Time ``call`` on each item.

    Returns:
        ``n`` items, ``p50`` and ``p95`` in microseconds a call (each the median over the rounds),
        ``spread``: (largest - smallest round median) / median.
    """
    count = _affordable(call, items)
    chosen = items[:: max(1, len(items) // count)][:count]
    overhead = _overhead()
    gc.collect()
    medians, tails = [], []
    for _ in range(rounds):
        times = sorted((t - overhead) / 1e3 for t in _round(call, chosen))
        medians.append(statistics.median(times))
        tails.append(times[int(len(times) * 0.95)])
    middle = statistics.median(medians)
    return {
        "n": len(chosen),
        "p50": round(middle, 2),
        "p95": round(statistics.median(tails), 2),
        "spread": round((max(medians) - min(medians)) / middle, 2) if middle else 0.0,
    }


def found(flags: Callable[[str], bool], planted: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How many texts of each planted kind are flagged."""
    return {kind: sum(map(flags, texts)) for kind, texts in planted.items()}
