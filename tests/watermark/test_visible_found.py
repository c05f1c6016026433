"""guard inspect sees the notice in what is text: pages, Word documents, Markdown, plain text."""

from __future__ import annotations

import io
from pathlib import Path

import docx
import pytest

from guard.label import inspect_file, label_file
from guard.model import Label


def word() -> bytes:
    out = io.BytesIO()
    document = docx.Document()
    document.add_paragraph("正文 <一> & 二")
    document.save(out)
    return out.getvalue()


FILES = {
    "a.html": "<!doctype html><title>AI生成</title><script>'AI生成'</script><p>正文</p>".encode(),
    "a.docx": word(),
    "a.md": "# 题\n\n正文\n".encode(),
    "a.txt": "正文\n".encode(),
}


@pytest.mark.parametrize("name", FILES)
def test_a_notice_that_was_written_is_found(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_bytes(FILES[name])
    before = inspect_file(source).explicit
    assert (before["checked"], before["found"]) == (True, False)
    label_file(source, tmp_path / "out" / name, Label("maker", text="人工智能合成"))
    seen = inspect_file(tmp_path / "out" / name).explicit
    assert seen["found"]
    assert "人工智能合成" in seen["text"]
