"""Secrets in text: keys, tokens, private keys, passwords, connection strings with a password.

One automaton looks for the words that each shape contains; only where one stands is the shape
tried. Shapes are matched on the folded text (full-width or zero-width disguises do not help) and
judged on the original, where case tells a key from a word. Placeholders (xxxx, your-key-here,
${VAR}, <token>) are no secrets.
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import itemgetter

from guard.detectors.automaton import Automaton
from guard.detectors.normalise import View, folded
from guard.detectors.secret_shapes import SHAPES, Shape
from guard.detectors.secret_vendors import VENDORS
from guard.model import Content, Finding, Modality, Where

NAME, VERSION = "secrets", "1"

CATEGORIES: tuple[str, ...] = (
    "secret.key",
    "secret.token",
    "secret.private_key",
    "secret.password",
    "secret.connection",
)

#: Nearly every secret fits; of private keys, web tokens and cookies, which may not, the beginning
#: alone is found within it, hence ``late``.
WINDOW = 512
#: Least Shannon entropy of a key in bits a character; 20 random hexadecimal digits have 3.4.
_ENTROPY = 2.8

_PLACEHOLDER = re.compile(
    r"x{4,}|\*{3,}|\.{3,}|…|<[^>]{0,40}>|\$\{|\{\{|\$\(|%\(|[-_]here|your[-_ ]?"
    r"|change[-_]?me|placeholder"
    r"|example|sample|dummy|redacted|masked|foobar|你的|您的|示例|替换|填写"
    r"|process\.env|environ|getenv"
)
#: Words that stand for a secret: user:password@host.
_STAND_IN = re.compile(
    r"(?:my|db|the|root)?[-_]?(?:pass|passwd|password|pwd|pw|secret|token|key)\d?\Z"
)
#: Names rather than values: db_password, user.password, http://…
_NAME_LIKE = re.compile(r"[a-z]+(?:[-_./:]+[a-z]+)+[-_./:]?\Z|https?:")
#: The same character, or a count, all the way: 0000…, 1234567890…, abcdef….
_RUNS = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "98765432109876543210")


def entropy(value: str) -> float:
    """Shannon entropy of the characters in bits each (0 for one repeated character)."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values())


def is_placeholder(value: str) -> bool:
    """Whether a value only shows where a secret would stand."""
    low = value.lower()
    if _PLACEHOLDER.search(low) or _STAND_IN.match(low) or len(set(low)) <= 3:
        return True
    return len(low) >= 6 and any(low in run for run in _RUNS)


_DIGIT = re.compile(r"\d")


def _kinds(value: str) -> int:
    """How many of lower case, upper case, digits and symbols occur."""
    digit = _DIGIT.search(value) is not None
    return (value != value.upper()) + (value != value.lower()) + digit + (not value.isalnum())


def is_password(value: str) -> bool:
    """Whether a value behind ``password=`` looks chosen or made rather than like code or prose."""
    if is_placeholder(value) or len(set(value)) < 4 or _NAME_LIKE.match(value.lower()):
        return False
    return _kinds(value) >= 2 or (value.isdecimal() and len(value) >= 6)


@functools.cache
def _automaton() -> tuple[Automaton, tuple[tuple[Shape, ...], ...]]:
    by_word: dict[str, list[Shape]] = {}
    for shape in (*SHAPES, *VENDORS):
        for word in shape.words:
            by_word.setdefault(word, []).append(shape)
    words = Automaton(list(by_word))
    return words, tuple(tuple(shapes) for shapes in by_word.values())


def _plain(value: str) -> str:
    """The value without disguise but with its case: no full-width or invisible characters."""
    if value.isascii():
        return value
    shaped = unicodedata.normalize("NFKC", value)
    return "".join(c for c in shaped if unicodedata.category(c) != "Cf")


def _sound(shape: Shape, value: str) -> bool:
    """Whether the original text of a match is a secret and no placeholder."""
    if shape.check is not None and shape.check(value) is None:
        return False
    if shape.judge == "password":
        return is_password(value)
    if shape.judge == "none":
        return not is_placeholder(value)
    if shape.label and not (_kinds(value) > 1 and any(c.isdecimal() for c in value)):
        return False
    return not is_placeholder(value) and entropy(value) >= _ENTROPY


#: How many keywords inside one stretch that a shape has matched are tried again (password=key=…).
_RETRIES = 3


def _matches(view: View) -> Iterator[tuple[Shape, int, int]]:
    """(shape, start, end) in the folded text of what stands at the keywords."""
    automaton, shapes = _automaton()
    tried: dict[
        str, tuple[int, int]
    ] = {}  # shape -> (end of its last match, keywords in it so far)
    for begin, end, index in automaton.scan(view.text):
        for shape in shapes[index]:
            reach, times = tried.get(shape.id, (0, 0))
            if begin < reach and times >= _RETRIES:
                continue
            if match := shape.at(view.text, begin, end):
                tried[shape.id] = (max(reach, match.end()), times + 1 if begin < reach else 0)
                yield shape, *match.span("v")


def _settle(found: list[tuple[Shape, int, int]]) -> list[tuple[Shape, int, int]]:
    """Of overlapping secrets the surest, then the longest, in text order."""
    kept: list[tuple[Shape, int, int]] = []
    for item in sorted(found, key=lambda f: (-f[0].score, f[1] - f[2], f[1])):
        at = bisect_left(kept, item[1], key=itemgetter(1))
        if (at == 0 or kept[at - 1][2] <= item[1]) and (at == len(kept) or kept[at][1] >= item[2]):
            kept.insert(at, item)
    return kept


def _mask(value: str) -> str:
    """At most the first 3 characters of a secret; of a short one the first alone."""
    return f"{value[: 3 if len(value) >= 12 else 1]}****"


def _finding(shape: Shape, value: str, start: int, end: int) -> Finding:
    return Finding(
        detector=f"{NAME}@{VERSION}",
        matcher=shape.category,
        category=shape.category,
        score=shape.score,
        where=Where(start, end),
        evidence=_mask(value),
        why=shape.id,
    )


class SecretsDetector:
    """Finds secrets in text; categories in :data:`CATEGORIES`, the shape's id in ``why``.

    ``where`` covers the secret alone, in code points of the original: of a connection string the
    password, of a header its value, of a private key the whole block.
    """

    name = NAME
    version = VERSION
    modalities: tuple[Modality, ...] = ("text",)
    window = WINDOW
    late = True

    def find(self, batch: Sequence[Content]) -> list[list[Finding]]:
        """Findings per item in text order. Never raises on any text; linear in its length."""
        return [self._find(content) for content in batch]

    def _find(self, content: Content) -> list[Finding]:
        view = folded(content)
        found = []
        for shape, start, end in _matches(view):
            first, last = view.span(start, end)
            if _sound(shape, _plain(view.original[first:last])):
                found.append((shape, first, last))
        return [
            _finding(shape, view.original[start:end], start, end)
            for shape, start, end in _settle(found)
        ]
