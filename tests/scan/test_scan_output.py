"""Scan over real files: bytes, ledger, balance, refusals, and nothing half-written."""

import gzip
import hashlib
import html.parser
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from guard.errors import CannotFinish, InputError
from guard.model import Content, Decision, Record
from guard.scan import Setting, StrictError, scan
from guard.scan import files as scan_files
from guard.scan.page import parts
from guard.stages.stage2_data_cleaner import Judge

SETTING = Setting(policy="test@1#0", detectors=("fake@1",))


def run(paths: Sequence[Path], out: Path, judge: Judge, **options: Any) -> dict[str, Any]:
    report = scan(paths, out, judge, SETTING, **options)
    assert report == json.loads((out / "report.json").read_text(encoding="utf-8"))
    return report


def ledger(out: Path, name: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in (out / "ledger" / f"{name}.jsonl").read_bytes().splitlines()
    ]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


ODD_LINES = [
    b'{"text":"\\u4f60\\u597d", "n": 1.50, "big": 1e400}\n',
    b'  { "n":[1, {"text": "inner"}] ,"text" : "tabs\\tand \\/ slashes" }  \r\n',
    '{"text": "中文，不转义", "id": "甲"}\n'.encode(),
    b'{"text": "\\ud800 lone"}\n',
    b'{"text": ""}\n',
    '\u2028{"text": "x"}\n'.encode(),  # no JSON white space: not an object
    b'{"text": "no line end"}',
]


def test_untouched_rows_keep_their_bytes(tmp_path: Path, judge: Judge) -> None:
    source = tmp_path / "odd.jsonl"
    source.write_bytes(b"".join(ODD_LINES))
    report = run([source], tmp_path / "out", judge)
    kept = (tmp_path / "out/kept/odd.jsonl").read_bytes()
    assert kept == b"".join(ODD_LINES[:5] + ODD_LINES[6:])
    assert (report["input"], report["kept"], report["quarantined"]) == (7, 6, 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '{"id": 7, "x":1.50,  "text":"打13800138000", "y": "\\u4e2d", "big": 1E400 }\r\n',
            '{"id": 7, "x":1.50,  "text":"打[电话]", "y": "\\u4e2d", "big": 1E400 }\r\n',
        ),
        ('{"text":"\\u621113800138000"}\n', '{"text":"\\u6211[\\u7535\\u8bdd]"}\n'),
        ('{"text": "\\ud800中13800138000"}', '{"text": "\\ud800\\u4e2d[\\u7535\\u8bdd]"}'),
        ('\ufeff{"text": "找13800138000"}\n', '\ufeff{"text": "找[电话]"}\n'),
    ],
)
def test_a_redacted_row_changes_in_its_text_alone(
    tmp_path: Path, judge: Judge, before: str, after: str
) -> None:
    source = tmp_path / "a.jsonl"
    source.write_bytes(before.encode())
    run([source], tmp_path / "out", judge)
    assert (tmp_path / "out/kept/a.jsonl").read_bytes() == after.encode()
    (entry,) = ledger(tmp_path / "out", "a.jsonl")
    (start, end) = entry["spans"][0]
    text = json.loads(before.removeprefix("\ufeff"))["text"]
    assert text[start:end] == "13800138000"
    assert entry["sha256"] == hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


BROKEN = {
    b"not json": "input.json",
    b'{"text": "cut': "input.json",
    b'{"text": "two"} {"text": "rows"}': "input.json",
    b'["text"]': "input.json",
    b'{"id": 1}': "input.field",
    b'{"text": null}': "input.field",
    b'{"text": "a", "t\\u0065xt": "13800138000"}': "input.field",
    b'{"text": "\xff\xfe"}': "input.encoding",
    b'{"text": "a", "n": ' + b"9" * 5000 + b"}": "input.json",
    b"[" * 100_000: "input.json",
    b'{"text": "a", "n": ' + b"[" * 100_000: "input.json",
}


def test_broken_rows_are_quarantined_and_cost_no_other(tmp_path: Path, judge: Judge) -> None:
    good = [f'{{"text": "第{n}篇"}}\n'.encode() for n in range(len(BROKEN) + 1)]
    lines = [good[0]]
    for row, other in zip(BROKEN, good[1:], strict=True):
        lines += [row + b"\r\n", other]
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines))
    report = run([tmp_path / "a.jsonl"], tmp_path / "out", judge)
    assert (tmp_path / "out/kept/a.jsonl").read_bytes() == b"".join(good)
    entries = ledger(tmp_path / "out", "a.jsonl")
    assert [entry["category"] for entry in entries] == list(BROKEN.values())
    assert [entry["line"] for entry in entries] == list(range(2, 2 * len(BROKEN) + 1, 2))
    assert [entry["sha256"] for entry in entries] == [
        hashlib.sha256(row).hexdigest() for row in BROKEN
    ]
    assert report["errors"] == {"input.encoding": 1, "input.field": 3, "input.json": 7}


def test_ledger_contract(tmp_path: Path, judge: Judge) -> None:
    rows = [
        {
            "id": "a",
            "source": "网页",
            "text": "第一篇正常文字，长度足够参与近似重复的比较，内容如此。",
        },
        {"id": "b", "source": "网页", "text": "出售违禁词"},
        {"id": "c", "source": "论坛", "text": "一些可疑词"},
        {"id": "d", "text": "打13800138000"},
        {
            "id": 5,
            "source": "论坛",
            "text": "第一篇正常文字，长度足够参与近似重复的比较，内容如此。",
        },
    ]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "a.jsonl").write_text(text, encoding="utf-8")
    report = run([tmp_path / "a.jsonl"], tmp_path / "out", judge)
    entries = ledger(tmp_path / "out", "a.jsonl")
    want = {
        "id", "source", "file", "line", "sha256", "decision", "rule", "category", "spans",
        "score", "duplicate_of", "jaccard",
    }  # fmt: skip
    assert all(want <= entry.keys() for entry in entries)
    assert [(e["id"], e["line"], e["decision"]) for e in entries] == [
        ("b", 2, "drop"),
        ("c", 3, "quarantine"),
        ("d", 4, "redact"),
        ("5", 5, "duplicate"),
    ]
    duplicate = entries[3]
    assert (duplicate["duplicate_of"], duplicate["duplicate_at"]) == ("a", "a.jsonl:1")
    assert (duplicate["jaccard"], duplicate["category"]) == (1.0, "dup.exact")
    assert report["by_source"]["论坛"]["quarantined"] == 1
    assert report["by_source"]["a.jsonl"]["redacted"] == 1
    assert report["by_rule"]["cn-test/blocked"] == {"drop": 1}
    assert "13800138000" not in json.dumps(entries)


def test_balance_in_total_per_file_and_per_source(tmp_path: Path, judge: Judge) -> None:
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    (data / "a.txt").write_text("违禁词\n好\n\n可疑词\n好\n", encoding="utf-8")
    (data / "sub/a.txt").write_text("好\n打13800138000\n裁判崩溃\n检测器失败", encoding="utf-8")
    (data / "README.md").write_text("no data", encoding="utf-8")
    (data / ".hidden.txt").write_text("x", encoding="utf-8")
    report = run([data], tmp_path / "out", judge)
    for counts in (report, *report["files"], *report["by_source"].values()):
        assert counts["input"] == counts["kept"] + counts["dropped"] + counts["quarantined"]
        assert sum(parts(counts).values()) == counts["input"]
    for key in ("input", "kept", "redacted", "dropped", "duplicates", "quarantined"):
        assert report[key] == sum(entry[key] for entry in report["files"])
    assert [entry["file"] for entry in report["files"]] == ["a.txt", "sub/a.txt"]
    assert (report["input"], report["duplicates"], report["files"][0]["blank"]) == (8, 2, 1)
    assert report["passed_over"] == ["README.md"]
    assert (tmp_path / "out/kept/sub/a.txt").read_text(encoding="utf-8") == "打[电话]\n"
    assert {entry["file"] for entry in ledger(tmp_path / "out", "sub%2Fa.txt")} == {"sub/a.txt"}
    assert report["errors"] == {"system.detector_failed": 2}


def test_the_report_pins_inputs_and_outputs(tmp_path: Path, judge: Judge) -> None:
    source = tmp_path / "a.jsonl.gz"
    source.write_bytes(gzip.compress(b'{"text": "good"}\n'))
    report = run([source], tmp_path / "out", judge)
    (entry,) = report["files"]
    assert entry["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert entry["bytes"] == source.stat().st_size
    lines = "".join(f"{digest}  {name}\n" for name, digest in report["outputs"].items())
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict"],
        input=lines, text=True, cwd=tmp_path / "out", capture_output=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
    assert report["outputs_sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    assert set(report["outputs"]) == {"kept/a.jsonl.gz", "ledger/a.jsonl.gz.jsonl"}


def test_gzip_is_read_and_written_in_kind(tmp_path: Path, judge: Judge) -> None:
    lines = ['{"text": "好"}\n', '{"text": "违禁词"}\n', '{"text": "打13800138000"}']
    members = gzip.compress(lines[0].encode()) + gzip.compress("".join(lines[1:]).encode())
    (tmp_path / "a.jsonl.gz").write_bytes(members)
    run([tmp_path / "a.jsonl.gz"], tmp_path / "out", judge)
    kept = gzip.decompress((tmp_path / "out/kept/a.jsonl.gz").read_bytes()).decode()
    assert kept == '{"text": "好"}\n{"text": "打[电话]"}'
    assert [entry["line"] for entry in ledger(tmp_path / "out", "a.jsonl.gz")] == [2, 3]


def test_two_runs_give_the_same_bytes(tmp_path: Path, judge: Judge) -> None:
    lines = [f"第{n % 37}篇，{'违禁词' if n % 5 == 0 else '13800138000'}" for n in range(200)]
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
    (tmp_path / "b.jsonl").write_text('{"text": "第1篇"}\nbroken\n', encoding="utf-8")
    for out in ("one", "elsewhere/two"):
        run([tmp_path / "a.txt.gz", tmp_path / "b.jsonl"], tmp_path / out, judge)
    assert tree(tmp_path / "one") == tree(tmp_path / "elsewhere/two")


def test_a_document_in_a_second_file_is_a_duplicate_of_the_first(
    tmp_path: Path, judge: Judge
) -> None:
    (tmp_path / "a.txt").write_text("同一篇\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("另一篇\n同一篇\n", encoding="utf-8")
    run([tmp_path / "b.txt", tmp_path / "a.txt"], tmp_path / "out", judge)
    assert ledger(tmp_path / "out", "b.txt") == []
    assert ledger(tmp_path / "out", "a.txt")[0]["duplicate_at"] == "b.txt:2"


def test_an_over_long_line_is_quarantined_unread(
    tmp_path: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_files, "MAX_LINE", 1000)
    long = b'{"text": "' + b"x" * 3_000_000 + b'"}'
    (tmp_path / "a.jsonl").write_bytes(long + b'\r\n{"text": "good"}\n')
    run([tmp_path / "a.jsonl"], tmp_path / "out", judge)
    (entry,) = ledger(tmp_path / "out", "a.jsonl")
    assert (entry["line"], entry["category"]) == (1, "input.too_long")
    assert entry["sha256"] == hashlib.sha256(long).hexdigest()
    assert (tmp_path / "out/kept/a.jsonl").read_bytes() == b'{"text": "good"}\n'


@pytest.mark.parametrize("field", ["正文", "", 'a"b'])
def test_another_field(tmp_path: Path, judge: Judge, field: str) -> None:
    row = json.dumps({"text": {field: "13800138000"}, field: "打13800138000", "z": [1]})
    (tmp_path / "a.jsonl").write_text(row, encoding="utf-8")
    report = scan([tmp_path / "a.jsonl"], tmp_path / "out", judge, Setting(field=field))
    assert report["redacted"] == 1
    kept = json.loads((tmp_path / "out/kept/a.jsonl").read_bytes())
    assert kept == {"text": {field: "13800138000"}, field: "打[电话]", "z": [1]}


def test_one_record_for_the_run(tmp_path: Path, judge: Judge) -> None:
    records: list[Record] = []

    class Recorder:
        def append(self, record: Record) -> int:
            records.append(record)
            return 0

        def digest(self, data: str | bytes) -> str:
            return ""

        def close(self) -> None: ...

    (tmp_path / "a.txt").write_text("违禁词\n好\n", encoding="utf-8")
    report = run([tmp_path / "a.txt"], tmp_path / "out", judge, sink=Recorder())
    (record,) = records
    assert (record.kind, record.stage) == ("scan", "data_cleaner")
    assert (record.body["input"], record.body["dropped"]) == (2, 1)
    text = (tmp_path / "out/report.json").read_bytes()
    assert record.body["report_sha256"] == hashlib.sha256(text).hexdigest()
    assert record.body["recipe_sha256"] == report["recipe"]["sha256"]
    json.dumps(record.body)


# Refusals: exit 2, and not a byte is written.


def leftovers(folder: Path, *known: str) -> set[str]:
    return {path.name for path in folder.iterdir()} - set(known)


def test_refusals(tmp_path: Path, judge: Judge) -> None:
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/a.txt").write_text("y", encoding="utf-8")
    (tmp_path / "c.parquet").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    cases = {
        "no such file": [tmp_path / "missing.txt"],
        "both be written": [tmp_path / "a.txt", tmp_path / "b"],
        "not a data file": [tmp_path / "c.parquet"],
        "no data file": [tmp_path / "empty"],
    }
    for message, paths in cases.items():
        with pytest.raises(InputError, match=message):
            scan(paths, tmp_path / "out", judge, SETTING)
    with pytest.raises(InputError, match="not an empty folder"):
        scan([tmp_path / "a.txt"], tmp_path / "b", judge, SETTING)
    with pytest.raises(InputError, match="not an empty folder"):
        scan([tmp_path / "a.txt"], tmp_path / "c.parquet", judge, SETTING)
    assert leftovers(tmp_path, "a.txt", "b", "c.parquet", "empty") == set()


def test_an_empty_folder_may_be_the_output(tmp_path: Path, judge: Judge) -> None:
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    (tmp_path / "out").mkdir()
    run([tmp_path / "a.txt"], tmp_path / "out", judge)
    assert leftovers(tmp_path, "a.txt") == {"out"}
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "out/kept").stat().st_mode


@pytest.mark.parametrize("damage", ["cut", "garbage", "flipped"])
def test_a_broken_gzip_is_refused_whole(tmp_path: Path, judge: Judge, damage: str) -> None:
    data = gzip.compress(b"".join(b'{"text": "row %d"}\n' % n for n in range(9999)), mtime=0)
    bad = {
        "cut": data[: len(data) // 2],
        "garbage": b"\x1f\x8b" + os.urandom(100),
        "flipped": data[:-8] + bytes(4) + data[-4:],
    }[damage]
    (tmp_path / "a.jsonl.gz").write_bytes(bad)
    with pytest.raises(InputError, match="gzip stream is broken"):
        scan([tmp_path / "a.jsonl.gz"], tmp_path / "out", judge, SETTING)
    assert leftovers(tmp_path, "a.jsonl.gz") == set()


def test_strict_stops_and_writes_nothing(tmp_path: Path, judge: Judge) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "好"}\nbroken\n', encoding="utf-8")
    with pytest.raises(StrictError, match=r"a\.jsonl line 2 .*input\.json") as caught:
        scan([tmp_path / "a.jsonl"], tmp_path / "out", judge, Setting(strict=True))
    assert caught.value.exit_code == 1
    assert leftovers(tmp_path, "a.jsonl") == set()


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes the kernel refuse the write, as a full disk does."""
    (tmp_path / "a.txt").write_text("x" * 90 + "\n" * 2 + "y" * 4_000_000, encoding="utf-8")
    program = """
import resource, signal, sys
from pathlib import Path
from guard.errors import CannotFinish
from guard.model import Action, Decision
from guard.scan import Setting, scan
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    scan([Path("a.txt")], Path("out"), lambda batch: [Decision(Action.PASS, c.text) for c in batch],
         Setting())
except CannotFinish as error:
    sys.exit(f"{error.exit_code} {error}")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.stderr.startswith("3 "), done.stderr
    assert "file too large" in done.stderr
    assert leftovers(tmp_path, "a.txt") == set()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_not_our_input_error(tmp_path: Path, judge: Judge) -> None:
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(CannotFinish, match="permission denied"):
        scan([tmp_path / "a.txt"], locked / "out", judge, SETTING)


def test_a_folder_that_cannot_be_made(tmp_path: Path, judge: Judge) -> None:
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    with pytest.raises(CannotFinish, match="nothing was written"):
        scan([tmp_path / "a.txt"], tmp_path / "a.txt" / "out", judge, SETTING)


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    def judge(batch: Sequence[Content]) -> list[Decision]:
        raise KeyboardInterrupt

    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        scan([tmp_path / "a.txt"], tmp_path / "out", judge, SETTING)
    assert leftovers(tmp_path, "a.txt") == set()


class _Page(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.links: list[str | None] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_well_formed_self_contained_and_shows_hostile_names(
    tmp_path: Path, judge: Judge
) -> None:
    rows = [{"text": f"第{n}篇", "source": f"<script>{n}</script>\u202e"} for n in range(60)]
    text = "".join(json.dumps(row) + "\n" for row in [*rows, {"text": "违禁词"}])
    (tmp_path / "a&b.jsonl").write_text(text, encoding="utf-8")
    run([tmp_path / "a&b.jsonl"], tmp_path / "out", judge)
    page = _Page()
    page.feed((tmp_path / "out/report.html").read_text(encoding="utf-8"))
    page.close()
    assert page.open == []
    assert page.links == []
    assert "svg" in page.seen
    assert "script" not in page.seen
    assert "输入 61 = 保留 60 + 剔除 1 + 隔离 0" in page.text
    assert "<script>0</script>\ufffd" in page.text
    assert "a&b.jsonl" in page.text
