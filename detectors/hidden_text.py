"""Orders to the model in what a person does not see: hidden parts of HTML and Markdown.

A page or document that is handed to a model (role ``context``) can hold text that its reader never
sees: comments, elements that a style hides, white or zero-size
letters, ``alt`` and ``title`` attributes, link titles, link definitions used as comments. Hidden
text is ordinary; an order in it is not. So each hidden stretch is read by itself for orders, and
only an order is reported, where it stands in the original text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from guard.detectors.injection import hidden_matchers
from guard.detectors.lexicon import LexiconDetector, masked
from guard.model import Content, Finding, Modality, Where

#: (what hides it, start, end) in code points of the original text.
Stretch = tuple[str, int, int]

#: An element's hidden content is read up to this many characters.
LONGEST = 4_000
_SCORE = 0.9

_TAG = re.compile(r"<([a-zA-Z][\w-]{0,30})([^<>]{3,4000})>")
_HIDES = re.compile(
    r"display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden"
    r"|font-size\s{0,3}:\s{0,3}[01](?:px|pt|em|rem|%)?\s{0,3}(?:[;\"'!]|$)"
    r"|opacity\s{0,3}:\s{0,3}0(?:\.0\d?)?\s{0,3}(?:[;\"'!]|$)"
    r"|(?:left|top|text-indent)\s{0,3}:\s{0,3}-\d{3,}"
    r"|(?:max-)?(?:height|width)\s{0,3}:\s{0,3}0(?:px)?\s{0,3}(?:[;\"'!]|$)"
    r"|(?:^|\s)hidden(?:\s|=|$)",
    re.IGNORECASE,
)
_COLOUR = re.compile(
    r"(background(?:-color)?|color)\s{0,3}:\s{0,3}([#\w]+(?:\([\d,. %]{1,30}\))?)", re.IGNORECASE
)
_ATTRIBUTE = re.compile(
    r"""\b(alt|title|aria-label|content|placeholder|data-[\w-]{1,30})\s{0,3}=\s{0,3}(?:"([^"]{4,})"|'([^']{4,})')""",
    re.IGNORECASE,
)
_MARKDOWN = (
    ("image text", re.compile(r"!\[([^\]\n]{4,2000})\]\(")),
    ("link title", re.compile(r"\]\([^()\s]{1,2000}[ \t]{1,9}[\"']([^\"'\n]{4,2000})[\"']\)")),
    (
        "comment",
        re.compile(r"(?m)^\[[^\]\n]{1,40}\]:[ \t]{0,9}(?:#|<>)[ \t]{0,9}[(\"']([^\n]{4,2000})"),
    ),
)
_WHITE = {"white", "#fff", "#ffffff", "transparent"}


def _comments(text: str) -> Iterator[Stretch]:
    start = text.find("<!--")
    while start >= 0:
        end = text.find("-->", start + 4)
        end = len(text) if end < 0 else end  # a browser hides the rest, too
        yield "comment", start + 4, end
        start = text.find("<!--", end)


def _unseen(attributes: str) -> bool:
    """Whether the style of a tag hides its content: not shown, of no size, white on white."""
    if _HIDES.search(attributes):
        return True
    colours = {name.lower()[:4]: value.lower() for name, value in _COLOUR.findall(attributes)}
    letters, ground = colours.get("colo", ""), colours.get("back", "white")
    return bool(letters) and (letters == ground or (letters in _WHITE and ground in _WHITE))


def _elements(text: str) -> Iterator[Stretch]:
    """Contents of hidden elements, and attributes that are read by machines first of all."""
    lower, covered = "", 0  # what is inside a hidden element is read with it, not again
    for tag in _TAG.finditer(text):
        attributes = tag[2]
        if "=" not in attributes and "hidden" not in attributes.lower():
            continue
        for found in _ATTRIBUTE.finditer(attributes):
            group = 2 if found[2] is not None else 3
            yield (
                f"{found[1].lower()} attribute",
                tag.start(2) + found.start(group),
                tag.start(2) + found.end(group),
            )
        if tag.start() >= covered and _unseen(attributes):
            lower = lower or _lowered(text)
            limit = min(tag.end() + LONGEST, len(text))
            end = lower.find(f"</{tag[1].lower()}", tag.end(), limit)
            covered = end if end >= 0 else limit
            yield "hidden element", tag.end(), covered


def _lowered(text: str) -> str:
    """Lower case of ASCII only, so that places stay the same."""
    return text.translate({code: code + 32 for code in range(65, 91)})


def hidden_stretches(text: str) -> list[Stretch]:
    """Every stretch of ``text`` that a reader of the rendered page or document does not see."""
    found: list[Stretch] = []
    if "<" in text:
        found += _comments(text)
        found += _elements(text)
    if "](" in text or "]:" in text:
        for why, pattern in _MARKDOWN:
            found += ((why, *match.span(1)) for match in pattern.finditer(text))
    return [stretch for stretch in found if stretch[2] > stretch[1]]


class HiddenTextDetector:
    """Gives ``injection.indirect`` for orders in hidden text of contexts."""

    name = "hidden_text"
    version = "1"
    modalities: tuple[Modality, ...] = ("text",)
    window = LONGEST
    late = False

    @cached_property
    def _orders(self) -> LexiconDetector:
        """Built for the first context that hides something."""
        return LexiconDetector([], {f"{self.name}@{self.version}": hidden_matchers()})

    def find(self, batch: Sequence[Content]) -> list[list[Finding]]:
        """Findings per item."""
        return [self._find(content) if content.role == "context" else [] for content in batch]

    def _find(self, content: Content) -> list[Finding]:
        text = content.text
        if "<" not in text and "](" not in text and "]:" not in text:
            return []
        found: dict[tuple[int, int], Finding] = {}
        for why, start, end in hidden_stretches(text):
            stretch = Content(text[start:end], "context")
            for order in self._orders.find([stretch])[0]:
                assert order.where is not None
                place = (start + order.where.start, start + order.where.end)
                found.setdefault(place, self._finding(text, why, place))
        return [found[place] for place in sorted(found)]

    def _finding(self, text: str, why: str, place: tuple[int, int]) -> Finding:
        return Finding(
            detector=f"{self.name}@{self.version}",
            matcher="injection.indirect",
            category="injection.indirect",
            score=_SCORE,
            where=Where(*place),
            evidence=masked(text[slice(*place)]),
            why=f"order in hidden text ({why})",
        )
