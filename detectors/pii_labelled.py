"""Values that only their label makes personal: names, permits, accounts, patient numbers.

One automaton finds all labels; behind each a short anchored pattern reads the value.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from guard.detectors.normalise import HAN
from guard.detectors.pii_hit import Hit

#: Between a label and its value: 号码, a verb or colon, quotes and brackets. Bounded.
_LINK = (
    r"(?:号码|账号|帐号|编号|证号|证件号码?|号|id|no\.?|number)?[\s\"'“‘「『(\[【*]{0,3}"
    r"(?P<link>(?:就?是|为|叫做?|:|=|-|—){0,2})[\s\"'“‘「『(\[【:*]{0,3}"
)
_END = r"(?![0-9a-z])"


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


_WECHAT = r"[a-z][a-z0-9_-]{5,19}(?![0-9a-z_@.])"
_ID18 = r"[1-9][0-9]{16}[0-9x]"
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
        " 社会保障 社会保障卡",
        _value(rf"[a-z]{{0,4}}-?[0-9]{{5,18}}[0-9x]?{_END}"),
        0.85,
    ),
    Label(
        "pii.student",
        "学号 学籍 学籍号 考生 考生号 准考证 学生证 student_id student_number 校园卡",
        _value(rf"[a-z]{{0,3}}[0-9]{{6,19}}[0-9x]?{_END}"),
        0.85,
    ),
    Label(
        "pii.wechat",
        "微信 微_信 薇信 威信 weixin wechat vx v信 wx 卫星号",
        _value(_WECHAT),
        0.9,
        True,
        _is_account,
    ),
    Label(
        "pii.wechat",
        "微信 薇信 weixin wechat vx v信 wx",
        _value(_WECHAT),
        0.75,
        False,
        _is_telling_account,
    ),
    Label(
        "pii.qq",
        "qq q_q 扣扣 企鹅号 球球号 抠抠",
        _value(r"[1-9][0-9]{4,10}(?![0-9a-z@.])"),
        0.85,
        True,
    ),
    Label(
        "pii.qq", "qq q_q 扣扣 企鹅号 球球号 抠抠", _value(r"[1-9][0-9]{5,10}(?![0-9a-z@.])"), 0.7
    ),
)

_NAMED = (
    "姓名 名字 真名 联系人 收件人 收货人 寄件人 签收人 持卡人 户主 户名 开户名 患者 病人 申请人"
    " 法人 法定代表人 当事人 原告 被告 证人 死者 家长 监护人 紧急联系人 投保人 被保险人 受益人"
    " 学生 借款人 承租人 出租人 乘客 入住人 客户"
)
_CALLED = "我叫 我的名字叫 我名字叫 本人姓名"
#: Tales call their people so, and shops.
_TOLD = "名叫 叫做"
#: Characters that do not stand in given names: they begin what follows a name.
_NOT_GIVEN = frozenset(
    "的了是在有和与及或也都就不我你他她它们这那哪今年岁住电手身性男女号来去到说做叫被把给让从对向为吗呢吧啊呀"
    "个些什么怎没很太最还又再只并而但若如先几多少份人者们您该此其之以于因所着过会能要可想看上下里前后"
)
#: Words that begin with a surname but are none: their second characters would pass as given names.
_NO_NAME = re.compile(
    r"方法|方式|方案|时间|时候|高级|高度|高兴|何时|何地|何种|任何|任务|石头|白色|黄色|金额|金色|项目"
    r"|史上|江湖|温度|马上|马克|明星|安全|安排|常见|常用|许可|许多|曾经|易于|关于|关系|单位|单独|成功|成为|万一|毛病"
    r"|封面|盛行|应该|于是|司机|平时|平台|水平|车主|车辆|车牌|管理|经理|查询|查看|游戏|游客|张贴|严重|严格|路人|路过"
    r"|计划|计算|双方|双击|解释|解决|程序|程度|全部|全名|黑客|房东|房主|车行|店家|店长|花园|米饭|季节|华为|包括|包含|沙发|范围|范例|夏天"
    r"|冬天|党员|商家|商品|商店|古代|武器|龙虾|段落|习惯|文章|文本|文件|马里奥|王者|王子|王国|梅花|牛奶|熊猫|金融|金属"
)
#: 张师傅, 李老师: a surname with a title points at nobody.
_TITLE = re.compile(
    "[总哥姐叔姨某]|先生|女士|小姐|太太|师傅|老师|阿姨|叔叔|大爷|大妈|医生|护士|警官|律师|经理|主任|同学|老板|教授|院长|校长"
)
#: The Chinese John Doe.
_PLACEHOLDER = re.compile(r"[张李王赵]某|张三|李四|王五|赵六|小明|某某")


@functools.cache
def _names() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """(a name behind a label, a name standing alone before a number).

    A name is a surname and one or two more characters, or, behind a label, one with a middle dot.
    """
    path = Path(__file__).parent / "data" / "surnames.txt"
    _, singles, compounds = path.read_text(encoding="utf-8").splitlines()
    name = f"(?P<surname>{'|'.join(compounds.split())}|[{singles}])(?P<given>[{HAN}]{{1,2}})"
    dotted = f"[{HAN}]{{2,8}}[·•][{HAN}]{{2,10}}"
    number = "(?:联系)?(?:电话|手机号?码?|身份证号?码?|tel)?[:是 ]{0,2}"
    between = rf"[ ,:;(/、]{{1,3}}(?:男|女)?[ ,:)]{{0,3}}{number}"
    return (
        re.compile(rf"{_LINK}(?P<value>{dotted}|{name})"),
        re.compile(rf"(?<![{HAN}a-z0-9])(?P<value>{name}){between}\Z"),
    )


def name_before(text: str, at: int) -> Hit | None:
    """A name that stands alone directly before a phone or ID number: 王小明，138…"""
    match = _names()[1].search(text, max(0, at - 20), at)
    if match is None or match["given"][0] in _NOT_GIVEN or match["given"][-1] in _NOT_GIVEN:
        return None
    start, end = match.span("value")
    if _NO_NAME.match(text, start) or _TITLE.match(match["given"]):
        return None
    return Hit(start, end, "pii.name", 0.7, "surname, before a number")


def _name(text: str, at: int, linked: bool) -> Hit | None:
    match = _names()[0].match(text, at)
    if match is None or (linked and not match["link"]):
        return None
    start, end = match.span("value")
    if match["given"]:
        given = match["given"]
        if given[0] in _NOT_GIVEN or _NO_NAME.match(text, start) or _TITLE.match(given):
            return None
        end -= len(given) == 2 and given[1] in _NOT_GIVEN
    if _PLACEHOLDER.match(text, start):
        return Hit(start, end, "pii.name", 0.5, "placeholder name, labelled")
    return Hit(start, end, "pii.name", 0.85, "surname, labelled")


_LATIN_NAME = re.compile(
    r"(?: is|:)\s{1,2}(?P<value>[a-z]{2,15}(?: [a-z]\.?)? [a-z]{2,20})(?![a-z0-9])"
)


def _latin_name(view: str, original: Callable[[int, int], str], at: int) -> Hit | None:
    """``my name is John Smith``: capitals of the original text tell it from ``my name is not``."""
    match = _LATIN_NAME.match(view, at)
    if match is None:
        return None
    start, end = match.span("value")
    words = original(start, end).split()
    if not all(word[:1].isupper() for word in words):
        return None
    return Hit(start, end, "pii.name", 0.85, "two capitalised words, labelled")


@functools.cache
def _readers() -> dict[str, tuple[Label | str, ...]]:
    """Every label word with what reads the value behind it."""
    readers: dict[str, list[Label | str]] = {}
    for label in LABELS:
        for word in label.words.split():
            readers.setdefault(word.replace("_", " "), []).append(label)
    for words, reader in ((_NAMED, "linked"), (_CALLED, "called"), (_TOLD, "told")):
        for word in words.split():
            readers.setdefault(word, []).append(reader)
    for word in ("my name", "full name", "real name"):
        readers.setdefault(word, []).append("latin")
    return {word: tuple(found) for word, found in readers.items()}


def label_words() -> tuple[str, ...]:
    """Every word that can make a value personal; :func:`find_labelled` takes their indices."""
    return tuple(_readers())


def _read(label: Label, text: str, at: int) -> Hit | None:
    match = label.value.match(text, at)
    if match is None or (label.linked and not match["link"] and text[at - 1 : at] != "号"):
        return None
    if label.check is not None and not label.check(match["value"]):
        return None
    return Hit(*match.span("value"), label.category, label.score, "labelled")


def _read_any(
    reader: Label | str, text: str, at: int, original: Callable[[int, int], str]
) -> Hit | None:
    if isinstance(reader, Label):
        return _read(reader, text, at)
    if reader == "latin":
        return _latin_name(text, original, at)
    hit = _name(text, at, reader == "linked")
    if hit and reader == "told":
        return hit._replace(score=0.4, why="surname, told of")
    return hit


def find_labelled(
    text: str, labels: Iterable[tuple[int, int]], original: Callable[[int, int], str]
) -> Iterator[Hit]:
    """Hits of values behind labels in a folded text.

    Args:
        labels: (index into :func:`label_words`, end of the label in the text).
        original: gives the original text of a stretch of the folded one.
    """
    readers = tuple(_readers().values())
    for index, end in labels:
        for reader in readers[index]:
            if hit := _read_any(reader, text, end, original):
                yield hit
                break
