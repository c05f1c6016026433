"""The demo replaces its own folder and nobody else's, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from guard.demo.place import MARKER, building
from guard.errors import CannotFinish, InputError


def build(out: Path, text: str, then: Callable[[], None] = lambda: None) -> None:
    with building(out) as folder:
        (folder / "report.html").write_text(text)
        then()


def tree(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    build(out, "one")
    build(out, "two")
    assert (out / "report.html").read_text() == "two"
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    build(tmp_path / "made-by-hand", "one")
    (tmp_path / "empty").mkdir()
    build(tmp_path / "empty", "one")
    assert (tmp_path / "empty" / MARKER).is_file()


@pytest.mark.parametrize("marked", [False, True])
def test_foreign_content_is_refused_and_untouched(tmp_path: Path, marked: bool) -> None:
    out = tmp_path / "out"
    if marked:
        build(out, "one")
    out.mkdir(exist_ok=True)
    (out / "thesis.txt").write_text("mine")
    before = tree(out)
    with pytest.raises(InputError, match="choose another --out"):
        build(out, "two")
    assert tree(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_or_a_link_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    for name in ("file", "link"):
        with pytest.raises(InputError, match="not a folder"):
            build(tmp_path / name, "one")
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


def test_what_appears_while_it_runs_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def somebody() -> None:
        out.mkdir()
        (out / "thesis.txt").write_text("mine")

    with pytest.raises(InputError):
        build(out, "one", somebody)
    assert tree(out) == {"thesis.txt": "mine"}


def test_a_failed_run_leaves_the_earlier_demo(tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(out, "one")

    def disk_full() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(CannotFinish, match="no space"):
        build(out, "half", disk_full)
    assert (out / "report.html").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
