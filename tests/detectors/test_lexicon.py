"""Words are found through disguises, with true spans, and not inside other words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.detectors import automaton
from guard.detectors.automaton import Automaton
from guard.detectors.lexicon import MOST_FINDINGS, LexiconDetector, canonical, masked
from guard.detectors.normalise import fold
from guard.errors import DetectorError
from guard.model import Content, Finding, Matcher

#: Words of the made-up rules, and Han around them that shares no character with them.
WORDS = ("赌博网站", "海洛因", "代办文凭", "人人贷")
AROUND = st.text(
    [c for c in map(chr, range(0x4E00, 0x9FA5)) if fold(c).text == c and c not in "".join(WORDS)],
    max_size=12,
)
TRADITIONAL = str.maketrans("赌网办凭贷", "賭網辦憑貸")

DISGUISES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "traditional": lambda word: word.translate(TRADITIONAL),
    "zero-width": "\u200b".join,
    "joiners and marks": "\u2060\u0301".join,
    "spaces": " ".join,
    "full-width spaces": "\u3000".join,
    "symbols": "*".join,
    "mixed symbols": "-·_".join,
    "dots": "・".join,
    "repeats": lambda word: word[0] * 3 + word[1:],
    "direction marks": "\u202e".join,
    "variation selectors": "\ufe0f".join,
}


def words(*items: str, id: str = "w", **more: object) -> Matcher:
    return Matcher(id, "words", words=items, category="test", **more)  # type: ignore[arg-type]


def find(detector: LexiconDetector, text: str) -> list[Finding]:
    return detector.find([Content(text)])[0]


def spans(findings: Sequence[Finding]) -> list[tuple[int, int]]:
    return [(f.where.start, f.where.end) for f in findings if f.where]


DETECTOR = LexiconDetector([words(*WORDS)])


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
@given(word=st.sampled_from(WORDS), before=AROUND, after=AROUND)
@settings(max_examples=40)
def test_a_disguised_word_is_found_from_its_first_to_its_last_character(
    disguise: Callable[[str], str], word: str, before: str, after: str
) -> None:
    shown = disguise(word)
    (found,) = find(DETECTOR, before + shown + after)
    assert found.where is not None
    start, end = found.where.start, found.where.end
    evidence = (before + shown + after)[start:end]
    assert canonical(evidence) in (canonical(word), canonical(shown))
    assert evidence[-1] == shown.rstrip("\u200b")[-1]
    # Repeats in front may count as part of the word or as what precedes it.
    assert len(before) <= start <= len(before) + (2 if shown.startswith(word[0] * 3) else 0)
    assert end == len(before) + len(shown)


@pytest.mark.parametrize(
    "text",
    ["ＢＵＹ drugs", "ⓑⓤⓨ drugs", "Buy Drugs", "𝐛𝐮𝐲 𝐝𝐫𝐮𝐠𝐬", "bυy drugs", "ｂｕｙ　ｄｒｕｇｓ"],
)
def test_styled_latin_is_found(text: str) -> None:
    assert spans(find(LexiconDetector([words("buy drugs")]), f"please {text} now")) == [
        (7, 7 + len(text))
    ]


@given(st.text("abcxyz019", min_size=1, max_size=4), st.text("abcxyz019", max_size=4))
def test_a_latin_word_inside_another_is_not_found(before: str, after: str) -> None:
    detector = LexiconDetector([words("meth")])
    assert find(detector, f"{before}meth{after} {after}meth{before}") == []
    assert len(find(detector, f"{before} meth，{after}")) == 1
    assert len(find(detector, "买meth吗")) == 1, "a Han neighbour is a word edge"


def test_sentence_punctuation_keeps_words_apart() -> None:
    assert find(DETECTOR, "喜欢赌，博网站；海。洛因") == []


@given(st.lists(st.sampled_from([*WORDS, "今天", "。", " "]), max_size=30))
def test_findings_of_plain_text_are_those_of_a_naive_search(parts: list[str]) -> None:
    text = "".join(parts)
    wanted = {
        (at, at + len(word))
        for word in WORDS
        for at in range(len(text))
        if text.startswith(word, at)
    }
    assert wanted == set(spans(find(DETECTOR, text)))


def naive(words: Sequence[str], text: str) -> set[tuple[int, int, int]]:
    return {
        (at, at + len(word), n)
        for n, word in enumerate(words)
        for at in range(len(text) - len(word) + 1)
        if text.startswith(word, at)
    }


@given(
    st.lists(st.text("ab赌", min_size=1, max_size=5), min_size=1, max_size=4, unique=True),
    st.text("ab赌😀", max_size=60),
    st.integers(1, 20),
)
def test_slices_give_the_hits_of_one_search(words: list[str], text: str, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(automaton, "_SLICE", size)
        hits = list(Automaton(words).scan(text))
    assert set(hits) == naive(words, text)
    assert len(hits) == len(set(hits)), "no hit is given twice"


def test_a_word_across_the_real_slice_is_found() -> None:
    for shift in range(-4, 5):
        text = "今" * (automaton._SLICE + shift) + "海洛因"
        at = automaton._SLICE + shift
        assert spans(find(DETECTOR, text)) == [(at, at + 3)]


def test_nothing_to_look_for_finds_nothing() -> None:
    assert find(LexiconDetector([]), "海洛因") == []
    assert find(DETECTOR, "") == []


def test_patterns_that_differ_only_in_anchors_keep_their_own() -> None:
    def pattern(id: str, anchor: str) -> Matcher:
        return Matcher(id, "pattern", pattern="[甲乙]号货", anchors=(anchor,), category="test")

    detector = LexiconDetector([pattern("a", "甲号"), pattern("b", "乙号")])
    assert {f.matcher for f in find(detector, "乙号货")} == {"b"}
    assert {f.matcher for f in find(detector, "甲号货")} == {"a"}


def test_an_anchor_that_folds_to_nothing_is_refused() -> None:
    matcher = Matcher("p", "pattern", pattern="x", anchors=("\u200b",), category="test")
    with pytest.raises(DetectorError, match="p: an anchor is invisible"):
        LexiconDetector([matcher])


def test_a_pattern_is_tried_on_folded_text_and_its_span_is_original() -> None:
    matcher = Matcher("p", "pattern", pattern=r"加v[0-9]{4}", anchors=("加v",), category="test")
    text = "请 加\u200bＶ①②③④ 谢谢"
    (found,) = find(LexiconDetector([matcher]), text)
    assert found.where is not None
    assert text[found.where.start : found.where.end] == "加\u200bＶ①②③④"


def test_near_says_its_pieces() -> None:
    near = Matcher(
        "n", "near", category="test", parts=(words("购买"), words("海洛因")), within=6, ordered=True
    )
    text = "在哪能購買到純的海 洛 因呢"
    (found,) = find(LexiconDetector([near]), text)
    assert found.where is not None
    assert [text[s:e] for s, e in found.where.spans] == ["購買", "海 洛 因"]
    assert (found.where.start, found.where.end) == (3, 13)
    assert find(LexiconDetector([near]), "海洛因购买") == []
    assert find(LexiconDetector([near]), "购买。海洛因") == []


def test_unless_excuses_its_sentence_only() -> None:
    detector = LexiconDetector([words("海洛因", unless=words("禁毒"))])
    assert find(detector, "禁毒宣传：海洛因的危害") == []
    assert spans(find(detector, "禁毒宣传。卖海洛因")) == [(6, 9)]


def test_one_matcher_gives_a_bounded_number_of_findings_that_cover_every_hit() -> None:
    text = "海洛因，" * (MOST_FINDINGS + 50)
    found = find(DETECTOR, text)
    assert len(found) == MOST_FINDINGS + 1
    covered = {piece for f in found if f.where for piece in f.where.pieces()}
    assert covered == {(at, at + 3) for at in range(0, len(text), 4)}


def test_evidence_is_masked() -> None:
    (found,) = find(DETECTOR, "卖海洛因")
    assert found.evidence == "海*因"
    assert masked("甲") == "甲"
    assert masked("甲乙") == "甲*"
    assert "1234567890" not in masked("a" + "1234567890" * 9)


@pytest.mark.slow
def test_sixty_thousand_entries_find_what_one_finds() -> None:
    """A large word list changes no finding of another rule."""
    many = [f"词{n:05d}条" for n in range(60_000)]
    detector = LexiconDetector([words(*many, id="many"), words(*WORDS, id="few")])
    text = "去赌 博 网 站，词00042条，卖海洛因"
    assert [(f.matcher, span) for f in find(detector, text) for span in spans([f])] == [
        ("many", (9, 16)),
        ("few", (1, 8)),
        ("few", (18, 21)),
    ]
    assert detector.entries == 60_000 + len(WORDS)
