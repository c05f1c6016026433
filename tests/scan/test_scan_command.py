"""``guard scan`` as it is typed, through the real pipeline."""

import hashlib
import json
from pathlib import Path

import pytest

from guard import Guard
from guard.audit import open_log
from guard.cli import main

POLICY = "cn-label-2025"
LINES = [
    '{"id": "a", "text": "今天天气怎么样？"}\n',
    "not json\n",
    '{"id": "b", "text": "今天天气怎么样？"}\r\n',
    '{"id": "c",  "text": "\\u4f60好"}\n',
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "corpus.jsonl"
    file.write_bytes("".join(LINES).encode())
    return file


def test_scan_end_to_end(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    words = ["scan", str(corpus), "--out", str(out), "--policy", POLICY, "--json"]
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((out / "report.json").read_text(encoding="utf-8"))
    counts = [report[key] for key in ("input", "kept", "redacted", "dropped", "quarantined")]
    assert counts == [4, 2, 0, 1, 1]
    assert (out / "kept/corpus.jsonl").read_bytes() == (LINES[0] + LINES[3]).encode()
    with Guard.load(POLICY) as guard:
        assert report["policy"] == guard.policy.name
        assert report["detectors"][:-1] == [f"{d.name}@{d.version}" for d in guard.engine.detectors]
    assert main(words) == 2
    assert "not an empty folder" in capsys.readouterr().err


def test_strict_exits_1_and_names_the_line(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["scan", str(corpus), "--out", str(out), "--policy", POLICY, "--strict"]) == 1
    assert "corpus.jsonl line 2" in capsys.readouterr().err
    assert not out.exists()


def test_the_table_and_the_hint_for_a_wrong_field(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["scan", str(corpus), "--out", str(tmp_path / "out"), "--policy", POLICY]
    assert main([*words, "--field", "body"]) == 0
    printed = capsys.readouterr()
    assert "corpus.jsonl" in printed.out
    assert "is --field right?" in printed.err


def test_the_log_gets_one_record_of_the_run(corpus: Path, tmp_path: Path) -> None:
    audit = tmp_path / "audit"
    words = ["scan", str(corpus), "--out", str(tmp_path / "out"), "--policy", POLICY]
    assert main([*words, "--audit", str(audit)]) == 0
    with open_log(audit) as log:
        entries = log.search()
    (record,) = [entry for entry in entries if entry["kind"] == "scan"]
    assert not [entry for entry in entries if entry["kind"] == "decision"]
    report = (tmp_path / "out/report.json").read_bytes()
    assert record["body"]["report_sha256"] == hashlib.sha256(report).hexdigest()
    assert (record["body"]["input"], record["body"]["kept"]) == (4, 2)
