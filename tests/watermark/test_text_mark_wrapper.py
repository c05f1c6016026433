"""The C2PA wrapper of plain text: bytes come back, the text stays, damage is said."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.errors import InputError, LabelError
from guard.watermark.text_mark_wrapper import MOST_BYTES, unwrap, wrap

NOTICE = "（本内容由人工智能生成）\n"
bodies = st.text(st.characters(codec="utf-8", exclude_characters="\ufeff")).map(
    lambda text: unicodedata.normalize("NFC", NOTICE + text)
)


@given(bodies, st.binary(min_size=1, max_size=300))
def test_what_is_wrapped_comes_back(text: str, payload: bytes) -> None:
    wrapped = wrap(text, payload)
    assert wrapped.startswith(text)
    assert unwrap(wrapped) == (text, payload)


def test_the_wrapper_stands_as_annex_a8_says() -> None:
    wrapped = wrap(NOTICE, b"\x00\x0f\x10\xff")
    signs = [ord(sign) for sign in wrapped[len(NOTICE) :]]
    head = [0xFEFF, *(ord(letter) - 16 + 0xE0100 for letter in "C2PATXT")]
    assert signs[:8] == head
    assert signs[8:] == [0xFE00, 0xFE01, *[0xFE00] * 3, 0xFE04, 0xFE00, 0xFE0F, 0xE0100, 0xE01EF]


def test_it_passes_through_a_file(tmp_path: Path) -> None:
    payload = bytes(range(256))
    path = tmp_path / "导出.txt"
    path.write_text(wrap(NOTICE + "正文。\n", payload), encoding="utf-8")
    assert unwrap(path.read_text(encoding="utf-8")) == (NOTICE + "正文。\n", payload)


def test_text_becomes_nfc_since_the_hash_is_of_nfc() -> None:
    assert unwrap(wrap(NOTICE + "e\u0301", b"x")).text == NOTICE + "\u00e9"


@given(bodies)
def test_a_text_without_a_wrapper_stays(text: str) -> None:
    assert unwrap(text) == (text, None)


def test_selectors_of_emoji_and_other_runs_are_none_of_its_business() -> None:
    text = NOTICE + "❤\ufe0f 葛\U000e0100 \ufeff\ufe00\ufe01"
    assert unwrap(text) == (text, None)
    assert unwrap(wrap(text, b"store")) == (text, b"store")


def test_padding_is_passed_over() -> None:
    assert unwrap(wrap(NOTICE, b"store") + "\ufe00" * 9).payload == b"store"


@pytest.mark.parametrize("keep", [14, 16, 17])
def test_a_cut_wrapper_is_damaged_not_absent(keep: int) -> None:
    wrapped = wrap(NOTICE, b"store")
    with pytest.raises(LabelError, match="corruptedWrapper"):
        unwrap(wrapped[: len(NOTICE) + keep])


@pytest.mark.parametrize("change", ["\ufe02", "\U000e0100"])
def test_another_version_is_refused(change: str) -> None:
    wrapped = wrap(NOTICE, b"store")
    at = len(NOTICE) + 9
    with pytest.raises(LabelError, match="corruptedWrapper"):
        unwrap(wrapped[:at] + change + wrapped[at + 1 :])


def test_two_wrappers_are_refused() -> None:
    wrapped = wrap(NOTICE, b"store")
    with pytest.raises(LabelError, match="multipleWrappers"):
        unwrap(wrapped + wrapped[len(NOTICE) :])
    with pytest.raises(LabelError, match="already"):
        wrap(wrapped, b"store")


def test_the_visible_notice_comes_first() -> None:
    with pytest.raises(LabelError, match="notice"):
        wrap("一段没有提示的文字", b"store")


@pytest.mark.parametrize("size", [0, MOST_BYTES + 1])
def test_the_payload_has_a_size(size: int) -> None:
    with pytest.raises(InputError, match="holds 1 to"):
        wrap(NOTICE, bytes(size))
