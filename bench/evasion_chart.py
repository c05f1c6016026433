"""Draw the last run of evasion.py: ``python evasion_chart.py [--publish]``.

Writes two pictures and the tables into ``out/``; ``--publish`` also into ``docs/``.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
NAMES = {
    "plain": "原样", "traditional": "繁体", "full-width": "全角", "circled, styled": "圈字、花体", "Cyrillic": "西里尔形近",
    "zero-width": "零宽字符", "spaces": "空格", "symbols": "符号", "repeats": "叠字", "homophone": "同音",
    "near-homophone": "近音", "pinyin spaced": "拼音（分写）", "pinyin joined": "拼音（连写）", "mixed pinyin": "拼音夹汉字",
    "one initial": "一字换首字母", "all initials": "全首字母", "split": "拆字", "look-alike": "形近字", "emoji": "表情代字",
    "reversed": "倒写", "column": "竖写", "base64": "base64", "hex": "十六进制", "URL escapes": "URL 转义",
    "\\u escapes": "\\u 转义", "HTML entities": "HTML 实体", "Unicode tags": "Unicode 标签（拼音）", "selectors": "变体选择符",
}  # fmt: skip
GROUPS = ("2", "3", "4", "5+", "Latin")
COLOURS = {2: "#c8102e", 3: "#e07b00", 4: "#1f6feb", 5: "#2da44e", 0: "#6b7280"}
HEAD = (
    '<style>text{font:12px "Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;fill:#1f2937}'
    ".small{font-size:11px;fill:#6b7280}.head{font-size:16px;font-weight:600}"
    "line,polyline{fill:none}.grid{stroke:#e5e7eb}</style>"
)
Row = dict[str, Any]


def share(rows: list[Row]) -> float | None:
    """Found of asked in %, None without cases."""
    asked = sum(row["asked"] for row in rows)
    return 100 * sum(row["found"] for row in rows) / asked if asked else None


def pick(rows: list[Row], **wanted: str) -> list[Row]:
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def _svg(width: int, height: int, title: str, note: str, body: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
        f'<title>{title}</title>{HEAD}<rect width="{width}" height="{height}" fill="#fff"/>'
        f'<text x="16" y="28" class="head">{title}</text><text x="16" y="48" class="small">{note}</text>'
        + "\n".join(body) + "</svg>\n"
    )  # fmt: skip


def _cell(x: int, y: int, value: float | None, width: int) -> str:
    if value is None:
        return f'<text x="{x + width / 2}" y="{y + 14}" text-anchor="middle" class="small">–</text>'
    green, red = int(2.2 * value), int(2.2 * (100 - value))
    fill = f"rgb({30 + red},{60 + int(green / 1.6)},70)"
    return (
        f'<rect x="{x}" y="{y}" width="{width - 2}" height="18" rx="2" fill="{fill}"/>'
        f'<text x="{x + width / 2}" y="{y + 13}" text-anchor="middle" style="fill:#fff">{value:.0f}</text>'
    )


def recall_picture(rows: list[Row]) -> str:
    """A table of colours: disguise by word length, alone and beside a plain word of the list."""
    ours = pick(rows, side="aigc-guard")
    body, wide = [], 46
    for block, (second, label) in enumerate((("", "单独出现"), ("plain", "文中另有一个词"))):
        left = 150 + block * (len(GROUPS) * wide + 24)
        body.append(f'<text x="{left}" y="72">{label}</text>')
        for column, group in enumerate(GROUPS):
            x = left + column * wide
            name = "Latin" if group == "Latin" else f"{group} 字"
            body.append(f'<text x="{x + 4}" y="90" class="small">{name}</text>')
            for line, disguise in enumerate(NAMES):
                chosen = pick(ours, disguise=disguise, length=group, second=second)
                body.append(_cell(x, 96 + line * 20, share(chosen), wide))
    for line, label in enumerate(NAMES.values()):
        body.append(f'<text x="142" y="{96 + line * 20 + 13}" text-anchor="end">{label}</text>')
    note = "词库 10,000 条，真实调用 Guard.check，命中须落在该词上，%"
    return _svg(660, 110 + 20 * len(NAMES), "变形词的召回率", note, body)


def false_picture(rows: list[Row]) -> str:
    """False hits on plain Chinese over the size of the list, a line for each word length."""
    rows = [row for row in rows if row["kind"] == "random characters"]
    sizes = sorted({row["size"] for row in rows})
    left, top, wide, high, most = 70, 70, 480, 250, 4.0
    body = []
    for percent in range(int(most) + 1):
        y = top + high - high * percent / most
        body.append(f'<line class="grid" x1="{left}" x2="{left + wide}" y1="{y}" y2="{y}"/>')
        body.append(
            f'<text x="{left - 8}" y="{y + 4}" text-anchor="end" class="small">{percent} %</text>'
        )
    xs = [left + wide * n / (len(sizes) - 1) for n in range(len(sizes))]
    for x, size in zip(xs, sizes, strict=True):
        body.append(
            f'<text x="{x}" y="{top + high + 18}" text-anchor="middle" class="small">{size:,}</text>'
        )
    for n, (length, colour) in enumerate(COLOURS.items()):
        for key, dash in (("flagged", ""), ("blocked", ' stroke-dasharray="4 4"')):
            points = []
            for x, size in zip(xs, sizes, strict=True):
                chosen = [r for r in rows if r["size"] == size and r["length"] == length]
                value = 100 * sum(r[key] for r in chosen) / max(1, sum(r["texts"] for r in chosen))
                points.append(f"{x:.0f},{top + high - high * min(value, most) / most:.1f}")
            body.append(
                f'<polyline points="{" ".join(points)}" stroke="{colour}" stroke-width="2"{dash}/>'
            )
        label = f"{length} 字词" if length else "2–5 字混合"
        y = top + 14 + 20 * n
        body.append(
            f'<line x1="570" x2="594" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" stroke-width="2"/>'
        )
        body.append(f'<text x="600" y="{y}">{label}</text>')
    body.append(
        f'<text x="{left + wide / 2}" y="{top + high + 38}" text-anchor="middle" class="small">随机词库的条数</text>'
    )
    note = "平常中文被标出的比例，已减去字面命中；实线 REVIEW 及以上，虚线 BLOCK"
    return _svg(700, 370, "误报随词库大小与词长的变化", note, body)


def recall_table(rows: list[Row]) -> str:
    """Markdown: every disguise, ours alone and with a second signal, and the peers."""
    peers = sorted({row["side"] for row in rows} - {"aigc-guard"})
    columns = [
        "变形",
        "2 字",
        "3 字",
        "4 字",
        "5+ 字",
        "拉丁词",
        "有第二信号：2 字",
        "3 字",
        *peers,
    ]
    lines = ["| " + " | ".join(columns) + " |", "|---|" + "---:|" * (len(columns) - 1)]
    for name, label in NAMES.items():
        ours = pick(rows, side="aigc-guard", disguise=name)
        values = [share(pick(ours, length=group, second="")) for group in GROUPS]
        values += [share(pick(ours, length=group, second="plain")) for group in ("2", "3")]
        values += [share(pick(rows, side=peer, disguise=name)) for peer in peers]
        cells = ["–" if value is None else f"{value:.0f}" for value in values]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def false_table(rows: list[Row]) -> str:
    """Markdown: flagged and blocked in %, all sources together, and each source flagged."""
    sources = list(dict.fromkeys(row["source"] for row in rows))
    lines = [
        "| 随机词库 | 条数 | 标出 % | 拦截 % | " + " | ".join(sources) + " |",
        "|---|---:|---:|---:|" + "---:|" * len(sources),
    ]
    for key in dict.fromkeys((r["kind"], r["length"], r["size"]) for r in rows):
        chosen = [r for r in rows if (r["kind"], r["length"], r["size"]) == key]
        total = max(1, sum(r["texts"] for r in chosen))
        cells = [f"{100 * sum(r[k] for r in chosen) / total:.2f}" for k in ("flagged", "blocked")]
        for source in sources:
            part = [r for r in chosen if r["source"] == source]
            cells.append(
                f"{100 * sum(r['flagged'] for r in part) / max(1, sum(r['texts'] for r in part)):.2f}"
            )
        kind = "随机字" if key[0] == "random characters" else "两个常用词相连"
        lines.append(f"| {kind}，{key[1] or '2–5'} 字 | {key[2]:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(argv: list[str]) -> int:
    result = json.loads((HERE / "out" / "evasion.json").read_text(encoding="utf-8"))
    pictures = {
        "evasion-recall.svg": recall_picture(result["recall"]),
        "evasion-false.svg": false_picture(result["false"]),
    }
    tables = f"### 召回 %\n\n{recall_table(result['recall'])}\n\n### 误报 %\n\n{false_table(result['false'])}"
    (HERE / "out" / "evasion.md").write_text(tables + "\n", encoding="utf-8")
    for name, drawn in pictures.items():
        for folder in [HERE / "out", *([DOCS / "pictures"] if "--publish" in argv else [])]:
            (folder / name).write_text(drawn, encoding="utf-8")
    if "--publish" in argv:
        page = DOCS / "evasion.md"
        marked = re.compile(r"(<!-- tables -->\n).*?(<!-- /tables -->)", re.DOTALL)
        text = marked.sub(lambda m: f"{m[1]}\n{tables}\n\n{m[2]}", page.read_text(encoding="utf-8"))
        page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
