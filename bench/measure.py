"""Timing one call at a time. Standard library only: the environments of the peers run it too.

Short calls are read off ``perf_counter``, which costs no system call: reading CPU time does, and a
system call between two calls of 50 us was seen to slow the next one by half (cold branch
predictors). A median over thousands of short calls does not feel other work on the machine; long
calls would, so they are timed in CPU time.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

#: Seconds that one case may take in one round; slow peers see fewer prompts and say so.
SECONDS = 2.0
ROUNDS = 5
#: Calls beyond this many nanoseconds are timed in CPU time.
LONG = 300_000

Clock = Callable[[], int]


def _overhead(clock: Clock) -> float:
    """What reading the clock itself costs, in nanoseconds."""
    gaps = []
    for _ in range(2_000):
        begun = clock()
        gaps.append(clock() - begun)
    return statistics.median(gaps)


def _round(call: Callable[[Any], object], items: Sequence[Any], clock: Clock) -> list[int]:
    times = []
    for item in items:
        begun = clock()
        call(item)
        times.append(clock() - begun)
    return times


def timed(
    call: Callable[[Any], object], items: Sequence[Any], rounds: int = ROUNDS
) -> dict[str, Any]:
    """Time ``call`` on each item.

    Returns:
        ``n`` items, ``p50`` and ``p95`` in microseconds a call (each the median over the rounds),
        ``spread``: (largest - smallest round median) / median.
    """
    sample = items[:: max(1, len(items) // 20)][:20]
    _round(call, sample, time.process_time_ns)
    first = statistics.mean(_round(call, sample, time.process_time_ns))
    clock = time.process_time_ns if first > LONG else time.perf_counter_ns
    count = min(len(items), max(20, int(SECONDS * 1e9 / max(first, 1))))
    chosen = items[:: max(1, len(items) // count)][:count]
    overhead = _overhead(clock)
    gc.collect()
    medians, tails = [], []
    for _ in range(rounds):
        times = sorted((t - overhead) / 1e3 for t in _round(call, chosen, clock))
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
