"""One way of marking pictures, put through every attack; run with the python of its environment:
``python image_mark_run.py WAY FOLDER STEP OUT.json``. Each STEPth picture of FOLDER is used.

Nobody is told the size a picture had, the attack, or the payload. The peers run at their defaults.
"""

from __future__ import annotations

import json
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from image_mark_attacks import ATTACKS
from PIL import Image

BITS = 64
KEY = b"bench key, not a secret"

#: (write a payload, read it or None)
Way = tuple[Callable[[Image.Image, int], Image.Image], Callable[[Image.Image], int | None]]


def ours() -> Way:
    from guard.watermark import image_mark

    return (
        lambda image, payload: image_mark.mark_image(image, KEY, payload),
        lambda image: image_mark.read_image(image, KEY).payload,
    )


def invisible_watermark(method: str) -> Way:
    """DWT-DCT and DWT-DCT-SVD as Stable Diffusion pipelines use them; torch is not needed."""
    for name in ("torch", "onnxruntime"):
        sys.modules.setdefault(name, types.ModuleType(name))
    from imwatermark import WatermarkDecoder, WatermarkEncoder

    def write(image: Image.Image, payload: int) -> Image.Image:
        encoder = WatermarkEncoder()
        encoder.set_watermark("bytes", payload.to_bytes(8, "big"))
        return Image.fromarray(encoder.encode(_bgr(image), method)[..., ::-1])

    def read(image: Image.Image) -> int:
        return int.from_bytes(WatermarkDecoder("bytes", BITS).decode(_bgr(image), method), "big")

    return write, read


def blind_watermark() -> Way:
    """Its own core; the extraction is told the length of the payload, as it has to be."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()):
        from blind_watermark import WaterMark, bw_notes

        bw_notes.close()

    def write(image: Image.Image, payload: int) -> Image.Image:
        mark = WaterMark(password_img=1, password_wm=1, processes=1)
        mark.read_img(img=_bgr(image))
        mark.read_wm([bool(payload >> i & 1) for i in range(BITS)], mode="bit")
        values = np.clip(np.rint(mark.embed()), 0, 255).astype(np.uint8)
        return Image.fromarray(values[..., ::-1])

    def read(image: Image.Image) -> int:
        mark = WaterMark(password_img=1, password_wm=1, processes=1)
        bits = mark.extract(embed_img=_bgr(image), wm_shape=BITS, mode="bit")
        return sum(1 << i for i, bit in enumerate(bits) if bit > 0.5)

    return write, read


WAYS: dict[str, Callable[[], Way]] = {
    "aigc-guard": ours,
    "dwtDct": lambda: invisible_watermark("dwtDct"),
    "dwtDctSvd": lambda: invisible_watermark("dwtDctSvd"),
    "blind_watermark": blind_watermark,
}


def _bgr(image: Image.Image) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[..., ::-1])


def measured(way: Way, name: str, image: Image.Image, folder: Path) -> dict[str, Any]:
    """One picture through every attack: which gave all bits back, and what each read took."""
    write, read = way
    payload = int(np.random.default_rng(sum(name.encode())).integers(1, 2**63))
    begun = time.process_time()
    marked = write(image, payload)
    row: dict[str, Any] = {"picture": name, "write_ms": _ms(begun), "right": {}, "read_ms": {}}
    marked.save(folder / f"{name}.png")
    for attacks in ATTACKS.values():
        for attack, change in attacks.items():
            given = change(marked)
            begun = time.process_time()
            try:
                row["right"][attack] = read(given) == payload
            except Exception:  # a peer that cannot take the size has not read it
                row["right"][attack] = False
            row["read_ms"][attack] = _ms(begun)
    return row


def _ms(begun: float) -> float:
    return round((time.process_time() - begun) * 1000, 1)


def main(name: str, folder: Path, step: int, out: Path) -> None:
    way = WAYS[name]()
    marked = out.with_suffix("")
    marked.mkdir(exist_ok=True)
    rows = []
    for path in sorted(folder.glob("*.png"))[::step]:
        with Image.open(path) as image:
            rows.append(measured(way, path.stem, image.copy(), marked))
        print(name, len(rows), path.stem, file=sys.stderr, flush=True)
        out.write_text(json.dumps({"way": name, "rows": rows}), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
