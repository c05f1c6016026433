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
#: Armed police (WJ), embassies (使), consulates (领), emergency vehicles (应急): GA 36-2018 and its
#: military counterpart. Each with a word that must stand in the text, so that most are not tried.
_SPECIAL_PLATES = (
    (
        "wj",
        re.compile(
            rf"(?P<v>wj[·•-]?(?:[{_PROVINCE}][·•]?[0-9]{{4}}[0-9a-hj-np-z]|[0-9]{{2}}[·•-]?[0-9警消边通林]?[0-9]{{4}}))(?![0-9a-z])"
        ),
    ),
    ("使", re.compile(r"(?P<v>使[·•]?[0-9]{6})(?![0-9])")),
    ("使", re.compile(rf"使(?<=(?P<v>[0-9]{{6}}使))(?![{HAN}])")),
    ("领", re.compile(rf"领(?<=(?P<v>[{_PROVINCE}][a-z][0-9]{{4}}领))(?![{HAN}])")),
    ("应急", re.compile(rf"应急(?<=(?P<v>[{_PROVINCE}]x[0-9a-z]{{4}}应急))")),
)
#: Hong Kong (AB 1234), Macao (MA-12-34) and the army (VA 12345): only behind a label.
_BARE_PLATE = re.compile(
    r"(?:车牌|号牌|牌照|车号)(?:号码?)?(?:是|为|:| ){0,2}"
    r"(?P<v>[a-hj-np-z]{2} ?[0-9]{3,4}"
    r"|m[a-z]?-[0-9]{2}-[0-9]{2}|[a-z]{2}[·• ]?[0-9]{5})(?![0-9a-z])"
)
_PLATE_LABEL = label_before("车牌|牌照|车号|号牌|车辆|座驾|plate")

#: Where an address has its number: the last character of a road, estate or village, then digits
#: (…路88号, …小区3栋). One class in front, so that the search skips to it.
_NUMBERED = re.compile(
    r"[路街巷弄道苑园寓厦里庄组村城屯区同][东西南北中]?段?[ ]?"
    r"(?P<number>[甲乙丙丁]?[0-9]{1,5}(?:-[0-9]{1,4})? ?(?:号[楼院]?|弄|栋|幢|座|组|单元|室|#)"
    r"|[一二三四五六七八九十]{1,3}(?:号楼|栋|幢|单元))"
    r"(?P<rest>[^,。;!?、:\n]{0,30})"
)
#: What may follow the number: building, entrance, floor, room; a building's name between them.
_DEEPER = re.compile(
    rf"[ ,-]?(?!不是|而是|或)[{HAN}]{{0,10}}?[ ]?"
    r"(?:[0-9]{1,5}|[a-z][0-9]{0,4}|[一二三四五六七八九十零〇]{1,4})"
    r"(?:-[0-9a-z]{1,4}){0,3}(?:号楼|号院|号仓?库?|栋|幢|座|单元|层|楼|室|房|户|门|期|排)"
    rf"|[{HAN}]{{2,8}}[0-9]{{1,4}}(?:-[0-9]{{1,4}}){{1,3}}(?![0-9a-z])"
    r"|[ -]?[0-9]{1,5}(?:-[0-9]{1,4}){0,3}(?![0-9a-z年月日元岁个点分])"
)
_ROOM = re.compile(
    r"[0-9](?:室|房|户|单元|层|楼)|(?:栋|幢|座|楼|单元|号)[- ]?[0-9]{2,4}|[0-9]-[0-9]"
)
_UNIT = re.compile(f"[{HAN}]{{1,7}}?(?:省|自治区|市|地区|自治州|盟|县|区|旗|镇|乡|街道)")
_HAN_RUN = re.compile(f"[{HAN}0-9 ]{{1,30}}\\Z")
#: What parts an address from the name or number before it: long numbers, blanks not behind a unit.
_GAP = re.compile(r"[0-9][0-9 ]{5,}[0-9] ?|(?<![省市区县旗镇乡道路街村]) ")
#: Words after which an address begins; not the same characters inside names of places (和平路).
_BEFORE = re.compile(
    "地址|住址|住在|家住|位于|坐落|寄到|送到|寄往|送往|送达|是在|就在|直接到|搬到|在(?!园)|住|至(?!善)|到|是|于(?![洪都田])"
    "|为(?!民)|的|去|往|从(?!化)|[和与](?![平谐睦静田县林龙])|来(?![安宾凤])|给|寄|地点"
)
_HOME_LABEL = label_before(
    "(?:家庭|收货|收件|寄件|联系|户籍|现住|居住|常住|通讯|通信|详细|邮寄|工作|配送|报修|安装|装机|上门)?"
    "(?:地址|住址|住所|户籍地?|籍贯|地点)"
    "|家住|住在|现住|现居|住|寄到|寄给|寄往|寄|送到|快递到|收货|房子在|房屋坐落于?|房产|我家在|搬到|自提|address"
)
#: Places that are everybody's: words before or behind their addresses.
_PUBLIC = (
    "图书馆|博物馆|纪念馆|体育馆|美术馆|展览馆|文化馆|管委会|医院|学校|大学|中学|小学|幼儿园|派出所|公安局|法院"
    "|检察院|政府|税务局|民政局|服务中心|办事处|办公室|银行|支行|网点|酒店|宾馆|饭店|景区|公园|车站|机场|影院|剧院"
    "|商场|购物中心|门店|总店|旗舰店|本店|公司|集团|总部|展会|会展中心"
)
_PUBLIC_BEFORE = re.compile(
    rf"(?:{_PUBLIC})(?:的?地址|地点)?(?:位于|坐落于|在|设在|就在|是|为|:|,| )*\Z"
)
#: "Its address is": said of a place, as the address of a person is his, or has a purpose.
_TOLD_BEFORE = re.compile(
    r"(?<![我他她家货件庭系籍住通讯信修装送务费机的])的?地址(?:就?是在?|在|为)\Z|(?:[它店馆园]的?|(?<!房屋)(?<!房产)(?<!名下)(?:位于|坐落[于在]))\Z"
)
_PUBLIC_BEHIND = re.compile(rf"[的(]?[{HAN}]{{0,6}}?(?:{_PUBLIC})")
#: Down to a village or an estate, without a number: personal only where somebody lives.
_VILLAGE = re.compile(
    rf"(?:家住|住在|现住|住址:?|住:|籍贯:?|户籍地:?|家在|老家在?)(?P<v>[{HAN}]{{2,18}}?"
    r"(?:村|屯|寨|社区|小区|家属院|花园|公寓)(?:[一二三四五六七八九十]{1,3}组)?)"
)


#: What stands in an address that is written without digits.
ADDRESS_SIGNS = ("号楼", "单元", "家住", "住在", "现住", "籍", "家在")


def find_plates(text: str) -> Iterator[Hit]:
    """Hits of vehicle plates in a folded text, those of police, embassies and the two SARs too."""
    for match in _PLATE.finditer(text):
        tail = match["tail"]
        if sum(c.isdecimal() for c in tail) < 3 - (tail[-1] > "z") - (
            text[match.end() - 1] in "港澳"
        ):
            continue
        named = labelled(_PLATE_LABEL, text, match.start())
        score, why = (0.95, "plate, labelled") if named else (0.8, "plate")
        yield Hit(match.start(), match.end(), "pii.plate", score, why)
    for sign, plate in _SPECIAL_PLATES:
        for match in plate.finditer(text) if sign in text else ():
            named = labelled(_PLATE_LABEL, text, match.start("v"))
            yield Hit(*match.span("v"), "pii.plate", 0.9 if named else 0.7, "plate of a service")
    if "牌" in text or "车号" in text:
        for match in _BARE_PLATE.finditer(text):
            yield Hit(*match.span("v"), "pii.plate", 0.85, "letters and digits, labelled")


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
    low = max((m.end() for m in _GAP.finditer(text, low, high)), default=low)
    cuts = [m.end() for m in _BEFORE.finditer(text, low, high)]
    unit = _UNIT.search(text, low, high)
    region = _region(text, low, high)
    # 鼓楼区中山北路: a road that has a city's name is no beginning.
    if region and not (unit and unit.end() <= region.start()):
        again = (_names.match(text, cut, high) for cut in cuts) if _names else ()
        return max((m.start() for m in again if m), default=region.start())
    # Between the first unit's name and the road nothing can begin any more.
    stop = unit.end() if unit else high
    cut = max((m.end() for m in _BEFORE.finditer(text, low, stop)), default=low)
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


def _is_public(text: str, start: int, end: int) -> bool:
    return (
        _PUBLIC_BEFORE.search(text[max(0, start - 16) : start]) is not None
        or _PUBLIC_BEHIND.match(text, end, end + 12) is not None
    )


def _scored(text: str, start: int, end: int) -> Hit:
    value = text[start:end]
    region = _region(value, 0, min(len(value), 12)) is not None
    units = len(_UNIT.findall(value))
    room = _ROOM.search(value) is not None
    named = labelled(_HOME_LABEL, text, start)
    told = _TOLD_BEFORE.search(text[max(0, start - 8) : start]) is not None
    public = told or (not room and _is_public(text, start, end))
    named = named and not told
    score = 0.5 + 0.15 * (region or units > 0) + 0.15 * (units > 1) + 0.1 * room + 0.2 * named
    score = min(score, 0.95) - 0.3 * public
    signs = (("region", region), ("room", room), ("labelled", named), ("public place", public))
    parts = [name for name, there in signs if there]
    return Hit(start, end, "pii.address", round(score, 2), ", ".join(["road and number", *parts]))


def find_addresses(text: str) -> Iterator[Hit]:
    """Hits of postal addresses down to a number in a folded text.

    Scores: 0.5 for road and number alone, 0.8 with city and district, up to 0.95 with room and a
    label such as 家庭住址; 0.3 less where the words around it name a public place.
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
    if "住" in text or "籍" in text or "家在" in text:
        for match in _VILLAGE.finditer(text):
            yield Hit(*match.span("v"), "pii.address", 0.8, "village or estate, lived in")
