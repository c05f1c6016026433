"""Combinations against a brute-force reading of their meaning."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from guard.detectors.combine import Hit, Plan, Sentences, Stretch, match

LENGTH = 24


def _walk(steps: list[tuple[int, int]]) -> Iterator[Stretch]:
    """Stretches from (gap, width) steps."""
    at = 0
    for gap, width in steps:
        yield at + gap, at + gap + width
        at += gap + width


def leaf(number: int) -> Plan:
    return Plan("words", leaf=number)


def near(parts: int, within: int, *, ordered: bool, unless: Plan | None = None) -> Plan:
    return Plan("near", -1, tuple(map(leaf, range(parts))), within, ordered, unless)


#: Sorted stretches of one leaf that do not overlap, as the lexicon gives them.
STRETCHES = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 3)), max_size=5).map(
    lambda steps: [s for s in _walk(steps) if s[1] <= LENGTH]
)


#: A text of sentences; only its sentence ends matter here.
SENTENCES = st.lists(st.sampled_from("字" * 11 + "。"), min_size=LENGTH, max_size=LENGTH).map(
    "".join
)


def chains(plan: Plan, hits: dict[int, list[Stretch]], text: str) -> Iterator[tuple[Stretch, ...]]:
    """Every choice of one hit a part that the plan's words allow, read literally."""
    sentences = Sentences(text)
    for choice in itertools.product(*(hits[n] for n in range(len(plan.parts)))):
        placed = sorted(choice)
        if plan.ordered and tuple(placed) != choice:
            continue
        gaps = [right[0] - left[1] for left, right in itertools.pairwise(placed)]
        one = sentences.number(placed[0][0]) == sentences.number(placed[-1][1] - 1)
        if one and all(0 <= gap <= plan.within for gap in gaps):
            yield choice


def pieces_of(choice: tuple[Stretch, ...]) -> tuple[Stretch, ...]:
    merged: list[Stretch] = []
    for start, end in sorted(choice):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return tuple(merged)


HITS = st.fixed_dictionaries(dict.fromkeys(range(4), STRETCHES))


@settings(max_examples=400)
@given(HITS, SENTENCES, st.integers(2, 4), st.integers(0, 6), st.booleans())
def test_near_finds_what_its_words_say(
    hits: dict[int, list[Stretch]], text: str, parts: int, within: int, ordered: bool
) -> None:
    plan = near(parts, within, ordered=ordered)
    possible = list(chains(plan, hits, text))
    found = match(plan, hits, Sentences(text))
    assert {hit.pieces for hit in found} <= {pieces_of(choice) for choice in possible}
    assert bool(found) == bool(possible)
    # Every hit of the rarest part that belongs to a match is in a reported one.
    rarest = min(range(parts), key=lambda n: len(hits[n]))
    shown = {piece for hit in found for start, end in hit.pieces for piece in range(start, end)}
    for choice in possible:
        assert set(range(*choice[rarest])) <= shown


@given(HITS, SENTENCES, st.integers(0, 6), st.booleans())
def test_unless_silences_exactly_its_sentences(
    hits: dict[int, list[Stretch]], text: str, within: int, ordered: bool
) -> None:
    sentences = Sentences(text)
    bare = match(near(2, within, ordered=ordered), hits, sentences)
    excused = match(near(2, within, ordered=ordered, unless=leaf(3)), hits, sentences)
    quiet = {sentences.number(start) for start, _ in hits[3]}
    assert excused == [hit for hit in bare if sentences.number(hit.start) not in quiet]


@given(HITS, SENTENCES)
def test_all_wants_every_part_and_any_gives_every_hit(
    hits: dict[int, list[Stretch]], text: str
) -> None:
    parts = tuple(map(leaf, range(3)))
    everything = match(Plan("all", -1, parts), hits, Sentences(text))
    apart = any(
        all(a[1] <= b[0] or b[1] <= a[0] for a, b in itertools.combinations(choice, 2))
        for choice in itertools.product(*(hits[n] for n in range(3)))
    )
    assert len(everything) == apart, "one phrase is not two signs"
    some = match(Plan("any", -1, parts), hits, Sentences(text))
    assert {(h.start, h.end) for h in some} == {s for n in range(3) for s in hits[n]}


@given(HITS, SENTENCES, st.integers(0, 6))
def test_order_only_narrows(hits: dict[int, list[Stretch]], text: str, within: int) -> None:
    if match(near(3, within, ordered=True), hits, Sentences(text)):
        assert match(near(3, within, ordered=False), hits, Sentences(text))


def test_a_full_stop_in_a_number_ends_no_sentence() -> None:
    assert Sentences("v1.2 then").number(5) == 0
    assert Sentences("one. two").number(5) == 1
    assert [Sentences("甲。乙！丙").number(n) for n in range(5)] == [0, 0, 1, 1, 2]


def test_parts_of_parts() -> None:
    inner = Plan("any", -1, (leaf(1), leaf(2)))
    plan = Plan("near", -1, (leaf(0), inner), within=2, ordered=True)
    hits = {0: [(0, 2)], 1: [], 2: [(4, 6)]}
    assert match(plan, hits, Sentences("甲乙丙丁戊己")) == [Hit(0, 6, ((0, 2), (4, 6)))]
