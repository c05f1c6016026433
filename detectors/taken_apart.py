"""Characters taken apart into their components, put together again: 火乍 is read as 炸."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from guard.detectors.automaton import Automaton
from guard.detectors.normalise import View
from guard.detectors.oddness import is_odd, ordinary

#: With at most so many odd pairs, each is also put together alone.
_MOST_JOINS = 8
#: The surroundings of at most so many pairs are looked at, and of one more for so many characters.
_MOST_LOOKS, _ONE_IN = 100, 25
#: The first byte of GB 2312 from which its characters are no longer everyday ones.
_LEVEL_TWO = 0xD8


@dataclass(frozen=True, slots=True)
class Join:
    """Two components ``start..end`` of a text that make ``char``, which stands at ``at`` of the
    view; ``odd``: 2 where they are no part of ordinary words, 1 where they are none together."""

    start: int
    end: int
    char: str
    odd: int
    at: int = -1


@functools.cache
def _components() -> tuple[Automaton, list[str]]:
    """(finder of adjacent components, the character each pair makes)."""
    text = (Path(__file__).parent / "data" / "split.tsv").read_text(encoding="utf-8")
    pairs = [row.split("\t") for row in text.split("\n") if row]
    return Automaton([pair for pair, _ in pairs]), [char for _, char in pairs]


def joined(text: str) -> Iterator[tuple[View, list[Join]]]:
    """The text with adjacent components put together: all of them, the odd ones, each odd one."""
    finder, made = _components()
    joins: list[Join] = []
    end, looks = 0, _MOST_LOOKS + len(text) // _ONE_IN
    for start, stop, index in finder.scan(text):
        if start >= end:
            end = stop
            joins.append(
                Join(start, stop, made[index], _oddness(text, start, stop, len(joins) < looks))
            )
    if not joins:
        return
    odd = [join for join in joins if join.odd == 2]
    options = [joins]
    if odd and odd != joins:
        options.append(odd)
    if 1 < len(odd) <= _MOST_JOINS:
        options += [[join] for join in odd]
    for option in options:
        yield _put_together(text, option)


def _oddness(text: str, start: int, end: int, look: bool) -> int:
    pair = text[start:end]
    if pair in ordinary():
        return 0
    if not all(map(_everyday, pair)):
        return 2
    return 2 if look and is_odd(text, range(start, end)) else 1


def _everyday(char: str) -> bool:
    """Whether a character stands in texts by itself, as 氵 and 尃 do not."""
    code = char.encode("gb2312", "replace")
    return len(code) == 2 and code[0] < _LEVEL_TWO


def _put_together(text: str, joins: Sequence[Join]) -> tuple[View, list[Join]]:
    pieces: list[str] = []
    at: list[int] = []
    back: list[int] = []
    placed: list[Join] = []
    done = length = 0
    for join in joins:
        pieces += [text[done : join.start], join.char]
        at += [length, length + join.start - done]
        back += [done, join.start]
        length += join.start - done + 1
        placed.append(Join(join.start, join.end, join.char, join.odd, length - 1))
        done = join.end
    at.append(length)
    back.append(done)
    pieces.append(text[done:])
    return View("".join(pieces), text, (at, back)), placed
