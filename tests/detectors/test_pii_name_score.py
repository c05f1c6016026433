"""The score of names in running text: what it finds, and that its two forms agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.detectors.pii import PiiDetector
from guard.detectors.pii_name_score import _weigh, candidates, likely, weight
from guard.model import Content


def names(text: str) -> list[str]:
    found = PiiDetector().find([Content(text)])[0]
    spans = [f.where for f in found if f.category == "pii.name" and f.score >= 0.7]
    return [text[where.start : where.end] for where in spans if where]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("今早在电梯里碰到楼上的孙晓琳，她怀二胎了", ["孙晓琳"]),
        ("把群里葛云飞发的那个表格转我一份", ["葛云飞"]),
        ("@柯俊宏 明天的会改到三点", ["柯俊宏"]),
        ("申诉人对苗树林所作证言的真实性不予认可", ["苗树林"]),
        ("这篇稿子由屈婉婷执笔，单志强校对", ["屈婉婷", "单志强"]),
        ("值日|申屠月|颜如意\n周二|贺子涵|樊志鹏", ["申屠月", "颜如意", "贺子涵", "樊志鹏"]),
        ("那个叫巴桑次仁的司机人特别好", ["巴桑次仁"]),
        ("跟着哈斯巴根学了两天骑马", ["哈斯巴根"]),
        ("我是新疆的，叫努尔兰·哈布力，点打不出来", ["努尔兰·哈布力"]),
        ("伊万诺娃·玛莎女士在我院任教", ["伊万诺娃·玛莎"]),
    ],
)
def test_names_that_no_word_announces(text: str, wanted: list[str]) -> None:
    assert names(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "安静的午后，阳光洒在书桌上，温暖又平和",
        "全家去康定看雪山，顾不上高反，边走边拍",
        "万达广场三楼新开了家重庆火锅，毛肚很新鲜",
        "方向盘打死以后别猛踩油门，容易侧滑",
        "《战争与和平》出自列夫·托尔斯泰之手",
        "圆柱的底面直径为九厘米，高为八厘米",
        "动物分两组：袋鼠、乌龟、眼镜蛇",
        "熊猫和孔雀是动物园里的明星",
    ],
)
def test_words_and_strangers_of_the_books_are_none(text: str) -> None:
    assert names(text) == []


def test_a_name_found_once_is_found_everywhere() -> None:
    assert names("联系了孙晓琳。孙晓琳借我的书") == ["孙晓琳", "孙晓琳"]


@given(st.text("王陈欧阳晓琳国说的了，、 \n他和在12a", max_size=30))
def test_the_fast_sum_is_the_sum_of_the_signs(text: str) -> None:
    for candidate in candidates(text):
        assert _weigh(text, candidate, -99.0) == pytest.approx(weight(text, candidate))


@given(st.text("王李陈欧阳司马晓琳国明说的，、 ", max_size=40), st.floats(-3, 3))
def test_likely_names_are_in_order_and_apart(text: str, least: float) -> None:
    found = likely(text, least)
    ends = [0, *(scored.candidate.end for scored in found)]
    assert all(s.candidate.start >= end for s, end in zip(found, ends, strict=False))
    assert all(scored.weight >= least for scored in found)
