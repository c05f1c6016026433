"""Vehicle plates and postal addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from guard.detectors.normalise import HAN
from guard.detectors.pii_checks import region_names
from guard.detectors.pii_hit import Hit, label_before, labelled

_PROVINCE = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
#: GA 36-2018: five of 0-9 A-Z without I and O, at most two letters; new energy has six places:
#: small ones with a letter first, large ones with a letter last; the last place may be a character.
_PLATE = re.compile(
    rf"[{_PROVINCE}][·•]?[a-hj-np-z][-·. •]?"
    r"(?P<tail>[a-hj-k][a-hj-np-z0-9][0-9]{4}|[0-9]{5}[a-hj-k]"
    r"|(?=(?:[a-z]?[0-9]){3}|[a-z]{0,2}[0-9]{3})[a-hj-np-z0-9]{5}|[a-hj-np-z0-9]{4}[挂学警港澳])"
    r"(?![0-9a-z])"
)
_PLATE_LABEL = label_before("车牌|牌照|车号|号牌|车辆|座驾|plate")

#: Where an address has its number: the last character of a road, estate or village, then digits
#: (…路88号, …小区3栋). One class in front, so that the search skips to it.
_NUMBERED = re.compile(
    r"[路街巷弄道苑园寓厦里庄组村城屯区同][东西南北中]?段?[ ]?"
    r"(?P<number>[甲乙丙丁]?[0-9]{1,5}(?:-[0-9]{1,4})? ?(?:号|弄|栋|幢|座|组|单元|室|#)"
    r"|[一二三四五六七八九十]{1,3}(?:号楼|栋|幢|单元))"
    r"(?P<rest>[^,。;!?、:\n]{0,30})"
)
#: What may follow the number: building, entrance, floor, room; a building's name between them.
_DEEPER = re.compile(
    rf"[ ,-]?[{HAN}]{{0,10}}?[ ]?"
    r"(?:[0-9]{1,5}|[a-z][0-9]{0,4}|[一二三四五六七八九十零〇]{1,4})"
    r"(?:-[0-9a-z]{1,4}){0,3}(?:号楼|号院|号|栋|幢|座|单元|层|楼|室|房|户)"
    r"|[ -]?[0-9]{1,5}(?:-[0-9]{1,4}){0,3}(?![0-9a-z年月日元岁个])"
)
_ROOM = re.compile(
    r"[0-9](?:室|房|户|单元|层|楼)|(?:栋|幢|座|楼|单元|号)[- ]?[0-9]{2,4}|[0-9]-[0-9]"
)
_UNIT = re.compile(f"[{HAN}]{{1,7}}?(?:省|自治区|市|地区|自治州|盟|县|区|旗|镇|乡|街道)")
_HAN_RUN = re.compile(f"[{HAN}0-9 ]{{1,30}}\\Z")
#: Words after which an address begins.
_BEFORE = re.compile(
    "地址|住址|住在|家住|位于|坐落|寄到|送到|寄往|送往|送达|是在|就在|在|住|至|到|是|于|为"
    "|的|去|往|从|和|与|来"
)
_HOME_LABEL = label_before(
    "(?:家庭|收货|收件|寄件|联系|户籍|现住|居住|常住|通讯|通信|详细|邮寄|工作)?"
    "(?:地址|住址|住所|户籍地?|籍贯)"
    "|家住|住在|住|寄到|寄给|寄往|送到|快递到|收货|address"
)


#: What stands in an address that is written without digits.
ADDRESS_SIGNS = ("号楼", "单元")


def find_plates(text: str) -> Iterator[Hit]:
    """Hits of vehicle plates in a folded text."""
    for match in _PLATE.finditer(text):
        tail = match["tail"]
        if sum(c.isdecimal() for c in tail) < 3 - (tail[-1] > "z"):
            continue
        named = labelled(_PLATE_LABEL, text, match.start())
        score, why = (0.95, "plate, labelled") if named else (0.8, "plate")
        yield Hit(match.start(), match.end(), "pii.plate", score, why)


_names: re.Pattern[str] | None = None


def _region(text: str, low: int, high: int) -> re.Match[str] | None:
    global _names
    if _names is None:
        _names = re.compile("|".join(region_names()))
    return _names.search(text, low, high)


def _begin(text: str, low: int, high: int) -> int:
    """Where the address whose road name ends at ``high`` begins."""
    run = _HAN_RUN.search(text, low, high)
    low = run.start() if run else high
    if region := _region(text, low, high):
        return region.start()
    cut = max((m.end() for m in _BEFORE.finditer(text, low, high)), default=low)
    return cut + len(text[cut:high]) - len(text[cut:high].lstrip("0123456789 "))


def _end(match: re.Match[str]) -> int:
    at, rest = match.end("number"), match["rest"]
    done = 0
    for _ in range(4):
        deeper = _DEEPER.match(rest, done)
        if deeper is None:
            break
        done = deeper.end()
    return at + done


def _scored(text: str, start: int, end: int) -> Hit:
    value = text[start:end]
    region = _region(value, 0, min(len(value), 12)) is not None
    units = len(_UNIT.findall(value))
    room = _ROOM.search(value) is not None
    named = labelled(_HOME_LABEL, text, start)
    score = 0.5 + 0.1 * (region or units > 0) + 0.1 * (units > 1) + 0.1 * room + 0.15 * named
    parts = [
        name for name, there in (("region", region), ("room", room), ("labelled", named)) if there
    ]
    return Hit(start, end, "pii.address", round(score, 2), ", ".join(["road and number", *parts]))


def find_addresses(text: str) -> Iterator[Hit]:
    """Hits of postal addresses down to a number in a folded text.

    Scores: 0.5 for road and number (a public place as likely as a home), up to 0.95 with region,
    district, room and a label such as 家庭住址.
    """
    done = 0
    for match in _NUMBERED.finditer(text):
        if match.start() < done:
            continue
        start = _begin(text, max(done, match.start() - 30), match.start() + 1)
        end = _end(match)
        if match.start("number") - start > 2:
            yield _scored(text, start, end)
            done = end
