"""Squeezing looks for inserted characters in the original first; that look must miss none."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guard.detectors import normalise

_NEAR = st.sampled_from("赌博我 ,，*＊.。．·／/:：(（－-~～a b,ｂ１\u200b…⋯㎡⑴℅")


def _noise(text: str) -> list[tuple[int, int]]:
    """The gaps that squeezing would find without the look."""
    view = normalise.fold(text)
    gaps = [match.span() for match in normalise._BETWEEN.finditer(view.text)]
    return [gap for gap in gaps if normalise._is_noise(view, *gap)]


@settings(max_examples=400, deadline=None)
@given(st.text(st.one_of(_NEAR, st.characters()), max_size=30))
def test_a_text_without_signs_has_no_gaps(text: str) -> None:
    assert not _noise(text) or normalise._inserted().search(text)


def test_every_character_that_folds_to_a_separator_is_a_sign() -> None:
    signs = normalise._inserted()
    codes = (*range(0xD800), *range(0xE000, 0x20000))
    assert [hex(c) for c in codes if _noise(f"赌{chr(c)}博") and not signs.search(chr(c))] == []
