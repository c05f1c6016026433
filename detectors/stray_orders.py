"""Orders that stand where they do not belong: in a table, among the lines of a mail, above code.

Data handed to a model (role ``context``) has a form. Injected orders are often plain requests
without any trigger word ("translate the following…"), so what gives them away is the form:

* nearly all lines are rows of a table, and one or two are a request or a question;
* a line of a letter or page sets a writing task, or says how an answer is to be spelled, and shares
  no word with the rest;
* a line asks to take over the code block below it, and that code reaches for the network, for
  processes or for files.

That is suggestive, not sure: a heading may be a question as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

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


#: A task for a writing machine, as the beginning of a line. People who write to people ask for
#: other things: to read, sign, call, send.
_TASK = re.compile(
    r"""[ \t>*"'“-]{0,4}
    (?:(?:please|kindly|now|also|then)\s|(?:can|could|would)\syou\s(?:please\s)?)?(?:
    (?:write|compose|craft|draft|create|generate|develop|produce|make\sup)\s(?:me\s)?(?:an?|the|some|\d+|two
      |three|five)\s(?:[\w-]+\s){0,4}?(?:poem|story|essay|speech|letter|haiku|song|script|article|recipe
      |joke|limerick|introduction|paragraph|dialogue|summary|post|blog|review|plan|list|slogan|outline
      |description|toast|riddle|sonnet|lyrics|tale|monologue|function|program|code|eulogy|guide|report)\b
    |(?:provide|give|share|show|tell|suggest|recommend|offer)\s(?:me\s)?(?:an?|the|some|\d+)\s(?:[\w-]+\s){0,4}?
      (?:poem|story|essay|recipe|equivalent|translation|overview|explanation|synonyms?|antonyms?
      |facts?|tips|examples?|joke|function|meaning|definition|formula|history)\b
    |(?:translate|paraphrase|summari[sz]e|recite|define|calculate|solve|conjugate|spell)\s\S
    |explain\s(?:the|how|why|what)\s
    |what(?:'s|\sis|\sare|\swas|\swere)\s(?:the\s(?:[\w-]+\s){0,3}(?:of|in|for|behind|between|to)\b|an?\s|['"“])
    |who\s(?:wrote|invented|discovered|painted|was|composed)\s
    |how\s(?:do|can|would)\s(?:i|you|one)\s(?:solve|say|calculate|make|cook|write|translate|pronounce)\b
    |(?:which|what)\s(?:planet|country|element|year|animal|river|ocean)\b)
    |^(?:请|帮我|麻烦你?)?(?:写|创作|作|编)(?:一|首|篇|个|段)[^。！？]{0,20}(?:诗|故事|作文|文章|歌词|笑话|剧本|小说|演讲稿)
    |^(?:请|帮我|麻烦你?)?(?:把|将)?[^。！？]{0,20}(?:翻译成|译成)""",
    re.IGNORECASE | re.VERBOSE,
)
#: How an answer is to be worded: said to nobody but the one who will answer.
_WORDING = re.compile(
    r"""\byour\s(?:[\w-]+\s)?(?:reply|response|answer|output|words|sentences|summary)\b
    |\b(?:each|every|all)\s(?:(?:second|third|other|the|nth)\s)?(?:letters?|words?|vowels?|spaces?
      |consonants?|sentences?|characters?)\b
    |\b(?:homophon|alphanumeric|anagram|misspell|typos|emojis?\sonly|morse|pig\slatin|base64|caesar
      |leetspeak|substitution|scrambl|jumbl|keyboard\ssymbols)""",
    re.IGNORECASE | re.VERBOSE,
)
_NOT_WORDING = re.compile(
    r"thank|appreciate|look(?:ing)? forward|receiv|await|by (?:mon|tue|wed|thu|fri)", re.IGNORECASE
)
_WORD = re.compile(r"[a-zA-Z]{5,}|[\u4e00-\u9fff]{2}")
#: Letters and pages of up to so many characters; the rest must say something.
_LONGEST_PAGE, _LEAST_REST = 20_000, 80

#: "Merge the following code block into your solution", in either order of its parts.
_TAKE_CODE = re.compile(
    r"""\b(?:following|subsequent|below|ensuing|succeeding|next|accompanying)\s(?:code|script)
      (?:\s(?:block|snippet|excerpt|fragment|segment|piece|lines?|section|portion))\b
    |(?:以下|下面|下列|如下)(?:的|这段|这个)?(?:代码|脚本|程序)(?:块|片段|段)?[^。！？]{0,12}
      (?:加入|并入|合并|插入|放进|放到|集成|写进|纳入|添加)
    |(?:加入|并入|合并|插入|放进|集成|写进|纳入|添加|采用)[^。！？]{0,12}(?:以下|下面|下列|如下)(?:的|这段|这个)?
      (?:代码|脚本|程序)""",
    re.IGNORECASE | re.VERBOSE,
)
_REACHES = re.compile(
    r"""\b(?:socket|subprocess|urllib|requests\.(?:get|post|put)|wget|curl|ftplib|smtplib|paramiko|shutil
    |os\.(?:system|popen|remove|environ)|pynput|keyboard|pyautogui|getpass|browser_cookie|webbrowser
    |winreg|ctypes|eval\(|exec\(|nohup|psutil|fetch\(|child_process|XMLHttpRequest|Invoke-WebRequest)
    |https?://|/etc/|~/\.ssh|\.env\b""",
    re.IGNORECASE | re.VERBOSE,
)
_FENCED = re.compile(r"\s{0,3}```[^\n]{0,40}\n([\s\S]{0,2000}?)```")

#: A stray order: its place and why it is one.
Stray = tuple[int, int, str]


def _is_row(line: str) -> bool:
    return line.count("|") >= 2


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Places of the lines of a text that hold something, without outer white space."""
    place = 0
    for line in text.split("\n"):
        if line.strip():
            yield place + len(line) - len(line.lstrip()), place + len(line.rstrip())
        place += len(line) + 1


def stray_orders(text: str) -> list[tuple[int, int]]:
    """Places of the requests between, before or after the rows of a text that is a table."""
    lines = list(_lines(text))
    strays = [place for place in lines if not _is_row(text[slice(*place)])]
    if len(lines) - len(strays) < LEAST_ROWS or not 0 < len(strays) <= MOST_STRAYS:
        return []
    return [(start, end) for start, end in strays if _is_order(text[start:end])]


def _is_order(line: str) -> bool:
    if len(line) > LONGEST:
        return False
    return line.endswith(("?", "？")) or _ORDER.match(line) is not None


def stray_tasks(text: str) -> list[tuple[int, int]]:
    """Places of lines of a letter or page that set a writing task foreign to it, at most two.

    More than two such lines are what the page is about (a work sheet, a list of prompts).
    """
    lines = list(_lines(text)) if len(text) <= _LONGEST_PAGE else []
    tasks = [place for place in lines if _is_task(text[slice(*place)])]
    if not 0 < len(tasks) <= MOST_STRAYS:
        return []
    return [place for place in tasks if _is_foreign(text, place)]


def _is_task(line: str) -> bool:
    if not 12 <= len(line) <= LONGEST // 2 or "|" in line:
        return False
    if _TASK.match(line):
        return True
    wording = _WORDING.search(line) is not None and _NOT_WORDING.search(line) is None
    return wording and _ORDER.match(line) is not None


def _is_foreign(text: str, place: tuple[int, int]) -> bool:
    """Whether a line shares no word of five letters (or two Chinese characters) with the rest."""
    start, end = place
    rest = text[:start] + "\n" + text[end:]
    if len(rest.strip()) < _LEAST_REST:
        return False
    own = {word.lower() for word in _WORD.findall(text[start:end]) if word.lower() not in _EVERYDAY}
    return own.isdisjoint(word.lower() for word in _WORD.findall(rest))


#: Words that say nothing of what a text is about.
_EVERYDAY = frozenset(
    {
        "please",
        "write",
        "about",
        "could",
        "would",
        "should",
        "their",
        "there",
        "these",
        "those",
        "which",
        "where",
        "while",
        "with",
        "your",
        "answer",
        "response",
        "reply",
        "question",
        "questions",
        "message",
    }
)


def taken_code(text: str) -> list[tuple[int, int]]:
    """Places of lines that ask to take over the fenced code below, which reaches out."""
    if "```" not in text:
        return []
    found = []
    for start, end in _lines(text):
        if end - start <= LONGEST // 2 and _TAKE_CODE.search(text, start, end):
            code = _FENCED.match(text, end)
            if code and _REACHES.search(code[1]):
                found.append((start, end))
    return found


def _strays(text: str) -> Iterator[Stray]:
    if text.count("|") >= 2 * LEAST_ROWS:
        for start, end in stray_orders(text):
            yield start, end, "a request between the rows of a table"
    if "\n" in text:
        for start, end in stray_tasks(text):
            yield start, end, "a writing task that has nothing to do with the text around it"
        for start, end in taken_code(text):
            yield start, end, "a request to take over code that reaches outside"


class StrayOrderDetector:
    """Gives ``injection.indirect`` for requests out of place, in contexts only."""

    name = "stray_orders"
    version = "2"
    modalities: tuple[Modality, ...] = ("text",)
    window = LONGEST
    late = False

    def find(self, batch: Sequence[Content]) -> list[list[Finding]]:
        """Findings per item."""
        return [self._find(content) if content.role == "context" else [] for content in batch]

    def _find(self, content: Content) -> list[Finding]:
        text = content.text
        return [
            Finding(
                detector=f"{self.name}@{self.version}",
                matcher="injection.indirect",
                category="injection.indirect",
                score=_SCORE,
                where=Where(start, end),
                evidence=masked(text[start:end]),
                why=why,
            )
            for start, end, why in sorted(set(_strays(text)))
        ]
