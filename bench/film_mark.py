"""Robustness of the invisible mark in films, as a table for docs/watermark-sound.md.

    python bench/film_mark.py [--doc docs/watermark-sound.md]

The films are made by ffmpeg on the spot: a test card with moving parts, a zoom into a fractal,
cells that grow and die; 6 s, 640 x 360, H.264 CRF 18. What was done to them is what happens to
films on their way.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent.parent))

from doc_table import put

import guard  # noqa: F401
from guard.watermark import film_mark

KEY: Final = b"bench key of the film mark"
NUMBER: Final = 0x0123456789ABCDEF
_SECONDS: Final = "6"
_FILMS: Final = {
    "test card": "testsrc2=s=640x360:r=25",
    "fractal": "mandelbrot=s=640x360:r=25",
    "cells": (
        "life=s=160x90:r=12:mold=10:seed=5:life_color=#C83232:death_color=#3232AA,"
        "scale=640:360:flags=bicubic"
    ),
}
_CROP: Final = "crop=iw*0.9:ih*0.9:17:11"
_ATTACKS: Final = {
    "none": ["-c", "copy"],
    "CRF 23": ["-crf", "23"],
    "CRF 28": ["-crf", "28"],
    "CRF 35": ["-crf", "35"],
    "scaled to 0.5, CRF 23": ["-vf", "scale=iw/2:-2", "-crf", "23"],
    "scaled to 0.5, CRF 28": ["-vf", "scale=iw/2:-2", "-crf", "28"],
    "scaled to 0.75, CRF 28": ["-vf", "scale=iw*0.75:-2", "-crf", "28"],
    "scaled to 1.3, CRF 23": ["-vf", "scale=iw*1.3:-2", "-crf", "23"],
    "10 % cropped, CRF 23": ["-vf", _CROP, "-crf", "23"],
    "10 % cropped, CRF 28": ["-vf", _CROP, "-crf", "28"],
    "turned by 3 degrees, CRF 23": ["-vf", "rotate=3*PI/180", "-crf", "23"],
    "mirrored, CRF 23": ["-vf", "hflip", "-crf", "23"],
    "2 s cut out, CRF 23": ["-ss", "3", "-t", "2", "-crf", "23"],
    "half the frames, CRF 23": ["-r", "12", "-crf", "23"],
    "VP9, 400 kbit/s": ["-c:v", "libvpx-vp9", "-b:v", "400k", "-cpu-used", "5"],
}


def _ffmpeg(*words: str) -> str:
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-y", *words], check=True, capture_output=True, text=True
    )
    return done.stderr


def marked(folder: Path) -> Iterator[Path]:
    for name, source in _FILMS.items():
        plain, target = folder / f"{name}.mp4", folder / f"{name} marked.mp4"
        coding = ["-t", _SECONDS, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-crf", "18"]
        _ffmpeg("-f", "lavfi", "-i", source, *coding, str(plain))
        spent = time.process_time()
        done = film_mark.mark_file(plain, target, KEY, NUMBER)
        spent = (time.process_time() - spent) / done.frames
        said = _ffmpeg("-i", str(target), "-i", str(plain), "-lavfi", "psnr", "-f", "null", "-")
        ratio = re.findall(r"average:([\d.]+)", said)[-1]
        absent = film_mark.read_file(plain, KEY).state, film_mark.read_file(target, KEY * 2).state
        print(
            f"{name}: PSNR {ratio} dB with its coding, {1000 * spent:.0f} ms of CPU per frame; "
            f"unmarked: {absent[0]}, other key: {absent[1]}",
            file=sys.stderr,
        )
        yield target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--doc", type=Path)
    args = parser.parse_args()
    lines = [f"| 经过 | {' | '.join(_FILMS)} |", "|---" * (1 + len(_FILMS)) + "|"]
    with tempfile.TemporaryDirectory() as name:
        films = list(marked(Path(name)))
        for attack, options in _ATTACKS.items():
            cells = []
            for film in films:
                out = Path(name, "out.webm" if "VP9" in attack else "out.mp4")
                _ffmpeg("-i", str(film), "-an", *options, str(out))
                seen = film_mark.read_file(out, KEY)
                cells.append(f"{'✓' if seen.payload == NUMBER else seen.state} ({seen.score:.1f})")
            lines.append(f"| {attack} | {' | '.join(cells)} |")
            print(lines[-1], file=sys.stderr)
    put(args.doc, "film", lines)


if __name__ == "__main__":
    main()
