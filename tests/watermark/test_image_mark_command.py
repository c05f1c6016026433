"""``guard label --watermark`` and ``guard inspect --watermark-key``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from guard.cli import main
from guard.label import inspect_bytes

CODE = "001191110102MACQD9K64010000"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    image = Image.radial_gradient("L").resize((400, 300)).convert("RGB")
    image.paste(Image.effect_noise((200, 300), 40).convert("RGB"), (0, 0))
    path = tmp_path / "picture.png"
    image.save(path)
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "mark.key"
    path.write_bytes(bytes(range(32)))
    return path


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, list[dict[str, object]]]:
    code = main([*map(str, words), "--json"])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_label_then_inspect(
    picture: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    options = ["--producer", CODE, "--watermark", "--watermark-key", key, "--audit", log]
    code, rows = run(capsys, "label", picture, "--out", out, *options)
    mark = rows[0]["watermark"]
    assert code == 0
    assert isinstance(mark, dict)
    assert len(mark["payload"]) == 16
    assert mark["kept"] is False

    _, rows = run(capsys, "inspect", out / "picture.png", "--watermark-key", key)
    seen = rows[0]["watermark"]
    assert isinstance(seen, dict)
    assert (seen["state"], seen["payload"]) == ("present", mark["payload"])
    assert seen["false_alarm"] <= 1e-6
    assert rows[0]["verdict"] == "confirmed"
    written = (path.read_bytes() for path in log.rglob("*") if path.is_file())
    assert any(mark["payload"].encode() in data for data in written)


def test_without_its_label_a_marked_picture_is_suspected(
    picture: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(capsys, "label", picture, "--out", out, "--producer", CODE, "--watermark",
        "--watermark-key", key)  # fmt: skip
    bare = tmp_path / "bare.jpg"
    with Image.open(out / "picture.png") as image:
        image.resize((360, 270)).save(bare, quality=80)
    _, rows = run(capsys, "inspect", bare, "--watermark-key", key)
    assert rows[0]["label"] is None
    assert rows[0]["verdict"] == "suspected"
    _, rows = run(capsys, "inspect", bare)
    assert (rows[0]["watermark"], rows[0]["verdict"]) == (None, "none")


def test_a_marked_file_keeps_its_number(
    picture: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--producer", CODE, "--no-visible", "--watermark", "--watermark-key", key]
    _, first = run(capsys, "label", picture, "--out", tmp_path / "a", *options)
    _, second = run(capsys, "label", tmp_path / "a/picture.png", "--out", tmp_path / "b", *options)
    one, two = first[0]["watermark"], second[0]["watermark"]
    assert isinstance(one, dict)
    assert isinstance(two, dict)
    assert (two["payload"], two["kept"]) == (one["payload"], True)


@pytest.mark.parametrize("options", [["--watermark"], ["--watermark-key", "mark.key"]])
def test_the_two_options_belong_together(
    picture: Path, tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["label", str(picture), "--out", str(tmp_path / "o"), "--producer", CODE, *options]
    assert main(words) == 2
    assert "belong together" in capsys.readouterr().err


def test_other_kinds_are_refused_before_anything_is_written(
    picture: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.md"
    text.write_text("words", encoding="utf-8")
    words = ["label", str(picture), str(text), "--out", str(tmp_path / "o"), "--producer", CODE,
             "--watermark", "--watermark-key", str(key)]  # fmt: skip
    assert main(words) == 2
    assert "no invisible mark is written into markdown" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_a_broken_picture_is_unreadable_not_absent(key: Path, picture: Path) -> None:
    seen = inspect_bytes(picture.read_bytes()[:400], "x.png", watermark_key=key)
    assert seen.watermark is not None
    assert seen.watermark["state"] == "unreadable"
