"""A conversation as contents: each message part by its role and channel, and the user's turns read
together.

An attack spread over turns (first the role, then the release from rules, then the question) shows
no order in any one of them. So the last turns of the user are joined, one a line, and read once
more for injection. Only findings with evidence in two turns or more count: what one turn says by
itself has been judged with that turn.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from guard.compile import Engine
from guard.errors import InputError
from guard.judge import judge
from guard.model import Channel, Content, Decision, Detector, Finding, Modality, Role

#: How many of the user's last turns are read together.
TURNS = 10

#: OpenAI's message roles -> our role and channel.
_ROLES: dict[str, tuple[Role, Channel]] = {
    "user": ("prompt", "content"),
    "system": ("prompt", "system"),
    "developer": ("prompt", "system"),
    "assistant": ("output", "content"),
    "tool": ("context", "tool_result"),
    "function": ("context", "tool_result"),
}


def contents(messages: Sequence[Mapping[str, Any]], **common: Any) -> list[Content]:
    """Every text of a conversation as a Content, in order; ids are ``message.part``.

    Args:
        messages: OpenAI-style messages; ``content`` is a string or a list of parts, of which those
            with a ``text`` are taken; arguments of tool calls are outputs of channel tool_call.
        common: fields that all contents share, such as ``subject``.

    Raises:
        InputError: a message without a known role, or of a form that cannot be read.
    """
    made: list[Content] = []
    for number, message in enumerate(messages):
        place = f"messages[{number}]"
        if not isinstance(message, Mapping):
            raise InputError(f"{place}: no object", "give objects with role and content")
        role = message.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            known = ", ".join(_ROLES)
            raise InputError(f"{place}.role: {role!r} is unknown", f"use one of {known}")
        ours, channel = _ROLES[role]
        for part, text in enumerate(_texts(message.get("content"), f"{place}.content")):
            made.append(Content(text, ours, channel=channel, id=f"{number}.{part}", **common))
        if message.get("reasoning_content"):
            text = str(message["reasoning_content"])
            made.append(Content(text, ours, channel="reasoning", id=f"{number}.r", **common))
        for call, text in enumerate(_arguments(message, f"{place}.tool_calls")):
            made.append(Content(text, ours, channel="tool_call", id=f"{number}.t{call}", **common))
    return made


def _texts(content: Any, place: str) -> list[str]:
    """The texts of a message; what cannot be read is refused, never left unchecked."""
    if content is None:
        return []
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list | tuple):
        raise InputError(f"{place}: neither text nor parts", "give a string or a list of parts")
    parts = [{"text": part} if isinstance(part, str) else part for part in content]
    texts = [part["text"] for part in parts if isinstance(part, Mapping) and "text" in part]
    if not all(isinstance(text, str) for text in texts):
        raise InputError(f"{place}: the text of a part is no string", "give its text")
    return texts


def _arguments(message: Mapping[str, Any], place: str) -> list[str]:
    """The arguments of a message's tool calls, as text."""
    try:
        calls = [call.get("function") or {} for call in message.get("tool_calls") or ()]
        return [str(function.get("arguments") or "") for function in calls]
    except (AttributeError, TypeError):
        raise InputError(f"{place}: no list of calls", "give objects with a function") from None


def judge_turns(
    engine: Engine, items: Sequence[Content], decisions: Sequence[Decision], on: dt.date
) -> tuple[Content, Decision] | None:
    """The user's last turns as one content and its decision; nothing where no attack crosses turns.

    The content's id names the turns (``0.0+2.0``), its body has them one after the other with a
    line feed between. Places of findings and redactions are in that body; the redactions are those
    of the turns.

    Args:
        decisions: of the items, in the same order.
    """
    pairs = [
        (item, decision)
        for item, decision in zip(items, decisions, strict=True)
        if item.role == "prompt" and item.channel == "content" and item.text.strip()
    ][-TURNS:]
    lexicon = next((d for d in engine.detectors if d.name == "lexicon"), None)
    if len(pairs) < 2 or lexicon is None:
        return None
    ids, texts = [item.id for item, _ in pairs], [item.text for item, _ in pairs]
    starts = [0, *accumulate(len(text) + 1 for text in texts[:-1])]
    joined = replace(pairs[-1][0], body="\n".join(texts), id="+".join(ids), views={})
    across = Engine(engine.policy, (_AcrossTurns(lexicon, starts, ids),))
    decision = judge(across, [joined], on, "prompt_filter")[0]
    if not decision.rules:
        return None
    return joined, replace(
        decision,
        text="\n".join(decision.text for _, decision in pairs),
        redactions=tuple(
            replace(redaction, start=start + redaction.start, end=start + redaction.end)
            for start, (_, decision) in zip(starts, pairs, strict=True)
            for redaction in decision.redactions
        ),
    )


class _AcrossTurns:
    """The injection findings of a detector whose evidence is in two turns or more."""

    modalities: tuple[Modality, ...] = ("text",)

    def __init__(self, detector: Detector, starts: Sequence[int], ids: Sequence[str]) -> None:
        self.name, self.version = detector.name, detector.version
        self.window, self.late = detector.window, detector.late
        self._detector, self._starts, self._ids = detector, starts, ids

    def find(self, batch: Sequence[Content]) -> list[list[Finding]]:
        found = self._detector.find(batch)
        return [[f for finding in group for f in self._crossing(finding)] for group in found]

    def _crossing(self, finding: Finding) -> list[Finding]:
        if finding.where is None or not finding.category.startswith("injection."):
            return []
        places = finding.where.pieces()
        turns = sorted({bisect_right(self._starts, start) - 1 for start, _ in places})
        if len(turns) < 2:
            return []
        named = ", ".join(self._ids[turn] for turn in turns)
        return [replace(finding, why=f"{finding.why}; turns {named}")]
