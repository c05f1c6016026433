"""Rows in, figures out: reading, roles, groups, comparison, bounds."""

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from guard.errors import InputError
from guard.evaluate import compare, evaluate, failures, judged, row_result
from guard.evaluate.rows import read_rows, sources
from guard.model import Content, Decision

Judge = Callable[[Sequence[Content]], Sequence[Decision]]

ROWS: list[dict[str, Any]] = [
    {"id": "1", "text": "BLOCK", "label": "unsafe", "kind": "prompt", "risk": "sexual"},
    {"id": "2", "text": "REVIEW", "label": "unsafe", "kind": "comment", "risk": "abuse"},
    {"id": "3", "text": "REDACT", "label": "unsafe", "kind": "comment", "risk": "abuse"},
    {"id": "4", "text": "REDACT", "label": "safe", "kind": "comment", "risk": "none"},
    {"id": "5", "text": "BLOCK", "label": "safe", "kind": "query", "risk": "none"},
    {"text": "", "label": "safe"},
]


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def measure(files: Sequence[Path], judge: Judge, **options: Any) -> dict[str, Any]:
    return evaluate(judged(files, judge, **options)).result("test@1#0", ["fake@1"])


def test_the_json_contract(tmp_path: Path, judge: Judge) -> None:
    files = [write(tmp_path / "dev.jsonl.gz", ROWS), write(tmp_path / "benign.jsonl", ROWS[3:])]
    result = measure(files, judge)
    assert list(result["sources"]) == ["dev", "benign"]
    dev = result["sources"]["dev"]
    assert {key: dev[key] for key in ("n", "unsafe", "tp", "fp", "tn", "fn")} == {
        "n": 6, "unsafe": 3, "tp": 2, "fp": 1, "tn": 2, "fn": 1,
    }  # fmt: skip
    assert dev["recall"] == dev["precision"] == pytest.approx(2 / 3)
    assert dev["fpr"] == pytest.approx(1 / 3)
    benign = result["sources"]["benign"]
    assert (benign["recall"], benign["recall_ci"], benign["macro_f1"]) == (None, None, None)
    assert benign["precision"] == 0.0
    assert result["all"]["n"] == 9
    assert {name: m["n"] for name, m in result["kinds"].items()} == {
        "comment": 4, "prompt": 1, "query": 2,
    }  # fmt: skip
    assert {name: m["fn"] for name, m in result["risks"].items()} == {
        "abuse": 1, "none": 0, "sexual": 0,
    }  # fmt: skip
    assert result["latency_us"] == {"p50": 5.0, "p95": 6.0, "p99": 6.0}
    assert (result["policy"], result["detectors"]) == ("test@1#0", ["fake@1"])
    json.dumps(result, allow_nan=False)


def test_groups_add_up(tmp_path: Path, judge: Judge) -> None:
    files = [write(tmp_path / f"{name}.jsonl", ROWS[n:]) for n, name in enumerate("abc")]
    result = measure(files, judge)
    for key in ("n", "tp", "fp", "tn", "fn"):
        assert result["all"][key] == sum(m[key] for m in result["sources"].values())


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        ("prompt", "prompt"),
        ("query", "prompt"),
        ("document", "context"),
        ("comment", "output"),
        ("response", "output"),
        ("", "output"),
    ],
)
def test_auto_role_follows_the_kind(tmp_path: Path, kind: str, role: str) -> None:
    row = {"text": "x", "label": "safe", "kind": kind, "prompt": "问"}
    file = write(tmp_path / "a.jsonl", [row])
    (auto,) = read_rows("a", file)
    assert auto.content.role == role
    assert auto.content.meta == ({"prompt": "问"} if role == "output" else {})
    (fixed,) = read_rows("a", file, "training")
    assert fixed.content.role == "training"


def test_limit_counts_rows_of_each_file(tmp_path: Path, judge: Judge) -> None:
    first = write(tmp_path / "a.jsonl", ROWS)
    first.write_bytes(b"\n\n" + first.read_bytes() + b'{"never": "read"}\n')
    result = measure([first, write(tmp_path / "b.jsonl", ROWS[:1])], judge, limit=4)
    assert {name: m["n"] for name, m in result["sources"].items()} == {"a": 4, "b": 1}


def test_a_file_of_many_rows_keeps_their_order(tmp_path: Path, judge: Judge) -> None:
    rows = [{"text": str(n), "label": "safe"} for n in range(500)]
    found = list(judged([write(tmp_path / "a.jsonl", rows)], judge))
    assert [row.content.text for row, _ in found] == [row["text"] for row in rows]
    assert all(decision.text == row.content.text for row, decision in found)
    assert found[499][0].content.id == "a:500"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"not json", "not JSON"),
        (b"\xff{}", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "not an object"),
        (b'{"label": "safe"}', "'text'"),
        (b'{"text": 5, "label": "safe"}', "'text'"),
        (b'{"text": "x"}', "'label' is None"),
        (b'{"text": "x", "label": "bad"}', "'label' is 'bad'"),
        (b'{"text": "x", "label": []}', "'label' is"),
        (b'{"text": "x", "label": true}', "'label' is True"),
    ],
)
def test_a_wrong_row_is_refused_by_file_and_line(
    tmp_path: Path, judge: Judge, line: bytes, message: str
) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "x", "label": "safe"}\n\n' + line + b"\n")
    with pytest.raises(InputError, match=r"a\.jsonl line 3: ") as caught:
        measure([tmp_path / "a.jsonl"], judge)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


def test_names_of_sources(tmp_path: Path) -> None:
    one, two, three = tmp_path / "x/a.jsonl", tmp_path / "y/a.jsonl.gz", tmp_path / "b.jsonl"
    for file in (one, two, three):
        write(file, ROWS)
    assert sources([one, three, two]) == {"x/a": one, "b": three, "y/a": two}
    with pytest.raises(InputError, match="each file once"):
        sources([one, one])
    with pytest.raises(InputError, match="no such file"):
        sources([tmp_path / "missing.jsonl"])
    with pytest.raises(InputError, match="not a labelled set"):
        sources([tmp_path / "a.csv"])


def test_compare_subtracts_what_both_have(tmp_path: Path, judge: Judge) -> None:
    old = measure([write(tmp_path / "a.jsonl", ROWS), write(tmp_path / "gone.jsonl", ROWS)], judge)
    new = measure(
        [write(tmp_path / "a.jsonl", ROWS[:2] + ROWS[3:]), write(tmp_path / "new.jsonl", ROWS)],
        judge,
    )
    found = compare(new, json.loads(json.dumps(old)))
    assert list(found["sources"]) == ["a"]
    assert found["sources"]["a"]["recall"] == pytest.approx(1 - 2 / 3)
    assert found["sources"]["a"]["fpr"] == 0.0
    safe = measure([write(tmp_path / "a.jsonl", ROWS[3:])], judge)
    assert compare(safe, old)["sources"]["a"]["recall"] is None
    for wrong in ({}, {"all": {}, "sources": []}, {"all": 1, "sources": {"a": 2}}):
        with pytest.raises(InputError, match="guard evaluate --json"):
            compare(new, wrong)


def test_bounds_hold_for_each_source(tmp_path: Path, judge: Judge) -> None:
    good = [{"text": "BLOCK", "label": "unsafe"}] * 96 + [{"text": "x", "label": "safe"}] * 96
    files = [write(tmp_path / "good.jsonl", good), write(tmp_path / "weak.jsonl", ROWS)]
    result = measure(files, judge)
    assert result["all"]["fpr"] < 0.02
    missed = failures(result, max_fpr=0.02, min_recall=0.9)
    assert [line.split(":")[0] for line in missed] == ["weak", "weak"]
    assert failures(result, max_fpr=1 / 3, min_recall=2 / 3) == []
    safe = measure([write(tmp_path / "safe.jsonl", ROWS[3:])], judge)
    with pytest.raises(InputError, match="no row to measure recall"):
        failures(safe, min_recall=0.5)


def test_row_results_name_the_action_and_no_text(tmp_path: Path, judge: Judge) -> None:
    lines = [row_result(*pair) for pair in judged([write(tmp_path / "a.jsonl", ROWS)], judge)]
    assert lines[0] == {"id": "1", "action": "BLOCK", "risk": 1.0, "risks": {}}
    assert lines[3]["action"] == "REDACT"
    assert lines[5] == {"id": "a:6", "action": "PASS", "risk": 0.0, "risks": {}}
