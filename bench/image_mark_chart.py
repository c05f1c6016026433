"""Table and plot of the image mark's last run: ``python image_mark_chart.py [--publish]``.

Reads out/image_mark_*.json; writes out/image_mark.md and out/image_mark.svg; with ``--publish``
also docs/pictures/image-mark.svg and the tables between the marks of docs/watermark-image.md.
"""

from __future__ import annotations

import json
import math
import sys
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from image_mark_attacks import ATTACKS
from PIL import Image
from skimage.metrics import structural_similarity

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
DOCS = HERE.parent / "docs"
WAYS = ("aigc-guard", "dwtDct", "dwtDctSvd", "blind_watermark")
COLOURS = ("#c8102e", "#b0b7c3", "#7c8798", "#4a5568")
#: Share in percent that each group has to reach.
AIMS = {
    "coding and light": 100,
    "crop": 98,
    "scale, angle, screenshot": 97,
    "crop + resize + JPEG 70": 93,
}
GROUPS = {
    "coding and light": "编码与光线",
    "crop": "裁剪",
    "scale, angle, screenshot": "缩放、旋转、截屏",
    "crop + resize + JPEG 70": "裁剪＋缩放＋JPEG 70",
    "beyond the aim": "目标之外",
}
#: Score from which a mark is certain (guard.watermark.image_mark_detect.SURE).
SURE = math.sqrt(2 * math.log(128**2 * 20 / 1e-6))

Runs = dict[str, list[dict[str, Any]]]


def load() -> Runs:
    paths = {way: OUT / f"image_mark_{way}.json" for way in WAYS}
    return {w: json.loads(p.read_text())["rows"] for w, p in paths.items() if p.exists()}


def share(rows: list[dict[str, Any]], attack: str) -> float:
    return 100 * float(np.mean([row["right"][attack] for row in rows]))


def quality(way: str, rows: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    """PSNR in decibels and SSIM of each marked picture."""
    psnr, ssim = [], []
    for row in rows:
        pair = (OUT / "pictures/set", OUT / f"image_mark_{way}")
        before, after = (np.asarray(Image.open(p / f"{row['picture']}.png")) for p in pair)
        if before.ndim < after.ndim:
            before = np.repeat(before[..., None], 3, 2)
        error = np.mean((before.astype(float) - after) ** 2)
        psnr.append(10 * math.log10(255**2 / max(error, 1e-9)))
        axis = 2 if before.ndim == 3 else None
        ssim.append(float(structural_similarity(before, after, channel_axis=axis)))
    return psnr, ssim


def table(runs: Runs) -> str:
    head = " | ".join(f"{way}" for way in runs)
    lines = [f"| | {head} |", "|---|" + "---|" * len(runs)]
    lines.append(f"| 图片数 | {' | '.join(str(len(rows)) for rows in runs.values())} |")
    seen = {way: quality(way, rows) for way, rows in runs.items()}
    psnr = [f"{np.mean(p):.1f}（{min(p):.1f}）" for p, _ in seen.values()]
    ssim = [f"{np.mean(s):.4f}（{min(s):.4f}）" for _, s in seen.values()]
    lines.append(f"| PSNR dB，平均（最低） | {' | '.join(psnr)} |")
    lines.append(f"| SSIM，平均（最低） | {' | '.join(ssim)} |")
    for group, attacks in ATTACKS.items():
        aim = f"，目标 ≥ {AIMS[group]} %" if group in AIMS else ""
        lines.append(f"| **{GROUPS[group]}{aim}** |" + " |" * len(runs))
        for attack in attacks:
            cells = " | ".join(f"{share(rows, attack):.0f} %" for rows in runs.values())
            lines.append(f"| {attack} | {cells} |")
    lines.append(_costs("写入，CPU 毫秒（中位数）", [_write(rows) for rows in runs.values()]))
    lines.append(_costs("读取，未变形", [_read(rows, ("none",)) for rows in runs.values()]))
    moved = tuple(ATTACKS["scale, angle, screenshot"])
    lines.append(_costs("读取，需搜索几何", [_read(rows, moved) for rows in runs.values()]))
    return "\n".join(lines)


def _write(rows: list[dict[str, Any]]) -> float:
    return float(np.median([row["write_ms"] for row in rows]))


def _read(rows: list[dict[str, Any]], attacks: tuple[str, ...]) -> float:
    return float(np.median([row["read_ms"][a] for row in rows for a in attacks]))


def _costs(name: str, values: list[float]) -> str:
    return f"| {name} | {' | '.join(f'{value:.0f}' for value in values)} |"


def fitted(scores: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Location and scale of a Gumbel law with the mean and spread of the scores."""
    scale = float(scores.std()) * math.sqrt(6) / math.pi
    return float(scores.mean()) - 0.5772 * scale, scale


def null_table(null: dict[str, Any]) -> str:
    scores = np.array(null["scores"])
    place, scale = fitted(scores)
    tail = -math.expm1(-math.exp(-(SURE - place) / scale))
    states = null["states"]
    rows = [
        ("没有水印的图块", f"{len(scores):,}"),
        ("误报 present / unsure", f"{states['present']} / {states['unsure']}"),
        ("导频得分：中位数、最高", f"{np.median(scores):.2f}、{scores.max():.2f}"),
        ("判定阈值", f"{SURE:.2f}"),
        ("Gumbel 拟合在阈值处的尾部概率", f"{tail:.1e}"),
        ("阈值处的解析上界（与图片无关）", "1.0e-06"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


def plot(runs: Runs) -> str:
    """Bars: of each group, the mean share of pictures with all bits right."""
    left, wide, thick, gap, top = 190, 400, 13, 20, 46
    y = top
    parts = []
    for group, attacks in ATTACKS.items():
        parts.append(f'<text x="12" y="{y + 30}" font-weight="600">{escape(GROUPS[group])}</text>')
        for colour, rows in zip(COLOURS, runs.values(), strict=False):
            value = float(np.mean([share(rows, attack) for attack in attacks]))
            length = max(1.0, wide * value / 100)
            parts.append(
                f'<rect x="{left}" y="{y}" width="{length:.0f}" height="{thick - 2}" '
                f'fill="{colour}"/><text x="{left + length + 6:.0f}" y="{y + 10}" '
                f'font-size="11">{value:.1f} %</text>'
            )
            y += thick
        y += gap
    for i, way in enumerate(runs):
        x = 12 + 160 * i
        parts.append(
            f'<rect x="{x}" y="14" width="12" height="12" fill="{COLOURS[i]}"/>'
            f'<text x="{x + 18}" y="25">{escape(way)}</text>'
        )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 {y}" font-size="13" '
    return head + 'font-family="sans-serif" fill="#1a202c">' + "".join(parts) + "</svg>\n"


def main(publish: bool) -> None:
    runs = load()
    null = json.loads((OUT / "image_mark_null.json").read_text())
    text = f"{table(runs)}\n\n{null_table(null)}\n"
    svg = plot(runs)
    (OUT / "image_mark.md").write_text(text, encoding="utf-8")
    (OUT / "image_mark.svg").write_text(svg, encoding="utf-8")
    print(text)
    if publish:
        (DOCS / "pictures/image-mark.svg").write_text(svg, encoding="utf-8")
        page = DOCS / "watermark-image.md"
        before, _, rest = page.read_text(encoding="utf-8").partition("<!-- bench -->\n")
        behind = rest.partition("<!-- /bench -->")[2]
        whole = f"{before}<!-- bench -->\n{text}<!-- /bench -->{behind}"
        page.write_text(whole, encoding="utf-8")


if __name__ == "__main__":
    main("--publish" in sys.argv)
