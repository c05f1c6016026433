"""Direct prompt injection and jailbreak: orders to the model to drop its rules.

Three categories: ``injection.direct`` (ignore your instructions), ``injection.system_prompt``
(reveal them), ``injection.jailbreak`` (become something without rules). All are combinations of
an order and its object inside one sentence, so that talking about prompts, rules or roles is not
enough. Chinese first, English beside it. The phrases ride on the lexicon's scan.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from guard.model import Matcher

VERSION = "1"


def _read_lists() -> dict[str, Matcher]:
    """The phrase lists of ``data/injection.txt`` as words matchers, by section name."""
    path = Path(__file__).parent / "data" / "injection.txt"
    lists: dict[str, list[str]] = {}
    name = ""
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith("["):
            name = line.strip("[]")
        elif line and not line.startswith("#"):
            lists.setdefault(name, []).extend(line.split("|"))
    return {
        name: Matcher(name, "words", words=tuple(words), plain=True)
        for name, words in lists.items()
    }


def matchers() -> list[Matcher]:
    """What the detector looks for. ``craft`` excuses talk about prompts as a craft or a danger."""
    lists = _read_lists()

    def near(name: str, parts: tuple[str, ...], within: int, *, ordered: bool = True) -> Matcher:
        return Matcher(
            f"injection.{name}",
            "near",
            category=f"injection.{name}",
            parts=tuple(lists[part] for part in parts),
            within=within,
            ordered=ordered,
            unless=lists["craft"],
        )

    def phrases(name: str) -> Matcher:
        return replace(lists[name], id=f"injection.{name}", category="injection.jailbreak")

    return [
        near("direct", ("drop", "earlier", "rules"), 12),
        near("system_prompt", ("reveal", "system prompt"), 16, ordered=False),
        near("jailbreak", ("become", "unbound"), 60),
        phrases("named"),
        phrases("answer anyway"),
    ]
