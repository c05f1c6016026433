"""Measures against textbook formulas and an independent count."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.evaluate import Counts, percentile, wilson


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_bounds_solve_the_score_equation(case: tuple[int, int]) -> None:
    """By definition the bounds are the p with |k/n - p| = z·sqrt(p(1-p)/n)."""
    hits, n = case
    z = statistics.NormalDist().inv_cdf(0.975)
    interval = wilson(hits, n)
    assert interval is not None
    for bound in interval:
        gap = abs(hits / n - bound)
        assert math.isclose(gap, z * math.sqrt(bound * (1 - bound) / n), abs_tol=1e-7)
    low, high = interval
    assert 0.0 <= low <= hits / n <= high <= 1.0


def test_wilson_known_values() -> None:
    """Newcombe 1998, table I: 81 of 263 and 0 of 20."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(0, 0) is None


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=200))
def test_measures_agree_with_an_independent_count(rows: list[tuple[bool, bool]]) -> None:
    counts = Counts()
    for unsafe, flagged in rows:
        counts.add(unsafe=unsafe, flagged=flagged)
    m = counts.measures()
    flagged_rows = [unsafe for unsafe, flagged in rows if flagged]
    unsafe_rows = [flagged for unsafe, flagged in rows if unsafe]
    safe_rows = [flagged for unsafe, flagged in rows if not unsafe]
    assert m["n"] == len(rows)
    assert m["unsafe"] == len(unsafe_rows)
    assert m["n"] == m["tp"] + m["fp"] + m["tn"] + m["fn"]
    for key, column in (("precision", flagged_rows), ("recall", unsafe_rows), ("fpr", safe_rows)):
        assert m[key] == (statistics.fmean(column) if column else None)
    if m["precision"] and m["recall"]:
        assert m["f1"] == pytest.approx(statistics.harmonic_mean([m["precision"], m["recall"]]))


def test_macro_f1_is_the_mean_over_both_classes() -> None:
    m = Counts(tp=30, fp=10, tn=50, fn=10).measures()
    assert m["f1"] == pytest.approx(0.75)
    assert m["macro_f1"] == pytest.approx((0.75 + 100 / 120) / 2)
    assert Counts(tn=5).measures()["macro_f1"] is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([50, 95, 99, 100]))
def test_percentile_is_the_least_value_with_that_share_at_or_below(
    values: list[float], percent: int
) -> None:
    ordered = sorted(values)
    found = percentile(ordered, percent)
    assert found in ordered
    assert 100 * sum(v <= found for v in ordered) >= percent * len(ordered)
    below = [v for v in ordered if v < found]
    assert 100 * len(below) < percent * len(ordered)


def test_percentile_of_nothing() -> None:
    assert percentile([], 50) is None


def test_the_interval_covers_the_true_rate_about_as_often_as_it_says() -> None:
    r = random.Random(3)
    covered = 0
    for _ in range(2000):
        interval = wilson(sum(r.random() < 0.03 for _ in range(200)), 200)
        assert interval is not None
        covered += interval[0] <= 0.03 <= interval[1]
    assert 0.92 <= covered / 2000 <= 0.98
