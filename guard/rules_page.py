"""``docs/rules.md``: every shipped rule on one page, made from the packs.

Run ``python -m guard.rules_page`` after a change of a rule; a test compares the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import yaml

from guard.model import ROLES, Rule
from guard.policies.load import HERE, load_policy
from guard.policies.policy import Policy

PAGE: Final = HERE.parent / "docs" / "rules.md"
_ROLE: Final = {"prompt": "提示词", "context": "上下文", "output": "输出", "training": "训练"}
_ACTION: Final = {"PASS": "放行", "REDACT": "打码", "REVIEW": "复核", "BLOCK": "拦截"}
_SEVERITY: Final = {"low": "低", "medium": "中", "high": "高", "critical": "严重"}
_HEAD: Final = """\
# 规则一览 / The rules

由规则包生成，请勿手改：改规则后运行 `python -m guard.rules_page`。
Made from the packs by `python -m guard.rules_page`; do not edit.

动作按角色给出；没有写到的角色，规则不管。
条款后的字母是依据的可靠程度：A 官方原文，B 二手资料一致，C 待核。
Actions are per role; a role that is absent is left alone. The letter after a clause says how well
its text is known: A official text, B agreeing secondary sources, C to be verified.
"""


def page(policy: Policy) -> str:
    """The page as Markdown."""
    parts = [_HEAD, _summary(policy)]
    parts += [_pack(policy, name) for name, _ in policy.packs]
    return "\n".join(parts)


def _summary(policy: Policy) -> str:
    rows = [(f"[{name}](#{_anchor(name)})", _title(name), version, str(len(_rules(policy, name))))
            for name, version in policy.packs]  # fmt: skip
    return _table(("规则包 pack", "名称 title", "版本 version", "规则数 rules"), rows)


def _pack(policy: Policy, name: str) -> str:
    columns = (
        "规则 rule",
        "名称 title",
        "动作 actions",
        "级别",
        "依据 clauses",
        "可能误报 false positives",
    )
    rows = [tuple(_cells(policy, rule)) for rule in _rules(policy, name)]
    return f"## {name}\n\n{_title(name)}\n\n{_table(columns, rows)}"


def _rules(policy: Policy, pack: str) -> list[Rule]:
    return [rule for rule in policy.rules if rule.pack == pack]


def _cells(policy: Policy, rule: Rule) -> Iterator[str]:
    yield f"`{rule.id}`"
    yield f"{rule.title_zh}<br>{rule.title_en}"
    acting = [(role, rule.actions[role]) for role in ROLES if role in rule.actions]
    shown = [f"{_ROLE[role]} {_ACTION[action.name]}" for role, action in acting]
    yield "<br>".join([*shown, *_state(rule)])
    yield _SEVERITY[rule.severity]
    known = [policy.requirements[id] for id in rule.basis]
    yield "<br>".join(f"{item.id} {item.certainty}" for item in known)
    yield rule.falsepositives or "—"


def _state(rule: Rule) -> list[str]:
    """What keeps the rule from acting now, always or after a day."""
    said = ["仅观察 observe"] if rule.observe else []
    if rule.status != "stable":
        said.append(rule.status)
    if rule.since:
        said.append(f"自 {rule.since} 起")
    if rule.until:
        said.append(f"至 {rule.until}")
    return said


def _title(pack: str) -> str:
    head = yaml.safe_load((HERE / pack / "pack.yaml").read_text(encoding="utf-8"))
    return f"{head['title']['zh']} {head['title']['en']}"


def _anchor(name: str) -> str:
    return name.lower().replace(".", "")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(map(_cell, line)) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    PAGE.write_text(page(load_policy("cn")), encoding="utf-8")
