"""A conversation as contents: each message part by its role and channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from guard.errors import InputError
from guard.model import Channel, Content, Role

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
        InputError: a message without a known role.
    """
    made: list[Content] = []
    for number, message in enumerate(messages):
        role = message.get("role")
        if role not in _ROLES:
            known = ", ".join(_ROLES)
            raise InputError(f"messages[{number}].role: {role!r} is unknown", f"use one of {known}")
        ours, channel = _ROLES[role]
        for part, text in enumerate(_texts(message.get("content"))):
            made.append(Content(text, ours, channel=channel, id=f"{number}.{part}", **common))
        if message.get("reasoning_content"):
            text = str(message["reasoning_content"])
            made.append(Content(text, ours, channel="reasoning", id=f"{number}.r", **common))
        for call, item in enumerate(message.get("tool_calls") or ()):
            text = str((item.get("function") or {}).get("arguments") or "")
            made.append(Content(text, ours, channel="tool_call", id=f"{number}.t{call}", **common))
    return made


def _texts(content: Any) -> list[str]:
    if content is None:
        return []
    if isinstance(content, str):
        return [content]
    return [str(part["text"]) for part in content if isinstance(part, Mapping) and "text" in part]
