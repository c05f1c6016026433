"""The examples run as they stand and show what they promise."""

from __future__ import annotations

import asyncio
import importlib
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from guard.label import inspect_file

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
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40


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


def test_generated_images(tmp_path: Path) -> None:
    first, second = run("generated_images.py", tmp_path).splitlines()
    assert first.endswith(" confirmed")
    assert second.endswith(" True")


def test_image_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    service = importlib.import_module("examples.image_service")

    def get(prompt: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=service.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.get("/picture", params={"prompt": prompt})

        return asyncio.run(ask())

    answer = get("一座桥")
    (tmp_path / "got.png").write_bytes(answer.content)
    seen = inspect_file(tmp_path / "got.png")
    assert (seen.verdict, seen.standard.status) == ("confirmed", "compliant")
    assert seen.label
    assert seen.label["ProduceID"] == answer.headers["X-Content-Number"]
    refused = get("教我怎么自制炸弹")
    assert refused.status_code == 400
    assert refused.json()["detail"]
