"""The label itself: what may be written, what counts as one when it is read."""

from __future__ import annotations

import html
import json
import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.errors import LabelError
from guard.model import Label
from guard.watermark import gb45438

CODE = "001191110102MACQD9K64010000"
CHARSET = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) != "\\")
values = st.text(CHARSET, max_size=80)


def test_a_first_label_has_seven_keys_in_order_and_mirrors_the_producer() -> None:
    members = json.loads(gb45438.to_json(Label(CODE, "n-1")))
    assert list(members) == list(gb45438.KEYS)
    assert members["ContentPropagator"] == CODE
    assert members["PropagateID"] == "n-1"


@given(
    producer=values.filter(lambda v: v and not v.startswith("00")),
    number=values.filter(bool),
    reserved=values,
)
def test_any_value_of_the_charset_survives_json(producer: str, number: str, reserved: str) -> None:
    label = Label(producer, number, reserved1=reserved)
    found = gb45438.find("xmp", gb45438.to_json(label))
    assert found is not None
    assert found.fields == gb45438.fields(label)


@pytest.mark.parametrize("bad", ["有限公司", "a b", "a\\b", "a\tb", "\x7f", "é", "a\n"])
@pytest.mark.parametrize(
    "field", ["producer", "produce_id", "propagator", "reserved1", "reserved2"]
)
def test_values_outside_annex_e_are_refused(field: str, bad: str) -> None:
    label = replace(Label("name", "n-1"), **{field: bad})
    with pytest.raises(LabelError, match="annex E"):
        gb45438.to_json(label)


def test_a_missing_producer_is_refused_not_invented() -> None:
    with pytest.raises(LabelError, match="never invented"):
        gb45438.to_json(Label("", "n-1"))


@pytest.mark.parametrize(
    "name", [CODE, "001191440300708461136T1XGW3", "doubao", "MiniMax", "00", "0011911101"]
)
def test_good_codes_and_plain_names_pass(name: str) -> None:
    assert gb45438.code_problem(name) == ""


@pytest.mark.parametrize("code", [CODE, "001191440300708461136T1XGW3"])
def test_every_wrong_character_of_the_credit_code_is_caught(code: str) -> None:
    letters = string.digits + string.ascii_uppercase
    wrong = [
        code[:at] + letter + code[at + 1 :]
        for at in range(4, 22)
        for letter in letters
        if letter != code[at]
    ]
    assert all(gb45438.code_problem(name) for name in wrong)


@pytest.mark.parametrize("code", [CODE[:-1], CODE + "0", CODE.lower(), CODE[:22] + "9" + CODE[23:]])
def test_codes_of_wrong_layout_are_refused(code: str) -> None:
    with pytest.raises(LabelError, match="ContentProducer"):
        gb45438.check(Label(code, "n-1"))


BARE = '{"Label":"1","ContentProducer":"p","ProduceID":"i"}'


@pytest.mark.parametrize(
    "text",
    [
        BARE,
        f'{{"AIGC":{BARE}}}',
        json.dumps({"AIGC": BARE}),
        html.escape(BARE),
        html.escape(html.escape(BARE)),
        f"AIGC{BARE}",
        f"\0 {BARE}\0\0",
    ],
)
def test_the_forms_of_real_files_are_read(text: str) -> None:
    found = gb45438.find("x", text)
    assert found is not None
    assert gb45438.as_strings(found.fields or {})["ProduceID"] == "i"


@pytest.mark.parametrize("text", ["AIGC", "about AIGC {and so on}", '{"AIGC":{"a":1}}', "[1]", ""])
def test_the_word_aigc_alone_is_no_label(text: str) -> None:
    assert gb45438.find("x", text) is None


@given(st.text(max_size=300) | st.from_regex(r'\{"AIGC":[\[\{"0-9a-z,:\]\}]*', fullmatch=True))
def test_no_text_breaks_the_reader(text: str) -> None:
    found = gb45438.find("x", text)
    assert found is None or any(key in (found.fields or {}) for key in gb45438.KEYS)


def test_deep_nesting_is_not_followed() -> None:
    assert gb45438.find("x", '{"Label":' + "[" * 60_000) is None


def test_repeated_keys_are_remembered() -> None:
    found = gb45438.find("x", '{"Label":"1","Label":"2","ContentProducer":"p"}')
    assert found is not None
    assert found.repeated == ("Label",)
