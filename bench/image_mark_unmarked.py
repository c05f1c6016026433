"""Scores of pictures without a mark: ``python image_mark_unmarked.py SOURCES COUNT OUT.json``.

Patches of 128 x 128 pixels that do not overlap, from every picture of SOURCES, drawn in a fixed
order, each with one of eight keys. Flat patches (spread below 2 grey levels) are left out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from image_mark_pictures import pictures
from PIL import Image

from guard.watermark import image_mark

SIDE = 128
KEYS = [b"null key %08d" % i for i in range(8)]
EVERY = 200


def patches(sources: Path) -> Iterator[Image.Image]:
    for _, picture in pictures(sources):
        grey = picture.convert("RGB").convert("L")
        for top in range(0, grey.height - SIDE + 1, SIDE):
            for left in range(0, grey.width - SIDE + 1, SIDE):
                patch = grey.crop((left, top, left + SIDE, top + SIDE))
                if np.asarray(patch).std() >= 2:
                    yield patch


def main(sources: Path, count: int, out: Path) -> None:
    every = list(patches(sources))
    order = np.random.default_rng(7).permutation(len(every))[:count]
    scores, states = [], {"present": 0, "unsure": 0, "absent": 0}
    for n, i in enumerate(order):
        seen = image_mark.read_image(every[i], KEYS[n % len(KEYS)])
        scores.append(round(seen.score, 3))
        states[seen.state] += 1
        if n % EVERY == 0 or n + 1 == len(order):
            out.write_text(json.dumps({"scores": scores, "states": states}), encoding="utf-8")
            print(f"unmarked {n + 1} of {len(order)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    Image.MAX_IMAGE_PIXELS = None
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
