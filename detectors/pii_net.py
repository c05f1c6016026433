"""E-mail, IPv6 and MAC addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from guard.detectors.pii_hit import Hit

_LOCAL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._%+-")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,5}(?P<tld>[a-z]{2,14}|xn--[a-z0-9]{2,20})")
_MAX_LOCAL = 64  # RFC 5321 4.5.3.1.1
#: name(at)host and name[at]host, as addresses are written against harvesters.
_AT = re.compile(r" ?[\[({](?:at|@|艾特)[\])}] ?")
#: icon@2x.png and friends.
_FILE_SUFFIX = frozenset("png jpg jpeg gif svg webp bmp ico js ts css py html htm md txt zip mp3 mp4".split())
#: Mailboxes of roles (RFC 2142 and custom), not of persons.
_ROLE = re.compile(
    r"(?:no-?reply|do-?not-?reply|info|support|service|services|kefu|admin|webmaster|postmaster|abuse|security"
    r"|contact|help|hr|jobs?|sales|marketing|press|legal|privacy|feedback|office|test|example|user|username|name)\Z"
)
#: RFC 2606 names and their usual stand-ins.
_NOBODY = re.compile(r"(?:.*\.)?(?:example|test|domain|yourdomain|email|company|xxx)\.(?:com|org|net|cn|com\.cn)\Z")

_MAC = re.compile(r"(?<![0-9a-z:-])(?:[0-9a-f]{2}([:-]))(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}(?![0-9a-z]|[:-][0-9a-z])")
_IPV6 = re.compile(r"(?<![0-9a-z:.])[23][0-9a-f]{3}(?::[0-9a-f]{0,4}){2,7}(?![0-9a-z:.])")


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
    if start == at or match is None or match["tld"] in _FILE_SUFFIX:
        return None
    if text[start - 1 : start] in (":", "/") and text.rfind("://", max(0, start - 80), start) >= 0:
        return None  # user:password@host of a URL is no mailbox
    local, domain = text[start:at], match.group()
    if local == "git" and text[match.end() : match.end() + 1] == ":":
        return None
    if _NOBODY.match(domain):
        return Hit(start, match.end(), "pii.email", 0.3, "example domain")
    if _ROLE.match(local):
        return Hit(start, match.end(), "pii.email", 0.6, "role mailbox")
    return Hit(start, match.end(), "pii.email", 0.95, "mailbox")


def find_emails(text: str) -> Iterator[Hit]:
    """Hits of e-mail addresses in a folded text. Linear: local parts cannot overlap."""
    at = text.find("@")
    while at >= 0:
        if hit := _address(text, at, at + 1):
            yield hit
        at = text.find("@", at + 1)
    for word in ("at)", "at]", "at}", "(艾特)", "[艾特]"):
        if word in text:
            for match in _AT.finditer(text):
                if hit := _address(text, match.start(), match.end()):
                    yield hit._replace(score=min(hit.score, 0.85), why=f"{hit.why}, spelled at")
            break


def _ipv6(match: re.Match[str]) -> Hit | None:
    try:
        address = ipaddress.IPv6Address(match.group())
    except ValueError:
        return None
    if not address.is_global:  # 2001:db8::/32 and the like
        return None
    return Hit(match.start(), match.end(), "pii.ip", 0.85, "public ipv6 address")


def find_hardware(text: str) -> Iterator[Hit]:
    """Hits of MAC and global IPv6 addresses."""
    if text.count(":") >= 2:
        yield from filter(None, map(_ipv6, _IPV6.finditer(text)))
    if text.count(":") >= 5 or text.count("-") >= 5:
        for match in _MAC.finditer(text):
            if len(set(match.group())) > 3:  # 00:00:…, ff:ff:… are nobody's
                yield Hit(match.start(), match.end(), "pii.mac", 0.85, "six octets")
