"""Hostile text is checked like any other, and what cannot be checked is not let through."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard import Action, Content, Decision, Finding, Guard
from guard.cli.output import to_json
from guard.decision_json import to_public
from guard.model import DETECTOR_FAILED, ROLES, Modality, Where

MEGA = 10_000_000


@functools.cache
def default() -> Guard:
    return Guard.load()


@pytest.fixture
def guard() -> Guard:
    return default()


def encoded(decision: Decision) -> dict[str, Any]:
    """The decision after a trip through JSON and UTF-8."""
    data: dict[str, Any] = json.loads(to_json(to_public(decision)).encode("utf-8"))
    return data


def sound(decision: Decision) -> None:
    """Checked, not refused: complete, and nothing in it breaks JSON."""
    assert decision.complete, [f.why for f in decision.findings if f.matcher == DETECTOR_FAILED]
    shown = encoded(decision)
    assert shown["action"] == decision.action.name
    for redaction in decision.redactions:
        assert 0 <= redaction.start < redaction.end


@pytest.mark.parametrize("role", ROLES)
def test_an_empty_text_passes(guard: Guard, role: Any) -> None:
    decision = guard.check("", role=role)
    assert (decision.action, decision.text, decision.findings) == (Action.PASS, "", ())


HOSTILE = {
    "NUL": "\0" * 1000,
    "lone surrogates": "\ud800\udfff\udc00" * 300,
    "right-to-left": "\u202e今天天气\u2066很好\u202c" * 50,
    "10,000 marks": "a" + "\u0301" * 10_000,
    "zero-width only": "\u200b\u200c\u200d\ufeff" * 500,
    "controls": "".join(map(chr, [*range(32), *range(0x7F, 0xA0)])),
    "private use": "\ue000\uf8ff\U0010fffd" * 100,
    "noncharacters": "\ufffe\uffff\U0001ffff" * 100,
    "line ends": "\r\n\u2028\u2029\x85" * 200,
    "brackets": "[" * 5000 + "]" * 5000,
    "quotes and backslashes": "\"\\'" * 1000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_checked(guard: Guard, text: str) -> None:
    for role in ROLES:
        decision = guard.check(text, role=role)
        sound(decision)
        if not decision.redactions:
            assert decision.text == text, "what is not redacted is given back as it came"


def test_every_code_point_is_checked(guard: Guard) -> None:
    step = 0x2000
    texts = [
        "".join(map(chr, range(first, min(first + step, sys.maxunicode + 1))))
        for first in range(0, sys.maxunicode + 1, step)
    ]
    for decision in guard.check_many(texts, role="output"):
        sound(decision)


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=200))
def test_any_text_is_checked(text: str) -> None:
    sound(default().check(text, role="output"))


@pytest.mark.parametrize("noise", ["\0", "\u202e", "\u200b", "\u0301", "\ufe0f"])
def test_noise_hides_nothing(noise: str, make_pack: Any) -> None:
    guard = Guard.load(str(make_pack()))
    text = "哪里卖" + noise.join("佐布石") + "呢"
    decision = guard.check(text)
    assert decision.action is Action.BLOCK
    (where,) = [f.where for f in decision.findings]
    assert where is not None
    assert text[where.start : where.end] == noise.join("佐布石")


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [
        "今天天气很好，",
        "\0",
        "a",
        "赌 ",
        "b-u-y ",
        "佐布石" + "今天天气很好，" * 5,
        "\ud800",
        "1234567890",
        "<div>\n",
    ],
    ids=["han", "NUL", "letter", "spaced", "spelled", "hits", "surrogates", "digits", "markup"],
)
def test_ten_megabytes_are_checked(unit: str, make_pack: Any) -> None:
    guard = Guard.load(f"cn,{make_pack()}")
    text = unit * (MEGA // len(unit))
    decision = guard.check(text, role="training")
    assert decision.complete, [f.why for f in decision.findings if f.matcher == DETECTOR_FAILED]
    encoded(decision)


# Law 3: a detector that cannot answer blocks.


class Faulty:
    """A detector whose ``find`` is given."""

    name = "faulty"
    version = "9"
    modalities: tuple[Modality, ...] = ("text",)
    window = 1
    late = False

    def __init__(self, find: Any) -> None:
        self.find = find


SECRET = "the content itself"  # what an exception's message might quote


def raises(batch: Sequence[Content]) -> list[list[Finding]]:
    raise ValueError(f"cannot read {SECRET}: {batch[0].text}")


def _lazily(error: Exception) -> Iterator[Finding]:
    raise error
    yield


def _finding(**changes: Any) -> Finding:
    fields: dict[str, Any] = {"detector": "faulty@9", "matcher": "x", "category": "x", "score": 0.5}
    return Finding(**{**fields, **changes})


BROKEN = {
    "raises": raises,
    "raises for lack of memory": lambda batch: (_ for _ in ()).throw(MemoryError()),
    "recursion": lambda batch: (_ for _ in ()).throw(RecursionError()),
    "too few results": lambda batch: [],
    "too many results": lambda batch: [[] for _ in range(len(batch) + 1)],
    "no results": lambda batch: None,
    "an iterator of results": lambda batch: iter([[] for _ in batch]),
    "None for an item": lambda batch: [None for _ in batch],
    "a string for an item": lambda batch: ["found" for _ in batch],
    "an item that raises when read": lambda batch: [_lazily(ValueError(SECRET)) for _ in batch],
    "something that is no finding": lambda batch: [[{"score": 1}] for _ in batch],
    "a score that is no number": lambda batch: [[_finding(score=float("nan"))] for _ in batch],
    "a score above one": lambda batch: [[_finding(score=1.5)] for _ in batch],
}


@pytest.mark.parametrize("find", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("size", [1, 3])
def test_a_broken_detector_blocks(find: Any, size: int) -> None:
    guard = Guard.load("cn-label-2025", extra=[Faulty(find)])
    for decision in guard.check_many(["你好"] * size):
        assert decision.action is Action.BLOCK
        assert not decision.complete
        assert decision.reply, "the user is told something"
        failed = [f for f in decision.findings if f.matcher == DETECTOR_FAILED]
        assert [f.detector for f in failed] == ["faulty@9"]
        assert SECRET not in json.dumps(encoded(decision)), "a message may quote the content"


def test_one_bad_item_does_not_take_the_batch_with_it() -> None:
    def find(batch: Sequence[Content]) -> list[list[Finding]]:
        if any("坏" in content.text for content in batch):
            raise ValueError(SECRET)
        return [[] for _ in batch]

    guard = Guard.load("cn-label-2025", extra=[Faulty(find)])
    decisions = guard.check_many(["好", "坏", "好", "坏坏", "好"])
    assert [d.complete for d in decisions] == [True, False, True, False, True]
    assert [d.action.name for d in decisions] == ["PASS", "BLOCK", "PASS", "BLOCK", "PASS"]


@pytest.mark.parametrize("action", ["pass", "redact", "review", "block"])
def test_a_pack_may_name_another_action_for_a_failure(action: str, make_pack: Any) -> None:
    pack = make_pack(on_failure={"faulty": action})
    guard = Guard.load(str(pack), extra=[Faulty(raises)])
    decision = guard.check("你好")
    assert decision.action is Action[action.upper()]
    assert not decision.complete, "recorded either way"
    assert any(f.matcher == DETECTOR_FAILED for f in decision.findings)


def test_on_failure_speaks_for_the_named_detector_only(make_pack: Any) -> None:
    pack = make_pack(on_failure={"other": "pass"})
    assert Guard.load(str(pack), extra=[Faulty(raises)]).check("你好").action is Action.BLOCK


def test_other_rules_still_act_beside_a_forgiven_failure(make_pack: Any) -> None:
    pack = make_pack(on_failure={"faulty": "pass"})
    decision = Guard.load(str(pack), extra=[Faulty(raises)]).check("买佐布石")
    assert decision.action is Action.BLOCK
    assert [rule.id for rule in decision.rules] == ["shop.zorb"]


def test_a_failure_is_on_the_record(tmp_path: Path) -> None:
    with Guard.load("cn-label-2025", audit=tmp_path / "log", extra=[Faulty(raises)]) as guard:
        decision = guard.check("你好")
        assert guard.sink is not None
    assert decision.record is not None
    stored = b"".join(p.read_bytes() for p in (tmp_path / "log").rglob("*") if p.is_file())
    assert DETECTOR_FAILED.encode() in stored
    assert SECRET.encode() not in stored


def test_a_detector_is_asked_only_about_its_modalities() -> None:
    asked: list[str] = []

    def find(batch: Sequence[Content]) -> list[list[Finding]]:
        asked.extend(content.id for content in batch)
        return [[] for _ in batch]

    guard = Guard.load("cn-label-2025", extra=[Faulty(find)])
    items = [
        Content("甲", id="t1"),
        Content(b"\x89PNG", modality="image", id="i"),
        Content("乙", id="t2"),
    ]
    assert [d.id for d in guard.check_many(items)] == ["t1", "i", "t2"]
    assert asked == ["t1", "t2"]


def test_a_finding_outside_the_text_redacts_nothing_else(make_pack: Any) -> None:
    """A stranger's detector may give any offsets; the text around stays whole."""
    pack = make_pack(
        [{"match": {"category": "x.y"}, "action": {"output": "redact"}, "samples": None}]
    )
    where = Where(2, 99)
    found = _finding(matcher="x.y", category="x.y", where=where, score=1.0)
    guard = Guard.load(str(pack), extra=[Faulty(lambda batch: [[found] for _ in batch])])
    assert guard.check("一二三四", role="output").text.startswith("一二【")
