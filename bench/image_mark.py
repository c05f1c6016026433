"""The invisible image mark beside its peers: ``python image_mark.py [--quick] [--publish]``.

Makes its environments, fetches the pictures, puts every way through every attack, scores pictures
without a mark, then draws the table and the plot (image_mark_chart.py). About an hour on two idle
cores; ``--quick`` takes every tenth picture and 300 patches. ``--publish`` writes into docs/.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
#: As in run.sh: a plain path file.
COMPAT = ["--config-settings", "editable_mode=compat"]
OURS = ["numpy==2.4.6", "pillow==13.0.0", "scikit-image==0.26.0"]
#: --no-deps: torch is asked for by a part that is not used.
PEERS = [
    "numpy==2.4.6",
    "pillow==13.0.0",
    "opencv-python-headless==5.0.0.93",
    "PyWavelets==1.9.0",
    "blind-watermark==0.4.4",
    "invisible-watermark==0.2.0",
]
#: Way -> environment, each STEPth picture.
WAYS = {
    "aigc-guard": (".venv-imagemark", 1),
    "dwtDct": (".venv-imagepeers", 3),
    "dwtDctSvd": (".venv-imagepeers", 3),
    "blind_watermark": (".venv-imagepeers", 5),
}
UNMARKED = 10_400
QUICK = 10


def environment(name: str, *options: str) -> str:
    """The python of an environment, made when it is not there or its list has changed."""
    folder = HERE / name
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != " ".join(options):
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--disable-pip-version-check", *options], check=True, cwd=HERE)
        stamp.write_text(" ".join(options))
    return str(folder / "bin/python")


def main(quick: bool, publish: bool) -> None:
    OUT.mkdir(exist_ok=True)
    pythons = {
        ".venv-imagemark": environment(".venv-imagemark", "-e", "..", *COMPAT, *OURS),
        ".venv-imagepeers": environment(".venv-imagepeers", "--no-deps", *PEERS),
    }
    own = pythons[".venv-imagemark"]
    _run(own, "image_mark_pictures.py", "out/pictures")
    for way, (place, step) in WAYS.items():
        step *= QUICK if quick else 1
        target = f"out/image_mark_{way}.json"
        _run(pythons[place], "image_mark_run.py", way, "out/pictures/set", str(step), target)
    count = str(300 if quick else UNMARKED)
    _run(own, "image_mark_unmarked.py", "out/pictures/sources", count, "out/image_mark_null.json")
    _run(own, "image_mark_chart.py", *(["--publish"] if publish else []))


def _run(python: str, *command: str) -> None:
    one_core = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    subprocess.run([python, *command], check=True, cwd=HERE, env={**os.environ, **one_core})


if __name__ == "__main__":
    main("--quick" in sys.argv, "--publish" in sys.argv)
