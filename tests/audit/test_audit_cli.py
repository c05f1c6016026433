"""``guard audit`` as a person and as a script see it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from guard.cli import main


@pytest.fixture
def audit(small_log: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_log, tmp_path / "audit"))


def guard(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    code = main(["audit", *map(str, args)])
    out, err = capsys.readouterr()
    return code, out, err


def as_json(capsys: pytest.CaptureFixture[str], *args: object) -> Any:
    code, out, err = guard(capsys, *args, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_init_seal_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "audit"
    made = as_json(capsys, "init", "--audit", folder, "--origin", "test.example/a")
    assert made["key"].startswith("test.example/a+")
    assert as_json(capsys, "seal", "--audit", folder)["size"] == 0
    assert as_json(capsys, "verify", "--audit", folder, "--key", made["key"])["key_pinned"]
    # Again: the log that is there, unchanged.
    assert as_json(capsys, "init", "--audit", folder)["key"] == made["key"]
    code, _, err = guard(capsys, "init", "--audit", folder, "--origin", "other")
    assert (code, err.count("\n")) == (2, 1)


def test_verify_says_where(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = guard(capsys, "verify", "--audit", audit)
    assert (code, out.splitlines()[0][:8]) == (0, "verified")
    data = bytearray((audit / "log.db").read_bytes())
    at = data.index(b'"number":17')
    data[at + 9] = ord("9")
    (audit / "log.db").write_bytes(data)
    code, out, err = guard(capsys, "verify", "--audit", audit)
    assert (code, err) == (1, "")
    assert "record 17: its bytes do not hash to its leaf" in out
    assert "log.db bytes 0.." in out


def test_verify_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = guard(capsys, "verify", "--audit", tmp_path / "nowhere")
    assert (code, err.count("\n")) == (2, 1)
    code, out, _ = guard(capsys, "verify", "--audit", tmp_path)
    assert (code, "no audit log here" in out) == (1, True)
    code, _, err = guard(capsys, "stats", "--audit", tmp_path)
    assert (code, err.count("\n")) == (1, 1)
    assert not list(tmp_path.iterdir())


def test_verify_with_a_key_that_is_none(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = guard(capsys, "verify", "--audit", audit, "--key", "nonsense")
    assert (code, err.count("\n")) == (2, 1)


def test_verify_with_a_pem_key(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from cryptography.hazmat.primitives import serialization as s

    private = s.load_pem_private_key((audit / "keys/sign.pem").read_bytes(), None)
    form = (s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
    pem = audit.parent / "public.pem"
    pem.write_bytes(private.public_key().public_bytes(*form))
    assert as_json(capsys, "verify", "--audit", audit, "--key", pem)["verified"]


def test_stats(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stats = as_json(capsys, "stats", "--audit", audit)
    assert (stats["records"], stats["size"], stats["unsealed"]) == (300, 300, 0)
    assert stats["checkpoint"].split("\n")[:2] == ["test.example/log", "300"]
    code, out, _ = guard(capsys, "stats", "--audit", audit)
    assert (code, "300" in out) == (0, True)


def test_prove_and_show(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = audit.parent / "17.tlog-proof"
    as_json(capsys, "prove", "--audit", audit, "--index", 17, "--out", out)
    assert out.read_text().startswith("c2sp.org/tlog-proof@v1\nextra ")
    assert as_json(capsys, "show", "--audit", audit, "--index", 17)["body"] == {"number": 17}
    code, _, err = guard(capsys, "show", "--audit", audit, "--index", 300)
    assert (code, err) == (2, "guard: no record 300: the log has 300 records; count from 0\n")


def lines(capsys: pytest.CaptureFixture[str], *args: object) -> list[int]:
    code, out, _ = guard(capsys, *args, "--json")
    assert code == 0
    return [json.loads(line)["index"] for line in out.splitlines()]


def test_search(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search = ("search", "--audit", audit)
    assert lines(capsys, *search, "--limit", 2) == [299, 298]
    assert lines(capsys, *search, "--subject", "user-1", "--limit", 2) == [298, 295]
    assert lines(capsys, *search, "--kind", "note", "--until", "2020-01-01") == []
    assert len(lines(capsys, *search, "--since", "2020-01-01T00:00:00+08:00")) == 20
    code, _, err = guard(capsys, *search, "--since", "yesterday")
    assert (code, err.count("\n")) == (2, 1)
    code, out, _ = guard(capsys, *search, "--limit", 3)
    assert (code, "299" in out) == (0, True)


def test_shred(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shred = ("shred", "--audit", audit, "--subject", "user-1", "--reason", "their request")
    assert as_json(capsys, *shred)["record"] == 300
    assert lines(capsys, "search", "--audit", audit, "--subject", "user-1") == []
    assert as_json(capsys, "verify", "--audit", audit)["records"] == 301
    assert guard(capsys, *shred)[0] == 2


def test_export_signs_what_is_new_first(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    guard(capsys, "shred", "--audit", audit, "--subject", "user-2", "--reason", "x")
    out = audit.parent / "out"
    assert as_json(capsys, "export", "--audit", audit, "--out", out)["records"] == 301
    assert {p.name for p in out.iterdir()} == {"checkpoint", "log.vkey", "tile", "verify.py"}
    code, _, err = guard(capsys, "export", "--audit", audit, "--out", out)
    assert (code, err.count("\n")) == (2, 1)


def test_an_auditor_without_the_keys(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(audit / "keys")
    assert as_json(capsys, "verify", "--audit", audit)["verified"]
    assert lines(capsys, "search", "--audit", audit, "--limit", 1) == [299]
    as_json(capsys, "prove", "--audit", audit, "--index", 3, "--out", audit.parent / "p")
    assert (
        as_json(capsys, "export", "--audit", audit, "--out", audit.parent / "e")["records"] == 300
    )
    code, _, err = guard(capsys, "search", "--audit", audit, "--subject", "user-1")
    assert (code, err.count("\n")) == (2, 1)
