"""Redaction: what goes out holds no value, and everything comes back exactly."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guard.detectors.pii import PiiDetector
from guard.errors import InputError
from guard.model import Action, Content, Finding, Redaction, Verdict, Where
from guard.redaction import KINDS, Vault, mask, pseudonym, pseudonymise

KEY = b"a key of more than sixteen bytes"
detector = PiiDetector()

words = st.text(
    alphabet="王小明手机号姓名原文138零１２ab_-【】[]()（）\\1234 \n*\ud800", max_size=40
)
placeholders = st.sampled_from(
    [
        "【手机号1】",
        "[PHONE_1]",
        "[phone 1]",
        "【姓名1】",
        "［姓名１］",
        "【原文1】",
        "[TEXT_2]",
        "【信息1】",
    ]
)
texts = st.lists(words | placeholders, max_size=6).map("".join)
spans = st.lists(
    st.tuples(st.integers(-2, 60), st.integers(-2, 60), st.sampled_from([*KINDS, "made.up"])),
    max_size=8,
)
languages = st.sampled_from(["zh", "en"])


def findings(places: list[tuple[int, int, str]]) -> list[Finding]:
    return [Finding("t@1", c, c, 0.9, Where(a, b)) for a, b, c in places]


def found(text: str) -> list[Finding]:
    return list(detector.find([Content(text)])[0])


@given(texts, spans, languages)
@example("【手机号1】", [], "zh")
@example("aaa", [(0, 2, "pii.name"), (1, 3, "pii.phone")], "zh")
def test_restoring_gives_the_text_back(
    text: str, places: list[tuple[int, int, str]], language: str
) -> None:
    vault = Vault(language)  # type: ignore[arg-type]
    assert vault.restore(vault.redact(findings(places), text)) == text


@given(st.lists(st.tuples(texts, spans), max_size=4), languages)
def test_a_conversation_comes_back_message_by_message(
    turns: list[tuple[str, list[tuple[int, int, str]]]], language: str
) -> None:
    vault = Vault(language)  # type: ignore[arg-type]
    sent = [vault.redact(findings(places), text) for text, places in turns]
    assert [vault.restore(text) for text in sent] == [text for text, _ in turns]


VALUES = ["王小明", "13800001234", "lihua@163.com", "云汀市滨海路7号", "Ab9"]


@given(st.lists(st.sampled_from([*VALUES, "，", "我", "7", "号", "x "]), max_size=12), st.data())
def test_no_value_is_left(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    marked = data.draw(st.lists(st.sampled_from(VALUES), max_size=3, unique=True))
    places = [(text.find(v), text.find(v) + len(v), "pii.name") for v in marked if v in text]
    redacted = Vault().redact(findings(places), text)
    assert not [value for value in marked if value in redacted]


def test_equal_values_have_equal_placeholders_and_later_mentions_go_too() -> None:
    vault = Vault()
    text = "收件人：沈嘉树，13800001234。沈嘉树说再打13800001234或13900005678"
    sent = vault.redact(found(text), text)
    assert sent == "收件人：【姓名1】，【手机号1】。【姓名1】说再打【手机号1】或【手机号2】"
    assert vault.redact([], "沈嘉树是谁？") == "【姓名1】是谁？"


@pytest.mark.parametrize(
    "answer",
    [
        "【手机号1】",
        "[手机号1]",
        "［手机号１］",
        "【手机号 1】",
        "（手机号1）",
        "\\[手机号1\\]",
        "《手机号1》",
    ],
)
def test_brackets_widths_and_blanks_of_the_model_do_not_matter(answer: str) -> None:
    vault = Vault()
    vault.redact(found("手机13800001234"), "手机13800001234")
    assert vault.restore(f"请拨打{answer}。") == "请拨打13800001234。"


@pytest.mark.parametrize(
    "answer", ["[PHONE_1]", "【PHONE_1】", "[phone_1]", "[Phone 1]", "[PHONE\\_1]"]
)
def test_english_placeholders(answer: str) -> None:
    vault = Vault("en")
    assert vault.redact(found("call 13800001234"), "call 13800001234") == "call [PHONE_1]"
    assert vault.restore(answer) == "13800001234"


def test_placeholders_of_nobody_stay() -> None:
    vault = Vault()
    vault.redact(found("手机13800001234"), "手机13800001234")
    assert vault.restore("【手机号2】和【姓名1】") == "【手机号2】和【姓名1】"


def test_a_placeholder_in_the_text_is_not_taken_for_ours() -> None:
    vault, text = Vault(), "模板写【手机号1】，我的是13800001234"
    sent = vault.redact(found(text), text)
    assert sent == "模板写【原文1】，我的是【手机号1】"
    assert vault.restore(sent) == text


def test_a_decision_is_redacted_where_its_policy_says() -> None:
    verdict = Verdict(Action.REDACT, "", (Redaction(2, 13, "【手机号】", "pii.phone"),))
    vault = Vault()
    assert vault.redact(verdict, "手机13800001234") == "手机【手机号1】"


def test_overlapping_findings_become_one() -> None:
    places = [(0, 3, "pii.name"), (2, 9, "pii.address"), (9, 10, "pii.qq")]
    assert Vault().redact(findings(places), "一二三四五六七八九十") == "【地址1】【QQ号1】"


def test_a_vault_shows_and_stores_nothing() -> None:
    vault = Vault()
    vault.redact(found("手机13800001234"), "手机13800001234")
    assert repr(vault) == "<Vault: 1 values>"
    with pytest.raises(TypeError):
        pickle.dumps(vault)


def test_a_closed_vault_has_overwritten_its_values() -> None:
    with Vault() as vault:
        vault.redact(found("手机13800001234"), "手机13800001234")
        held = list(vault._values.values())
    assert held == [bytearray(11)]
    assert len(vault) == 0
    for use in (lambda: vault.restore(""), lambda: vault.redact([], "")):
        with pytest.raises(InputError, match="closed"):
            use()


@pytest.mark.parametrize(
    ("value", "category", "masked"),
    [
        ("13812345678", "pii.phone", "138****5678"),
        ("138-1234-5678", "pii.phone", "138-****-5678"),
        ("11010519491231002X", "pii.id_card", "110*************2X"),
        ("6222021234567890128", "pii.bank_card", "6222***********0128"),
        ("沈嘉树", "pii.name", "沈**"),
        ("沈嘉", "pii.name", "沈*"),
        ("lihua@163.com", "pii.email", "l****@163.com"),
        ("杭州市西湖区文三路90号", "pii.address", "杭州市西湖区******"),
        ("京A12345", "pii.plate", "京A****5"),
        ("hunter2x", "secret.password", "********"),
    ],
)
def test_masks_by_kind(value: str, category: str, masked: str) -> None:
    text = f"甲{value}乙"
    place = findings([(1, 1 + len(value), category)])
    assert mask(text, place) == f"甲{masked}乙"
    assert mask(text, place, "stars") == f"甲{'*' * len(value)}乙"
    assert mask(text, place, "label") == f"甲【{KINDS[category][0]}】乙"


@given(st.text("0123456789abXY王-. ", min_size=1, max_size=30), st.sampled_from([*KINDS]))
def test_a_mask_hides_something_of_every_value(value: str, category: str) -> None:
    masked = mask(value, findings([(0, len(value), category)]))
    assert masked != value or not any(c.isalnum() for c in value) or category == "pii.email"


def test_pseudonyms_hold_across_documents_under_one_key() -> None:
    a = pseudonymise("电话138-1234-5678", found("电话138-1234-5678"), KEY)
    b = pseudonymise("电话１３８１２３４５６７８", found("电话１３８１２３４５６７８"), KEY)
    assert a == b
    assert a.startswith("电话【手机号#")
    other = pseudonym("13812345678", "pii.phone", KEY[::-1])
    assert other not in a
    assert (
        pseudonym("13812345678", "pii.qq", KEY)[-11:]
        != pseudonym("13812345678", "pii.phone", KEY)[-11:]
    )


def test_wrong_use_says_what_to_do() -> None:
    with pytest.raises(InputError, match="at least 16"):
        pseudonym("x", "pii.name", b"short")
    with pytest.raises(InputError, match="partial"):
        mask("x", [], "rot13")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="'zh' or 'en'"):
        Vault("fr")  # type: ignore[arg-type]
