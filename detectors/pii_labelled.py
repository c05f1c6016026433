"""Values that only their label makes personal: permits, accounts, patient and school numbers.

One automaton finds all labels, those of names (pii_names.py) among them; behind each a short
anchored pattern reads the value.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from guard.detectors.normalise import HAN
from guard.detectors.pii_hit import Hit
from guard.detectors.pii_names import Original, find_at, left_words, openers

#: Between a label and its value: 号码, a verb or colon, quotes and brackets. Bounded.
_LINK = (
    r"(?: ?(?:号码|账号|帐号|编号|证号|证件号码?|号|id|no\.?|number))?吧?[\s\"'“‘「『(\[【*]{0,3}"
    r"(?P<link>(?:就?是|为|叫做?|:|=|-|—){0,2})[\s\"'“‘「『(\[【:*]{0,3}"
)
_END = r"(?![0-9a-z])"
_LATIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


@dataclass(frozen=True, slots=True)
class Label:
    """Label words, and what a value behind them looks like.

    ``linked`` wants an explicit colon or verb between them (联系人：王小明, but not 联系人都).
    """

    category: str
    words: str
    value: re.Pattern[str]
    score: float = 0.9
    linked: bool = False
    check: Callable[[str], bool] | None = None


def _value(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"{_LINK}(?P<value>{pattern})")


#: Product and company words that follow 微信 or wechat and are no account.
_NO_ACCOUNT = re.compile(
    r"(?:wechat|weixin|android|iphone|official|windows|openid|unionid|appid|appsecret|pay|api|https?"
    r"|www|login|update|version|moments|mini|group|public|google|facebook|twitter|whatsapp|tiktok|douyin|alipay|weibo|email)"
)


def _is_account(value: str) -> bool:
    return _NO_ACCOUNT.match(value) is None


def _is_telling_account(value: str) -> bool:
    """Without colon or verb a Latin word is an account only when it looks like none."""
    return _is_account(value) and any(c.isdecimal() or c in "_-" for c in value)


_STREET = re.compile(
    r"\b(?:road|street|avenue|lane|drive|boulevard|building|room|district|apartment|apt|suite|floor|rd|st|ave|blvd)\b"
)


#: Where an English address ends before the line does.
_CLOSE = re.compile(r"(?<!no)\. |, ?(?:phone|tel|mobile|email)\b")


def _is_street(value: str) -> bool:
    return any(c.isdecimal() for c in value) and _STREET.search(value) is not None


_WECHAT = r"[a-z][a-z0-9_-]{5,19}(?!\.?[0-9a-z_@])"
_ID18 = r"[1-9][0-9]{16}[0-9x]"
#: Ways to write 微信 and QQ, those that dodge filters among them.
_WECHAT_WORDS = (
    "微信 微_信 薇信 威信 徽信 维信 微x 微❤ 薇❤ 薇❤信 微❤信 薇心 v❤ v信 v芯"
    " wei信 weixin wechat vx wx 加v 加薇 加微 加微信 加v信 加vx 加wx 加我微信 加个微信"
)
_QQ_WORDS = "qq q_q qq号 q号 扣扣 扣扣号 企鹅号 球球号 抠抠 扣号"
LABELS: tuple[Label, ...] = (
    Label(
        "pii.passport", "护照 passport", _value(rf"(?:[a-z][0-9]{{8}}|[a-z]{{2}}[0-9]{{7}}){_END}")
    ),
    Label("pii.passport", "护照 passport", _value(rf"[0-9]{{9}}{_END}"), 0.75),
    Label(
        "pii.hkmo_permit",
        "来往内地通行证 回乡证 回乡卡 港澳通行证 往来港澳通行证 通行证",
        _value(rf"(?:[hm][0-9]{{8}}(?:[0-9]{{2}})?|c[0-9a-z][0-9]{{7}}|w[0-9]{{8}}){_END}"),
    ),
    Label(
        "pii.tw_permit",
        "台胞证 来往大陆通行证 往来台湾通行证 大通证 入台证 台湾通行证",
        _value(rf"(?:[0-9]{{8}}(?:[0-9]{{2}})?(?:\([a-z]\)|[a-z])?|[lt][0-9]{{8}}){_END}"),
    ),
    Label(
        "pii.military_id",
        "军官证 士兵证 士官证 军人证 文职干部证 文职人员证 军人身份证 警官证 军人保障卡",
        _value(rf"(?:[{HAN}]{{1,4}}字?第?[0-9]{{5,9}}号?|[0-9]{{7,10}}){_END}"),
    ),
    Label(
        "pii.driving_licence",
        "驾驶证 驾照 档案 驾驶执照 驾驶证档案",
        _value(rf"(?:[0-9]{{12}}|{_ID18}){_END}"),
    ),
    Label(
        "pii.medical",
        "病历 病案 住院 门诊 就诊 就诊卡 检查单 床头卡 医保 医保卡 医保电子凭证 医疗卡 社保 社保卡"
        " 社会保障 社会保障卡 参保 体检 体检编号 影像 检查 病理 登记号 病床 处方"
        " 患者编号 病人编号 放射",
        _value(rf"[a-z]{{0,4}}-?[0-9]{{5,18}}[0-9x]?{_END}"),
        0.85,
    ),
    Label(
        "pii.student",
        "学号 学籍 学籍号 考生 考生号 考号 准考证 学生证 校园卡 学生卡 一卡通"
        " student_id student_number",
        _value(rf"[a-z]{{0,3}}[0-9]{{6,19}}[0-9x]?{_END}"),
        0.85,
    ),
    Label(
        "pii.address",
        "address addr",
        _value(r"(?>[a-z0-9#](?:[a-z0-9,.#'/-]| (?! )){8,120})"),
        0.85,
        True,
        _is_street,
    ),
    Label("pii.wechat", f"{_WECHAT_WORDS} 卫星号", _value(_WECHAT), 0.9, True, _is_account),
    Label("pii.wechat", _WECHAT_WORDS, _value(_WECHAT), 0.75, False, _is_telling_account),
    Label(
        "pii.wechat", "微 薇 v 绿泡泡 小绿书 卫星", _value(_WECHAT), 0.7, True, _is_telling_account
    ),
    Label("pii.qq", _QQ_WORDS, _value(r"[1-9][0-9]{4,10}(?!\.?[0-9a-z@])"), 0.85, True),
    Label("pii.qq", _QQ_WORDS, _value(r"[1-9][0-9]{5,10}(?!\.?[0-9a-z@])"), 0.7),
    Label("pii.qq", "q 扣 企鹅 蔻蔻", _value(r"[1-9][0-9]{5,10}(?!\.?[0-9a-z@])"), 0.7, True),
)

Reader = Label | str


@functools.cache
def _readers() -> dict[str, tuple[Reader, ...]]:
    """Every label word with what reads the value behind it; a string is a kind of name."""
    readers: dict[str, list[Reader]] = {}
    for label in LABELS:
        for word in label.words.split():
            readers.setdefault(word.replace("_", " "), []).append(label)
    for word, kind in left_words().items():
        readers.setdefault(word, []).append(kind)
        if word[0] == "的":  # 张伟的住院号: the automaton finds the longer word only
            readers[word] += readers.get(word[1:], readers.get(word[1:].removesuffix("号"), []))
    return {word: tuple(found) for word, found in readers.items()}


def label_words() -> tuple[str, ...]:
    """Every word that can make a value personal; :func:`find_labelled` takes their indices."""
    return tuple(_readers())


@functools.cache
def _by_index() -> tuple[tuple[int, bool, tuple[Reader, ...], frozenset[str] | None], ...]:
    """By the index of the word: its length, whether it is Latin, what reads the value, and the
    characters one of which must follow (None: any may)."""
    rows = []
    for word, found in _readers().items():
        only = found[0] if len(found) == 1 and isinstance(found[0], str) else ""
        rows.append((len(word), word[0].isascii(), found, openers(only)))
    return tuple(rows)


def _read(label: Label, text: str, at: int) -> Hit | None:
    match = label.value.match(text, at)
    if match is None or (label.linked and not match["link"] and text[at - 1 : at] != "号"):
        return None
    if label.check is not None and not label.check(match["value"]):
        return None
    start, end = match.span("value")
    if label.category == "pii.address":
        start, end = start, start + len(_CLOSE.split(match["value"], maxsplit=1)[0].rstrip(" ,."))
    return Hit(start, end, label.category, label.score, "labelled")


def find_labelled(
    text: str, labels: Iterable[tuple[int, int]], original: Original
) -> Iterator[Hit]:
    """Hits of values behind labels in a folded text.

    Args:
        labels: (index into :func:`label_words`, end of the label in the text).
        original: gives the original text of a stretch of the folded one.
    """
    table = _by_index()
    done = 0
    for index, end in labels:
        length, latin, readers, following = table[index]
        if following is not None and text[end : end + 1] not in following:
            continue
        begin = end - length
        if latin and begin and text[begin - 1] in _LATIN:  # the end of another word
            continue
        for reader in readers:
            if isinstance(reader, str):
                if begin < done:  # a label made of a name's characters
                    continue
                for hit in find_at(text, begin, end, reader, original):
                    done = max(done, hit.end)
                    yield hit
            elif value := _read(reader, text, end):
                yield value
                break
