"""Reading the text mark: keys apart, draws fair, p-values that hold, modest verdicts."""

from __future__ import annotations

import itertools
import math
import random
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.errors import InputError
from guard.watermark import text_mark
from guard.watermark.text_mark_draws import MOST_TOKEN, draw, draws, first_seen, seed
from guard.watermark.text_mark_score import (
    WEIGHTS,
    binomial_tail,
    green_evidence,
    layer_evidence,
    of_many_keys,
)

SECRET = bytes(range(32))
KEYS = ["2026-12", "2026-11", "2026-10"]
tokens = st.integers(0, MOST_TOKEN)
texts = st.lists(st.integers(0, 5), max_size=60)


@lru_cache
def written(key_id: str, length: int, scheme: str = "synthid", choices: int = 4) -> list[int]:
    """The most marked text there is: of some candidates always the best after each context."""
    chance = random.Random(length)
    words = text_mark.derive(SECRET, key_id).words
    row = [chance.randrange(9999) for _ in range(text_mark.CONTEXT)]
    while len(row) < length:
        start = seed(words, row[-text_mark.CONTEXT :])
        few = [chance.randrange(9999) for _ in range(choices)]
        worth = (lambda v: -v) if scheme == "kgw" else (lambda v: layer_evidence([v]).z)
        row.append(max(few, key=lambda token: worth(draw(start, token))))
    return row


def test_a_key_is_derived_from_both_and_never_shown() -> None:
    key = text_mark.derive(SECRET, "2026-11")
    others = [text_mark.derive(SECRET, "2026-12"), text_mark.derive(SECRET[::-1], "2026-11")]
    for other in others:
        assert other.words != key.words
        assert other.hashing_key != key.hashing_key
        assert not set(other.layer_keys) & set(key.layer_keys)
        assert other.table_seed != key.table_seed
    assert key == text_mark.derive(SECRET, "2026-11")
    assert repr(key) == "TextKey(key_id='2026-11')"


def test_the_derivation_is_fixed_for_ever() -> None:
    # Text marked today is read in years: a change of these numbers orphans every marked text.
    key = text_mark.derive(SECRET, "2026-11")
    assert key.words.hex()[:16] == "3491e1883171d4f0"
    assert hex(draw(seed(key.words, [1, 2, 3, 4]), 5)) == "0x4e4942832e904b9d"


@pytest.mark.parametrize("key_id", ["", " ", "二〇二六", "a" * 65, "2026 11"])
def test_a_bad_key_id_is_refused(key_id: str) -> None:
    with pytest.raises(InputError, match="key id"):
        text_mark.derive(SECRET, key_id)


def test_a_secret_comes_from_a_file_and_must_be_long(tmp_path: Path) -> None:
    path = tmp_path / "text.key"
    with pytest.raises(InputError, match="cannot be read"):
        text_mark.load_secret(path)
    path.write_bytes(b"15 bytes, short")
    with pytest.raises(InputError, match="it needs 16"):
        text_mark.load_secret(path)
    path.write_bytes(SECRET)
    assert text_mark.load_secret(path) == SECRET


@given(texts, st.integers(1, 4))
def test_every_context_counts_once(row: list[int], context: int) -> None:
    seen = list(first_seen(row, context))
    windows = [tuple(row[at : at + context]) for at in range(len(row) - context)]
    assert [window for window, _ in seen] == list(dict.fromkeys(windows))
    assert all(row[windows.index(window) + context] == token for window, token in seen)


def test_draws_are_fair_bits_without_correlation() -> None:
    words = text_mark.derive(SECRET, "2026-11").words
    values = [
        draw(seed(words, (i,)), token) for i, token in itertools.product(range(200), range(50))
    ]
    bound = 5 * math.sqrt(len(values) / 4)
    ones = Counter(bit for value in values for bit in range(64) if value >> bit & 1)
    assert all(abs(ones[bit] - len(values) / 2) < bound for bit in range(64))
    for one, other in itertools.pairwise(range(64)):
        both = sum((value >> one & 1) == (value >> other & 1) for value in values)
        assert abs(both - len(values) / 2) < bound
    near = itertools.pairwise(values)  # neighbouring tokens after one context
    differ = sum((a ^ b).bit_count() for a, b in near)
    assert abs(differ / (len(values) - 1) - 32) < 0.3


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(-1, n + 1))))
def test_the_binomial_tail_is_exact(case: tuple[int, int]) -> None:
    tries, hits = case
    exact = sum(
        Fraction(math.comb(tries, k) * 3 ** (tries - k), 4**tries)
        for k in range(max(hits, 0), tries + 1)
    )
    assert binomial_tail(tries, hits, 0.25) == pytest.approx(float(exact), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("hits", [0, 1, 24_000, 25_000, 26_000, 100_000])
def test_the_binomial_tail_of_a_long_text_is_a_probability(hits: int) -> None:
    assert 0 <= binomial_tail(100_000, hits, 0.25) <= 1


@given(st.integers(0, 2**64 - 1))
def test_the_layers_are_the_top_thirty_bits_by_weight(value: int) -> None:
    direct = sum(weight * (value >> (63 - layer) & 1) for layer, weight in enumerate(WEIGHTS))
    spread = math.sqrt(sum(weight**2 for weight in WEIGHTS)) / 2
    assert layer_evidence([value]).z == pytest.approx((direct - sum(WEIGHTS) / 2) / spread)


@given(st.floats(0, 1), st.integers(1, 50))
def test_more_keys_never_make_a_text_more_suspicious(p_value: float, keys: int) -> None:
    corrected = of_many_keys(p_value, keys)
    assert p_value * (1 - 1e-9) <= corrected <= min(1.0, keys * p_value * (1 + 1e-9))


@pytest.mark.slow
def test_false_alarms_keep_to_the_p_value() -> None:
    """12,000 unmarked texts with the habits of language: few words common, phrases repeated."""
    chance, length = random.Random(50), 50
    words = [int(3000 * chance.random() ** 4) for _ in range(20_000)]
    tries, alarms = 12_000, Counter[tuple[str, float]]()
    for _ in range(tries):
        key = chance.randbytes(32)
        at = chance.randrange(len(words) - length)
        row = words[at : at + length - 15] + words[at : at + 15]
        values = list(draws(key, row, text_mark.CONTEXT))
        for level in (0.1, 0.01, 0.001):
            alarms["kgw", level] += green_evidence(values).p_value <= level
            alarms["synthid", level] += layer_evidence(values).p_value <= level
    for (scheme, level), count in alarms.items():
        allowed = tries * level + 4 * math.sqrt(tries * level)
        assert count <= allowed, (scheme, level)
        if scheme == "synthid":  # a continuous score: not timid either
            assert count >= tries * level - 4 * math.sqrt(tries * level)


def test_a_loop_is_no_mark() -> None:
    chance = random.Random(1)
    for _ in range(300):
        loop = [chance.randrange(5000) for _ in range(7)] * 30
        for scheme in text_mark.SCHEMES:
            result = text_mark.detect(loop, SECRET, KEYS, scheme)
            assert (result.state, result.tokens) == ("unsure", 7)


@pytest.mark.parametrize("scheme", text_mark.SCHEMES)
def test_a_marked_text_tells_its_epoch(scheme: str) -> None:
    row = written("2026-10", 200, scheme)
    result = text_mark.detect(row, SECRET, KEYS, scheme)
    assert (result.state, result.key_id, result.tokens) == ("present", "2026-10", 196)
    single = text_mark.detect(row, SECRET, "2026-10", scheme)
    assert result.p_value == pytest.approx(3 * single.p_value, rel=1e-3)
    assert text_mark.detect(row, SECRET, KEYS[:2], scheme).state == "absent"
    assert text_mark.detect(row, SECRET[::-1], KEYS, scheme).state == "absent"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100), st.integers(100, 200))
def test_a_cut_text_keeps_its_mark(begin: int, end: int) -> None:
    row = written("2026-11", 200)
    part = text_mark.detect(row[begin:end], SECRET, KEYS)
    assert part.tokens == max(0, end - begin - text_mark.CONTEXT)
    if part.tokens >= 40:
        assert part.p_value <= text_mark.ALARM
        assert part.state == "present"


def test_short_or_doubtful_texts_are_unsure() -> None:
    plain = random.Random(5)
    short = [plain.randrange(9999) for _ in range(text_mark.CONTEXT + 49)]
    assert text_mark.detect(short, SECRET, KEYS).state == "unsure"
    assert text_mark.detect([], SECRET, KEYS) == text_mark.TextMarkResult("unsure", 1.0, 0, KEYS[0])
    weak = written("2026-11", 60, choices=3)[:34] + [plain.randrange(9999) for _ in range(66)]
    result = text_mark.detect(weak, SECRET, "2026-11")
    assert (result.state, result.tokens) == ("unsure", 96)
    assert text_mark.ALARM < result.p_value < 0.01


class Words:
    """A tokenizer in the manner of the ``tokenizers`` package."""

    def encode(self, text: str, *, add_special_tokens: bool) -> Any:
        assert not add_special_tokens
        self.ids = [int(word) for word in text.split()]
        return self


def test_text_is_read_with_a_tokenizer() -> None:
    row = written("2026-11", 120)
    text = " ".join(map(str, row))
    assert text_mark.detect(text, SECRET, KEYS, tokenizer=Words()) == text_mark.detect(
        row, SECRET, KEYS
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": "字"}, "tokenizer"),
        ({"text": [[1, 2]]}, "one row"),
        ({"text": [-1] * 9}, "32 - 1"),
        ({"text": [2**32] * 9}, "32 - 1"),
        ({"key_ids": []}, "name a key"),
        ({"scheme": "unigram"}, "unknown text mark"),
        ({"context": 0}, "context must be"),
        ({"alarm": 0.5}, "alarm"),
    ],
)
def test_wrong_use_is_said_in_one_line(change: dict[str, Any], message: str) -> None:
    request = {"text": [1, 2, 3], "secret": SECRET, "key_ids": KEYS} | change
    with pytest.raises(InputError, match=message):
        text_mark.detect(**request)


def test_reading_needs_no_torch() -> None:
    program = (
        "import sys; from guard.watermark import text_mark;"
        "text_mark.detect([1, 2, 3] * 9, bytes(16), 'a');"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
