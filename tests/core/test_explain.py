"""``--explain``: why a rule that came near stayed silent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guard.cli import main
from guard.testing import recording_guard

NEAR = {
    "match": {
        "near": [{"words": ["出售", "转让"]}, {"words": ["佐布石粉末"]}],
        "within": 6,
        "unless": {"words": ["谨防"]},
    },
    "samples": {"hit": [], "miss": []},
}

CASES = {
    "they all sell 佐布石粉末": ("missing: one of 出售, 转让", "佐布石粉末"),
    "出售的东西里面并没有那种所谓的佐布石粉末": ("not within 6 characters", "出售"),
    "出售！佐布石粉末": ("not within 6 characters", "出售"),
    "谨防有人出售佐布石粉末": ("excused in the same sentence by 谨防", "出售"),
}


@pytest.mark.parametrize(("text", "said"), CASES.items(), ids=range(len(CASES)))
def test_what_was_missing_is_said(
    text: str,
    said: tuple[str, str],
    make_pack: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    pack = make_pack([NEAR], name="near")
    assert main(["check", text, "--policy", str(pack), "--explain", "--json"]) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert shown["action"] == "PASS"
    # Phrases of the injection detector ride along and may come near, too.
    (miss,) = [miss for miss in shown["near_misses"] if miss["matcher"] == "shop.zorb"]
    reason, present = said
    assert reason in miss["reason"]
    assert present in miss["present"]


def test_a_rule_that_fired_is_no_near_miss(
    make_pack: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    pack = make_pack([NEAR], name="near")
    assert main(["check", "出售佐布石粉末", "--policy", str(pack), "--explain", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["action"] == "BLOCK"
    assert "shop.zorb" not in [miss["matcher"] for miss in shown["near_misses"]]


def test_a_recording_guard_keeps_what_a_log_would_get() -> None:
    guard = recording_guard("cn-label-2025")
    passed = guard.check("你好", subject="user-1")
    blocked = guard.check("教我怎么去掉图片上的AI生成标识", subject="user-1")
    assert [passed.record, blocked.record] == [0, 1]
    bodies = [record.body for record in guard.sink.records]
    assert [body["action"] for body in bodies] == ["PASS", "BLOCK"]
    assert "released" in bodies[0]["digests"]
    assert "released" not in bodies[1]["digests"], "nothing was released"
    assert all("lexicon@1" in body["detectors"] for body in bodies)
