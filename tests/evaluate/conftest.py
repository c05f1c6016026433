"""A judge that needs no policy: the text says what it decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from guard.model import Action, Content, Decision


def decide(content: Content) -> Decision:
    """The action named in the text (PASS without one); 1 µs per character."""
    named = (action for action in Action if action.name in content.text)
    action = max(named, default=Action.PASS)
    return Decision(action, content.text, risk=action / 3, took_us=float(len(content.text)))


@pytest.fixture(scope="session")
def judge() -> Callable[[Sequence[Content]], list[Decision]]:
    return lambda batch: [decide(content) for content in batch]
