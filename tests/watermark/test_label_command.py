"""guard label and guard inspect as their users meet them: files, exit codes, one line of error."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guard.cli import main
from guard.errors import GuardError
from guard.label import inspect_bytes, inspect_file, label_file, label_files
from guard.model import Action, Label, Record, Verdict
from guard.stages.stage4_label_writer import label_text

from .conftest import CODE, encode, scene

Run = Callable[..., tuple[int, list[dict[str, Any]], str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(encode(scene(), "PNG"))
    (tmp_path / "in/b.jpg").write_bytes(encode(scene(), "JPEG"))
    (tmp_path / "in/c.md").write_text("# 标题\n", encoding="utf-8")
    (tmp_path / "in/d.txt").write_text("正文\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(folder)

    def call(*words: str) -> tuple[int, list[dict[str, Any]], str]:
        code = main(list(words))
        out, error = capsys.readouterr()
        rows = [json.loads(line) for line in out.splitlines()] if "--json" in words else []
        return code, rows, error

    return call


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file()) if folder.exists() else []


def test_all_kinds_are_labelled_and_read_back(run: Run) -> None:
    files = ("in/a.png", "in/b.jpg", "in/c.md", "in/d.txt")
    code, written, _ = run("label", *files, "--out", "out", "--producer", CODE, "--json")
    assert code == 0
    assert [Path(row["file"]).name for row in written] == ["a.png", "b.jpg", "c.md", "d.txt"]
    assert len({row["label"]["ProduceID"] for row in written}) == 4
    for row in written:
        assert hashlib.sha256(Path(row["file"]).read_bytes()).hexdigest() == row["sha256"]
    code, read, _ = run("inspect", *(row["file"] for row in written), "--json", "--gate")
    assert code == 0
    for row, back in zip(written[:3], read[:3], strict=True):
        assert back["label"] == row["label"]
        assert (back["standard"]["status"], back["verdict"]) == ("compliant", "confirmed")
    assert read[3]["explicit"]["text"] == "【AI生成】"
    assert (read[3]["standard"]["status"], read[3]["verdict"]) == ("not_found", "suspected")


def test_the_form_of_the_inspection_is_the_contract(run: Run) -> None:
    _, (row,), _ = run("inspect", "in/a.png", "--json")
    assert list(row)[:10] == [
        *("file", "format", "label", "carrier", "carriers", "standard", "explicit", "c2pa"),
        *("watermark", "verdict"),
    ]
    assert row["file"] == "in/a.png"
    assert (row["label"], row["carrier"], row["carriers"]) == (None, None, [])
    assert row["standard"] == {"status": "not_found", "problems": [], "reason": ""}
    assert row["verdict"] == "none"


def test_signed_labels_are_trusted_with_anchors_only(run: Run) -> None:
    assert run("label", "--init-ca", "ca")[0] == 0
    run("label", "in/a.png", "--out", "out", "--producer", CODE, "--c2pa", "ca")
    keys = ("--c2pa-cert", "ca/chain.pem", "--c2pa-key", "ca/key.pem")
    run("label", "in/b.jpg", "--out", "out", "--producer", CODE, *keys)
    files = ("out/a.png", "out/b.jpg")
    _, rows, _ = run("inspect", *files, "--json", "--c2pa-trust", "ca/root.pem")
    assert [row["c2pa"]["state"] for row in rows] == ["Trusted", "Trusted"]
    _, rows, _ = run("inspect", *files, "--json")
    assert [row["c2pa"]["state"] for row in rows] == ["Valid", "Valid"]


def test_a_propagator_keeps_producer_and_pixels(run: Run) -> None:
    run("label", "in/b.jpg", "--out", "out", "--producer", CODE, "--produce-id", "n1")
    words = ("--propagator", "platform", "--propagate-id", "p1")
    _, (row,), _ = run("label", "out/b.jpg", "--out", "on", *words, "--json")
    assert row["visible"] is None
    assert row["label"] | {"ReservedCode1": ""} == {
        "Label": "1",
        "ContentProducer": CODE,
        "ProduceID": "n1",
        "ReservedCode1": "",
        "ContentPropagator": "platform",
        "PropagateID": "p1",
        "ReservedCode2": "",
    }
    again = run("label", "on/b.jpg", "--out", "again", *words, "--json")[1][0]
    assert Path("again/b.jpg").read_bytes() == Path("on/b.jpg").read_bytes()
    assert again["replaced"] is None


def test_labels_are_recorded_before_the_file_appears(folder: Path, label: Label) -> None:
    seen: list[Record] = []

    class Log:
        def append(self, record: Record) -> int:
            assert not (folder / "out.png").exists()
            seen.append(record)
            return 41 + len(seen)

        def digest(self, data: str | bytes) -> str:
            return ""

        def close(self) -> None: ...

    written = label_file(folder / "in/a.png", folder / "out.png", label, sink=Log())
    assert written.record == 42
    body = seen[0].body
    assert seen[0].kind == "label"
    assert (body["produce_id"], body["carrier"]) == (label.produce_id, "xmp")
    assert body["sha256"] == hashlib.sha256((folder / "out.png").read_bytes()).hexdigest()


def test_a_label_is_in_the_audit_log(run: Run) -> None:
    code, rows, _ = run(
        *("label", "in/a.png", "in/d.txt", "--out", "out", "--producer", CODE),
        *("--audit", "audit", "--json"),
    )
    assert code == 0
    assert [row["record"] for row in rows] == [0, 1]


def test_a_log_that_fails_leaves_no_file(folder: Path, label: Label) -> None:
    class Full:
        def append(self, record: Record) -> int:
            raise OSError(errno.ENOSPC, "no space left on device")

        def digest(self, data: str | bytes) -> str:
            return ""

        def close(self) -> None: ...

    with pytest.raises(OSError, match="no space"):
        label_file(folder / "in/a.png", folder / "out/a.png", label, sink=Full())
    assert leftovers(folder / "out") == []


def test_a_full_disk_exits_3_and_leaves_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device", "out/a.png")

    monkeypatch.setattr(os, "fsync", full)
    code, _, error = run("label", "in/a.png", "--out", "out", "--producer", CODE)
    assert code == 3
    assert "free some space" in error
    assert leftovers(Path("out")) == []


BAD: list[tuple[tuple[str, ...], str]] = [
    (("in/a.png", "out", "--producer", ""), "ContentProducer is missing"),
    (("in/a.png", "out", "--producer", CODE[:-1]), "27"),
    (("in/a.png", "out", "--producer", CODE.replace("K6", "K7")), "check character"),
    (("in/a.png", "out", "--producer", "有限公司"), "annex E"),
    (("in/a.png", "out", "--producer", "x", "--text", "由机器制作"), "clause 5"),
    (("in/a.png", "out", "--producer", "x", "--text", "AI生成龘"), "no glyph"),
    (("in/a.png", "in", "--producer", "x"), "overwrite its own input"),
    (("in/a.png", "in/sub/../a.png", "out", "--producer", "x"), "would both become"),
    (("in/a.png", "in/b.jpg", "out", "--producer", "x", "--produce-id", "1"), "unique"),
    (("in/a.png", "out", "--propagator", "x"), "has no label"),
    (("in/a.png", "in/missing.png", "out", "--producer", "x"), "missing.png"),
    (("in/a.png", "in/cut.png", "out", "--producer", "x"), "in/cut.png: damaged PNG"),
    (("in/a.png", "in/cut.jpg", "out", "--producer", "x"), "in/cut.jpg: damaged JPEG"),
    (("in/a.png", "in/fake.jpg", "out", "--producer", "x"), "not a JPEG"),
    (("in/a.png", "in/empty.png", "out", "--producer", "x"), "not a PNG"),
    (("in/a.png", "in/x.psd", "out", "--producer", "x"), "no label can be written into .psd"),
    (("in/a.png", "in/gbk.txt", "out", "--producer", "x"), "not UTF-8"),
    (("in/d.txt", "out", "--producer", "x", "--no-visible"), "no metadata"),
    (("in/a.png", "out", "--producer", "x", "--c2pa-cert", "c.pem"), "belong together"),
]


@pytest.mark.parametrize(("words", "message"), BAD)
def test_bad_input_is_one_line_exit_2_and_nothing_written(
    run: Run, words: tuple[str, ...], message: str
) -> None:
    Path("in/sub").mkdir()
    Path("in/cut.png").write_bytes(Path("in/a.png").read_bytes()[:-400])
    Path("in/cut.jpg").write_bytes(Path("in/b.jpg").read_bytes()[:-400])
    Path("in/fake.jpg").write_text("<html>")
    Path("in/empty.png").touch()
    Path("in/x.psd").write_text("8BPS")
    Path("in/gbk.txt").write_bytes("正文".encode("gbk"))
    before = leftovers(Path())
    at = next(i for i, word in enumerate(words) if word.startswith("--"))
    files, out, options = words[: at - 1], words[at - 1], words[at:]
    code, _, error = run("label", *files, "--out", out, *options)
    assert code == 2
    assert message in error
    assert error.startswith("guard: ")
    assert error.count("\n") == 1
    assert leftovers(Path()) == before


def test_a_file_that_only_looks_like_another_is_judged_by_its_bytes(run: Run) -> None:
    Path("in/photo.png").write_bytes(Path("in/b.jpg").read_bytes())
    _, (row,), _ = run("label", "in/photo.png", "--out", "out", "--producer", "x", "--json")
    assert row["format"] == "jpeg"


def test_blocked_texts_get_no_label() -> None:
    label = Label("x")
    assert label_text(Verdict(Action.REVIEW, "答"), label, at="end") == "答\n\n【AI生成】\n"
    with pytest.raises(GuardError, match="blocked"):
        label_text(Verdict(Action.BLOCK, "答"), label)


def md(**members: str) -> bytes:
    good = {"Label": "1", "ContentProducer": "p", "ProduceID": "i"}
    rest = dict.fromkeys(("ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2"), "")
    lines = "".join(f"  {key}: {value!r}\n" for key, value in (good | rest | members).items())
    return f"---\nAIGC:\n{lines}---\n".encode()


@pytest.mark.parametrize(
    ("data", "clause", "verdict"),
    [
        (md(Label="AIGC"), "GB45438/E.label", "suspected"),
        (md(Label="4"), "GB45438/E.label", "suspected"),
        (md(ContentProducer="Mini Max"), "GB45438/E.charset", "confirmed"),
        (md(ContentProducer="有限公司"), "GB45438/E.charset", "confirmed"),
        (md(ContentProducer=""), "CN-LABEL-2025/5", "confirmed"),
        (md(Extra="1"), "GB45438/E.keys", "confirmed"),
        (md(ContentProducer=CODE.replace("K6", "K7")), "TC260-PG/20252A", "confirmed"),
        (
            b"---\nAIGC: {Label: '1', Label: '2', ContentProducer: p, ProduceID: i}\n---\n",
            "GB45438/E.keys",
            None,
        ),
        (b"---\nAIGC: nothing\n---\n", "GB45438/E.keys", "suspected"),
        (
            md()[:-4] + b"AIGC: {Label: '1', ContentProducer: q, ProduceID: i}\n---\n",
            "GB45438/6.1.c",
            "confirmed",
        ),
    ],
)
def test_each_deviation_is_noncompliant_with_its_clause(
    data: bytes, clause: str, verdict: str | None
) -> None:
    read = inspect_bytes(data, "x.md")
    assert read.standard.status == "noncompliant"
    assert clause in {problem.clause for problem in read.standard.problems}
    assert verdict in (None, read.verdict)


def test_unsure_clauses_only_warn() -> None:
    data = b"---\nAIGC: {Label: '1', ContentProducer: p, ProduceID: i}\n---\n"
    read = inspect_bytes(data, "x.md")
    assert read.standard.status == "compliant"
    assert {problem.certainty for problem in read.standard.problems} == {"C"}
    assert all("依据待复核" in problem.message for problem in read.standard.problems)


def test_the_cases_of_article_6() -> None:
    plain = encode(scene(), "PNG")
    assert inspect_bytes(plain, "x").verdict == "none"
    assert inspect_bytes(plain, "x", declared=True).verdict == "possible"
    assert inspect_bytes(md(), "x.md", declared=True).verdict == "confirmed"
    assert inspect_bytes(md(Label="2"), "x.md").verdict == "possible"
    assert inspect_bytes(md(Label="3"), "x.md").verdict == "suspected"
    assert inspect_bytes("【AI合成】\n".encode(), "x.txt").verdict == "suspected"
    source = b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    traced = inspect_bytes(encode(scene(), "JPEG", xmp=b"<x>" + source + b"</x>"), "x")
    assert (traced.verdict, traced.standard.status) == ("suspected", "not_found")
    assert traced.traces == ("IPTC DigitalSourceType trainedAlgorithmicMedia",)


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.pdf", "x.md", "x"])
def test_unreadable_files_are_inconclusive_with_a_reason(name: str) -> None:
    read = inspect_bytes(b"\xff\xd8\xff\xe0" if name == "x.jpg" else b"\xff\xfe\x00", name)
    assert read.standard.status == "inconclusive"
    assert read.standard.reason


def test_the_gate_closes_on_everything_but_a_good_label(run: Run) -> None:
    Path("bad.md").write_bytes(md(Label="9"))
    Path("good.md").write_bytes(md())
    assert run("inspect", "good.md", "--gate")[0] == 0
    assert run("inspect", "good.md", "bad.md", "--gate")[0] == 1
    assert run("inspect", "in/a.png", "--gate")[0] == 1
    assert run("inspect", "in/a.png")[0] == 0


def test_a_missing_file_is_exit_2(run: Run) -> None:
    code, _, error = run("inspect", "nowhere.png")
    assert (code, error) == (2, "guard: nowhere.png: no such file or directory; check the path\n")


def test_many_files_stream(folder: Path, label: Label) -> None:
    """A generator: the second file is read only when the first is done."""
    anonymous = Label(label.producer)
    items = label_files([folder / "in/a.png", folder / "in/b.jpg"], folder / "out", anonymous)
    first = next(items)
    assert leftovers(folder / "out") == ["a.png"]
    assert inspect_file(first.file).verdict == "confirmed"


def test_metadata_work_loads_no_heavy_module(folder: Path) -> None:
    import subprocess

    code = (
        "import sys; from guard.model import Label;"
        "from guard.label import label_file, inspect_file;"
        "label_file('in/a.png', 'o.png', Label('x'), visible=False); inspect_file('o.png');"
        "print([m for m in ('PIL', 'c2pa', 'cryptography', 'yaml', 'rich') if m in sys.modules])"
    )
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": root},
        capture_output=True,
        check=True,
    )
    assert done.stdout.strip() == b"[]"
