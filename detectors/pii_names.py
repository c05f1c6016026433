"""Names of persons, found by what stands around them.

A Chinese name is a surname and one or two more characters, and so are thousands of ordinary words.
What tells them apart is evidence on both sides: a label (姓名：), a role (患者, 借款人), a relation
(我弟弟), a verb of naming (我叫) on the left; an end of clause, a title (女士, 同学) or a word that
follows persons on the right. The weaker the left side, the more the rest has to say.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator

from guard.detectors.normalise import HAN
from guard.detectors.oddness import ordinary
from guard.detectors.pii_hit import Hit
from guard.detectors.pii_name_score import best_at
from guard.detectors.pii_name_tables import (
    NOT_GIVEN,
    TITLE,
    name_tables,
    refused_name,
    word_kinds,
)

_LATIN = ("my name", "full name", "real name", "name", "contact person", "recipient", "patient")
#: What may follow a name: the end of a clause, or a character that often begins what persons do.
_ENDS = re.compile(
    r"\Z|[^\w]|的|了|是|在|有|和|与|及|或|也|都|就|不|说|称|于|将|被|向|对|把|给|因|从|到|为|带|系|等|已|收\b|收,"
    r"|这|现|今|自|持|拨|来|要|想|会|能|她|他|家|住|男|女|先生|女士|小姐|同学|老师|阿姨|师傅|医生|警官|律师|教授"
    r"|同志|经理|主任|表示|反映|投诉|提醒|拿|获|搬|办|贷|当选|出[借生席任具]|申请|要求|主动|自[愿称]|委托|授权|领取"
    r"|电话|手机|身份|性别|年龄|民族|出生|学号|工号|微信|qq|地址|住址|邮箱|联系|[啊呀吧呢吗嘛哦哈管需让跟请帮]|[一二两三四五六七八九十]+[位名个]|家属|过来|本人|名下|[0-9a-z]|代[收办理为]|寄|义务|跳入|反馈|交代|拾到|捡到|押金|继承|签署|审核|未|人民币|提出|汇报|主持|接手|科目|明早|以|前来|年[龄过]|吵|担任|负责|签|所|主[动张治]|[本今昨明]|上[周个午]|下[周个午]"
)
#: Of these only the whole of a word says that a name ends before it.
_STOP = re.compile(r"[,.;:!?、。/|()\[\]【】《》\"'“”‘’\s-]|\Z")
#: Surnames that are far more often words: names only behind a label with a colon.
RISKY = frozenset("和能言练连解封")
#: The Chinese John Doe.
PLACEHOLDER = re.compile(r"[张李王赵]某|张三|李四|王五|赵六|小明|某某")

#: Between a left word and a name: 名称, a bracket, a verb or colon, quotes and blanks. Bounded.
_LINK = re.compile(
    r"(?:签名|签字|姓名|名字|名称)?(?:\([^()\n]{1,6}\)|\))?[\s\"'“‘「『(\[【*|]{0,4}"
    r"(?P<link>(?:就?是|为|叫做?|写|改[成为]|换成|:|=|-|—|\d{1,2}\.){0,2})[\s\"'“‘「『(\[【:*]{0,4}(?P<n>\d{1,2}\.)?"
)
_DOTS = re.compile("[·•]")
DOTTED = re.compile(rf"[{HAN}]{{2,8}}(?:[·•](?:(?![的和与在是说])[{HAN}]){{1,8}}){{1,3}}")
#: 王小明，女，… and 王小明（男）: sex behind a name at the beginning of a clause.
_SEX = re.compile(r"[,(/ ]{1,2}[男女](?![\w])")
_MORE = re.compile(r"(?:[、/ ]|[,;和与及]) {0,2}(?:\d{1,2}\.)?")

#: Log-odds of a name by itself that suffice behind a word of a kind.
BESIDE = {"form": -1.5, "role": -1.5, "called": -2.0, "loose": -2.0}

Original = Callable[[int, int], str]


def _surname_end(text: str, at: int) -> int:
    """The end of the surname at ``at``, compound ones first; 0 for none."""
    tables = name_tables()
    for length in (2, 4):
        if text[at : at + length] in tables.compounds:
            return at + length
    return at + 1 if text[at : at + 1] in tables.singles else 0


def left_words() -> dict[str, str]:
    """Words around names, with their kind.

    Before a name: ``form`` (fields of forms and parts in a matter), ``field`` (the same, only with
    a colon or blank behind), ``role`` (relations), ``called`` (verbs of naming), ``told`` (of tales
    and shops), ``weak`` (often before persons), ``latin``. Behind one: ``title``. ``never`` only
    looks like one of these.
    """
    kinds = {word: kind for word, kind in word_kinds().items() if kind != "famous"}
    return kinds | dict.fromkeys(_LATIN, "latin")


def _end_loose(text: str, start: int, given: int) -> int:
    """The end of a name behind a colon: what stands before the next stop, if it can be one."""
    tables = name_tables()
    for length in (2, 1):
        end = given + length
        chars = text[given:end]
        if len(chars) < length or not _STOP.match(text, end) or not all(map(_is_han, chars)):
            continue
        if chars[0] in "们某" or text[start:end] in tables.words or TITLE.match(chars):
            return 0
        if text[start : start + 2] in tables.words and not set(chars) <= tables.given:
            return 0
        return end
    return 0


def _is_han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff" or "\u3400" <= char <= "\u4dbf"


def _end_strict(text: str, start: int, given: int, thorough: bool) -> int:
    """The end of a name that is told from words: its characters and what follows must fit."""
    if _wordlike(text, start, given):
        return 0
    best = 0
    for length in (2, 1):
        end = given + length
        chars = text[given:end]
        if len(chars) < length or not is_given(chars):
            continue
        if TITLE.match(chars):
            return 0
        best = best or (end if length == 2 and not thorough else 0)
        if _ENDS.match(text, end) and not (length == 1 and thorough and not _STOP.match(text, end)):
            return end
    return best


#: 胜男, 亚男: the only given names that end in a character which otherwise says the sex.
_BOYISH = re.compile("[胜亚若冠超赛梦似]男")


def is_given(chars: str) -> bool:
    """Whether one or two characters can be a given name."""
    if len(chars) == 2 and chars[0] in "一阿":
        chars = chars[1]
    return set(chars) <= name_tables().given or _BOYISH.fullmatch(chars) is not None


def _wordlike(text: str, start: int, given: int) -> bool:
    """Whether a single surname and the character behind it make an ordinary word."""
    return given - start == 1 and text[start : start + 2] in name_tables().words


def _end_risky(text: str, at: int, kind: str) -> int:
    """和志远 behind a role: a surname that is a word, with two given characters to the stop."""
    tables, end = name_tables(), at + 3
    fits = is_given(text[at + 1 : end]) and text[at : at + 2] not in tables.words
    if kind not in ("form", "role") or not fits or not _STOP.match(text, end):
        return 0
    return 0 if text[at:end] in ordinary() or text[at + 1 : end] in ordinary() else end


def _name(text: str, at: int, kind: str) -> int:
    """The end of the name that begins at ``at``, 0 for none."""
    if (
        kind in ("loose", "form", "called")
        and _DOTS.search(text, at, at + 9)
        and (dotted := DOTTED.match(text, at))
    ):
        return dotted.end()
    given = _surname_end(text, at)
    if not given or (text[at] in RISKY and kind != "loose"):
        return _end_risky(text, at, kind) if given else 0
    end = _end_loose(text, at, given) if kind in ("loose", "called") else 0
    if not end:
        end = _end_strict(text, at, given, kind == "weak")
    if not end and kind in BESIDE and not TITLE.match(text, given):
        end = best_at(text, at, BESIDE[kind])
    return 0 if end and refused_name(text[at:end]) else end


def name_hit(text: str, start: int, end: int, score: float, why: str) -> Hit:
    """A finding of a name; 张三 and 王某 score 0.5."""
    if PLACEHOLDER.match(text, start):
        return Hit(start, end, "pii.name", 0.5, "placeholder name, labelled")
    return Hit(start, end, "pii.name", score, why)


#: (score, why) by the kind of the word on the left.
_SCORES = {
    "loose": (0.85, "surname, labelled"),
    "form": (0.8, "surname, behind a role"),
    "role": (0.75, "surname, behind a relation"),
    "called": (0.85, "surname, called so"),
    "told": (0.4, "surname, told of"),
    "weak": (0.7, "surname, spoken of"),
}


def _behind(text: str, at: int, kind: str) -> Iterator[Hit]:
    """A name behind a left word, and the names listed after it."""
    link = _LINK.match(text, at)
    assert link is not None
    start = link.end()
    if kind in ("called", "weak", "told"):
        start = at + (text[at : at + 1] == ":")
    elif start > at and kind in ("form", "field"):
        kind = "loose"
    elif kind == "field" or (start > at and not link["link"]):
        return
    for _ in range(40):
        end = _name(text, start, kind)
        if not end:
            return
        yield name_hit(text, start, end, *_SCORES[kind])
        more = _MORE.match(text, end)
        if more is None or kind in ("told", "called"):
            return
        start, kind = more.end(), "weak" if kind == "weak" else "form"


_CUT = re.compile(r"[好信你我他她的了科是在有和与及或请给由问找对向把说叫让被从跟系班组为]")


def _before_title(text: str, at: int) -> Iterator[Hit]:
    """欧阳慧老师: the name that ends where a title begins."""
    tables = name_tables()
    for start in range(max(0, at - 4), at - 1):
        behind = _surname_end(text, start)
        if not behind or at - behind not in (1, 2):
            continue
        clear = start == 0 or _STOP.match(text, start - 1) or _CUT.match(text, start - 1)
        if clear and not _wordlike(text, start, behind):
            given = text[behind:at]
            if set(given) <= tables.given and not refused_name(text[start:at]):
                yield name_hit(text, start, at, 0.75, "surname, before a title")
                return


_LATIN_NAME = re.compile(
    r"(?: is|:)\s{1,2}(?P<value>[a-z]{2,15}(?: [a-z]\.?)? [a-z]{2,20})(?![a-z0-9])"
)
#: Surname and given name in Latin letters behind a Chinese label: Chen Xiaoyu, ZHANG/YUEHUA.
_LATIN_FIELD = re.compile(r"(?P<value>[a-z]{2,15}[ /,][ ]?[a-z]{2,20})(?![a-z0-9@._])")


def _latin(view: str, original: Original, at: int, pattern: re.Pattern[str]) -> Iterator[Hit]:
    """``my name is John Smith``: capitals of the original text tell it from ``my name is not``."""
    if match := pattern.match(view, at):
        start, end = match.span("value")
        value = original(start, end)
        words = re.split("[ /,]+", value)
        if all(w[:1].isupper() and (w[1:].islower() or "/" in value) for w in words):
            yield Hit(start, end, "pii.name", 0.85, "two capitalised words, labelled")


def find_at(text: str, begin: int, end: int, kind: str, original: Original) -> Iterator[Hit]:
    """Names at a word of :func:`left_words` that stands at ``begin..end`` of a folded text."""
    if kind == "latin":
        yield from _latin(text, original, end, _LATIN_NAME)
    elif kind == "title":
        hits = list(_before_title(text, begin))
        yield from hits
        if not hits and text[begin] != "的":
            yield from _behind(text, end, "role")
    elif kind != "never":
        hits = list(_behind(text, end, kind))
        yield from hits
        if not hits and kind in ("form", "field"):
            yield from _latin_behind(text, end, original)


def _latin_behind(text: str, at: int, original: Original) -> Iterator[Hit]:
    link = _LINK.match(text, at)
    if link and link.end() > at and text[link.end() : link.end() + 1].isascii():
        yield from _latin(text, original, link.end(), _LATIN_FIELD)


_NUMBER = re.compile(
    rf"(?<![{HAN}a-z0-9])(?P<value>[{HAN}]{{2,4}}?)收?"
    r"[ ,:;(/、]{1,3}(?:男|女)?[ ,:)]{0,3}(?:联系)?"
    r"(?:(?:电话|手机|身份证|学号|工号|住院|病历|准考证|学籍|卡|微信|qq|tel)号?码?)?[:是 ]{0,2}\Z"
)


def name_before(text: str, at: int) -> Hit | None:
    """A name that stands alone directly before a phone or ID number: 王小明，138…"""
    match = _NUMBER.search(text, max(0, at - 24), at)
    if match is None:
        return None
    start, stop = match.span("value")
    given = _surname_end(text, start)
    if not given or stop - given not in (1, 2) or TITLE.match(text, given):
        return None
    if (
        set(text[given:stop]) & NOT_GIVEN
        or text[start : start + 2] in name_tables().words
        or refused_name(text[start:stop])
    ):
        return None
    return name_hit(text, start, stop, 0.7, "surname, before a number")


_CLAUSE_NAME = re.compile(rf"(?:^|[^{HAN}a-z0-9])(?P<v>[{HAN}]{{2,4}})\Z")


def find_sexed(text: str) -> Iterator[Hit]:
    """王小明，女，58岁: names at the beginning of a clause with the sex behind them."""
    for match in _SEX.finditer(text):
        low = max(0, match.start() - 5)
        name = _CLAUSE_NAME.search(text[low : match.start()])
        if name is not None:
            start = low + name.start("v")
            if _name(text, start, "loose") == match.start():
                yield name_hit(text, start, match.start(), 0.8, "surname, sex behind it")


@functools.cache
def openers(kind: str) -> frozenset[str] | None:
    """First characters without which no name can follow a word of this kind; None: any may."""
    if kind in ("weak", "told", "role", "form", "field"):
        tables = name_tables()
        firsts = {*tables.singles, *(name[0] for name in tables.compounds)}
        links = (
            ""
            if kind in ("weak", "told")
            else " \t\n\"'“‘「『()[【*|:=-—0123456789签姓名就是为叫写改换"
        )
        return frozenset({*firsts, ":", *links})
    return None
