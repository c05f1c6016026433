"""From draws to a p-value: how probable a score so high is in text that does not know the key.

Under that hypothesis every draw is fresh, since every context counts once: green tokens are a
binomial count, whose tail is summed exactly; the tournament's score is a weighted sum of fair
bits, 30 a token, whose tail is the normal one. (A weighted sum of fair signs exceeds any bound at
most 3.18 times as often as a normal variable: Bentkus and Dzindzalieta 2015, Bernoulli 21(2).)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from guard.watermark.text_mark_keys import LAYERS

#: Share of green tokens (Kirchenbauer et al. 2023), and the draw below which a token is green.
GREEN: Final = 0.25
GREEN_BELOW: Final = 2**62
#: Layers fade in what they tell: the published linear weights, from 10 down to 1.
WEIGHTS: Final = tuple(10 - 9 * layer / (LAYERS - 1) for layer in range(LAYERS))

_HALF: Final = sum(WEIGHTS) / 2
_VARIANCE: Final = sum(weight * weight for weight in WEIGHTS) / 4
_PART: Final = 10
_FADED: Final = 1e-17


@dataclass(frozen=True, slots=True)
class Evidence:
    """``tokens`` counted, standard deviations above chance, and the p-value for one key."""

    tokens: int
    z: float
    p_value: float


def green_evidence(draws: Iterable[int]) -> Evidence:
    """Of draws, for the green list: the exact tail of the binomial distribution."""
    hits = [value < GREEN_BELOW for value in draws]
    return of_counts(len(hits), sum(hits), GREEN)


def of_counts(tokens: int, green: int, share: float) -> Evidence:
    """Evidence of ``green`` tokens among ``tokens`` when chance makes a ``share`` of them green."""
    if not tokens:
        return Evidence(0, 0.0, 1.0)
    z = (green - share * tokens) / math.sqrt(tokens * share * (1 - share))
    return Evidence(tokens, z, binomial_tail(tokens, green, share))


def layer_evidence(draws: Iterable[int]) -> Evidence:
    """Of draws, for the tournament: weighted mean of the top 30 bits."""
    scores = [
        _TABLES[0][value >> 54] + _TABLES[1][value >> 44 & 1023] + _TABLES[2][value >> 34 & 1023]
        for value in draws
    ]
    return of_sums(len(scores), math.fsum(scores))


def of_sums(tokens: int, total: float) -> Evidence:
    """Evidence of a ``total`` over the tokens of the weights of their layers' set bits."""
    if not tokens:
        return Evidence(0, 0.0, 1.0)
    z = (total - tokens * _HALF) / math.sqrt(tokens * _VARIANCE)
    return Evidence(tokens, z, normal_tail(z))


def normal_tail(z: float) -> float:
    """P(Z >= z) of a standard normal variable."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def binomial_tail(tries: int, hits: int, share: float) -> float:
    """P(X >= hits) for X of B(tries, share), 0 < share < 1."""
    if hits <= tries * share:  # the other tail is the short one
        return 1.0 - binomial_tail(tries, tries - hits + 1, 1 - share) if hits > 0 else 1.0
    if hits > tries:
        return 0.0
    log = (
        math.lgamma(tries + 1)
        - math.lgamma(hits + 1)
        - math.lgamma(tries - hits + 1)
        + hits * math.log(share)
        + (tries - hits) * math.log1p(-share)
    )
    term, factor = 1.0, 0.0
    for count in range(hits, tries + 1):
        factor += term
        term *= (tries - count) / (count + 1) * share / (1 - share)
        if term < factor * _FADED:
            break
    return min(1.0, math.exp(log + math.log(factor)))


def of_many_keys(p_value: float, keys: int) -> float:
    """The p-value of the best of ``keys`` independent tries (Sidak's correction)."""
    return 1.0 if p_value >= 1 else -math.expm1(keys * math.log1p(-p_value))


def _table(first: int) -> tuple[float, ...]:
    """Weights of the set bits of a ten-bit part whose top bit is layer ``first``."""
    part = WEIGHTS[first : first + _PART]
    return tuple(
        sum(weight for place, weight in enumerate(part) if value >> (_PART - 1 - place) & 1)
        for value in range(1 << _PART)
    )


_TABLES: Final = tuple(_table(first) for first in range(0, LAYERS, _PART))
