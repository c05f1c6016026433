"""Feedback: recorded in the log, a candidate beside the operator's pack, nothing else touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from guard import Content, Guard
from guard.audit import open_log, verify
from guard.cli import main
from guard.policies.load import HERE

MakePack = Callable[..., Path]
TEXT = "哪里卖佐布石\n第二行"


@pytest.fixture
def log(make_pack: MakePack, tmp_path: Path) -> Path:
    """0 blocked, 1 passed, 2 blocked and about a person, 3 a reload."""
    pack = make_pack()
    with Guard.load(f"cn-label-2025,{pack}", audit=tmp_path / "audit") as guard:
        guard.check_many([TEXT, "你好", Content(TEXT, "output", subject="user-1")])
        guard.reload("cn-label-2025")
    return tmp_path / "audit"


def text_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "text.txt"
    path.write_text(text + "\n", encoding="utf-8")
    return str(path)


def give(log: Path, *words: object) -> int:
    return main(["feedback", *map(str, words), "--audit", str(log)])


def test_an_opinion_is_a_record(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert give(log, 0, "right", "--note", "well done", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"record": 4, "candidate": None}
    with open_log(log) as opened:
        record = opened.get(4)
    assert record["kind"] == "feedback"
    assert record["body"] == {
        "record": 0,
        "opinion": "right",
        "note": "well done",
        "action": "BLOCK",
        "candidate": False,
    }
    assert not verify(log).problems


@pytest.mark.parametrize(
    ("index", "text", "more", "rule", "kind"),
    [
        (0, TEXT, [], "shop.zorb", "miss"),
        (1, "你好", [], None, "hit"),
        (2, TEXT, ["--subject", "user-1"], "shop.zorb", "miss"),
    ],
)
def test_a_wrong_decision_becomes_a_candidate(
    log: Path, tmp_path: Path, index: int, text: str, more: list[str], rule: str | None, kind: str
) -> None:
    pack = tmp_path / "shop"
    before = {path.name: path.read_bytes() for path in pack.iterdir()}
    file = text_file(tmp_path, text)
    assert give(log, index, "wrong", "--text", file, "--pack", pack, *more) == 0
    made = tmp_path / "shop.candidates" / f"record-{index}.yaml"
    data = yaml.safe_load(made.read_text(encoding="utf-8"))
    (found,) = data["candidates"]
    (sample,) = found["samples"][kind]
    assert (found["rule"], sample["text"]) == (rule, text)
    assert sample["role"] == ("output" if index == 2 else "prompt")
    assert {path.name: path.read_bytes() for path in pack.iterdir()} == before
    assert Guard.load(str(pack)), "the pack is as good as before"


def test_the_log_never_holds_the_text(log: Path, tmp_path: Path) -> None:
    give(log, 0, "wrong", "--text", text_file(tmp_path, TEXT), "--pack", tmp_path / "shop")
    with open_log(log) as opened:
        assert opened.get(4)["body"]["candidate"] is True
        assert "佐布石" not in opened.raw(4).decode()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((9, "right"), "no record 9"),
        ((3, "right"), "config, no decision"),
        ((0, "perhaps"), "perhaps"),
        ((0, "wrong", "--text", "{text}"), "go together"),
        ((0, "right", "--text", "{text}", "--pack", "{pack}"), "wrong decision"),
        ((1, "wrong", "--text", "{text}", "--pack", "{pack}"), "not about this text"),
        ((2, "wrong", "--text", "{text}", "--pack", "{pack}"), "not about this text"),
        ((0, "wrong", "--text", "{text}", "--pack", str(HERE / "cn-pipl")), "a shipped pack"),
        ((0, "wrong", "--text", "{text}", "--pack", "none"), "no pack.yaml"),
        ((0, "wrong", "--text", "none.txt", "--pack", "{pack}"), "none.txt: no such file"),
        ((0, "right", "--note", "x" * 1001), "1001 characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_use_records_nothing(
    log: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[object, ...],
    says: str,
) -> None:
    names = {"text": text_file(tmp_path, TEXT), "pack": str(tmp_path / "shop")}
    assert give(log, *(str(word).format(**names) for word in words)) == 2
    assert says in capsys.readouterr().err
    with open_log(log) as opened:
        assert opened.stats()["records"] == 4
    assert not (tmp_path / "shop.candidates").exists()


def test_a_candidate_is_not_overwritten(log: Path, tmp_path: Path) -> None:
    words = (0, "wrong", "--text", text_file(tmp_path, TEXT), "--pack", tmp_path / "shop")
    assert give(log, *words) == 0
    made = tmp_path / "shop.candidates" / "record-0.yaml"
    before = made.read_bytes()
    assert give(log, *words, "--note", "again") == 2
    assert made.read_bytes() == before
