"""docs/rules.md is what the packs say today."""

from __future__ import annotations

from guard.policies.load import load_policy
from guard.rules_page import PAGE, page


def test_the_page_is_current() -> None:
    text = page(load_policy("cn"))
    assert PAGE.read_text(encoding="utf-8") == text, "run python -m guard.rules_page"


def test_every_rule_has_one_row_of_all_columns() -> None:
    policy = load_policy("cn")
    rows = [line for line in page(policy).splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [rule.id for rule in policy.rules]
    for row, rule in zip(rows, policy.rules, strict=True):
        assert row.replace("\\|", "").count("|") == 7
        assert rule.title_zh in row
        assert all(basis in row for basis in rule.basis)
