"""Values made of digits: mobile and landline numbers, resident IDs, bank cards, USCC, IPv4.

Candidates first: one pattern finds clusters of digits, whatever separates them; only where a run
of digits begins are the kinds tried, chosen by the first digit. Boundaries are digits and Latin
letters, never ``\\b``: Python counts Han characters as word characters, so there is no ``\\b``
between them and a digit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from guard.detectors.pii_checks import (
    card_network,
    id_check_digit,
    id_region,
    is_date,
    is_uscc,
    luhn,
    regions,
)
from guard.detectors.pii_hit import THING, Hit, label_before, labelled

_SEP = "[-. ·–—‐_]"
#: Four or more digits with at most two separators between them.
CLUSTER = re.compile(r"[0-9](?:[-. )(·–—‐_]{0,2}[0-9]){3,}+")
_RUN = re.compile("[0-9]+")

#: Digits written as Chinese numerals, with the readings used on the telephone (幺 拐 洞 勾 两).
_NUMERALS = "〇零一二三四五六七八九幺两拐洞勾壹贰叁肆伍陆柒捌玖"
#: Also 、 between them becomes a separator that the digit kinds know. One to one: offsets stay.
_TO_DIGITS = str.maketrans(f"{_NUMERALS}、", "00123456789127091" + "23456789 ")
_SPOKEN_SEP = "[-. ·–—‐_、]"
_SPOKEN = re.compile(rf"[{_NUMERALS}0-9](?:{_SPOKEN_SEP}?[{_NUMERALS}0-9]){{10,}}+")
#: At least six numerals in such a run, or two in a row: cheap to search for, and needed.
_SPOKEN_HINT = re.compile(f"[{_NUMERALS}](?:{_SPOKEN_SEP}?[{_NUMERALS}0-9]){{3}}")

_PHONE_LABEL = label_before(
    "电话|手机|联系|致电|拨打|来电|热线|号码|微信|短信|座机|固话|传真"
    "|tel|phone|mobile|call|contact|whatsapp|fax"
)
_HOME_LABEL = label_before("座机|固话|家庭电话|住宅电话|家里电话|宅电|家庭座机|电话|tel|phone")
_ID_LABEL = label_before(
    "身份证|身分证|证件|公民身份|身份号|id ?card|id ?no|id ?number|identity|居住证|永居证|sfz"
)
_CARD_LABEL = label_before(
    "卡号|银行卡|信用卡|储蓄卡|借记卡|工资卡|开户|[账帐][号户]"
    "|card ?no|card ?number|credit ?card|bank ?card"
    "|(?:工商|农业|建设|招商|交通|邮政|民生|光大|浦发|中国|平安|兴业|中信)银行"
    "|工行|农行|建行|中行|招行|交行"
)
_IP_LABEL = label_before("ip|地址|登录|服务器|主机|host|server|addr")
_LATIN_LABEL = re.compile(r"(?:tel|phone|mobile|mob|call|cell|ph|wx|vx|qq|no|fax|m|t|v)\Z")

#: MIIT allocations of personal mobile numbers (13-digit machine numbers 10xx, 14x are others).
_MOBILE_PREFIX = "1(?:3[0-9]|4[5-9]|5[0-35-9]|6[2567]|7[0-8]|8[0-9]|9[0-35-9])"
_MOBILE = re.compile(
    r"(?P<cc>(?:00)?86[-. )(]{0,2})?(?P<num>1(?:[-. ·–—‐_)(]{0,2}[0-9]){10})"
    r"(?![0-9a-z@])(?!\.[0-9])"
)
_MOBILE_PREFIX_RE = re.compile(_MOBILE_PREFIX)
#: How people group the 11 digits.
_MOBILE_SHAPES = frozenset(
    {
        (11,),
        (3, 4, 4),
        (3, 8),
        (7, 4),
        (4, 3, 4),
        (4, 4, 3),
        (5, 6),
        (3, 3, 5),
        (3, 5, 3),
        (1,) * 11,
    }
    | {(3, 2, 2, 2, 2), (3, 2, 2, 4), (3, 4, 2, 2), (3, 3, 3, 2)}
)
#: Area codes: two digits for the big cities, three for the others.
_AREA = (
    "10|2[0-57-9]|3(?:1[0-9]|35|49|5[0-9]|7[0-9]|9[1-8])"
    "|4(?:1[1-9]|2[179]|3[1-9]|5[1-9]|6[4789]|7[0-9]|8[23])"
    "|5(?:1[0-9]|2[37]|3[0-9]|4[36]|5[0-9]|6[1-6]|7[0-9]|80|9[1-9])|6(?:3[1-5]|6[0238]|9[12])"
    "|7(?:01|1[0-9]|2[248]|3[0-9]|4[3-6]|5[0-9]|6[02368-9]|7[0-9]|9[0-9])"
    "|8(?:1[2367]|2[567]|3[0-9]|5[1-9]|7[0-9]|8[3678]|9[0-8])"
    "|9(?:0[123689]|1[1-9]|3[0-9]|4[13]|5[1-5]|7[0-9]|9[0-9])"
)
_LANDLINE = re.compile(
    rf"0(?:{_AREA})(?P<sep>[-. )–—]{{0,2}})[2-8][0-9]{{2,3}}[- ]?[0-9]{{4}}"
    r"(?:[-转][0-9]{1,5})?(?![0-9a-z@])"
)
_ID18 = re.compile(rf"[1-9](?:{_SEP}?[0-9]){{16}}{_SEP}?[0-9x×](?![0-9a-z])")
_ID15 = re.compile(r"[1-9][0-9]{14}(?![0-9a-z.])")
_CARD = re.compile(
    r"[0-9]{4,19}(?:(?P<sep>[-. ·])[0-9]{1,15}(?:(?P=sep)[0-9]{1,4}){0,4})?(?![0-9a-z])"
)
_USCC = re.compile(r"[0-9any][0-9a-hj-npqrtuwxy][0-9]{6}[0-9a-hj-npqrtuwxy]{10}(?![0-9a-z])")
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}(?![0-9a-z])(?!\.[0-9])")
#: Not the address of anyone: this host, private and shared space (RFC 1918, RFC 6598), link-local,
#: documentation (RFC 5737), benchmarks, multicast and above; and the open resolvers.
_NOBODY_IP = re.compile(
    r"(?:0|10|127|22[4-9]|23[0-9]|24[0-9]|25[0-5])\.|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\."
    r"|169\.254\.|100\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.|192\.0\.[02]\."
    r"|198\.(?:18|19|51\.100)\.|203\.0\.113\."
    r"|(?:8\.8\.8\.8|8\.8\.4\.4|1\.1\.1\.1|1\.0\.0\.1|114\.114\.11[45]\.11[45]"
    r"|223\.5\.5\.5|223\.6\.6\.6)\Z"
)

_digits_only = str.maketrans("", "", "-. )·–—‐_(")


def _glued(text: str, start: int) -> bool:
    """Whether the character before belongs to the same number, or to a longer Latin word."""
    if start == 0:
        return False
    before = text[start - 1]
    if before.isascii() and (before.isalpha() or before == "_"):
        return _LATIN_LABEL.search(text, max(0, start - 8), start) is None
    return before.isdecimal() or (before == "." and start > 1 and text[start - 2].isdecimal())


def _inside_series(text: str, start: int, end: int) -> bool:
    """Whether separated groups go on before or behind: then these are no number of their own."""
    before, behind = text[max(0, start - 2) : start], text[end : end + 2]
    return (len(before) == 2 and before[0].isdecimal() and before[1] in "-. ·") or (
        len(behind) == 2 and behind[0] in "-. ·" and behind[1].isdecimal()
    )


def _mobile(text: str, at: int) -> Hit | None:
    match = _MOBILE.match(text, at)
    if match is None or _glued(text, at):
        return None
    number = match["num"]
    start, end = match.span()
    shape = tuple(len(run) for run in _RUN.findall(number))
    if shape not in _MOBILE_SHAPES or not _MOBILE_PREFIX_RE.match(number.translate(_digits_only)):
        return None
    if len(shape) > 1 and _inside_series(text, start, end):
        return None
    opened = text[at - 1 : at] == "(" and ")" in number and "(" not in number
    start -= opened or (bool(match["cc"]) and text[at - 1 : at] == "+")
    if labelled(_PHONE_LABEL, text, start):
        return Hit(start, end, "pii.phone", 0.95, "prefix ok, labelled")
    if labelled(THING, text, start):
        return None
    if match["cc"]:
        return Hit(start, end, "pii.phone", 0.95, "prefix ok, country code")
    score = 0.6 if len(shape) == 11 or text[at - 1 : at] == "/" else 0.8
    return Hit(start, end, "pii.phone", score, "prefix ok")


def _landline(text: str, at: int) -> Hit | None:
    match = _LANDLINE.match(text, at)
    if match is None or _glued(text, at) or (at and text[at - 1] in "-."):
        return None
    if match["sep"] in ("", " ") and at > 1 and text[at - 1] == " " and text[at - 2].isdecimal():
        return None  # 6222 0812 3456 7890: the middle of a card
    start, end = match.span()
    if text[at - 1 : at] == "(" and ")" in match["sep"]:
        start -= 1
    if labelled(_HOME_LABEL, text, start):
        return Hit(start, end, "pii.landline", 0.85, "area code ok, labelled")
    if labelled(THING, text, start):
        return None
    return Hit(start, end, "pii.landline", 0.7 if match["sep"] else 0.6, "area code ok")


def _id18(text: str, at: int) -> Hit | None:
    match = _ID18.match(text, at)
    if match is None or (at and text[at - 1].isdecimal()):
        return None
    value = match.group().translate(_digits_only).replace("×", "x")
    region = id_region(value[:6])
    dated = is_date(value[6:10], value[10:12], value[12:14])
    start, end = match.span()
    if region and dated and id_check_digit(value[:17]) == value[17]:
        return Hit(start, end, "pii.id_card", 0.99, f"checksum ok, region {region}")
    if labelled(_ID_LABEL, text, start):
        return Hit(start, end, "pii.id_card", 0.7, "checksum wrong, labelled")
    return None


def _id15(text: str, at: int) -> Hit | None:
    match = _ID15.match(text, at)
    if match is None or _glued(text, at):
        return None
    value = match.group()
    if value[:6] not in regions()[1] or not is_date(f"19{value[6:8]}", value[8:10], value[10:12]):
        return None
    start, end = match.span()
    if labelled(_ID_LABEL, text, start):
        return Hit(start, end, "pii.id_card", 0.9, f"15 digits, region {value[:6]}, labelled")
    if labelled(THING, text, start):
        return None
    return Hit(start, end, "pii.id_card", 0.6, f"15 digits, region {value[:6]}")


def _like_id(digits: str) -> bool:
    """18 digits with region and date of an ID: a mistyped ID rather than a card."""
    return (
        len(digits) == 18
        and bool(id_region(digits[:6]))
        and is_date(digits[6:10], digits[10:12], digits[12:14])
    )


def _card_at(text: str, start: int, end: int, digits: str) -> Hit | None:
    network = card_network(digits)
    if not network:
        return None
    named = labelled(_CARD_LABEL, text, start)
    if luhn(digits):
        if named or not (_like_id(digits) or labelled(THING, text, start)):
            score = 0.97 if named or network == "issuer" else 0.85
            return Hit(start, end, "pii.bank_card", score, f"luhn ok, {network}")
        return None
    return Hit(start, end, "pii.bank_card", 0.6, "luhn wrong, labelled") if named else None


def _card(text: str, at: int) -> Hit | None:
    joined = at > 1 and text[at - 1] in "- " and text[at - 2].isdecimal()
    if joined and not text[at : at + 16].isdecimal():  # the middle of a longer series
        return None
    match = _CARD.match(text, at)
    if match is None or match.end() - at < 16 or _glued(text, at):
        return None
    digits, best = "", None
    for run in _RUN.finditer(match.group()):
        digits += run.group()
        if 16 <= len(digits) <= 19:
            hit = _card_at(text, at, at + run.end(), digits)
            if hit and (best is None or hit.score >= best.score):
                best = hit
    return best


def _uscc(text: str, at: int) -> Hit | None:
    for start in (at, at - 1):  # the registering department may be a letter (A, N, Y)
        if start < 0 or not (match := _USCC.match(text, start)):
            continue
        before = text[start - 1] if start else " "
        glued = before.isascii() and before.isalnum()
        if not glued and is_uscc(match.group()) and not labelled(_ID_LABEL, text, start):
            return Hit(start, match.end(), "pii.uscc", 0.97, "check char ok")
    return None


def _ipv4(text: str, at: int) -> Hit | None:
    match = _IPV4.match(text, at)
    if match is None or _glued(text, at) or _NOBODY_IP.match(match.group()):
        return None
    start, end = match.span()
    if labelled(_IP_LABEL, text, start):
        return Hit(start, end, "pii.ip", 0.85, "public address, labelled")
    small = all(len(octet) < 3 for octet in match.group().split("."))
    if small or labelled(THING, text, start):  # 3.2.10.1: a version or a section
        return None
    return Hit(start, end, "pii.ip", 0.7, "public address")


Scanner = Callable[[str, int], Hit | None]
#: Scanners by first digit, with the least number of characters their value takes.
_BY_DIGIT: dict[str, tuple[tuple[int, Scanner], ...]] = {
    "0": ((10, _landline), (15, _mobile)),
    "1": ((11, _mobile), (18, _id18), (15, _id15), (18, _uscc)),
    "2": ((18, _id18), (15, _id15), (16, _card), (18, _uscc)),
    "8": ((13, _mobile), (18, _id18), (15, _id15), (18, _uscc)),
    "7": ((18, _id18), (15, _id15), (18, _uscc)),
    **dict.fromkeys("34569", ((18, _id18), (15, _id15), (16, _card), (18, _uscc))),
}


def _in_cluster(text: str, start: int, end: int) -> Iterator[Hit]:
    dotted = text.count(".", start, end) >= 3
    reach = end + 11  # letters may follow the digits: ID 'x', USCC
    done, short = start, False
    for run in _RUN.finditer(text, start, end):
        at = run.start()
        if at < done:
            continue
        if dotted and (hit := _ipv4(text, at)):
            yield hit
        # In a series of single digits or pairs a value begins at the first one only.
        inner, short = short, run.end() - at < 3
        if inner and short:
            continue
        for least, scan in _BY_DIGIT[text[at]]:
            if reach - at >= least and (hit := scan(text, at)):
                yield hit
                if hit.score > 0.9 or hit.category == "pii.phone":
                    done = hit.end
                    break


def find_numbers(text: str) -> Iterator[Hit]:
    """Hits of all digit kinds in a folded text. Linear in its length."""
    for match in CLUSTER.finditer(text):
        start, end = match.span()
        if end - start > 6:
            yield from _in_cluster(text, start, end)


def spoken_starts() -> tuple[str, ...]:
    """Pairs of numerals with which a spoken mobile number or resident ID begins."""
    heads = {code[:2] for code in regions()[0]} | {f"1{digit}" for digit in "3456789"}
    written: dict[str, list[str]] = {}
    for numeral in _NUMERALS:
        written.setdefault(numeral.translate(_TO_DIGITS), []).append(numeral)
    return tuple(
        a + gap + b
        for head in heads
        for a in written[head[0]]
        for b in written[head[1]]
        for gap in ("", " ", "-", ".", "、", "·")
    )


def find_spoken(text: str) -> Iterator[Hit]:
    """Mobile numbers and resident IDs with digits written as Chinese numerals."""
    if _SPOKEN_HINT.search(text) is None:
        return
    digits = ""
    for match in _SPOKEN.finditer(text):
        if match.group().isascii():
            continue
        digits = digits or text.translate(_TO_DIGITS)  # one to one: offsets stay
        hit = _id18(digits, match.start()) or _mobile(digits, match.start())
        if hit:
            yield hit._replace(score=min(hit.score, 0.9), why=f"numerals, {hit.why}")
