"""Orders that stand where they do not belong: a line of prose inside a table.

Data handed to a model (role ``context``) has a form. Injected orders are often plain requests
without any trigger word ("translate the following…"), so what gives them away is the form: nearly
all lines are rows of a table, and one or two are a request or a question. That is suggestive, not
sure: a heading may be a question as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from guard.detectors.lexicon import masked
from guard.model import Content, Finding, Modality, Where

_SCORE = 0.6
#: Rows that make a table, the most lines that are none, and the longest request (characters).
LEAST_ROWS, MOST_STRAYS, LONGEST = 3, 2, 600

_ORDER = re.compile(
    r"""[ \t>*\-"'“]{0,4}(?:please\s|kindly\s|can\syou\s|could\syou\s|now\s)?(?:
    write|compose|explain|translate|describe|list|summari[sz]e|create|generate|suggest|recommend
    |provide|find|tell|give|add|include|insert|substitute|replace|group|introduce|modify|use|make
    |convert|identify|compare|name|define|calculate|solve|draft|develop|design|discuss|teach|help
    |encode|spell|shift|jumble|scramble|mix|swap|remove|reverse|change|switch|reply|respond|answer
    |convince|persuade|promote|encourage|highlight|emphasi[sz]e|mention|advertise|inform|ignore
    |disregard|forget|send|forward|output|print|repeat|visit|click|rearrange|alter|transform
    |incorporate|outline|analy[sz]e|evaluate|share|express|offer|invite|ask|congratulate|thank
    |apply|start|begin|end|finish|conclude|space|separate|combine|break|misspell|eliminate|delete
    |integrate|enhance|render|augment|anagram|merge|enlist|absorb|ensure|keep|assist|guide|act
    |prepare|organi[sz]e|plan|argue|motivate|advise|in\syour\s|at\sthe\send\sof\syour\s|when\syou\s
    )\b
    |(?:请|帮我|麻烦)?(?:你|您)?(?:写一|翻译|解释|总结|概括|列出|推荐|生成|创作|告诉我|介绍|比较|计算
    |编写|改写|续写|回答|回复|输出|忽略|无视|发送|转发|点击|访问|在回答|在回复|把你的|将你的|用[中英日法德]文)""",
    re.IGNORECASE | re.VERBOSE,
)


def _is_row(line: str) -> bool:
    return line.count("|") >= 2


def stray_orders(text: str) -> list[tuple[int, int]]:
    """Places of the requests between, before or after the rows of a text that is a table."""
    rows, strays, place = 0, [], 0
    for line in text.split("\n"):
        if _is_row(line):
            rows += 1
        elif line.strip():
            strays.append((place + len(line) - len(line.lstrip()), place + len(line.rstrip())))
        place += len(line) + 1
    if rows < LEAST_ROWS or not 0 < len(strays) <= MOST_STRAYS:
        return []
    return [(start, end) for start, end in strays if _is_order(text[start:end])]


def _is_order(line: str) -> bool:
    if len(line) > LONGEST:
        return False
    return line.endswith(("?", "？")) or _ORDER.match(line) is not None


class StrayOrderDetector:
    """Gives ``injection.indirect`` for requests inside the rows of a table, in contexts only."""

    name = "stray_orders"
    version = "1"
    modalities: tuple[Modality, ...] = ("text",)
    window = LONGEST
    late = False

    def find(self, batch: Sequence[Content]) -> list[list[Finding]]:
        """Findings per item."""
        return [self._find(content) if content.role == "context" else [] for content in batch]

    def _find(self, content: Content) -> list[Finding]:
        text = content.text
        if text.count("|") < 2 * LEAST_ROWS:
            return []
        return [
            Finding(
                detector=f"{self.name}@{self.version}",
                matcher="injection.indirect",
                category="injection.indirect",
                score=_SCORE,
                where=Where(start, end),
                evidence=masked(text[start:end]),
                why="a request between the rows of a table",
            )
            for start, end in stray_orders(text)
        ]
