"""Text without quality: what is flagged, what is only unusual, and where the stretch lies."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.detectors.garbage import CATEGORIES, GarbageDetector
from guard.model import Content, Detector, Finding

detector = GarbageDetector()

PROSE = "秋天到了，树叶慢慢变黄，风一吹就落在路上。孩子们背着书包走过，脚下沙沙作响。"
STORY = (
    "清晨的码头还很安静，渔民把网晾在木架上。老陈数了数今天要带的冰块，又检查了一遍柴油。"
    "他的孙女坐在船头读课本，偶尔抬头看看海鸥。太阳升起来的时候，他们已经离岸很远了。"
)
POEM = "床前明月光，\n疑是地上霜。\n举头望明月，\n低头思故乡。"
VERSES = ["雨停了小巷还留着水光", "谁家的窗口飘出饭菜香", "我提着灯慢慢往回走"]
SONG = "\n".join(VERSES * 2)
TABLE = "| 名称 | 数量 | 价格 |\n|------|------|------|\n" + "\n".join(
    f"| 商品{i} | {i * 3} | {i * 7}.50 |" for i in range(20)
)
CODE = """
def total(items):
    result = 0
    for item in items:
        result += item.price
    return result
"""
ART = r"""
+----------+
|   []     |
|          |
+----------+
 /\_/\
( o.o )
 > ^ <
"""
HTML = "<ul>" + "".join(f"<li class='row'>第{i}项</li>" for i in range(30)) + "</ul>"


def find(text: str) -> list[Finding]:
    (findings,) = detector.find([Content(text)])
    return findings


def kinds(text: str) -> set[str]:
    return {f.category for f in find(text) if f.score >= 0.5}


def counting(lines: int) -> str:
    return "\n".join(f"{i}. {random.Random(i).randint(1000, 9999)}" for i in range(lines))


LOOPS = [
    "哈" * 60,
    "a" * 200,
    "好的" * 50,
    "我不知道。" * 30,
    "The answer is yes. " * 20,
    PROSE + "谢谢你的提问，" * 40,
    PROSE + "\n".join(["作为一个语言模型，我无法回答这个问题，请换一个话题。"] * 12),
    (STORY + "\n") * 6,
]
ENCODINGS = [
    "标题锟斤拷锟斤拷内容",
    "int main 烫烫烫烫",
    "屯屯屯屯屯屯",
    "说明\ufffd\ufffd\ufffd\ufffd\ufffd文字",
    "你好，世界，今天天气怎么样".encode().decode("latin-1"),
    "Résumé für Größe".encode().decode("cp1252") * 2,
    STORY.encode().decode("gbk", "replace"),
]
NOISE = [
    "asdkjfhg qwlkrjth zxcvbnm wrtpsdf ghjklmn qwrtplk",
    "&^%$@!)(*&;:<>?&^%$@!~{}&^%;:'@!#?><",
    "\x01\x02\x03\x04\x05\x06\x07\x08\x0e\x0f" * 5,
    "".join(random.Random(3).choices([chr(c) for c in range(0x7E00, 0x8F00)], k=80)),
    "g" + "\u0301\u0302\u0303\u0304" * 30,
]
FINE = [
    "",
    "哈哈哈哈哈哈哈哈",
    "好好好，知道了知道了！！！！！！",
    "啊啊啊啊啊啊啊啊啊啊啊啊救命",
    "😂" * 20,
    "今天真开心😂😂😂🎉🎉🎉❤️❤️❤️",
    PROSE,
    STORY,
    POEM,
    SONG,
    TABLE,
    CODE,
    ART,
    HTML,
    counting(100),
    ", ".join(str(i) for i in range(300)),
    "=" * 80 + "\n标题\n" + "=" * 80,
    "目录......................................................12",
    "1,000,000,000,000,000,000,000,000,000,000",
    "∑(xi-x̄)²/(n-1) = σ², ∫f(x)dx = F(b)-F(a)",
    "臣本布衣，躬耕于南阳，苟全性命于乱世，不求闻达于诸侯。先帝不以臣卑鄙，猥自枉屈。",
    "Straße, naïve café, Ångström, São Paulo, Łódź, Dvořák",
    "横浜の海はきれいです。東京タワーも見えます。",
    "https://example.com/a/b/c?x=1&y=2#z",
    "SGVsbG8gd29ybGQsIHRoaXMgaXMgYmFzZTY0IHRleHQ=",
    "xkcd, HTML, CSS, npm, pwd, grep, psql, ssh",
    "(╯°□°)╯︵ ┻━┻",
    "ACGT" * 5,
]


@pytest.mark.parametrize("text", LOOPS)
def test_loops_are_repetition(text: str) -> None:
    assert kinds(text) == {"quality.repetition"}


@pytest.mark.parametrize("text", ENCODINGS)
def test_ruined_encodings(text: str) -> None:
    assert "quality.encoding" in kinds(text)


@pytest.mark.parametrize("text", NOISE)
def test_noise_is_garbage(text: str) -> None:
    assert "quality.garbage" in kinds(text)


@pytest.mark.parametrize("text", FINE)
def test_unusual_text_is_fine(text: str) -> None:
    assert kinds(text) == set()


def test_the_span_is_the_loop() -> None:
    text = PROSE + "谢谢你的提问，" * 40 + STORY
    (finding,) = find(text)
    assert finding.where is not None
    assert abs(finding.where.start - len(PROSE)) <= 7
    assert abs(finding.where.end - (len(text) - len(STORY))) <= 7


def test_a_longer_loop_scores_higher() -> None:
    scores = [find(STORY + "谢谢你的提问，" * times)[0].score for times in (20, 80, 400)]
    assert scores == sorted(scores)
    assert scores[0] < scores[-1]


def test_repeated_sentences_need_not_follow_one_another() -> None:
    rng = random.Random(1)
    pool = ["请注意保护个人隐私信息", "如有问题请联系管理人员", "感谢您的理解和支持配合"]
    text = "。".join(rng.choice(pool) for _ in range(40))
    assert kinds(text) == {"quality.repetition"}


@given(
    st.text(alphabet="天地玄黄宇宙洪荒日月盈昃辰宿列张", min_size=9, max_size=40),
    st.integers(12, 40),
    st.integers(0, 60),
)
def test_whatever_repeats_often_is_found(unit: str, times: int, offset: int) -> None:
    loop = unit * max(times, 300 // len(unit))
    assert "quality.repetition" in kinds((STORY * 2)[:offset] + loop)


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    for finding in find(text):
        assert finding.where is not None
        assert 0 <= finding.where.start < finding.where.end <= len(text)
        assert 0 < finding.score <= 1


@pytest.mark.parametrize("text", ["\x00" * 1000, "\ud800" * 100, "ab" * 50000, "\ufffd" * 10000])
def test_hostile_text_is_checked(text: str) -> None:
    assert len(find(text)) <= 20


def test_it_is_a_detector_and_names_its_kinds() -> None:
    assert isinstance(detector, Detector)
    seen = {f.category for text in (*LOOPS, *ENCODINGS, *NOISE) for f in find(text)}
    assert seen == set(CATEGORIES)
