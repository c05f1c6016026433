"""The demo end to end: the folder it writes is what the contract says, and nothing goes online."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import socket
import subprocess
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from guard.audit import verify
from guard.cli import main
from guard.demo import material
from guard.label import inspect_file

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Run:
    out: Path
    json: dict[str, Any]

    def stage(self, number: int) -> dict[str, Any]:
        return next(stage for stage in self.json["stages"] if stage["number"] == number)


class NoSocket(socket.socket):
    """A class, so that modules which derive from it can still be imported."""

    def __init__(self, *_: object, **__: object) -> None:
        raise AssertionError("the demo opened a socket")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run for all tests, in which every attempt to open a socket fails."""
    out = tmp_path_factory.mktemp("demo") / "out"
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(socket, "socket", NoSocket)
        assert main(["demo", "--out", str(out), "--json"]) == 0
    return Run(out, json.loads(printed.getvalue()))


def test_every_row_is_accounted_for(run: Run) -> None:
    for number, rows in ((1, material.prompts()), (2, material.truth()), (3, material.answers())):
        stage = run.stage(number)
        assert stage["rows"] == len(rows) == sum(stage["counts"].values())
        assert sum(total for _, total in stage["expected"].values()) == len(rows)
        right = sum(right for right, _ in stage["expected"].values())
        assert right + len(stage["misses"]) == len(rows)


def test_the_scan_balances_and_its_files_agree(run: Run) -> None:
    report = json.loads((run.out / "scan" / "report.json").read_text(encoding="utf-8"))
    assert report["input"] == 300 == report["kept"] + report["dropped"] + report["quarantined"]
    kept = (run.out / "scan" / "kept" / "corpus.jsonl").read_bytes().splitlines()
    assert len(kept) == report["kept"]
    assert run.stage(2)["balance"]["kept"] == report["kept"]


def test_no_personal_data_or_secret_is_kept(run: Run) -> None:
    """Independent of the rules: plain patterns on what would be trained on."""
    kept = (run.out / "scan" / "kept" / "corpus.jsonl").read_text(encoding="utf-8")
    folded = unicodedata.normalize("NFKC", kept)
    patterns = (r"1[3-9]\d{9}", r"\d{17}[\dX]", r"[\w.]+@example\.\w+", r"LTAI", r"ghp_", r"BEGIN")
    found = {pattern: re.findall(rf"(?<!\d){pattern}(?!\d)", folded) for pattern in patterns}
    orders = {"202604180000765432"}  # an order number is no identity number
    assert {hit for hits in found.values() for hit in hits} <= orders


def test_the_day_goes_mostly_as_expected(run: Run) -> None:
    """A floor, not a figure: the report names every row that comes out otherwise."""
    stages = run.json["stages"]
    rows = sum(stage["rows"] for stage in stages)
    assert sum(len(stage["misses"]) for stage in stages) <= 0.15 * rows
    for stage in stages:
        for outcome in {"PASS", "REDACT", "keep", "redact", "duplicate"} & set(stage["expected"]):
            right, total = stage["expected"][outcome]
            assert right >= 0.85 * total, (stage["name"], outcome)


def test_the_log_verifies_and_holds_every_decision(run: Run) -> None:
    assert verify(run.out / "audit").verified
    assert run.json["log"]["verified"]
    judged = run.stage(1)["rows"] + run.stage(3)["rows"]
    assert run.json["log"]["records"] >= judged + 1 + len(run.json["labelled"])


def test_no_text_of_the_day_is_in_the_log(run: Run) -> None:
    evidence = b"".join(p.read_bytes() for p in (run.out / "audit").rglob("*") if p.is_file())
    for row in (*material.prompts(), *material.answers()):
        assert row.text.encode() not in evidence


def test_a_changed_copy_is_found(run: Run, tmp_path: Path) -> None:
    assert run.json["log"]["tampered"]
    copy = shutil.copytree(run.out / "audit", tmp_path / "audit")
    database = copy / "log.db"
    data = bytearray(database.read_bytes())
    data[len(data) // 2] ^= 1
    database.write_bytes(data)
    assert main(["audit", "verify", "--audit", str(copy)]) == 1


def test_labelled_files_carry_their_labels(run: Run) -> None:
    files = {path.name for path in (run.out / "labelled").iterdir()}
    assert {Path(name).suffix for name in files} >= {".png", ".jpg", ".md"}
    trust = run.out / "c2pa" / "root.pem"
    for one in run.json["labelled"]:
        path = run.out / one["file"]
        if path.suffix == ".txt":  # no metadata: the notice is the label
            assert inspect_file(path).explicit["found"]
            continue
        read = inspect_file(path, trust=trust)
        assert read.label is not None
        assert read.label["ProduceID"] == one["facts"]["label"]["ProduceID"]
        assert read.verdict == "confirmed"
        assert read.standard.status == "compliant", read.standard
        if path.suffix in (".png", ".jpg"):
            assert read.c2pa is not None
            assert read.c2pa["state"] == "Trusted"


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
@pytest.mark.parametrize("name", ["mountains.png", "harbour.jpg"])
def test_exiftool_reads_the_label(run: Run, name: str) -> None:
    done = subprocess.run(
        ["exiftool", "-json", "-XMP:all", str(run.out / "labelled" / name)],
        capture_output=True,
        check=True,
    )
    facts = {key.upper(): value for key, value in json.loads(done.stdout)[0].items()}
    label = json.loads(facts["AIGC"])
    assert label["Label"] == "1"
    assert list(label) == [
        "Label",
        "ContentProducer",
        "ProduceID",
        "ReservedCode1",
        "ContentPropagator",
        "PropagateID",
        "ReservedCode2",
    ]


def test_the_page_is_whole_and_loads_nothing(run: Run) -> None:
    page = (run.out / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert run.json["log"]["checkpoint"].split("\n")[2] in page
    assert "暂行办法" in page
    assert not re.findall(r"<script|<link|@import|url\((?!#)", page)
    sources = set(re.findall(r"""(?:src|href)=["']([^"']{,9})""", page))
    assert all(source.startswith(("data:", "labelled/")) for source in sources)


def test_the_tables_show_rules_clauses_and_next_steps(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "again"
    shutil.copytree(run.out, out)  # and so it replaces an earlier demo
    assert main(["demo", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert all(f"[{number}/5]" in shown for number in range(1, 6))
    assert "暂行办法" in shown
    assert f"guard audit verify --audit {out}/audit" in shown
    assert {path.name for path in tmp_path.iterdir()} == {"again"}


def test_a_foreign_folder_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["demo", "--out", str(tmp_path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "choose another --out" in shown.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
