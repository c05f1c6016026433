"""Pictures drawn by code, and exiftool as the reader that is not ours."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from guard.model import Label

CODE = "001191110102MACQD9K64010000"


def scene(width: int = 320, height: int = 240) -> Image.Image:
    """Smooth in the left half, noisy in the right: corners differ in detail."""
    red = Image.linear_gradient("L").resize((width, height))
    green = Image.radial_gradient("L").resize((width, height))
    picture = Image.merge("RGB", (red, green, red.transpose(Image.Transpose.ROTATE_180)))
    noise = Image.effect_noise((width // 2, height), 90).convert("RGB")
    picture.paste(noise, (width - width // 2, 0))
    return picture


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def pixels(data: bytes) -> tuple[str, tuple[int, int], bytes]:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.mode, picture.size, picture.tobytes()


@pytest.fixture
def label() -> Label:
    return Label(producer=CODE, produce_id="20261122-0001")


@pytest.fixture(params=["PNG", "JPEG"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def exiftool(tmp_path: Path) -> Callable[[bytes, str], dict[str, Any]]:
    """All tags that exiftool reads from some bytes, as ``Group:Tag``."""
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed (CI installs it)")

    def tags(data: bytes, suffix: str) -> dict[str, Any]:
        path = tmp_path / f"oracle.{suffix.lower()}"
        path.write_bytes(data)
        done = subprocess.run(
            [program, "-j", "-G1", "-struct", "-a", str(path)], capture_output=True, check=True
        )
        found: dict[str, Any] = json.loads(done.stdout)[0]
        return found

    return tags
