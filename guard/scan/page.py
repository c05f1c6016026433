"""``report.html``: one self-contained page, Chinese first, that a person reads and files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

#: (key, Chinese, English, colour) of the parts that make up the input, in the order of the bar.
PARTS: Final = (
    ("untouched", "原样保留", "kept as it was", "#2f855a"),
    ("redacted", "脱敏后保留", "kept, redacted", "#2b6cb0"),
    ("duplicates", "重复剔除", "dropped, duplicate", "#a0aec0"),
    ("ruled", "违规剔除", "dropped by rule", "#c53030"),
    ("quarantined", "隔离待审", "quarantined", "#d69e2e"),
)
OUTCOMES: Final = (
    ("redact", "脱敏"),
    ("drop", "剔除"),
    ("duplicate", "重复"),
    ("quarantine", "隔离"),
)
COUNTS: Final = (
    ("input", "输入"),
    ("kept", "保留"),
    ("redacted", "其中脱敏"),
    ("dropped", "剔除"),
    ("duplicates", "其中重复"),
    ("quarantined", "隔离"),
)
#: Longest table on the page; report.json has every row.
ROWS: Final = 50

_STYLE: Final = """
body{font:15px/1.6 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;color:#1a202c;
max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:0}h2{font-size:1.1rem;margin-top:2rem}small,.en{color:#4a5568}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;border-bottom:1px solid #e2e8f0;
text-align:right}td:first-child,th:first-child{text-align:left;overflow-wrap:anywhere}
code{font-size:.85em;overflow-wrap:anywhere}svg text{font-size:14px}
"""


def parts(counts: Mapping[str, int]) -> dict[str, int]:
    """The input split into disjoint parts: they add up to ``counts["input"]``."""
    return {
        "untouched": counts["kept"] - counts["redacted"],
        "redacted": counts["redacted"],
        "duplicates": counts["duplicates"],
        "ruled": counts["dropped"] - counts["duplicates"],
        "quarantined": counts["quarantined"],
    }


def render(report: Mapping[str, Any]) -> str:
    """The page for a ``report.json``. No script, nothing loaded from anywhere."""
    outcomes = [title for _, title in OUTCOMES]
    sections = [
        _balance(report),
        _table("按文件 / by file", "文件", _titles(), _counts(report["files"])),
        _table("按来源 / by source", "来源", _titles(), _counts(_named(report["by_source"]))),
        _table("按规则 / by rule", "规则", outcomes, _outcomes(report["by_rule"])),
        _table("按类别 / by category", "类别", outcomes, _outcomes(report["by_category"])),
        _table("读取与检测错误 / errors", "原因", ["文档数"], _errors(report["errors"])),
        _pins(report),
    ]
    return (
        '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>训练数据清洗报告</title><style>{_STYLE}</style></head><body>\n"
        '<h1>训练数据清洗报告</h1><p class="en">Training-data cleaning report</p>\n'
        + "\n".join(section for section in sections if section)
        + "\n</body></html>\n"
    )


def _balance(report: Mapping[str, Any]) -> str:
    law = "输入 {input} = 保留 {kept} + 剔除 {dropped} + 隔离 {quarantined}".format_map(report)
    return (
        f"<h2>平衡 / balance</h2><p><strong>{law}</strong><br><small>每份文档只计一次；"
        f"保留含脱敏，剔除含重复。</small></p>\n{picture(parts(report), report['input'])}"
    )


def picture(split: Mapping[str, int], total: int) -> str:
    """The balance as SVG: one bar as long as the input, and a line of legend per part."""
    width, x, shapes = 900, 0.0, []
    for row, (key, chinese, english, colour) in enumerate(PARTS):
        length = width * split[key] / total if total else 0.0
        shapes.append(f'<rect x="{x:.2f}" y="0" width="{length:.2f}" height="36" fill="{colour}"/>')
        x += length
        y = 52 + row * 24
        share = f"{100 * split[key] / total:.2f} %" if total else "–"
        shapes.append(
            f'<rect x="0" y="{y}" width="14" height="14" fill="{colour}"/>'
            f'<text x="22" y="{y + 12}">{chinese} {english}: {split[key]} ({share})</text>'
        )
    return (
        f'<svg viewBox="0 0 {width} 172" width="100%" role="img" aria-label="balance">'
        f"{''.join(shapes)}</svg>"
    )


def _titles() -> list[str]:
    return [title for _, title in COUNTS]


def _named(balances: Mapping[str, Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    return ({"file": name, **counts} for name, counts in balances.items())


def _counts(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[int]]]:
    return [(row["file"], [row[key] for key, _ in COUNTS]) for row in rows]


def _outcomes(table: Mapping[str, Mapping[str, int]]) -> list[tuple[str, list[int]]]:
    rows = [(name, [counts.get(key, 0) for key, _ in OUTCOMES]) for name, counts in table.items()]
    return sorted(rows, key=lambda row: (-sum(row[1]), row[0]))


def _errors(errors: Mapping[str, int]) -> list[tuple[str, list[int]]]:
    return [(name, [count]) for name, count in errors.items()]


def _table(
    title: str, first: str, columns: Sequence[str], rows: list[tuple[str, list[int]]]
) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{column}</th>" for column in (first, *columns))
    body = "".join(
        f"<tr><td><bdi>{_text(name)}</bdi></td>{''.join(f'<td>{n}</td>' for n in numbers)}</tr>"
        for name, numbers in rows[:ROWS]
    )
    more = f"<p><small>另有 {len(rows) - ROWS} 行，见 report.json。</small></p>"
    tail = more if len(rows) > ROWS else ""
    return f"<h2>{title}</h2><table><tr>{head}</tr>{body}</table>{tail}"


def _pins(report: Mapping[str, Any]) -> str:
    passed = ", ".join(report["passed_over"]) or "无"
    lines = (
        ("策略 policy", report["policy"]),
        ("检测器 detectors", ", ".join(report["detectors"])),
        ("配方 recipe SHA-256", report["recipe"]["sha256"]),
        ("输出 outputs SHA-256", report["outputs_sha256"]),
        ("未读取的文件 passed over", passed),
    )
    rows = "".join(
        f"<tr><td>{name}</td><td><code><bdi>{_text(value)}</bdi></code></td></tr>"
        for name, value in lines
    )
    return f"<h2>版本与摘要 / versions and digests</h2><table>{rows}</table>"


def _text(value: str) -> str:
    """Hostile names, too: markup escaped, control characters and lone surrogates replaced."""
    clean = "".join(c if c.isprintable() else "\ufffd" for c in value)
    return escape(clean.encode(errors="replace").decode())
