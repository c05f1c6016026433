"""What several folders of tests share: an operator's pack, written as one would write it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml

# A machine under load is slow at times: no test fails by the clock.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

MakePack = Callable[..., Path]

#: A made-up rule on a made-up word, so that no test hangs on the library's own rules.
RULE: dict[str, Any] = {
    "id": "shop.zorb",
    "title": {"zh": "出售佐布", "en": "Selling zorbs"},
    "basis": ["TC260-003/8.1"],
    "category": "custom.word",
    "match": {"words": ["佐布石"]},
    "action": {"prompt": "block", "output": "block", "context": "review"},
    "samples": {"hit": ["哪里卖佐布石"], "miss": ["佐料和布料"]},
}


@pytest.fixture
def make_pack(tmp_path: Path) -> MakePack:
    """Write a pack folder: ``make_pack([rule, ...], name="shop", **keys of pack.yaml)``.

    Rules are changes to ``RULE``; keys that are None are left out.
    """

    def make(rules: list[dict[str, Any]] | None = None, name: str = "shop", **head: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        first = {"id": name, "version": "1", "title": {"zh": "小店", "en": "Shop"}}
        (folder / "pack.yaml").write_text(_yaml({**first, **head}), encoding="utf-8")
        full = [{**RULE, **rule} for rule in ([{}] if rules is None else rules)]
        kept = [{k: v for k, v in rule.items() if v is not None} for rule in full]
        (folder / "rules.yaml").write_text(_yaml({"rules": kept}), encoding="utf-8")
        return folder

    return make


def _yaml(data: object) -> str:
    text: str = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    return text
