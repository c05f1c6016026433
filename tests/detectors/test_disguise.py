"""Words that are spelled otherwise: true spans, how far each is believed, what is left alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.detectors import disguise, taken_apart
from guard.detectors.alike import taken_for
from guard.detectors.budget import MOST_JUDGED, ONE_IN, Budget
from guard.detectors.disguise import ALONE, FAINT, LIKELY, SLIGHT, WEAK, Disguises
from guard.detectors.lexicon import LexiconDetector
from guard.detectors.normalise import fold
from guard.detectors.sound import coarse, code_words, sounds, spellings
from guard.model import Content, Finding, Matcher

WORDS = ("赌博网站", "海洛因", "赌博", "枪支", "银行流水", "冰毒配方", "迷药")
DETECTOR = LexiconDetector([Matcher("w", "words", words=WORDS, category="test")])
#: Nothing here sounds or looks like a part of the words, nor does it join with what stands beside.
QUIET = st.text("我们昨天把那些东西放在桌子下面了，。！", max_size=10)


def find(text: str, detector: LexiconDetector = DETECTOR) -> list[Finding]:
    return detector.find([Content(text)])[0]


def shown(text: str, detector: LexiconDetector = DETECTOR) -> list[str]:
    return [text[f.where.start : f.where.end] for f in find(text, detector) if f.where]


SPELLINGS = {
    "same sound": ("睹博望占", "堵勃网站", "海落因", "海洛音"),
    "near sound": ("冰毒陪放", "赌勃往赞", "海诺因"),
    "pinyin": ("du bo wang zhan", "dubowangzhan", "DuBo WangZhan", "du3 bo2 wang3zhan4"),
    "mixed": ("du博网站", "赌bo网zhan", "海luo因", "海 luo 因"),
    "initial": ("d博网站", "海l因"),
    "components": ("贝者博网站", "赌十尃网站", "氵每洛因"),
    "look-alike": ("睹博网站", "赌搏网站", "海各因", "银衍流水", "水毒酡方"),
    "emoji": ("🎲博网站", "🌊洛因", "🧊毒配方"),
    "backwards": ("站网博赌", "方配毒冰"),
    "second reading": ("银航流水", "都博网站"),
    "several at once": ("du 搏网站", "🎲bo网站", "du\u200bbo网站", "睹 博 望 占"),
}  # fmt: skip


@pytest.mark.parametrize("spelling", [s for group in SPELLINGS.values() for s in group])
@given(before=QUIET, after=QUIET)
@settings(max_examples=15, deadline=None)
def test_a_spelling_is_found_from_its_first_to_its_last_character(
    spelling: str, before: str, after: str
) -> None:
    assert spelling in shown(before + "，" + spelling + "，" + after)


@pytest.mark.parametrize("spelling", ["睹搏", "度伯", "dubo", "du bo", "枪z", "抢吱", "迷要"])
def test_two_characters_never_count_alone(spelling: str) -> None:
    assert shown(f"他说起{spelling}来没完") == []


@pytest.mark.parametrize("spelling", ["睹搏", "度伯", "dubo", "枪z", "迷要"])
def test_two_characters_count_beside_a_sure_match(spelling: str) -> None:
    assert spelling in shown(f"他说起{spelling}来没完，还有海洛因")


def test_two_weak_spellings_back_each_other_unless_they_touch_or_are_the_same() -> None:
    assert shown("那边有犊驳，也有迷耀") == ["犊驳", "迷耀"]
    assert shown("那边有犊驳迷耀") == []
    assert shown("那边有犊驳，也有犊驳") == []
    assert shown("那边有犊驳。也有迷耀") == [], "not over the end of a sentence"


def test_scores_follow_length_and_oddness() -> None:
    def score(text: str) -> float:
        return max(f.score for f in find(text))

    assert score("去睹勃望占看看") == ALONE
    assert score("卖海落因") == LIKELY
    assert score("卖海洛因") == 1.0
    assert FAINT < SLIGHT < WEAK < 0.5 < LIKELY < 0.75 <= ALONE


BENIGN = (
    "他在读博士，研究方向是伯格森",
    "独白写得很好，旁白也不错",
    "I love china and beijing, the bus is long, man",
    "用 AI 的方法做 bing 搜索，再用 python 画图",
    "网站的海报，海风很大，海鸥飞过",
    "上海罗音乐学院的教授",
    "女子日月星辰，木木夕夕",
    "毒性测试要在通风橱里做，配方要保密",
    "side1=3，side2=4，side3=5",
    "这种抢救方法叫支架手术",
    "把博物馆的站牌拍下来",
    "https://example.com/du/bo/index.html",
)


@pytest.mark.parametrize("text", BENIGN)
def test_plain_text_is_left_alone(text: str) -> None:
    assert shown(text) == []


@given(st.text(max_size=40), st.text("赌博海洛因网站dubo 氵贝者🎲.\u200b", max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_text_is_searched_and_spans_lie_inside(one: str, other: str) -> None:
    text = one + other
    for finding in find(text):
        assert finding.where is not None
        assert 0 <= finding.where.start < finding.where.end <= len(text)
        assert all(s < e for s, e in finding.where.pieces())


@given(st.sampled_from(WORDS))
def test_a_plain_word_is_found_once_as_itself(word: str) -> None:
    (found,) = [f for f in find(f"说到{word}。") if f.why == "words"][:1]
    assert found.score == 1.0
    assert shown(f"说到{word}。").count(word) >= 1


def test_a_word_is_indexed_by_every_way_to_write_it() -> None:
    codes = dict.fromkeys(code for _, code in code_words(["银行", "赌博"], [True, True]))
    table = sounds()
    for spelling in ("yinhang", "dubo", "doubo"):
        (way,) = spellings(spelling)[:1]
        assert "".join(table.syllables[s] for s in way) in codes


def test_a_variant_does_not_let_other_characters_in() -> None:
    """都 may stand for 赌 (du), 豆 (dou) may not."""
    assert "都博网站" in shown("去都博网站")
    assert shown("去豆博王占") == []


def test_likeness_is_no_equivalence() -> None:
    """味 is like 未 and 未 like 木, but nobody takes 味 for 木."""
    assert taken_for("味道", "未道") == [0]
    assert taken_for("未道", "木道") == [0]
    assert not taken_for("味道", "木道")


@given(st.text("赌睹博搏未末己已人入", min_size=1, max_size=5), st.data())
def test_likeness_goes_both_ways(word: str, data: st.DataObject) -> None:
    written = data.draw(st.text("赌睹博搏未末己已人入", min_size=len(word), max_size=len(word)))
    assert taken_for(written, word) == taken_for(word, written)


def test_one_long_word_is_found_by_either_end() -> None:
    """The two replaced characters need no table in which both share a class with theirs."""
    detector = LexiconDetector([Matcher("w", "words", words=("枪支改装教程",), category="test")])
    for spelling in ("抢支改装教程", "枪支改装教秤", "抢支改装教秤"):
        assert spelling in shown(f"有人发{spelling}，", detector)


@pytest.mark.parametrize(
    ("one", "other"), [("zhang", "zan"), ("lin", "ning"), ("chuang", "cuan"), ("shen", "seng")]
)
def test_accents_are_heard_alike(one: str, other: str) -> None:
    assert coarse(one) == coarse(other)


@given(st.lists(st.sampled_from(sorted(sounds().syllables)), min_size=1, max_size=5))
def test_every_run_of_syllables_is_read(syllables: list[str]) -> None:
    ways = spellings("".join(syllables))
    assert ways
    assert all("".join(way) == "".join(syllables) for way in ways)
    assert [len(way) for way in ways] == sorted(len(way) for way in ways)


DENSE = {
    "sound": "犊驳海落因",
    "components": "贝者博网站氵每洛因",
    "look-alike": "睹博网站赌搏",
    "letters": "d博dubo海l因",
    "all": "犊驳海落因贝者d博dubo🎲博",
    "backwards": "因洛海站网博赌",
}


@pytest.mark.parametrize("unit", DENSE.values(), ids=DENSE)
def test_a_hostile_text_is_judged_at_a_bounded_number_of_places(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However dense: some for any text, and one more for each so many characters."""
    asked = 0

    def counted(text: str, places: Sequence[int]) -> bool:
        nonlocal asked
        asked += 1
        return True

    for module in (disguise, taken_apart):
        monkeypatch.setattr(module, "is_odd", counted)
    for size in (1_000, 4_000, 16_000):
        asked = 0
        find((unit * size)[:size])
        # Two passes; sounds, shapes, components; two looks for each candidate judged.
        assert asked <= 2 * 3 * 4 * (MOST_JUDGED + size // ONE_IN)


@pytest.mark.parametrize("unit", DENSE.values(), ids=DENSE)
def test_decoys_hide_no_word_as_it_is_written(unit: str) -> None:
    decoys = unit * (6_000 // len(unit))
    found = find(decoys + "。去赌博网站吧。")
    place = len(decoys) + 2
    assert any(f.where and f.where.start <= place < f.where.end and f.score == 1.0 for f in found)


def test_one_word_cannot_use_up_the_budget() -> None:
    budget = Budget(0)
    for _ in range(10_000):
        budget.spend(1, 4)
    assert budget.spend(2, 4)
    assert [budget.spend(n, 2) for n in range(10, 10 + MOST_JUDGED + 1)] == [
        *[True] * MOST_JUDGED,
        False,
    ]


def test_a_finder_of_no_words_is_false() -> None:
    detector = LexiconDetector([Matcher("w", "words", words=("meth",), category="test")])
    assert find("dubo 睹博", detector) == []
    from guard.detectors.automaton import Automaton

    assert not Disguises([], Automaton([]), [])
    assert Disguises(["赌博"], Automaton(["赌博"]), [0]).find(fold("今天"), sure=False) == []
