"""Damaged files of every kind, in great numbers, in a process with little memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import test_label_pdf as pdfs
from . import test_label_pictures as pictures
from .test_label_every_kind import MAKERS

ROOT = Path(__file__).parents[2]
WORKER = Path(__file__).with_name("mutated.py")
#: Beside the kinds of the other tests: those without a plan, and other forms of the same kind.
MORE = {
    "table.pdf": lambda: pdfs.SAMPLES["table"],
    "plain.png": lambda: pictures.BASES["PNG"],
    "plain.jpg": lambda: pictures.BASES["JPEG"],
    "b.md": lambda: "---\ntitle: 题\n---\n正文。\n".encode(),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "count"),
    [(1, 10_000), (2, 10_000)]
    + [pytest.param(n, 100_000, marks=pytest.mark.soak) for n in range(10, 20)],
)
def test_damaged_files(seed: int, count: int, tmp_path: Path) -> None:
    for name, make in {**MAKERS, **MORE}.items():
        (tmp_path / name).write_bytes(make())
    words = [sys.executable, str(WORKER), str(tmp_path), str(seed), str(count)]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=count // 20,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
