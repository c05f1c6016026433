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
