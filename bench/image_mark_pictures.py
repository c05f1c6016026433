"""Pictures for the image mark's bench, from what public packages ship. None is kept in this tree.

``python image_mark_pictures.py FOLDER`` writes FOLDER/set (512 x 512 PNG, one per picture: the
middle square, made smaller or larger) and leaves the sources in FOLDER/sources for the patches of
unmarked pictures. What cannot be fetched is left out, and the table says how many there were.

Sources: the wheels of scikit-image, scikit-learn, PyWavelets, matplotlib, ultralytics, imgaug and
scipy 1.11 (the last with sample pictures); Debian's packages of photographic backgrounds.
"""

from __future__ import annotations

import bz2
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 512
WHEELS = {
    "scikit-image==0.26.0": "skimage/data/",
    "scikit-learn==1.9.1": "sklearn/datasets/images/",
    "PyWavelets==1.9.0": "pywt/data/",
    "matplotlib==3.11.2": "matplotlib/mpl-data/sample_data/grace_hopper",
    "ultralytics==8.4.190": "ultralytics/assets/",
    "imgaug==0.4.0": "imgaug/quokka.jpg",
    "scipy==1.11.4": "scipy/misc/face.dat",
}
DEBIAN = ("mate-backgrounds", "lomiri-wallpapers-20.04", "lomiri-wallpapers-16.04")
#: Drawings, masks, and pictures smaller than half the side of the set are none to speak of.
LEFT_OUT = ("chessboard", "horse", "logo", "phantom", "microaneurysms", "no_time", "multipage")
LEFT_OUT_DEBIAN = ("abstract", "desktop")


def fetch(folder: Path) -> None:
    """Wheels and Debian packages into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in WHEELS:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder)]
        _run([*pip, "--only-binary", ":all:", "--python-version", "3.11", name])
    for name in DEBIAN:
        if not list(folder.glob(f"{name}_*.deb")):
            _run(["apt-get", "download", "-qq", name], cwd=folder)
    for package in folder.glob("*.deb"):
        target = folder / "debian" / package.stem
        if not target.exists():
            target.mkdir(parents=True)
            _run(["dpkg", "-x", str(package), str(target)])


def _run(command: list[str], cwd: Path | None = None) -> None:
    try:
        subprocess.run(command, cwd=cwd, check=True, timeout=600)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"bench: left out: {' '.join(command)}: {error}", file=sys.stderr)


def pictures(folder: Path) -> Iterator[tuple[str, Image.Image]]:
    """Name and picture of everything fetched, in a fixed order."""
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in sorted(archive.namelist()):
                if any(name.startswith(start) for start in WHEELS.values()):
                    picture = _opened(name, archive.read(name))
                    if picture and not Path(name).name.startswith(LEFT_OUT):
                        yield Path(name).stem, picture
    for path in sorted(folder.glob("debian/*/usr/share/backgrounds/**/*.jpg")):
        if path.is_file() and path.parent.name not in LEFT_OUT_DEBIAN:
            yield path.stem, Image.open(path)


def _opened(name: str, data: bytes) -> Image.Image | None:
    suffix = Path(name).suffix
    if suffix in (".png", ".jpg"):
        return Image.open(io.BytesIO(data))
    if suffix == ".dat":  # scipy.misc.face, 768 x 1024 RGB
        return Image.fromarray(np.frombuffer(bz2.decompress(data), np.uint8).reshape(768, 1024, 3))
    if Path(name).name in ("aero.npz", "ascent.npz"):
        return Image.fromarray(np.load(io.BytesIO(data))["data"].astype(np.uint8))
    return None


def square(image: Image.Image) -> Image.Image:
    """The middle square at the side of the set, grey or RGB, transparency on white."""
    if image.mode in ("P", "RGBA", "LA"):
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image = white
    if image.mode != "L":
        image = image.convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def main(folder: Path) -> None:
    fetch(folder / "sources")
    out = folder / "set"
    out.mkdir(exist_ok=True)
    for name, image in pictures(folder / "sources"):
        target = out / f"{name}.png"
        if not target.exists():
            square(image).save(target)
    print(f"{len(list(out.glob('*.png')))} pictures in {out}")


if __name__ == "__main__":
    Image.MAX_IMAGE_PIXELS = None
    main(Path(sys.argv[1]))
