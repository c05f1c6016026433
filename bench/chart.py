"""Picture and tables of the last run, from ``out/*.json``: ``python chart.py [--publish]``.

Writes ``out/bench.svg`` and ``out/tables.md``; with ``--publish`` also docs/pictures/bench.svg and
the tables between the two marks in docs/benchmarks.md.
"""

from __future__ import annotations

import json
import math
import re
import sys
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
Row = dict[str, Any]

#: Bars of the picture: row name -> label. Ours first.
BARS = {
    "g.check, cn + 60,000 words": "aigc-guard g.check · 策略 cn + 60,000 词",
    "naive skeleton, 60,000 words": "手写骨架 · 60,000 词 + 20 条正则",
    "pyahocorasick scan, 60,000 words": "pyahocorasick 裸扫描 · 60,000 词",
    "llm-guard Regex, 5 patterns": "llm-guard Regex · 5 条正则",
    "llm-guard BanSubstrings(str), 1,000 words": "llm-guard BanSubstrings · 1,000 词",
    "llm-guard BanSubstrings(str), 60,000 words": "llm-guard BanSubstrings · 60,000 词",
    "llm-guard Secrets": "llm-guard Secrets",
    "presidio": "presidio 模式识别器（en）",
}
KINDS = {"word": "词", "disguised": "变形词", "pii": "个人信息", "secret": "密钥"}
#: Geometry in pixels: label column, bar column, row pitch.
LEFT, WIDE, PITCH, TOP = 292, 340, 40, 78


def _pick(rows: list[Row], name: str) -> Row | None:
    """The row of a name; ``presidio`` stands for its English row, whatever the count in it."""
    for row in rows:
        if row["name"] == name or (name == "presidio" and row["name"].endswith("(en)")):
            return row
    return None


def _found(row: Row, totals: dict[str, int], sign: str = " · ") -> str:
    """What a row found, of the kinds that it is made for."""
    found = row.get("found", {})
    return sign.join(f"{KINDS[kind]} {n}/{totals[kind]}" for kind, n in found.items())


def _number(us: float) -> str:
    return f"{us:,.0f}" if us >= 100 else f"{us:.1f}" if us >= 10 else f"{us:.2f}"


def _bar(index: int, label: str, row: Row, totals: dict[str, int], unit: float) -> str:
    y = TOP + index * PITCH
    length = max(2.0, unit * math.log10(row["p50"]))
    fill = "#c8102e" if index == 0 else "#8a94a6"
    weight = ' font-weight="600"' if index == 0 else ""
    return (
        f'<text x="{LEFT - 10}" y="{y + 16}" text-anchor="end"{weight}>{escape(label)}</text>\n'
        f'<rect x="{LEFT}" y="{y + 3}" width="{length:.1f}" height="18" rx="2" fill="{fill}"/>\n'
        f'<text x="{LEFT + length + 8:.1f}" y="{y + 16}"{weight}>{_number(row["p50"])}</text>\n'
        f'<text x="{LEFT}" y="{y + 34}" class="small">{escape(_found(row, totals))}</text>'
    )


def picture(result: dict[str, Any]) -> str:
    """The bar chart as SVG text; a logarithmic scale from 1 us."""
    rows, totals = result["rows"], result["planted"]
    bars = [
        (label, row) for name, label in BARS.items() if (row := _pick(rows, name)) and "p50" in row
    ]
    decades = math.ceil(math.log10(max(row["p50"] for _, row in bars)))
    unit, height = WIDE / decades, TOP + len(bars) * PITCH + 30
    foot = height - 24
    grid = "\n".join(
        f'<line x1="{LEFT + unit * d:.1f}" y1="{TOP - 8}" x2="{LEFT + unit * d:.1f}" y2="{foot - 4}"/>'
        f'<text x="{LEFT + unit * d:.1f}" y="{foot + 12}" text-anchor="middle" class="small">{10**d:,}</text>'
        for d in range(decades + 1)
    )
    body = "\n".join(_bar(n, label, row, totals, unit) for n, (label, row) in enumerate(bars))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" width="760" height="{height}" role="img" aria-labelledby="t">
<title id="t">一次检查的耗时：aigc-guard 与同类工具</title>
<style>text{{font:13px "Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;fill:#1f2937}}.small{{font-size:11px;fill:#6b7280}}.head{{font-size:16px;font-weight:600}}line{{stroke:#e5e7eb}}</style>
<rect width="760" height="{height}" fill="#fff"/>
<text x="16" y="28" class="head">一次检查要多久（微秒，中位数，对数刻度，越短越好）</text>
<text x="16" y="48" class="small">同一输入 2,000 条中英文提示词，单核；灰字为植入项的检出数：只比速度不比检出没有意义</text>
{grid}
{body}
</svg>
"""


def _table(head: str, lines: list[str]) -> str:
    columns = head.count("|") - 1
    return "\n".join([head, "|---|" + "---:|" * (columns - 1), *lines])


def _check_table(rows: list[Row], totals: dict[str, int], base: float, parts: bool) -> str:
    lines = []
    for row in rows:
        if bool(row.get("part")) is not parts:
            continue
        if "missing" in row:
            lines.append(f"| {row['name']} | {row['missing']} |  |  |  |  |")
            continue
        plain = f"{row['false']}/{row['plain']}" if "false" in row else ""
        cells = [_number(row["p50"]), _number(row["p95"])]
        if not parts:
            cells += [f"{row['p50'] / base:.2f}", _found(row, totals, "，"), plain]
        lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    if parts:
        return _table("| 组件 component | 中位数 µs | p95 µs |", lines)
    return _table(
        "| 系统 system | 中位数 µs | p95 µs | 比我们 × | 检出 found | 普通句被拦 plain |", lines
    )


def _startup_table(rows: list[Row]) -> str:
    lines = [
        f"| {row['name']} | {row['missing']} |  |  |"
        if "missing" in row
        else f"| {row['name']} | {row['wall_s']:.2f} | {row['cpu_s']:.2f} | {row['rss_mb']:.0f} |"
        for row in rows
    ]
    return _table("| 新进程 fresh process | 墙钟 s | CPU s | 内存 MB |", lines)


def tables(result: dict[str, Any], startup: list[Row]) -> str:
    """All tables of a run as Markdown, with the machine they were measured on."""
    rows, totals, machine = result["rows"], result["planted"], result["machine"]
    base = (_pick(rows, "g.check, cn + 60,000 words") or {}).get("p50", math.nan)
    targets = [
        f"| {t['what']} | {t['value']} | ≤ {t['limit']} | {'达到 met' if t['met'] else '未达到 MISSED'} |"
        for t in result["targets"]
    ]
    return "\n\n".join(
        [
            f"机器 machine：{machine['cpu']}，{machine['cores']} 核（与其他任务共用），Python {machine['python']}。",
            _table("| 目标 target | 实测 µs | 上限 µs | 结果 |", targets),
            "### 整体与同类 as a whole, beside peers\n\n"
            + _check_table(rows, totals, base, parts=False),
            "### 各组件 components（36–44 字中文提示词）\n\n"
            + _check_table(rows, totals, base, parts=True),
            "### 启动 start-up\n\n" + _startup_table(startup),
        ]
    )


def main(argv: list[str]) -> int:
    """Write picture and tables; publish them when asked."""
    result = json.loads((HERE / "out" / "rule_layer.json").read_text(encoding="utf-8"))
    startup = json.loads((HERE / "out" / "startup.json").read_text(encoding="utf-8"))
    drawn, written = picture(result), tables(result, startup)
    (HERE / "out" / "bench.svg").write_text(drawn, encoding="utf-8")
    (HERE / "out" / "tables.md").write_text(written + "\n", encoding="utf-8")
    if argv == ["--publish"]:
        (DOCS / "pictures" / "bench.svg").write_text(drawn, encoding="utf-8")
        page = DOCS / "benchmarks.md"
        text = page.read_text(encoding="utf-8")
        marked = re.compile(r"(<!-- tables -->\n).*?(<!-- /tables -->)", re.DOTALL)
        page.write_text(
            marked.sub(lambda m: f"{m[1]}\n{written}\n\n{m[2]}", text), encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
