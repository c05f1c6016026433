"""Stage 2: one outcome per document whatever happens, and the reason of each."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.detectors.duplicates import DuplicateIndex
from guard.model import DETECTOR_FAILED, Action, Content, Decision
from guard.stages.stage2_data_cleaner import (
    BATCH_CHARS,
    Balance,
    Cleaned,
    Doc,
    Judge,
    Problem,
    clean,
)

PIECES = ["你好", "违禁词", "可疑词", "13800138000", "裁判崩溃", "检测器失败", "今天天气很好", ""]


def run(judge: Judge, texts: Sequence[str], **options: int) -> list[Cleaned]:
    docs = [Doc(text, id=str(n), file="f.txt", line=n + 1) for n, text in enumerate(texts)]
    return list(clean(docs, judge, duplicates=DuplicateIndex(), **options))


@given(
    docs=st.lists(
        st.tuples(st.lists(st.sampled_from(PIECES), max_size=3).map("".join), st.booleans()),
        max_size=40,
    ),
    batch=st.integers(1, 9),
)
def test_the_balance_law_and_one_outcome_per_document(
    judge: Judge, docs: list[tuple[str, bool]], batch: int
) -> None:
    given_docs = [
        Doc(text, id=str(n), problem=Problem("input.json", "broken") if broken else None)
        for n, (text, broken) in enumerate(docs)
    ]
    cleaned = list(clean(given_docs, judge, duplicates=DuplicateIndex(), batch=batch))
    assert [item.doc for item in cleaned] == given_docs
    balance = Balance()
    for item in cleaned:
        balance.add(item.decision)
        assert (item.entry is None) == (item.decision == "keep")
        assert item.entry is None or item.entry.decision == item.decision
        assert bool(item.text) <= (item.decision in ("keep", "redact"))
        assert "13800138000" not in item.text
    assert balance.holds
    assert balance.input == len(docs) == balance.kept + balance.dropped + balance.quarantined
    assert balance.redacted <= balance.kept
    assert balance.duplicates <= balance.dropped


@given(
    texts=st.lists(st.lists(st.sampled_from(PIECES), max_size=3).map("".join), max_size=30),
    batch=st.integers(1, 7),
)
def test_the_batch_size_changes_nothing(judge: Judge, texts: list[str], batch: int) -> None:
    assert run(judge, texts, batch=batch) == run(judge, texts)


def test_outcomes_and_entries(judge: Judge) -> None:
    kept, redacted, dropped, review = run(
        judge, ["天气很好", "打13800138000找我", "卖违禁词，电话13900139000", "有点可疑词"]
    )
    assert (kept.decision, kept.text, kept.entry) == ("keep", "天气很好", None)
    assert (redacted.decision, redacted.text) == ("redact", "打[电话]找我")
    assert redacted.entry is not None
    assert redacted.entry.spans == ((1, 12),)
    assert (redacted.entry.rule, redacted.entry.category) == ("cn-test/phone", "pii.phone")
    assert redacted.entry.score == 0.9
    assert (dropped.decision, dropped.text) == ("drop", "")
    assert dropped.entry is not None
    assert dropped.entry.rule == "cn-test/blocked"
    assert [hit.rule for hit in dropped.entry.rules] == ["cn-test/blocked", "cn-test/phone"]
    assert dropped.entry.spans == ((1, 4), (7, 18))
    assert review.decision == "quarantine"
    assert review.entry is not None
    assert review.entry.rule == "cn-test/review"


def test_a_judge_that_raises_costs_only_its_document(judge: Judge) -> None:
    cleaned = run(judge, ["一", "二", "这里裁判崩溃", "三", "四"])
    assert [item.decision for item in cleaned] == ["keep", "keep", "quarantine", "keep", "keep"]
    entry = cleaned[2].entry
    assert entry is not None
    assert (entry.category, entry.reason) == (DETECTOR_FAILED, "judging raised RuntimeError")


def test_a_judge_that_answers_too_little_loses_nothing() -> None:
    def judge(batch: Sequence[Content]) -> list[Decision]:
        return []

    cleaned = run(judge, ["一", "二"])
    assert [item.decision for item in cleaned] == ["quarantine", "quarantine"]


def test_an_incomplete_decision_quarantines_instead_of_dropping(judge: Judge) -> None:
    (item,) = run(judge, ["检测器失败"])
    assert item.decision == "quarantine"
    assert item.entry is not None
    assert item.entry.category == DETECTOR_FAILED
    assert "broken@1" in item.entry.reason


def test_withheld_documents_are_no_survivors(judge: Judge) -> None:
    """Only kept documents are pointed at: a withheld first one does not take its copies along."""
    long = "这是一段足够长的文字，用来检验重复文档的判断是否正确，并且结果稳定。" * 3
    cleaned = run(judge, [long + "违禁词", long + "可疑词", long, long + "。"])
    assert [item.decision for item in cleaned] == ["drop", "quarantine", "keep", "duplicate"]
    entry = cleaned[3].entry
    assert entry is not None
    assert (entry.duplicate_of, entry.duplicate_at) == ("2", "f.txt:3")
    assert entry.category == "dup.near"
    assert entry.jaccard is not None
    assert 0.8 <= entry.jaccard < 1.0


def test_duplicates_can_be_left_in(judge: Judge) -> None:
    docs = [Doc("同一句话"), Doc("同一句话")]
    assert [item.decision for item in clean(docs, judge)] == ["keep", "keep"]


def test_documents_are_taken_batch_by_batch(judge: Judge) -> None:
    """A stream is never read ahead by more than one batch."""
    taken = 0

    def docs() -> object:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield Doc(f"第{number}篇")

    stream = clean(docs(), judge, batch=10)  # type: ignore[arg-type]
    next(stream)
    assert taken == 10


def test_long_documents_make_smaller_batches() -> None:
    sizes = []

    def judge(batch: Sequence[Content]) -> list[Decision]:
        sizes.append(len(batch))
        return [Decision(Action.PASS, content.text) for content in batch]

    long = "长" * (BATCH_CHARS // 2)
    docs = [Doc(text) for text in ["短", "短", long, long, "短", long * 3, "短"]]
    assert len(list(clean(docs, judge))) == len(docs)
    assert sizes == [4, 2, 1]


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "\u202e倒", "字" + "\u0301" * 10_000])
def test_hostile_text_is_judged_not_refused(judge: Judge, text: str) -> None:
    (item,) = run(judge, [text])
    assert (item.decision, item.text) == ("keep", text)
    assert len(item.doc.sha256) == 64
