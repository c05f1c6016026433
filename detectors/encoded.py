"""Text inside text: payloads in base64, hex, URL, \\u and HTML escapes, tags, variation selectors,
ROT13 and backwards.

Finds and decodes; the engine (``guard/compile.py``) then runs every detector over what was hidden.
A payload counts only when it decodes to readable text, so identifiers, hashes and pictures are left
alone. Findings of this kind are *late*: a payload can be of any length, so a stream learns of it
only when it is complete.
"""

from __future__ import annotations

import base64
import binascii
import html
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from guard.detectors.turned import turned

#: At most so many payloads of so many characters are decoded in one text.
MOST, LONGEST = 32, 65_536
_HEX = "[0-9A-Fa-f]"
_TAGS = "[\U000e0020-\U000e007e]"
_SELECTORS = "[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
#: What any payload begins with, for a first look that most texts fail.
_MAYBE = re.compile(
    rf"[A-Za-z0-9+/_-]{{16}}|%{_HEX}{{2}}|\\[uUx]|&#|0x|{_TAGS}{{3}}|{_SELECTORS}{{4}}"
    rf"|(?:{_HEX}{{2}}[ :,]){{4}}"
)
#: What most Chinese texts hold none of: nine ASCII characters in a row, or an invisible one.
_ASCII = re.compile("[ -~][ -~]{8}")
_INVISIBLE = re.compile("[\ufe00-\ufe0f\U000e0020-\U000e01ef]")
_HAN = re.compile("[\u4e00-\u9fff]")
_AGAIN = re.compile("[A-Za-z0-9+/_-]{16,}={0,2}")
_LETTER = re.compile("[A-Za-z ]")


@dataclass(frozen=True, slots=True)
class Payload:
    """A decoded stretch: ``start..end`` in the text it was found in, what it says, its coding."""

    start: int
    end: int
    text: str
    kind: str


def _base64(found: str) -> str | None:
    body = found.rstrip("=").replace("-", "+").replace("_", "/")
    return _readable(base64.b64decode(body + "=" * (-len(body) % 4)))


def _hex(found: str) -> str | None:
    return _readable(bytes.fromhex(re.sub(r"\\x|0x|[ :,]", "", found)))


def _url(found: str) -> str | None:
    from urllib.parse import unquote_to_bytes

    return _readable(unquote_to_bytes(found))


def _escapes(found: str) -> str | None:
    codes = re.findall(rf"\\[uU]\{{?({_HEX}+)", found)
    units = [int(code, 16) for code in codes]
    if any(unit > 0x10FFFF for unit in units):
        return None
    # Pairs of surrogates are one character.
    raw = "".join(map(chr, units)).encode("utf-16-le", "surrogatepass")
    return _checked(raw.decode("utf-16-le", "replace"))


def _entities(found: str) -> str | None:
    return _checked(html.unescape(re.sub(r"(?<=\w)(?=&)", ";", found)))


def _tags(found: str) -> str | None:
    return _checked("".join(chr(ord(char) - 0xE0000) for char in found))


def _selectors(found: str) -> str | None:
    """Bytes 0 to 15 as VS1 to VS16, the rest as VS17 to VS256."""
    return _readable(
        bytes(cp - 0xFE00 if cp < 0xE0100 else cp - 0xE0100 + 16 for cp in map(ord, found))
    )


#: (coding, its shape, its decoder). Every shape is linear: no part can give way to another.
_CODINGS: tuple[tuple[str, str, Callable[[str], str | None]], ...] = (
    ("hex", rf"(?<![0-9A-Za-z])(?:{_HEX}{{2}}){{8,}}(?![0-9A-Za-z])", _hex),
    ("hex", rf"(?:(?:\\x|0x){_HEX}{{2}}[ :,]{{0,2}}){{3,}}", _hex),
    ("hex", rf"(?<![0-9A-Za-z])(?:{_HEX}{{2}}[ :,]){{5,}}{_HEX}{{2}}(?![0-9A-Za-z])", _hex),
    ("base64", r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}={0,2}", _base64),
    ("URL escapes", rf"%{_HEX}{{2}}(?:[\w.~+-]{{0,16}}%{_HEX}{{2}}){{2,}}", _url),
    ("escapes", rf"(?:\\[uU]\{{?{_HEX}{{4,8}}\}}?){{2,}}", _escapes),
    ("HTML entities", rf"(?:&#(?:\d{{2,7}}|[xX]{_HEX}{{2,6}});?){{2,}}", _entities),
    ("tag characters", _TAGS + "{3,}", _tags),
    ("variation selectors", _SELECTORS + "{4,}", _selectors),
)
_SHAPES = [(kind, re.compile(shape, re.ASCII), decode) for kind, shape, decode in _CODINGS]


def payloads(text: str) -> list[Payload]:
    """The payloads of a text, in order. Linear in its length; never raises."""
    if _ASCII.search(text) is None and _INVISIBLE.search(text) is None:
        return []
    found = [Payload(*each) for each in itertools.islice(turned(text), MOST)]
    if _MAYBE.search(text) is None:
        return found
    found += itertools.islice(_decoded(text), MOST - len(found))
    return sorted(found, key=lambda payload: (payload.start, payload.end, payload.kind))


def _decoded(text: str) -> Iterator[Payload]:
    for kind, shape, decode in _SHAPES:
        for match in shape.finditer(text):
            if match.end() - match.start() <= LONGEST:
                try:
                    hidden = decode(match.group())
                except (ValueError, binascii.Error, OverflowError):
                    continue
                if hidden is not None:
                    yield Payload(match.start(), match.end(), hidden, kind)


def _readable(raw: bytes) -> str | None:
    """Bytes as text: UTF-8, or GB 18030 where that gives Chinese in common characters."""
    try:
        if (text := _checked(raw.decode("utf-8"))) is not None:
            return text
    except UnicodeDecodeError:
        pass
    try:
        text = raw.decode("gb18030")
        # Random bytes too are often pairs of some character: only those of level 1 count.
        common = sum(0xB0 <= char.encode("gb18030")[0] <= 0xD7 for char in text)
    except UnicodeDecodeError:
        return None
    return _checked(text) if common >= max(3, 0.7 * len(text)) else None


def _checked(text: str) -> str | None:
    """The text if a person could read it: printable, and mostly Chinese, letters and spaces; or if
    it looks encoded itself."""
    if len(text) < 2 or not all(char.isprintable() or char in "\n\r\t" for char in text):
        return None
    if len(_HAN.findall(text)) >= 2 or _AGAIN.fullmatch(text):
        return text
    letters = len(_LETTER.findall(text))
    return text if letters >= 4 and letters >= 0.7 * len(text) else None
