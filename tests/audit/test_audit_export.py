"""Exports are checked by the stand-alone verifier, run as an auditor would, and by hand here."""

import base64
import csv
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from guard.audit import open_log
from guard.audit.export import export
from guard.audit.note import Proof
from guard.errors import InputError
from guard.model import Record


@pytest.fixture(scope="module")
def made(small_log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exports of 300 records in all forms, and a proof."""
    out = tmp_path_factory.mktemp("exports")
    with open_log(small_log, create=False) as log:
        for form in ("tiles", "jsonl", "csv"):
            assert export(log, out / form, form) == 300
        (out / "17.tlog-proof").write_text(log.prove(17))
    return out


def check(folder: Path, *args: object) -> tuple[int, str]:
    """``python3 verify.py`` in the folder, without any package of ours on the path."""
    command = [sys.executable, "-I", "-S", "verify.py", *map(str, args)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize("form", ["tiles", "jsonl"])
def test_an_export_verifies_with_nothing_but_python(made: Path, form: str) -> None:
    code, text = check(made / form)
    assert code == 0
    assert "verified: 300 records of test.example/log" in text
    vkey = (made / "tiles" / "log.vkey").read_text().strip()
    assert check(made / form, "--key", vkey)[0] == 0


def test_a_proof_verifies_with_nothing_but_python(made: Path, small_log: Path) -> None:
    code, text = check(made / "tiles", "--proof", made / "17.tlog-proof")
    assert code == 0
    assert "record 17 of 300" in text
    assert '"number":17' in text
    changed = made / "changed.tlog-proof"
    proof = (made / "17.tlog-proof").read_text()
    entry = Proof.parse(proof).entry
    forged = base64.b64encode(entry.replace(b'"number":17', b'"number":18')).decode()
    for text in (
        proof.replace("index 17", "index 18"),
        proof.replace(base64.b64encode(entry).decode(), forged),
        proof.replace("\n300\n", "\n301\n"),
        proof[:400],
        "",
    ):
        changed.write_text(text)
        assert check(made / "tiles", "--proof", changed)[0] == 1


def test_tiles_have_the_names_and_content_of_c2sp(made: Path) -> None:
    tile = made / "tiles" / "tile"
    names = {p.relative_to(tile).as_posix() for p in tile.rglob("*") if p.is_file()}
    assert names == {"0/000", "0/001.p/44", "1/000.p/1", "entries/000", "entries/001.p/44"}
    bundle, leaves = (tile / "entries/000").read_bytes(), []
    while bundle:
        size = int.from_bytes(bundle[:2])
        leaves.append(hashlib.sha256(b"\0" + bundle[2 : 2 + size]).digest())
        bundle = bundle[2 + size :]
    assert b"".join(leaves) == (tile / "0/000").read_bytes()
    while len(leaves) > 1:
        pairs = zip(leaves[::2], leaves[1::2], strict=True)
        leaves = [hashlib.sha256(b"\1" + a + b).digest() for a, b in pairs]
    assert leaves[0] == (tile / "1/000.p/1").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["tiles", "jsonl"])
def test_changed_exports_are_found(made: Path, tmp_path: Path, form: str) -> None:
    folder = Path(shutil.copytree(made / form, tmp_path / "export"))
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name == "verify.py":
            continue
        data = path.read_bytes()
        for changed in (
            bytes([data[0] ^ 1]) + data[1:],
            data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 4]) + data[len(data) // 2 + 1 :],
            data[:-1],
            data + data[-1:],
            b"",
        ):
            path.write_bytes(changed)
            code, text = check(folder)
            assert (code, text.startswith("NOT verified: ")) == (1, True), path
        path.unlink()
        assert check(folder)[0] == 1
        path.write_bytes(data)
    assert check(folder)[0] == 0


def test_a_file_too_many_is_found(made: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made / "tiles", tmp_path / "export"))
    shutil.copy(folder / "tile/0/000", folder / "tile/0/002")
    assert check(folder) == (1, "NOT verified: tile/0/002: not part of a log of 300 records\n")


def test_lines_are_the_exact_bytes(made: Path, small_log: Path) -> None:
    lines = (made / "jsonl" / "records.jsonl").read_bytes().split(b"\n")
    with open_log(small_log, create=False) as log:
        assert lines[17] == log.raw(17)
    assert lines.pop() == b""
    assert [json.loads(line)["body"]["number"] for line in lines] == list(range(300))


def test_cells_do_not_run_in_a_spreadsheet(tmp_path: Path) -> None:
    body = {"action": "=1+1", "role": "@x", "rules": [{"id": "-r"}], "findings": []}
    with open_log(tmp_path / "audit") as log:
        log.append(Record("note", body, request_id="+cmd"))
        log.checkpoint()
        export(log, tmp_path / "csv", "csv")
    data = (tmp_path / "csv" / "records.csv").read_text(encoding="utf-8-sig")
    (row,) = csv.DictReader(data.splitlines())
    assert (row["action"], row["role"], row["rules"]) == ("'=1+1", "'@x", "'-r")
    assert row["request_id"] == "'+cmd"


def test_an_export_never_overwrites(made: Path, small_log: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with open_log(small_log, create=False) as log:
        with pytest.raises(InputError, match="not empty"):
            export(log, tmp_path)
        with pytest.raises(InputError, match="format"):
            export(log, tmp_path / "new", "xml")
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512])
def test_sizes_at_the_edges_of_tiles(tmp_path: Path, size: int) -> None:
    with open_log(tmp_path / "audit") as log:
        log.append_many([Record("note", {"n": n}) for n in range(size)])
        log.checkpoint()
        export(log, tmp_path / "out")
    assert check(tmp_path / "out")[0] == 0
