"""The parts of the invisible image mark: code, pattern, offset, and the bound on false alarms."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.errors import InputError
from guard.watermark.image_mark_analysis import box_mean, folded
from guard.watermark.image_mark_code import CODE_BITS, decode, encode
from guard.watermark.image_mark_offset import best_shift, orientations, pilot_shift, ramp
from guard.watermark.image_mark_pattern import PILOTS, TILE, pattern
from guard.watermark.image_mark_search import candidates, power_spectrum
from guard.watermark.image_mark_straighten import straightened

KEY = b"a key of the tests"


@settings(max_examples=30, deadline=None)
@given(payload=st.integers(0, 2**64 - 1), wrong=st.sets(st.integers(0, CODE_BITS - 1), max_size=30))
def test_thirty_wrong_code_bits_are_mended(payload: int, wrong: set[int]) -> None:
    soft = encode(payload)
    soft[list(wrong)] *= -0.5
    assert decode(soft) == payload


def test_noise_above_the_code_bits_is_mended() -> None:
    rng = np.random.default_rng(5)
    right = 0
    for _ in range(40):
        payload = int(rng.integers(0, 2**63))
        soft = encode(payload) + rng.normal(0, 1.1, CODE_BITS).astype(np.float32)
        right += decode(soft.astype(np.float32)) == payload
    assert right >= 38


def test_noise_alone_has_no_payload() -> None:
    rng = np.random.default_rng(6)
    assert all(decode(rng.normal(size=CODE_BITS).astype(np.float32)) is None for _ in range(200))


def test_the_pattern_of_a_key_never_changes() -> None:
    """Marks of today must be read by every later version, on every numpy."""
    keyed = pattern(KEY)
    parts = (keyed.ky, keyed.kx, keyed.pilots, keyed.data, keyed.owner)
    ints = b"".join(part.astype("<i4").tobytes() for part in parts)
    signs = b"".join((part > 0).tobytes() for part in (keyed.chips, keyed.scramble))
    assert hashlib.sha256(ints + signs).hexdigest() == DIGEST
    assert np.allclose(np.abs(keyed.phases), 1)


DIGEST = "7f87509394e4a26d43e05a20b0715efc815a900f988231fff36b43611e24cae8"


def test_keys_differ_and_are_long() -> None:
    one, two = pattern(KEY), pattern(b"another key of 16 or more")
    assert len(set(one.pilots) & set(two.pilots)) < PILOTS // 3
    assert abs(float(np.corrcoef(one.chips, two.chips)[0, 1])) < 0.1
    with pytest.raises(InputError, match="needs 16"):
        pattern(b"fifteen bytes..")


def test_every_line_has_one_use() -> None:
    keyed = pattern(KEY)
    assert sorted([*keyed.pilots, *keyed.data]) == list(range(len(keyed.ky)))
    assert len(keyed.owner) == len(keyed.chips) == 2 * len(keyed.data)
    counts = np.bincount(keyed.owner, minlength=CODE_BITS)
    assert counts.max() - counts.min() <= 1


@settings(max_examples=20, deadline=None)
@given(row=st.integers(0, TILE - 1), column=st.integers(0, TILE - 1))
def test_the_shift_is_found(row: int, column: int) -> None:
    keyed = pattern(KEY)
    lines = np.zeros(len(keyed.ky), np.complex64)
    lines[keyed.pilots] = keyed.phases
    score, shift = pilot_shift(lines * ramp(keyed, (row, column)).conj(), keyed)
    assert shift == (row, column)
    assert score == pytest.approx(math.sqrt(2 * PILOTS), rel=1e-3)


def test_scores_of_noise_keep_to_the_bound() -> None:
    """P(largest score >= t) <= 128 * 128 * exp(-t*t / 2), whatever the magnitudes are."""
    keyed, rng = pattern(KEY), np.random.default_rng(7)
    ky, kx = keyed.ky[keyed.pilots], keyed.kx[keyed.pilots]
    for heavy in (0.0, 1.5):
        scores = []
        for _ in range(300):
            size = np.exp(heavy * rng.normal(size=PILOTS))
            lines = size * np.exp(2j * np.pi * rng.random(PILOTS))
            scores.append(best_shift(lines.astype(np.complex64), ky, kx)[0])
        for level in (0.5, 0.1):
            threshold = math.sqrt(2 * math.log(TILE**2 / level))
            assert np.mean(np.array(scores) >= threshold) <= level


def test_orientations_are_those_of_the_picture() -> None:
    picture = np.random.default_rng(8).normal(size=(TILE, TILE)).astype(np.float32)
    wanted = []
    for turned in (picture, picture.T):
        for rows in (turned, turned[::-1]):
            wanted += [rows, rows[:, ::-1]]
    for spectrum, other in zip(orientations(folded(picture)), wanted, strict=True):
        assert np.allclose(np.abs(spectrum), np.abs(folded(other)), atol=1e-2)


@settings(max_examples=20, deadline=None)
@given(size=st.sampled_from([1, 3, 7, 9, 15, 33]), seed=st.integers(0, 99))
def test_box_means_are_means(size: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(37, 51)).astype(np.float32)
    padded = np.pad(values, size // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
    assert np.allclose(box_mean(values, size), windows.mean((2, 3)), atol=1e-4)


@pytest.mark.parametrize("turn", [0.0, 0.4])
def test_geometry_is_undone(turn: float) -> None:
    """A wave of pilots alone, resampled, is straightened to the same wave."""
    keyed = pattern(KEY)
    y, x = np.mgrid[0:500, 0:500].astype(np.float32)
    scale = 0.8
    cos, sin = np.cos(turn) / scale, np.sin(turn) / scale
    u, v = cos * x + sin * y, -sin * x + cos * y
    wave = np.zeros_like(x)
    for i, phase in zip(keyed.pilots, keyed.phases, strict=True):
        angle = 2 * np.pi * (keyed.kx[i] * u + keyed.ky[i] * v) / TILE
        wave += np.cos(angle + np.angle(phase)).astype(np.float32)
    best = candidates(power_spectrum(wave), keyed, 1)[0]
    assert 1 / math.sqrt(abs(np.linalg.det(best.matrix))) == pytest.approx(scale, rel=2e-3)
    straight, inside = straightened(wave + 128, best)
    score, _ = pilot_shift(
        max(
            _both(folded((straight - 128) * inside), keyed), key=lambda s: pilot_shift(s, keyed)[0]
        ),
        keyed,
    )
    assert score > 0.9 * math.sqrt(2 * PILOTS)


def _both(spectrum, keyed):  # type: ignore[no-untyped-def]
    return [spectrum[keyed.places], spectrum.conj()[keyed.places]]
