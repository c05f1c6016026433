"""Law 2 at its root: a folded or squeezed character always knows where it came from."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.detectors.normalise import View, fold, squeeze

#: Text of everything that folding treats apart, beside any code point at all (surrogates included).
INTERESTING = (
    "赌博國发０Ａａ①②Ⓐ㋀ﬁ\u0301\u200b\u200d\u202e\0\x01\ud800\udfff -_.,，：（）·★\n\tbuyBUY。"
)
TEXT = st.text(
    st.one_of(st.sampled_from(INTERESTING), st.characters(codec=None, exclude_categories=())),
    max_size=60,
)
#: Han that folding leaves alone: what ordinary simplified text is made of.
PLAIN_HAN = [c for c in map(chr, range(0x4E00, 0xA000)) if fold(c).text == c]


def views(text: str) -> list[View]:
    folded = fold(text)
    tight = squeeze(folded)
    return [folded] if tight is None else [folded, tight]


@given(TEXT)
def test_every_view_character_stands_for_a_stretch_of_the_original(text: str) -> None:
    for view in views(text):
        spans = [view.span(i, i + 1) for i in range(len(view.text))]
        assert all(0 <= start < end <= len(text) for start, end in spans)
        assert spans == sorted(spans), "the way back keeps the order"


@given(TEXT)
def test_a_view_character_is_the_folded_form_of_its_stretch(text: str) -> None:
    for view in views(text):
        for index, char in enumerate(view.text):
            start, end = view.span(index, index + 1)
            assert char in fold(text[start:end]).text


@given(TEXT, st.data())
def test_a_span_covers_the_spans_of_its_characters(text: str, data: st.DataObject) -> None:
    view = data.draw(st.sampled_from(views(text)))
    if not view.text:
        return
    start = data.draw(st.integers(0, len(view.text) - 1))
    end = data.draw(st.integers(start + 1, len(view.text)))
    assert view.span(start, end) == (view.span(start, start + 1)[0], view.span(end - 1, end)[1])


@given(TEXT)
def test_folding_a_folded_text_changes_nothing(text: str) -> None:
    once = fold(text).text
    assert fold(once).text == once


def test_folding_is_settled_for_every_code_point() -> None:
    unsettled = []
    for first in range(0, sys.maxunicode + 1, 0x1000):
        text = "".join(map(chr, range(first, first + 0x1000)))
        once = fold(text).text
        if fold(once).text != once:
            unsettled.append(hex(first))
        once.encode()  # no surrogate survives: the automaton could not take it
    assert not unsettled


@given(TEXT, TEXT)
def test_folding_works_character_by_character(left: str, right: str) -> None:
    """So a text that arrives in pieces folds to the same as the whole."""
    assert fold(left + right).text == fold(left).text + fold(right).text


@given(st.text(st.sampled_from(PLAIN_HAN + list("，：？！；（）。")), max_size=40), TEXT)
def test_what_needs_no_folding_is_left_alone_before_what_does(plain: str, text: str) -> None:
    """Plain text takes a short cut; where it ends must not show."""
    view = fold(plain + text)
    assert view.text == fold("Ａ" + plain).text[1:] + fold("Ａ" + text).text[1:]
    assert all(view.span(i, i + 1) == (i, i + 1) for i in range(len(plain)))


@given(st.text(st.sampled_from(PLAIN_HAN), max_size=80))
def test_simplified_chinese_is_left_alone(text: str) -> None:
    view = fold(text)
    assert view.text == text
    assert all(view.span(i, i + 1) == (i, i + 1) for i in range(len(text)))


@given(TEXT)
def test_squeezing_only_leaves_out(text: str) -> None:
    folded = fold(text)
    tight = squeeze(folded)
    if tight is None:
        return
    assert len(tight.text) < len(folded.text)
    rest = iter(folded.text)
    assert all(char in rest for char in tight.text), "a subsequence of the folded text"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ＢＵＹ１２３", "buy123"),
        ("賭博網站", "赌博网站"),
        ("赌\u200b博", "赌博"),
        ("赌\u0301\u0302博", "赌博"),
        ("ⓑⓤⓨ", "buy"),
        ("𝒃𝒖𝒚", "buy"),
        ("①②③", "123"),
        ("раssword", "password"),  # Cyrillic р and а
        ("\u202e赌博\u202c", "赌博"),
        ("薴", "苎"),
        ("é", "e"),
        ("٣", "3"),
        ("", ""),
        ("\0\x01\u200b", ""),
    ],
)
def test_disguises_fold_away(text: str, folded: str) -> None:
    assert fold(text).text == folded


@pytest.mark.parametrize(
    ("text", "tight"),
    [
        ("赌 博", "赌博"),
        ("赌*-*博", "赌博"),
        ("海海海洛因", "海洛因"),
        ("b-u-y now", "buy now"),
        ("赌博", None),
        ("他喜欢赌，博彩业", None),  # a full-width comma parts clauses
        ("见（附录）", None),
        ("buy now", None),
        ("a-b", None),  # two letters are not a spelled word
    ],
)
def test_insertions_are_squeezed_out(text: str, tight: str | None) -> None:
    view = squeeze(fold(text))
    assert (view.text if view else None) == tight
