"""Duplicates: planted pairs of known Jaccard, survivors, short and hostile texts."""

import random
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.detectors.duplicates import THRESHOLD, DuplicateIndex, grams, jaccard, normal


def _chinese(r: random.Random, length: int) -> str:
    return "".join(chr(0x4E00 + r.randrange(6000)) for _ in range(length))


def _pair(r: random.Random, changed: int, length: int = 400) -> tuple[str, str, float]:
    """A text, a copy whose last ``changed`` characters are new, and the Jaccard by definition."""
    text = _chinese(r, length)
    copy = text[: length - changed] + _chinese(r, changed)
    first = {text[i : i + 5] for i in range(length - 4)}
    second = {copy[i : i + 5] for i in range(length - 4)}
    return text, copy, len(first & second) / len(first | second)


def test_planted_pairs_are_found_above_the_threshold_and_never_below() -> None:
    r = random.Random(11)
    found = {True: 0, False: 0}
    planted = {True: 0, False: 0}
    index: DuplicateIndex[int] = DuplicateIndex()
    for number in range(400):
        text, copy, similarity = _pair(r, changed=r.randrange(1, 120))
        index.add(2 * number, text)
        duplicate = index.add(2 * number + 1, copy)
        above = similarity >= THRESHOLD
        planted[above] += 1
        if duplicate is not None:
            found[above] += 1
            assert duplicate.of == 2 * number
            assert duplicate.jaccard == pytest.approx(similarity, abs=1e-12)
            assert not duplicate.exact
    assert planted[True] > 100
    assert planted[False] > 100
    assert found[False] == 0
    assert found[True] / planted[True] >= 0.97


def test_the_first_text_survives_and_a_chain_stays_verified() -> None:
    """C resembles B but not A: B fell to A, so C is a new text."""
    r = random.Random(5)
    a = _chinese(r, 300)
    b = a[30:] + _chinese(r, 30)
    c = b[30:] + _chinese(r, 30)
    assert jaccard(grams(a), grams(b)) >= THRESHOLD
    assert jaccard(grams(b), grams(c)) >= THRESHOLD
    assert jaccard(grams(a), grams(c)) < THRESHOLD
    index: DuplicateIndex[str] = DuplicateIndex()
    assert index.add("a", a) is None
    assert index.add("b", b) == ("a", jaccard(grams(a), grams(b)), False)
    assert index.add("c", c) is None


def test_short_texts_are_compared_exactly() -> None:
    index: DuplicateIndex[int] = DuplicateIndex()
    assert index.add(1, "请问今天的天气怎么样？") is None
    assert index.add(2, "请问今天的天气怎么样") is None
    assert index.add(3, "  请问今天的天气怎么样？\n") == (1, 1.0, True)


def test_composed_and_decomposed_forms_are_the_same_text() -> None:
    index: DuplicateIndex[int] = DuplicateIndex()
    index.add(1, "caf\u00e9 au lait")
    assert index.add(2, "cafe\u0301 au lait") == (1, 1.0, True)


def test_same_grams_in_another_order_are_near_not_exact() -> None:
    index: DuplicateIndex[int] = DuplicateIndex()
    index.add(1, "ab" * 20)
    duplicate = index.add(2, "ab" * 30)
    assert duplicate == (1, 1.0, False)


@pytest.mark.parametrize(
    "text", ["", " ", "\x00" * 50, "\ud800" * 40, "字" + "\u0301" * 10_000, "长" * 250_000]
)
def test_hostile_texts_are_indexed_like_any_other(text: str) -> None:
    index: DuplicateIndex[int] = DuplicateIndex()
    assert index.add(1, text) is None
    assert index.add(2, text) == (1, 1.0, True)


def test_a_templated_corpus_hides_no_duplicate_and_makes_none() -> None:
    """More near misses than get verified: none is a duplicate, and a real one is found."""
    r = random.Random(2)
    base = _chinese(r, 170)
    texts = [base + _chinese(r, 30) for _ in range(120)]
    index: DuplicateIndex[int] = DuplicateIndex()
    assert [n for n, text in enumerate(texts) if index.add(n, text)] == []
    duplicate = index.add(999, texts[77][:-2] + "完了")
    assert duplicate is not None
    assert duplicate.of == 77


def test_a_file_as_store_gives_the_same_answers() -> None:
    r = random.Random(8)
    texts = [text for _ in range(50) for text in _pair(r, r.randrange(1, 90))[:2]]
    with tempfile.TemporaryFile() as store:
        on_disk: DuplicateIndex[int] = DuplicateIndex(store=store)
        in_memory: DuplicateIndex[int] = DuplicateIndex()
        for number, text in enumerate(texts):
            assert on_disk.add(number, text) == in_memory.add(number, text)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(alphabet="的一是了我不", max_size=60), max_size=20))
def test_laws(texts: list[str]) -> None:
    """Every reported pair is verified, and no two survivors are equal."""
    index: DuplicateIndex[int] = DuplicateIndex()
    survivors: list[int] = []
    for number, text in enumerate(texts):
        duplicate = index.add(number, text)
        if duplicate is None:
            survivors.append(number)
            continue
        assert duplicate.of in survivors
        first, second = normal(texts[duplicate.of]), normal(text)
        assert duplicate.exact == (first == second)
        assert duplicate.jaccard >= THRESHOLD
        assert duplicate.jaccard == jaccard(grams(first), grams(second))
    assert len({normal(texts[number]) for number in survivors}) == len(survivors)


def test_a_threshold_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold"):
        DuplicateIndex(threshold=1.5)
