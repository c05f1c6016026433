"""Labels survive re-encoding when they are carried over."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from guard.errors import LabelError
from guard.label import inspect_file, label_file, save_image, transplant
from guard.model import Label
from guard.watermark import gb45438

from .conftest import scene
from .containers import program


def pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.convert("RGB").tobytes()


@pytest.fixture
def labelled(tmp_path: Path, label: Label) -> Path:
    scene(200, 160).save(tmp_path / "plain.png")
    label_file(tmp_path / "plain.png", tmp_path / "labelled.png", label, visible=False)
    return tmp_path / "labelled.png"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".gif", ".tiff", ".avif"])
def test_a_picture_saved_anew_gets_its_label_back(
    labelled: Path, suffix: str, label: Label
) -> None:
    anew = labelled.with_name("anew" + suffix)
    with Image.open(labelled) as image:
        image.resize((100, 80)).convert("RGB").save(anew)
    before = pixels(anew)
    written = transplant(labelled, anew)
    assert written.label == gb45438.fields(label)
    assert inspect_file(anew).standard.status == "compliant"
    assert pixels(anew) == before
    shown = subprocess.run(
        [program("exiftool"), "-json", "-Aigc", str(anew)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert json.loads(json.loads(shown.stdout)[0]["Aigc"]) == gb45438.fields(label)


def test_a_platforms_label_is_carried_over_with_all_seven_fields(labelled: Path) -> None:
    onward = labelled.with_name("onward.png")
    label_file(labelled, onward, Label("", propagator="platform", propagate_id="p-1"))
    anew = labelled.with_name("anew.png")
    with Image.open(onward) as image:
        image.save(anew)
    transplant(onward, anew)
    assert inspect_file(anew).label == inspect_file(onward).label


def test_a_file_without_a_label_is_refused_and_the_target_left_alone(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        scene(64, 64).save(tmp_path / name)
    before = (tmp_path / "b.png").read_bytes()
    with pytest.raises(LabelError, match="no label"):
        transplant(tmp_path / "a.png", tmp_path / "b.png")
    assert (tmp_path / "b.png").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".avif"])
def test_pillow_keeps_the_label_through_resize_and_crop(
    labelled: Path, suffix: str, label: Label
) -> None:
    first = labelled.with_name("first" + suffix)
    with Image.open(labelled) as image:
        save_image(image.resize((120, 100)).convert("RGB"), first, quality=80)
    second = labelled.with_name("second.webp")
    with Image.open(first) as image:
        save_image(image.crop((10, 10, 90, 90)), second)
    assert inspect_file(second).label == gb45438.fields(label)


def test_a_picture_of_a_model_gets_a_new_label_drawn_and_written(tmp_path: Path) -> None:
    written = save_image(scene(300, 200), tmp_path / "made.png", Label("maker"))
    assert written.visible
    assert inspect_file(tmp_path / "made.png").verdict == "confirmed"
    assert [p.name for p in tmp_path.iterdir()] == ["made.png"]


def test_a_picture_without_a_label_is_not_saved_silently(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="no label"):
        save_image(scene(64, 64), tmp_path / "made.png")
    assert list(tmp_path.iterdir()) == []
