"""The examples run as they stand and show what they promise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(name: str, folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_fits_on_a_screen(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 30


def test_check_prompt(tmp_path: Path) -> None:
    assert run("check_prompt.py", tmp_path, "今天天气怎么样？").startswith("PASS ")
    blocked = run("check_prompt.py", tmp_path)
    assert blocked.startswith("BLOCK ")
    assert "TC260-003/" in blocked or "CN-GAI-2023/" in blocked


def test_clean_dataset(tmp_path: Path) -> None:
    out = run("clean_dataset.py", tmp_path)
    assert "13800001234" not in out
    assert [line.split()[1] for line in out.splitlines()[:3]] == ["keep", "redact", "duplicate"]
    assert "'input': 3, 'kept': 2, 'redacted': 1, 'dropped': 1, 'duplicates': 1" in out


def test_label_image(tmp_path: Path) -> None:
    out = run("label_image.py", tmp_path)
    assert "compliant" in out
    assert (tmp_path / "labelled.png").is_file()
