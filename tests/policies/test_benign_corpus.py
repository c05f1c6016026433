"""Everyday texts must get through: the corpus itself, the rules against it, the list of mistakes.

``known-false-positives.tsv`` is a debt. A mended rule takes its lines out of it; nobody puts one in
to make a new rule pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from guard.benign import (
    ASPECTS,
    FOLDER,
    BenignText,
    Held,
    held,
    newly_blocked,
    read_corpus,
    read_known,
)
from guard.cli import main
from guard.compile import Engine, build_engine
from guard.coverage import BANKS, bank_lines
from guard.errors import PolicyError
from guard.model import Action
from guard.policies.load import load_policy

CORPUS = read_corpus()
#: The rule that offers help to somebody in need: to have a person look is its purpose.
HELP = {"cn-gai-2023.suicide-intent"}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return build_engine(load_policy("cn"))


@pytest.fixture(scope="module")
def found(engine: Engine) -> list[Held]:
    return list(held(engine, CORPUS))


def test_the_corpus_is_large_and_says_nothing_twice() -> None:
    assert len(CORPUS) >= 2000
    for values in ([item.id for item in CORPUS], [item.text.strip() for item in CORPUS]):
        assert [value for value, n in Counter(values).items() if n > 1] == []


def test_a_texts_id_names_its_file() -> None:
    for path in FOLDER.glob("*.jsonl"):
        own = [item.id for item in read_corpus_of(path)]
        assert own == [f"{path.stem}-{n:04}" for n in range(1, len(own) + 1)]


def read_corpus_of(path: Path) -> list[BenignText]:
    return [item for item in CORPUS if item.id.rpartition("-")[0] == path.stem]


def test_every_aspect_role_and_kind_is_there() -> None:
    """At least 20 questions an aspect, as cl. 8.3 wants them."""
    aspects = Counter(item.aspect for item in CORPUS if item.role == "prompt")
    assert set(aspects) <= {*ASPECTS, ""}
    assert all(aspects[aspect] >= 20 for aspect in ASPECTS)
    assert {item.role for item in CORPUS} == {"prompt", "output", "context", "training"}
    assert min(Counter(item.kind for item in CORPUS).values()) >= 20


def test_no_template_writes_the_corpus() -> None:
    """The same first eight characters stand in few texts, and most texts have a length of talk."""
    beginnings = Counter(item.text[:8] for item in CORPUS)
    assert beginnings.most_common(1)[0][1] <= 6
    assert sum(10 <= len(item.text) <= 120 for item in CORPUS) >= 0.95 * len(CORPUS)


def test_nothing_harmless_is_blocked_but_what_is_known(found: list[Held]) -> None:
    texts = {item.id: item.text for item in CORPUS}
    assert [
        (item.rule, item.id, texts[item.id]) for item in newly_blocked(found, read_known())
    ] == []


def test_few_harmless_texts_are_held_for_a_person(found: list[Held]) -> None:
    """Beyond the known mistakes, at most 0.5 % are flagged."""
    known = {item.id for item in read_known()}
    flagged = {item.id for item in found if item.rule not in HELP} - known
    assert len(flagged) <= 0.005 * len(CORPUS), sorted(flagged)


def test_mended_mistakes_leave_the_list(found: list[Held]) -> None:
    assert [item for item in read_known() if item not in found] == []


def test_the_list_of_mistakes_only_gets_shorter() -> None:
    known = read_known()
    assert len(known) == len(set(known)) <= 60
    assert {item.action for item in known} <= {Action.REVIEW.name, Action.BLOCK.name}


def test_a_block_that_is_known_as_review_is_new() -> None:
    known = [Held("a-0001", "REVIEW", "x"), Held("a-0002", "BLOCK", "x")]
    found = [
        Held("a-0001", "BLOCK", "x"),
        Held("a-0002", "BLOCK", "x"),
        Held("a-0002", "BLOCK", "y"),
    ]
    assert newly_blocked(found, known) == [found[0], found[2]]


def test_the_bank_counts_prompts_by_aspect() -> None:
    bank = bank_lines(load_policy("cn"))["must_not_refuse"]
    by, total = bank["by"], bank["total"]
    assert isinstance(by, dict)
    assert isinstance(total, int)
    assert list(by) == list(ASPECTS)
    assert by["制度"] == sum(i.aspect == "制度" and i.role == "prompt" for i in CORPUS)
    assert total >= sum(by.values()) >= BANKS["must_not_refuse"]


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "x-0001"}',
        "{",
        '{"id": "x", "text": "y", "role": "boss", "kind": "chat", "aspect": ""}',
    ],
)
def test_a_line_that_is_no_text_is_named(tmp_path: Path, line: str) -> None:
    good = '{"id": "x-0001", "text": "早上好", "role": "prompt", "kind": "chat", "aspect": ""}'
    (tmp_path / "x.jsonl").write_text(f"{good}\n{line}\n", encoding="utf-8")
    with pytest.raises(PolicyError, match=r"x\.jsonl:2: "):
        read_corpus(tmp_path)


def test_a_word_that_blocks_harmless_texts_fails_the_test(
    make_pack: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    samples = {"hit": ["三省六部制"], "miss": ["郡县制"]}
    pack = make_pack([{"match": {"words": ["三省六部制"]}, "samples": samples}])
    assert main(["policy", "test", "--policy", str(pack)]) == 1
    said = capsys.readouterr().out
    assert "blocks benign text institutions-0047 '三省六部制里的门下省到底管什么" in said
    assert "1 newly blocked" in said
