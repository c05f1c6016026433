"""Names of persons in running text, where no label or role stands before them.

What is left as evidence: the surname, characters that stand in given names, that surname and given
name together make no ordinary word, a place where a name can begin (a clause, a preposition, a
list), and a word that follows persons.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from guard.detectors.automaton import Longest
from guard.detectors.normalise import HAN
from guard.detectors.oddness import ordinary
from guard.detectors.pii_hit import Hit
from guard.detectors.pii_names import RISKY, TITLE, is_given, name_tables, refused_name

#: What persons do and have done to them; one of these ends a name in front of it.
_VERB = (
    r"说|问|称|讲|答|回复|答复|表示|反映|反馈|提出|提议|建议|同意|反对|汇报|主持|负责|接手|接替|继承|签署|签收|代签|签字"
    r"|担任|加入|入职|离职|转正|升职|请假|调休|旷课|迟到|缺席|出席|到场|报名|报到|发言|记录|审核|审批|复核|沟通|介绍"
    r"|交代|通知|转告|告诉|答应|确定|确认|承认|认为|觉得|考上|考了|考得|住院|出院|下床|复诊|复查|就诊|挂号|拾到|捡到|领取"
    r"|领走|借走|借了|借给|欠|还没|还了|付了|买了|卖了|出了|转账|汇款|打来|来电|打电话|开车|开会|跟的|跟进|排[第在队到到]|放到|挨着"
    r"|得票|当选|获[得奖]|拿下|夺得|协助|帮|陪|送|接送|去了|来了|过来|回来|回家|请[了客假]|分手|结婚|离婚|怀孕|生了|瞎说|胡说"
    r"|想|要|会[远来去]|能[下来去]|不[再同肯愿在想会能来去]|没[来去有在]|已[经签到交付还于]|正在|在[隔家校公医外]|也[来去不没说]|都[来去]"
    r"|家[的已不里卫]|[她他]?[妈爸]|因|以[代虚]|等[人\d一二两三四五六七八九]|[二两三四五六七八九十]+[位名人]|同学|老师|女士|先生|家长|家属"
    r"|人民币|科目|押金|尽快|务必|[明今昨]早|[明今昨]天|自[愿称述]|本人|名下|从外|到[场校岗三诊门前]|变更|换|处理|瞒着|偷偷|居然|竟然|刚[才刚]"
)
_AFTER = re.compile(_VERB)
_OWNS = re.compile("的")
_STOP = re.compile(rf"\Z|[^{HAN}a-z0-9\d·•]|和(?=[你我他她]|[^{HAN}]|[{HAN}]{{2,3}}[^{HAN}])")
#: Where a name may begin: a clause, a word that takes a person, a list. All look back from the
#: surname: a search that begins with one set of characters is several times faster.
_CLAUSE = rf"(?P<clause>(?<=^.)|(?<=[^{HAN}a-z0-9·•《].))"
_CUE = (
    r"(?<=[号室床楼栋幢家单研二]的.)|(?<=[店班组队]长.)|(?<=今借到.)|(?<=备注一下.)|(?<=(?:关于|别听|会员|学员|讲师|专员"
    r"|客服|售后|校友).)|(?<=[由请被将跟向给找叫号室床楼栋幢].)|(?<=给予.)|(?P<loose>(?<=[的是到等让和与].))"
)


@functools.cache
def _places() -> re.Pattern[str]:
    """Where a name may begin, with a surname behind it."""
    firsts = "".join(sorted((name_tables().singles | _RARE) - RISKY))
    return re.compile(rf"[{firsts}](?:{_CLAUSE}|{_CUE})")


def _given(text: str, start: int, end: int) -> bool:
    chars = text[start:end]
    return len(chars) == end - start and is_given(chars)


def _fits(text: str, given: int, end: int) -> bool:
    """Whether the given name is more than a word that stands behind the surname by chance."""
    return end - given == 1 or text[given:end] not in ordinary()


def _odd(text: str, at: int, given: int, end: int) -> bool:
    """Whether no ordinary word begins with the surname or crosses the end of the name."""
    known, words = ordinary(), name_tables().words
    pair = text[at : at + 2]
    if given - at == 1 and (pair in words or (pair in known and not _sure(text, given, end))):
        return False
    return text[at:end] not in known and (
        text[end - 1 : end + 1] not in known or (end - given == 2 and text[end : end + 2] in known)
    )


def _sure(text: str, given: int, end: int) -> bool:
    """Two given characters that are no word, and a verb of persons behind them."""
    return end - given == 2 and _fits(text, given, end) and _AFTER.match(text, end) is not None


def _ends(text: str, at: int, given: int, clause: bool, loose: bool) -> int:
    """The end of the name whose given part begins at ``given``; 0 for none."""
    compound = given - at > 1
    for length in (2, 1):
        end = given + length
        if not _given(text, given, end) or not _odd(text, at, given, end):
            continue
        if refused_name(text[at:end]) or TITLE.match(text, given):
            return 0
        whole = (compound or length == 2) and _fits(text, given, end)
        if _AFTER.match(text, end) or (whole and _STOP.match(text, end)):
            return end
        if _OWNS.match(text, end) and (clause or (whole and not loose)):
            return end
    return 0


#: Surnames too rare, or too often words, to be asked for behind a label.
_RARE = frozenset("幸苍充原仉佘佴仵呙闾蹇淦揣")


#: Compound surnames that are ordinary words or parts of place names as well.
_PLACES = re.compile("[东南西]方|百里|[东南西]门|南宫|第五|东郭|太史|闻人|微生|单于|完颜|子车|太叔")


@functools.cache
def _compound() -> Longest:
    return Longest(sorted(name_tables().compounds))


def _compounds(text: str) -> Iterator[Hit]:
    """欧阳铭 anywhere; a place or a word that looks like one of these surnames needs more."""
    for at, given, _ in _compound().scan(text):
        end = _ends(text, at, given, clause=True, loose=False)
        if end and not _PLACES.match(text, at, given):
            yield Hit(at, end, "pii.name", 0.76, "compound surname and given name")
        elif (
            end
            and _fits(text, given, end)
            and (at == 0 or not "\u4e00" <= text[at - 1] <= "\u9fff" or _AFTER.match(text, end))
        ):
            yield Hit(at, end, "pii.name", 0.7, "compound surname and given name")


_JOIN = re.compile("[、/与及和]")


def _listed(text: str, at: int) -> Iterator[Hit]:
    """The names listed behind one that ends at ``at``."""
    for _ in range(40):
        if not _JOIN.match(text, at):
            return
        end = _member(text, at + 1)
        if not end:
            return
        yield Hit(at + 1, end, "pii.name", 0.7, "surname, listed with a name")
        at = end


def _member(text: str, at: int) -> int:
    if text[at : at + 1] not in name_tables().singles or text[at] in RISKY:
        return 0
    for end in (at + 3, at + 2):
        stops = _STOP.match(text, end) or _JOIN.match(text, end) or _AFTER.match(text, end)
        if stops and _given(text, at + 1, end) and text[at : at + 2] not in name_tables().words:
            return 0 if refused_name(text[at:end]) or TITLE.match(text, at + 1) else end
    return 0


def find_running(text: str) -> Iterator[Hit]:
    """Names in running text. Linear: each place where a name may begin is looked at once."""
    yield from _compounds(text)
    past = 0  # where the last list ended: its members are not read again
    for match in _places().finditer(text):
        at = match.start()
        if at < past:
            continue
        clause = match["clause"] is not None
        end = _ends(text, at, at + 1, clause, match["loose"] is not None)
        if not end:
            continue
        yield Hit(at, end, "pii.name", 0.7, "surname and given name in running text")
        if end - at == 3:
            for hit in _listed(text, end):
                yield hit
                past = hit.end
