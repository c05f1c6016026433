"""Laws of the personal-information detector on generated values and texts."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from guard.detectors.pii import PiiDetector
from guard.detectors.pii_checks import (
    card_issuers,
    id_check_digit,
    luhn,
    organisation_check_char,
    regions,
    uscc_check_char,
)
from guard.model import Content

detector = PiiDetector()

#: Common characters without numerals and without those that labels are made of.
HAN = "天地山水风花春秋冬雨雪云树草鸟鱼虫书画琴棋诗歌舞茶饭菜果红绿蓝紫黑好美远近高低快慢轻甜香"
texts = st.text(alphabet=HAN + "，。！？、 \n", max_size=30)
digits = st.text(alphabet="0123456789", min_size=1, max_size=30)


@st.composite
def resident_ids(draw: st.DrawFn) -> str:
    region = draw(st.sampled_from(sorted(c for c in regions()[1] if not c.endswith("00"))))
    born = draw(st.dates())
    year = 1930 + born.year % 90
    first = f"{region}{year}{born.month:02d}{min(born.day, 28):02d}{draw(st.integers(0, 999)):03d}"
    return first + draw(st.sampled_from([str.upper, str.lower]))(id_check_digit(first))


@st.composite
def cards(draw: st.DrawFn) -> str:
    issuer = draw(st.sampled_from(sorted(card_issuers())))
    body = issuer + "".join(draw(st.lists(st.sampled_from("0123456789"), min_size=9, max_size=12)))
    return next(body + d for d in "0123456789" if luhn(body + d))


@st.composite
def social_credit_codes(draw: st.DrawFn) -> str:
    region = draw(st.sampled_from(sorted(regions()[1])))
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    organisation = draw(st.text(alphabet=alphabet, min_size=8, max_size=8))
    organisation += organisation_check_char(organisation.lower()).upper()
    first = draw(st.sampled_from(["91", "92", "11", "52", "N2", "Y1"])) + region + organisation
    return first + uscc_check_char(first.lower()).upper()


mobiles = st.builds(
    "{}{:08d}".format,
    st.sampled_from(["130", "138", "147", "155", "166", "173", "180", "191", "199"]),
    st.integers(0, 99_999_999),
)


def found(text: str, category: str) -> list[str]:
    (findings,) = detector.find([Content(text)])
    return [
        text[f.where.start : f.where.end] for f in findings if f.where and f.category == category
    ]


def wide(value: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) for c in value)


@given(texts, resident_ids(), texts, st.booleans())
def test_every_resident_id_is_found_exactly(
    before: str, value: str, behind: str, full: bool
) -> None:
    value = wide(value) if full else value
    assert found(before + value + behind, "pii.id_card") == [value]


@given(texts, cards(), texts)
def test_every_card_of_a_known_issuer_is_found_exactly(
    before: str, value: str, behind: str
) -> None:
    assert found(before + value + behind, "pii.bank_card") == [value]
    grouped = " ".join(value[i : i + 4] for i in range(0, len(value), 4))
    assert found(before + grouped + behind, "pii.bank_card") == [grouped]


@given(texts, social_credit_codes(), texts)
def test_every_social_credit_code_is_found_exactly(before: str, value: str, behind: str) -> None:
    assert found(before + value + behind, "pii.uscc") == [value]


@given(texts, mobiles, texts)
def test_every_mobile_number_is_found_exactly(before: str, value: str, behind: str) -> None:
    assert found(before + value + behind, "pii.phone") == [value]
    dashed = f"{value[:3]}-{value[3:7]}-{value[7:]}"
    assert found(before + dashed + behind, "pii.phone") == [dashed]
    spoken = value.translate(str.maketrans("0123456789", "零一二三四五六七八九"))
    assert found(f"，{spoken}，", "pii.phone") == [spoken]


@given(resident_ids(), st.integers(1, 9))
def test_a_changed_check_digit_silences_an_id(value: str, step: int) -> None:
    order = "0123456789x"
    wrong = value[:17] + order[(order.index(value[17].lower()) + step) % 11]
    assert found(f"他说{wrong}对吗", "pii.id_card") == []
    assert found(f"身份证{wrong}", "pii.id_card") == [wrong]


# Words of values, labels and disguises, which random text alone would never put together.
WORDS = """
13812345678 １３８- 身份证 姓名： 王小明 微信 @ a@b.cn 路88号 北京市 . - 一三八 京A 12345 :: ①
ﬁ E1234 护照 62220212 (010) 栋 号 室 + 86 x
"""
PIECES = st.sampled_from([*WORDS.split(), "\u200b", "\ud800", " "])


@settings(max_examples=300)
@given(st.lists(PIECES | st.text(max_size=5), max_size=25))
def test_findings_lie_in_the_text_apart_from_one_another(pieces: list[str]) -> None:
    text = "".join(pieces)
    (findings,) = detector.find([Content(text)])
    end = 0
    for finding in findings:
        assert finding.where is not None
        assert end <= finding.where.start < finding.where.end <= len(text)
        assert 0 < finding.score <= 1
        end = finding.where.end


@given(st.text(max_size=200))
def test_no_text_breaks_it_and_the_answer_is_the_same_each_time(text: str) -> None:
    assert detector.find([Content(text)]) == detector.find([Content(text)])


def test_random_numbers_are_rarely_personal() -> None:
    """One in a hundred at most of numbers of 5 to 25 digits, mobile-like ones left aside."""
    rng = random.Random(20251122)
    numbers = ["".join(rng.choices("0123456789", k=rng.randint(5, 25))) for _ in range(5000)]
    numbers = [n for n in numbers if len(n) != 11]
    hits = sum(bool(findings) for findings in detector.find([Content(f"共{n}个") for n in numbers]))
    assert hits <= len(numbers) // 100
