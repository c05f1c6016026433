"""Folded forms of a text for matching, each with an exact map back to the original.

Two views are used. *folded* undoes shape: full-width, case, styled and enclosed letters, Latin
look-alikes, traditional Chinese, zero-width and format characters, stacked marks. *squeezed*
further drops what is inserted between the characters of a word (spaces, ASCII symbols, dots) and
runs of a repeated character. Offsets are code points; ``View.span`` maps a stretch of a view to
the original text.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

from guard.model import Content

VERSION = "1"
_DROP, _WIDE = "\x00", "\x01"  # both are control characters, hence never survive folding
_SPECIAL = re.compile("[\x00\x01]")
HAN = "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
#: Inserted between Han characters these are noise; sentence punctuation is not in the list.
SOFT = " \t\\-_.,·•*~^+=|/\\\\#@&$%'\"`<>\\[\\](){}:∙‧・⋅●○◦★☆◆◇■□▪…—–―ー※→"
CLAUSE = frozenset("，：（）［］｛｝＜＞")
#: 赌 * 博: what stands before a Han character (that it also stands behind one is checked apart:
#: a look-behind in front makes the search several times slower).
_BETWEEN = re.compile(f"[{SOFT}]{{1,8}}(?=[{HAN}])")
_SEPARATED = re.compile(f"(?<=[{HAN}])[{SOFT}]+(?=[{HAN}])")
_AFTER_HAN = re.compile(f"[{HAN}]")
#: b-u-y: three or more single letters, each set apart.
_SPELLED = re.compile(f"(?<![a-z0-9])[a-z](?:[{SOFT}]{{1,3}}[a-z](?![a-z0-9])){{2,}}")
_ANY_SOFT = re.compile(f"[{SOFT}]")
_DOUBLE = re.compile(r"(.)\1")
_LATIN = re.compile("[a-z]")
_SOFT_RUN = re.compile(f"[{SOFT}]+")
#: 海海洛洛因: all but the last of a run.
_REPEAT = re.compile(f"([{HAN}])(?=\\1)")


class View:
    """A derived text and its way back to the original.

    ``text`` is the derived text; ``original`` the text the content came with.
    """

    __slots__ = ("_at", "_back", "_parent", "original", "text")

    def __init__(
        self,
        text: str,
        original: str,
        runs: tuple[list[int], list[int]] | None = None,
        parent: View | None = None,
    ) -> None:
        self.text = text
        self.original = original
        self._parent = parent
        # Runs of characters that moved together: run k starts at _at[k] and came from _back[k].
        # A negative _back marks characters that all came from the single character ~_back.
        self._at: list[int] | None = runs[0] if runs is not None else None
        self._back: list[int] | None = runs[1] if runs is not None else None

    @property
    def shifted(self) -> bool:
        """Whether any character stands elsewhere than in the text this view derives from."""
        return self._at is not None

    def origin(self, index: int) -> int:
        """Where the character at ``index`` of this view stood in its parent or the original."""
        if self._at is None or self._back is None:
            return index
        k = bisect_right(self._at, index) - 1
        back = self._back[k]
        return ~back if back < 0 else back + index - self._at[k]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original stretch of code points that view characters ``start..end`` stand for.

        Args:
            start, end: a non-empty stretch of this view, end exclusive.
        """
        first, last = self.origin(start), self.origin(end - 1)
        if self._parent is not None:
            return self._parent.span(first, last + 1)
        return first, last + 1


@functools.cache
def _tables() -> tuple[dict[int, int | str], dict[int, str]]:
    """(one-to-one table for ``str.translate``, expansions). Loaded on the first text."""
    # Identity entries make the look-up of ordinary characters a hit instead of a raised KeyError.
    table: dict[int, int | str] = {cp: cp for cp in (*range(0x20, 0x7F), *range(0x3000, 0x3040))}
    table |= {cp: cp for cp in (9, 10, 13, *range(0x2010, 0x2040), *range(0x4E00, 0xA000))}
    table |= {cp: cp for cp in range(0xFF00, 0xFF70)}
    wide: dict[int, str] = {}
    path = Path(__file__).parent / "data" / "fold.tsv"
    for line in path.read_text(encoding="utf-8").split("\n"):
        code, tab, body = line.partition("\t")
        if not tab:
            continue
        if "\\" in body:
            body = body.replace("\\t", "\t").replace("\\n", "\n").replace("\\\\", "\\")
        cp = int(code, 16)
        if len(body) == 1:
            table[cp] = ord(body)
        elif body:
            table[cp] = _WIDE
            wide[cp] = body
        else:
            table[cp] = _DROP
    return table, wide


def _unfold(text: str, draft: str, wide: dict[int, str]) -> View:
    """Resolve the placeholders of dropped and expanded characters, keeping the way back."""
    pieces: list[str] = []
    at: list[int] = []
    back: list[int] = []
    length = done = 0
    for match in _SPECIAL.finditer(draft):
        i = match.start()
        if i > done:
            pieces.append(draft[done:i])
            at.append(length)
            back.append(done)
            length += i - done
        if draft[i] == _WIDE:
            body = wide[ord(text[i])]
            pieces.append(body)
            at.append(length)
            back.append(~i)
            length += len(body)
        done = i + 1
    if done < len(draft):
        pieces.append(draft[done:])
        at.append(length)
        back.append(done)
    return View("".join(pieces), text, (at, back))


#: The full-width marks of nearly every Chinese text.
_FREQUENT = tuple((mark, chr(ord(mark) - 0xFEE0)) for mark in "，：？！；（）")


@functools.cache
def _unfolded() -> re.Pattern[str]:
    """Any character that folding changes. Searching for one takes a fifth of the time of folding,
    and most Chinese text has none beside :data:`_FREQUENT`."""
    changed = sorted(cp for cp, to in _tables()[0].items() if to != cp and cp < 0x10000)
    runs: list[list[int]] = []
    for cp in changed:
        if runs and cp == runs[-1][1] + 1:
            runs[-1][1] = cp
        else:
            runs.append([cp, cp])
    ranges = (f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in runs)
    return re.compile(f"[{''.join(ranges)}\U00010000-\U0010ffff]")


def fold(text: str) -> View:
    """The folded view of a text. Linear in its length; any ``str`` is accepted."""
    draft = text
    at = 0
    if not text.isascii():
        for mark, plain in _FREQUENT:
            draft = draft.replace(mark, plain)
        first = _unfolded().search(draft)
        if first is None:
            return View(draft, text)
        at = first.start()
    table, wide = _tables()
    draft = draft[:at] + draft[at:].translate(table)
    if _DROP in draft or _WIDE in draft:
        return _unfold(text, draft, wide)
    return View(draft, text)


@functools.cache
def _inserted() -> re.Pattern[str]:
    """Any character that folds to soft ones and does not part clauses. It is looked for in the
    original, so that the full-width comma of most Chinese sentences costs nothing more."""
    table, wide = _tables()
    shapes = {chr(cp): chr(to) if isinstance(to, int) else to for cp, to in table.items()}
    shapes |= {chr(cp): body for cp, body in wide.items()}
    soft = {shape for shape, body in shapes.items() if _ANY_SOFT.search(body)} - CLAUSE
    return re.compile(f"[{SOFT}{''.join(map(re.escape, sorted(soft)))}]")


def _is_noise(view: View, start: int, end: int) -> bool:
    """Whether a gap before a Han character was inserted: it follows one, and holds no full-width
    comma, colon or bracket, which folding made ASCII but which part sentences in Chinese."""
    if not start:
        return False
    if view.shifted:
        gap: Iterable[str] = (view.original[view.origin(i)] for i in range(start, end))
    else:
        gap = view.original[start:end]
    return CLAUSE.isdisjoint(gap) and _AFTER_HAN.match(view.text, start - 1) is not None


def _cuts(view: View) -> list[tuple[int, int]]:
    """The stretches that squeezing leaves out, in order."""
    text = view.text
    cuts: list[tuple[int, int]] = []
    if _inserted().search(view.original):
        gaps = (match.span() for match in _BETWEEN.finditer(text))
        cuts += [gap for gap in gaps if _is_noise(view, *gap)]
    if _DOUBLE.search(text):
        cuts += [match.span() for match in _REPEAT.finditer(text)]
    if _LATIN.search(text) and _ANY_SOFT.search(text):
        for word in _SPELLED.finditer(text):
            cuts += [gap.span() for gap in _SOFT_RUN.finditer(text, word.start(), word.end())]
    return sorted(cuts)


def squeeze(view: View) -> View | None:
    """The squeezed view of a folded one, or None where nothing was inserted or repeated."""
    text = view.text
    cuts = _cuts(view)
    if not cuts:
        return None
    pieces: list[str] = []
    at: list[int] = []
    back: list[int] = []
    length = done = 0
    for start, end in [*cuts, (len(text), len(text))]:
        if start > done:
            pieces.append(text[done:start])
            at.append(length)
            back.append(done)
            length += start - done
        done = end
    return View("".join(pieces), view.original, (at, back), view)


def tighten(text: str) -> str:
    """A folded word without separators between its Han characters (repeats stay: 人人贷)."""
    return _SEPARATED.sub("", text)


def folded(content: Content) -> View:
    """The content's folded view, made once and shared by all detectors."""
    view = content.views.get("folded")
    if view is None:
        view = content.views["folded"] = fold(content.text)
    result: View = view
    return result


def squeezed(content: Content) -> View | None:
    """The content's squeezed view (None where it equals the folded one), made once."""
    if "squeezed" not in content.views:
        content.views["squeezed"] = squeeze(folded(content))
    result: View | None = content.views["squeezed"]
    return result
