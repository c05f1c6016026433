"""Signs of an attack on the model, and the frames in which they count.

A sign is one meaning in many wordings (to drop; a restraint; who gave it; nobody is watching). None
says anything by itself: *frames* say which signs count together, and how near. So a wording that
nobody wrote down is found when its parts are known. Signs and frames are data
(``data/injection_signs.txt``, ``data/injection_frames.tsv``); a finding is named by its frame and
its evidence are the signs.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from guard.model import Matcher

_DATA = Path(__file__).parent / "data"
_CHOICE = re.compile(r"\{([^{}]*)\}")
#: The reach of signs joined by ``+`` inside a frame, in characters.
JOINED = 24
#: A Latin word is this many times as long as a Chinese one: signs in Latin letters may be as far.
LATIN = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """Signs that count together: in one sentence at most ``gap`` apart, or anywhere (``None``).

    A sign is ``a``, ``a/b`` (either) or ``a+b`` (both, in one sentence).
    """

    name: str
    category: str
    score: float
    gap: int | None
    ordered: bool
    signs: tuple[str, ...]
    unless: tuple[str, ...] = ()


def spelled_out(phrase: str) -> Iterator[str]:
    """Every phrase that ``{a,b}c`` stands for, in order: ``ac``, ``bc``."""
    pieces = _CHOICE.split(phrase)
    choices = [piece.split(",") if n % 2 else [piece] for n, piece in enumerate(pieces)]
    return (" ".join("".join(parts).split()) for parts in itertools.product(*choices))


def read_lists(path: Path) -> dict[str, Matcher]:
    """The phrase lists of a file as words matchers, by section name."""
    lists: dict[str, list[str]] = {}
    name = ""
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith("[") and line.endswith("]") and "|" not in line:
            name = line[1:-1]
        elif line and not line.startswith("# "):
            lists.setdefault(name, []).extend(line.split("|"))
    return {
        name: Matcher(name, "words", words=tuple(words), plain=True)
        for name, words in lists.items()
    }


def read_signs() -> dict[str, Matcher]:
    """The signs of ``data/injection_signs.txt``, with their choices spelled out."""
    signs = {}
    for name, packed in read_lists(_DATA / "injection_signs.txt").items():
        words = dict.fromkeys(word for phrase in packed.words for word in spelled_out(phrase))
        signs[name] = Matcher(name, "words", words=tuple(words), plain=True)
    return signs


def read_frames() -> list[Frame]:
    """The frames of ``data/injection_frames.tsv``."""
    text = (_DATA / "injection_frames.tsv").read_text(encoding="utf-8")
    return [_frame(line) for line in text.split("\n") if line and not line.startswith("# ")]


def _frame(line: str) -> Frame:
    name, category, score, reach, signs, unless = (*line.split("\t"), "")[:6]
    gap = None if reach == "*" else int(reach[:-1])
    return Frame(
        name,
        category,
        float(score),
        gap,
        reach.endswith(">"),
        tuple(signs.split()),
        tuple(unless.split()),
    )


def matchers(lists: Mapping[str, Matcher]) -> list[Matcher]:
    """The frames as matchers.

    Args:
        lists: what frames may name besides the signs: the lists of ``injection.txt``.
    """
    known: dict[str, Matcher] = {
        name.replace(" ", "-"): matcher for name, matcher in lists.items()
    } | read_signs()
    frames = read_frames()
    latin = {name: _without(matcher, _not_latin(matcher)) for name, matcher in known.items()}
    near = [replace(frame, gap=frame.gap * LATIN) for frame in frames if frame.gap is not None]
    return [
        *(_matcher(frame, known) for frame in frames),
        *(_matcher(frame, latin, JOINED * LATIN) for frame in near),
    ]


def _matcher(frame: Frame, known: Mapping[str, Matcher], joined: int = JOINED) -> Matcher:
    kind: Literal["all", "near"] = "all" if frame.gap is None else "near"
    excuses = tuple(known[name] for name in frame.unless)
    parts = tuple(_sign(name, known, joined) for name in frame.signs)
    return Matcher(
        f"injection.{frame.name}",
        kind,
        category=f"injection.{frame.category}",
        parts=parts if kind == "near" else _disjoint(parts),
        within=frame.gap or 0,
        ordered=frame.ordered,
        score=frame.score,
        unless=Matcher("", "any", parts=excuses) if excuses else None,
    )


def _disjoint(parts: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    """Parts without the wordings of earlier ones: one stretch of text is not two signs."""
    seen: set[str] = set()
    made = []
    for part in parts:
        made.append(_without(part, frozenset(seen)))
        seen.update(_words(part))
    return tuple(made)


def _words(matcher: Matcher) -> Iterator[str]:
    yield from matcher.words
    for part in matcher.parts:
        yield from _words(part)


def _without(matcher: Matcher, words: frozenset[str]) -> Matcher:
    """The matcher without some words; a ``near`` is kept, for its parts lie apart by themselves."""
    if matcher.kind == "any":
        return replace(matcher, parts=tuple(_without(part, words) for part in matcher.parts))
    if matcher.kind != "words" or words.isdisjoint(matcher.words):
        return matcher
    return replace(matcher, words=tuple(word for word in matcher.words if word not in words))


def _not_latin(matcher: Matcher) -> frozenset[str]:
    return frozenset(word for word in matcher.words if not word.isascii())


def _sign(name: str, known: Mapping[str, Matcher], joined: int) -> Matcher:
    """``a``, ``a/b`` or ``a+b/c`` as a matcher."""
    if "+" in name:
        parts = tuple(_sign(part, known, joined) for part in name.split("+"))
        return Matcher("", "near", parts=parts, within=joined)
    parts = tuple(known[part] for part in name.split("/"))
    return parts[0] if len(parts) == 1 else Matcher("", "any", parts=parts)
