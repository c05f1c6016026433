"""E-mail, IPv6 and MAC addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from guard.detectors.pii_hit import Hit

_LOCAL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._%+-")
_DOMAIN = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\.){1,4}(?P<tld>[a-z]{2,14}|xn--[a-z0-9]{2,20})"
)
_MAX_LOCAL = 64  # RFC 5321 4.5.3.1.1
#: name(at)host and name[at]host, as addresses are written against harvesters.
_AT = re.compile(r" ?[\[(](?:at|@|艾特)[\])] ?")
#: name#qq.com and name @ qq.com: only with hosts that are mail.
_MAIL_HOST = r"(?:qq|163|126|139|189|gmail|outlook|hotmail|foxmail|sina|sohu|yeah|icloud)\."
_LOOSE = re.compile(rf" ?[#@] ?(?={_MAIL_HOST})")
#: What must stand in a text for that, besides ``@``.
MAIL_SIGNS = ("at)", "at]", "艾特", "#qq.", "#gmail.", "#outlook.", "#foxmail.", "#sina.")
#: icon@2x.png and friends.
_FILE_SUFFIX = re.compile(
    r"(?:png|jpe?g|gif|svg|webp|bmp|ico|js|ts|css|py|html?|md|txt|zip|mp[34])\Z"
)
#: Mailboxes of roles (RFC 2142 and custom), not of persons.
_ROLE = re.compile(
    r"(?:no-?reply|do-?not-?reply|info|support|service|services|kefu|admin|webmaster|postmaster"
    r"|abuse|security|contact|help|hr|jobs?|sales|marketing|press|legal|privacy|feedback|office"
    r"|test|example|user|username|name)\Z"
)
#: RFC 2606 names and their usual stand-ins.
_NOBODY = re.compile(
    r"(?:.*\.)?(?:example|test|domain|yourdomain|email|company|xxx)\.(?:com|org|net|cn|com\.cn)\Z"
)

#: Two separators with hexadecimal digits between them. The literal in front makes the search fast;
#: the address around it is read only then.
_COLONS = re.compile(r":[0-9a-f]{0,4}:")
_DASHES = re.compile(r"-[0-9a-f]{2}-[0-9a-f]{2}-")
_LABEL = r"(?:[a-z]{1,12}\d?[:-])?"  # mac:00:1a:…
_MAC = re.compile(
    rf"{_LABEL}(?P<v>[0-9a-f]{{2}}(?P<sep>[:-])(?:[0-9a-f]{{2}}(?P=sep)){{4}}[0-9a-f]{{2}})"
    r"(?![0-9a-z]|[:-][0-9a-z])"
)
_IPV6 = re.compile(rf"{_LABEL}(?P<v>[23][0-9a-f]{{3}}(?::[0-9a-f]{{0,4}}){{2,7}})(?![0-9a-z:.])")
_PART = frozenset("abcdefghijklmnopqrstuvwxyz0123456789:-.")


def _left(text: str, at: int) -> int:
    """Where the local part that ends at ``at`` begins; ``at`` if there is none."""
    start = at
    while start and at - start < _MAX_LOCAL and text[start - 1] in _LOCAL:
        start -= 1
    while start < at and text[start] in ".-%+":
        start += 1
    return start if text[at - 1 : at] not in (".", "") else at


def _address(text: str, at: int, after: int) -> Hit | None:
    start = _left(text, at)
    match = _DOMAIN.match(text, after)
    if start == at or match is None or _FILE_SUFFIX.match(match["tld"]):
        return None
    if text[start - 1 : start] in (":", "/") and text.rfind("://", max(0, start - 80), start) >= 0:
        return None  # user:password@host of a URL is no mailbox
    local, domain = text[start:at], match.group()
    if local == "git" and text[match.end() : match.end() + 1] == ":":
        return None
    role, nobody = _ROLE.match(local), _NOBODY.match(domain)
    if nobody:
        return Hit(start, match.end(), "pii.email", 0.3 if role else 0.7, "example domain")
    if role:
        return Hit(start, match.end(), "pii.email", 0.6, "role mailbox")
    return Hit(start, match.end(), "pii.email", 0.95, "mailbox")


def _spelled(text: str, at: re.Pattern[str]) -> Iterator[Hit]:
    for match in at.finditer(text):
        if hit := _address(text, match.start(), match.end()):
            yield hit._replace(score=min(hit.score, 0.85), why=f"{hit.why}, spelled at")


def find_emails(text: str) -> Iterator[Hit]:
    """Hits of e-mail addresses in a folded text. Linear: local parts cannot overlap."""
    at = text.find("@")
    while at >= 0:
        if at and text[at - 1] in _LOCAL and (hit := _address(text, at, at + 1)):
            yield hit
        at = text.find("@", at + 1)
    if "at)" in text or "at]" in text or "艾特" in text:
        yield from _spelled(text, _AT)
    if "#" in text or " @" in text or "@ " in text:
        yield from _spelled(text, _LOOSE)


def _ipv6(match: re.Match[str]) -> Hit | None:
    try:
        address = ipaddress.IPv6Address(match["v"])
    except ValueError:
        return None
    if not address.is_global:  # 2001:db8::/32 and the like
        return None
    return Hit(*match.span("v"), "pii.ip", 0.85, "public ipv6 address")


def _mac(match: re.Match[str]) -> Hit | None:
    if len(set(match["v"])) < 4:  # 00:00:…, ff:ff:… are nobody's
        return None
    return Hit(*match.span("v"), "pii.mac", 0.85, "six octets")


def _around(text: str, separator: int) -> Hit | None:
    """The address in the word that holds this separator, a short label before it allowed."""
    start = separator
    while start and separator - start < 20 and text[start - 1] in _PART:
        start -= 1
    if match := _MAC.match(text, start):
        return _mac(match)
    if match := _IPV6.match(text, start):
        return _ipv6(match)
    return None


def find_hardware(text: str) -> Iterator[Hit]:
    """Hits of MAC and global IPv6 addresses."""
    for hint in (_COLONS, _DASHES):
        done = 0
        for match in hint.finditer(text):
            if match.start() >= done and (hit := _around(text, match.start())):
                yield hit
                done = hit.end


#: The account a WeChat client gives to who chose none.
_WXID = re.compile(r"(?<![a-z0-9_])wxid_[a-z0-9]{6,22}(?![a-z0-9_])")
#: QQ号码是…; QQ换了,…新号…: a few characters between the word and the number.
_QQ_FAR = re.compile(
    r"(?:qq|扣扣|企鹅)(?:号码|号?[换改][成了为]|[^0-9a-z\n机话单]{1,12}?(?:新号|小号|大号))"
    r"码?[是为: ]{0,2}(?P<v>[1-9][0-9]{5,9})(?![0-9a-z@.])"
)


def find_accounts(text: str) -> Iterator[Hit]:
    """WeChat accounts by their shape, QQ numbers some characters behind their label."""
    for match in _WXID.finditer(text):
        yield Hit(*match.span(), "pii.wechat", 0.95, "WeChat ID by its shape")
    if "qq" in text or "扣扣" in text or "企鹅" in text:
        for match in _QQ_FAR.finditer(text):
            yield Hit(*match.span("v"), "pii.qq", 0.8, "number near a label")
