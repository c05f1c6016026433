"""``report.html`` of the demo: one self-contained page, Chinese first, nothing loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from guard.demo import material
from guard.demo.outcome import Example, Labelled, Outcome, Stage

#: outcome -> (Chinese, colour). Actions of the service and outcomes of the cleaner.
OUTCOMES: Final[Mapping[str, tuple[str, str]]] = {
    "BLOCK": ("拦截", "#c5303c"),
    "REVIEW": ("转人工", "#c98a12"),
    "REDACT": ("遮蔽", "#2f6fd0"),
    "PASS": ("放行", "#2c8a58"),
    "drop": ("剔除", "#c5303c"),
    "quarantine": ("隔离", "#c98a12"),
    "redact": ("遮蔽", "#2f6fd0"),
    "duplicate": ("重复", "#7b879c"),
    "keep": ("保留", "#2c8a58"),
}

#: The verdicts of article 6 of the labelling measures, and the states of the standard.
VERDICTS: Final = {
    "confirmed": "确认生成 confirmed",
    "possible": "可能生成 possible",
    "suspected": "疑似生成 suspected",
    "none": "未见标识 none",
}
STATUSES: Final = {
    "compliant": "符合 compliant",
    "noncompliant": "不符合 noncompliant",
    "not_found": "无载体 not found",
    "inconclusive": "无法判断 inconclusive",
}
#: Clauses shown for one example; a rule may serve several.
_CLAUSES: Final = 2

_STYLE: Final = """
:root{--ink:#1c2740;--soft:#66748c;--line:#dfe5ee;--paper:#fff;--ground:#eef2f7}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.65 system-ui,"PingFang SC",
"Microsoft YaHei","Noto Sans CJK SC",sans-serif}
main{max-width:1120px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:30px;line-height:1.3;margin:0}h2{font-size:20px;margin:0 0 12px}
h2 .no{display:inline-grid;place-items:center;width:30px;height:30px;margin-right:10px;
border-radius:50%;background:#2f6fd0;color:#fff;font-size:16px}
.en{color:var(--soft);font-weight:400;font-size:.86em}
section{background:var(--paper);border:1px solid var(--line);border-radius:14px;padding:22px 24px;
margin-top:18px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:14px;
margin-top:18px}
.card{background:var(--paper);border:1px solid var(--line);border-radius:14px;padding:16px 18px}
.card b{display:block;font-size:30px;line-height:1.2;font-variant-numeric:tabular-nums}
.card span{color:var(--soft);font-size:13px}
table{width:100%;border-collapse:collapse;font-size:14px}
th{text-align:left;color:var(--soft);font-weight:500;font-size:13px}
td,th{padding:8px 10px 8px 0;border-bottom:1px solid var(--line);vertical-align:top}
td:first-child>code{white-space:nowrap}td.text{width:44%;overflow-wrap:anywhere;white-space:pre-wrap}
code,pre{font:12.5px/1.5 ui-monospace,Consolas,monospace;overflow-wrap:anywhere}
pre{margin:0;background:#f5f7fa;border-radius:10px;padding:14px;white-space:pre-wrap}
.tag{display:inline-block;border-radius:6px;padding:1px 8px;color:#fff;font-size:12.5px;
white-space:nowrap}
.bar{display:flex;height:26px;border-radius:8px;overflow:hidden;margin:6px 0 4px}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px;color:var(--soft)}
.legend i{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:6px}
.law{font-size:17px;font-weight:600}img{width:220px;border-radius:8px;display:block}a{color:#2f6fd0}.ok{color:#2c8a58}.bad{color:#c5303c}
.flow svg{width:100%;height:auto;display:block}.scroll{overflow-x:auto}
details summary{cursor:pointer;color:var(--soft);margin-top:10px}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebf4;--soft:#9aa8c0;--line:#2d3850;
--paper:#182238;--ground:#0f1729}pre{background:#101a2e}a{color:#8ab4f8}}
@media print{body{background:#fff}section,.card{break-inside:avoid}}
"""


def render(run: Outcome, previews: Mapping[str, str]) -> str:
    """The page of a run: no script, nothing to load.

    ``previews`` are small JPEG pictures (Base64) of the labelled pictures, by ``Labelled.file``.
    """
    stages = {stage.number: stage for stage in run.stages}
    parts = [
        _head(run),
        f'<section class="flow">{material.flow()}</section>',
        _cards(run),
        _stage(stages[1]),
        _stage(stages[2]),
        _stage(stages[3]),
        _labels(run.labelled, previews),
        _log(run),
        _places(run),
    ]
    return (
        '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>aigc-guard 演示报告 | demo report</title><style>{_STYLE}</style></head>"
        "<body><main>\n" + "\n".join(parts) + "\n</main></body></html>\n"
    )


def _head(run: Outcome) -> str:
    return (
        '<header><h1>一天的流量，五道关口<br><span class="en">A service’s day through the five '
        f"stages</span></h1><p>规则集 policy <code>{_text(run.policy)}</code><br>"
        f"全程离线，用时 {run.seconds:.1f} 秒 <span class='en'>offline, {run.seconds:.1f} s"
        "</span></p></header>"
    )


def _cards(run: Outcome) -> str:
    cards = [
        (str(sum(stage.rows for stage in run.stages)), "条输入 · rows judged"),
        (f"{_right(run.stages):.0%}", "与人工预期一致 · as expected"),
        (str(len(run.labelled)), "个文件写入标识 · files labelled"),
        (str(run.log.records), "条审计记录 · log records"),
        ("✓" if run.log.verified else "✗", "日志校验 · log verified"),
    ]
    body = "".join(f'<div class="card"><b>{n}</b><span>{what}</span></div>' for n, what in cards)
    return f'<div class="cards">{body}</div>'


def _right(stages: Sequence[Stage]) -> float:
    return sum(stage.right for stage in stages) / sum(stage.rows for stage in stages)


def _stage(stage: Stage) -> str:
    chinese, _, english = stage.title.partition(" ")
    misses = f"<details><summary>{len(stage.misses)} 条与预期不符 · not as expected</summary>"
    return (
        f'<section><h2><span class="no">{stage.number}</span>{chinese} '
        f'<span class="en">{english} · {stage.rows} rows · {stage.seconds:.2f} s</span></h2>'
        f"{_bar(stage.counts)}{_law(stage.balance)}{_expected(stage)}{_examples(stage.examples)}"
        + (f"{misses}{_examples(stage.misses)}</details>" if stage.misses else "")
        + "</section>"
    )


def _bar(counts: Mapping[str, int]) -> str:
    ordered = [(OUTCOMES[name], counts[name]) for name in OUTCOMES if name in counts]
    bar = "".join(f'<span style="flex:{n};background:{hue}"></span>' for (_, hue), n in ordered)
    legend = "".join(
        f'<span><i style="background:{hue}"></i>{chinese} {n}</span>'
        for (chinese, hue), n in ordered
    )
    return f'<div class="bar">{bar}</div><div class="legend">{legend}</div>'


def _law(balance: Mapping[str, int]) -> str:
    if not balance:
        return ""
    law = "输入 {input} = 保留 {kept} + 剔除 {dropped} + 隔离 {quarantined}".format_map(balance)
    return (
        f'<p class="law">{law}</p><p class="en">保留含遮蔽 {balance["redacted"]}，剔除含重复 '
        f"{balance['duplicates']} · kept includes redacted, dropped includes duplicates</p>"
    )


def _expected(stage: Stage) -> str:
    cells = "，".join(
        f"{OUTCOMES[name][0]} {right}/{total}" for name, (right, total) in stage.expected.items()
    )
    return (
        f"<p>与人工预期一致 <strong>{stage.right}/{stage.rows}</strong>（{cells}）"
        '<span class="en"> · rows with the outcome that the material expects</span></p>'
    )


def _examples(examples: Iterable[Example]) -> str:
    rows = "".join(
        f'<tr><td><code>{_text(one.id)}</code></td><td class="text">{_text(one.text)}</td>'
        f"<td>{_tag(one)}</td><td>{_text(one.title)}<br><code>{_text(one.rule)}</code></td>"
        f"<td>{_clauses(one)}</td>"
        f'<td class="en">{_text(one.note)}</td></tr>'
        for one in examples
    )
    head = "".join(
        f"<th>{name}</th>"
        for name in ("", "内容 content", "结果", "规则 rule", "依据 basis", "说明")
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'


def _clauses(one: Example) -> str:
    """The first clauses in words; all of them by id on hovering."""
    ids = " ".join(clause.id for clause in one.clauses)
    shown = "<br>".join(_text(clause.clause) for clause in one.clauses[:_CLAUSES])
    return f'<span title="{_text(ids)}">{shown}</span>'


def _tag(one: Example) -> str:
    chinese, hue = OUTCOMES[one.outcome]
    tag = f'<span class="tag" style="background:{hue}">{chinese}</span>'
    if one.outcome == one.expect:
        return tag
    return f'{tag}<br><span class="en">预期 {OUTCOMES[one.expect][0]}</span>'


def _labels(labelled: Iterable[Labelled], previews: Mapping[str, str]) -> str:
    rows = "".join(_label(one, previews.get(one.file, "")) for one in labelled)
    columns = ("文件 file", "显式标识 visible", "隐式标识 metadata", "GB 45438", "C2PA", "结论")
    head = "".join(f"<th>{name}</th>" for name in columns)
    return (
        '<section><h2><span class="no">4</span>标识写入 <span class="en">label writer · every '
        f'file read back</span></h2><div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'
        "</section>"
    )


def _label(one: Labelled, preview: str) -> str:
    facts, label = one.facts, one.facts["label"] or {}
    picture = f'<img alt="" src="data:image/jpeg;base64,{preview}">' if preview else ""
    number = label.get("ProduceID", "")
    cells = [
        f'{picture}<a href="{_text(one.file)}">{_text(one.file)}</a>',
        _visible(facts["visible"]),
        f"{_text(facts['carrier'] or '—')}<br><code>{_text(number)}</code>",
        _standard(facts),
        _text((facts["c2pa"] or {}).get("state", "—")),
        _text(VERDICTS[facts["verdict"]]),
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _visible(drawn: Mapping[str, Any]) -> str:
    shown = _text(drawn.get("text", "—"))
    if "ink_height" not in drawn:
        return shown
    return (
        f"{shown}<br><span class='en'>字高 {drawn['ink_height']} px，"
        f"对比度 {drawn['contrast']:.1f}</span>"
    )


def _standard(facts: Mapping[str, Any]) -> str:
    standard = facts["standard"]
    reason = standard.get("reason") or ""
    return f"{_text(STATUSES[standard['status']])}<br><span class='en'>{_text(reason)}</span>"


def _log(run: Outcome) -> str:
    verdict = (
        '<span class="ok">校验通过 verified</span>'
        if run.log.verified
        else '<span class="bad">校验失败 not verified</span>'
    )
    return (
        '<section><h2><span class="no">5</span>审计日志 <span class="en">audit log</span></h2>'
        f"<p>{run.log.records} 条记录，{verdict}。日志只存带密钥的摘要，不存原文。"
        '<span class="en"> The log holds keyed digests, never the content.</span></p>'
        f"<p>签名检查点 <span class='en'>signed checkpoint</span></p>"
        f"<pre>{_text(run.log.checkpoint)}</pre>"
        "<p>在副本里改动一个比特后的校验结果 "
        "<span class='en'>verifying a copy with one bit changed</span></p>"
        f"<pre>{_text(run.log.tampered)}</pre></section>"
    )


def _places(run: Outcome) -> str:
    rows = "".join(
        f"<tr><td><code>{_text(place)}</code></td><td>{_text(what)}</td></tr>"
        for place, what in run.places.items()
    )
    head = '<h2>写出的文件 <span class="en">what was written</span></h2>'
    return f"<section>{head}<table>{rows}</table></section>"


def _text(value: Any) -> str:
    """Hostile text, too: markup escaped, control and invisible characters shown as code points."""
    shown = "".join(c if c.isprintable() or c == "\n" else f"⟨{ord(c):04X}⟩" for c in str(value))
    return escape(shown.encode(errors="replace").decode())
