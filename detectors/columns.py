"""Text written downwards: one or a few characters a line, to be read by columns.

Such readings are *late*: a column can be of any height.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: A line of a column-written block: at most this many characters, white space apart; a block: at
#: most so many lines; a text: at most so many readings. Beyond, it is a table, not a disguise.
WIDEST, MOST_LINES, MOST_READINGS = 12, 64, 8
_LINE = re.compile(r"[^\n]*")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
Line = list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Reading:
    """A text read by columns; ``places[n]`` is where its n-th character stands in the original."""

    text: str
    places: tuple[int, ...]

    def spans(self, start: int, end: int) -> tuple[tuple[int, int], ...]:
        """The stretches of the original under ``start..end`` of the reading, in order."""
        spans: list[tuple[int, int]] = []
        for place in sorted(self.places[start:end]):
            if spans and spans[-1][1] == place:
                spans[-1] = (spans[-1][0], place + 1)
            else:
                spans.append((place, place + 1))
        return tuple(spans)


def readings(text: str) -> list[Reading]:
    """The column readings of each block of short lines: left to right, and right to left."""
    if text.count("\n") < 1 or _HAN.search(text) is None:
        return []
    found = []
    for block in _blocks(text):
        columns = [
            [line[n] for line in block if n < len(line)] for n in range(max(map(len, block)))
        ]
        orders = [columns] if len(columns) == 1 else [columns, columns[::-1]]
        for order in orders:
            cells = [cell for column in order for cell in column]
            found.append(Reading("".join(c for _, c in cells), tuple(at for at, _ in cells)))
        if len(found) >= MOST_READINGS:
            break
    return found


def _blocks(text: str) -> Iterator[list[Line]]:
    """Runs of short, mostly Chinese lines: two of one character, or three."""
    block: list[Line] = []
    for match in _LINE.finditer(text):
        if match.start() and text[match.start() - 1] != "\n":
            continue  # the empty match behind a line
        line = _line(text, match.start(), match.end())
        if line is not None and len(block) < MOST_LINES:
            block.append(line)
            continue
        if _is_block(block):
            yield block
        block = []
    if _is_block(block):
        yield block


def _line(text: str, start: int, end: int) -> Line | None:
    """The characters of a line with their places; None where it is no line of a column."""
    if end - start > 4 * WIDEST:
        return None
    cells = [(at, text[at]) for at in range(start, end) if not text[at].isspace()]
    han = sum(_HAN.match(char) is not None for _, char in cells)
    return cells if 0 < len(cells) <= WIDEST and 2 * han >= len(cells) else None


def _is_block(block: list[Line]) -> bool:
    return len(block) >= 3 or (len(block) == 2 and all(len(line) == 1 for line in block))
