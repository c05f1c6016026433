"""The visible wording: which words it needs, and the notice line of a text (clauses 5 and 5.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from guard.errors import LabelError

_AI = ("人工智能", "ai")
_MADE = ("生成", "合成")
#: A notice is looked for in this many characters at the start and at the end of a text.
WINDOW: Final = 64
#: Longer lines are prose that speaks of AI, no notice.
_LONGEST_NOTICE = 40
#: Least time on the screen of a film, in seconds at normal speed (clause 5.4).
LEAST_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Style:
    """How the visible or audible label is given, where the standard leaves a choice.

    ``at`` is the place in a text or sound (clauses 5.1, 5.3); ``seconds`` how long a film shows
    it from its start on, 0 for the whole film (5.4); ``every_page`` puts it on each page of a PDF
    rather than on the first; ``clip`` is a spoken notice in place of the rhythm cue (5.3); ``font``
    draws wordings beyond the bundled font. Kinds ignore what is not theirs.

    Raises:
        LabelError: ``seconds`` is neither 0 nor at least 2.
    """

    at: Literal["start", "middle", "end"] = "start"
    seconds: float = LEAST_SECONDS
    every_page: bool = False
    clip: Path | None = None
    font: Path | None = None

    def __post_init__(self) -> None:
        if self.seconds != 0 and not self.seconds >= LEAST_SECONDS:
            raise LabelError(
                f"a film shows its label for at least {LEAST_SECONDS:g} s, not {self.seconds:g}",
                "GB 45438-2025 clause 5.4; 0 stands for the whole film",
            )


def check_wording(text: str) -> None:
    """Refuse a wording that lacks {人工智能, AI} or {生成, 合成}, or is not one printable line.

    Raises:
        LabelError: naming what is missing.
    """
    if not has_elements(text):
        raise LabelError(
            f"the wording {text!r} lacks an element of GB 45438-2025 clause 5",
            "it needs one of 人工智能, AI and one of 生成, 合成, as in AI生成",
        )
    if not text.isprintable():
        raise LabelError("the wording has a line break or control character", "give one plain line")


def has_elements(text: str) -> bool:
    """Whether both elements of clause 5 are in ``text``; white space does not count."""
    bare = re.sub(r"\s+", "", text).lower()
    return any(word in bare for word in _AI) and any(word in bare for word in _MADE)


def line(wording: str) -> str:
    """The notice as it stands in a text."""
    return f"【{wording}】"


def add(text: str, wording: str, *, at: Literal["start", "end"] = "start") -> str:
    """``text`` with the notice as a paragraph of its own; one that is there already stays alone.

    Raises:
        LabelError: as :func:`check_wording`.
    """
    check_wording(wording)
    notice, newline = line(wording), newline_of(text)
    there = text.lstrip().startswith(notice) if at == "start" else text.rstrip().endswith(notice)
    if there:
        return text
    gap = newline * 2
    if at == "start":
        return f"{notice}{gap}{text}" if text else notice + newline
    return f"{text.rstrip()}{gap}{notice}{newline}"


def find(text: str) -> str:
    """The notice at the start or end of ``text`` (one short line with both elements), or empty."""
    lines = [item.strip() for item in (*text[:WINDOW].splitlines(), *text[-WINDOW:].splitlines())]
    return next((i for i in lines if len(i) <= _LONGEST_NOTICE and has_elements(i)), "")


def newline_of(text: str) -> str:
    """The line ending that ``text`` uses first; a plain line feed where it has none."""
    match = re.search(r"\r\n|\n|\r", text)
    return match[0] if match else "\n"
