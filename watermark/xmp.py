"""XMP packets: the label as property ``TC260:AIGC``, merged into what the packet already says.

The packet is edited as text, never re-serialised, so that everything else in it stays byte for
byte what it was. Place and namespace: TC260-PG-20259A.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Final

from guard.errors import LabelError
from guard.watermark.gb45438 import Found, find
from guard.watermark.traces import of_xmp

NAMESPACE: Final = "http://www.tc260.org.cn/ns/AIGC/1.0/"
#: More label properties than this in one packet is an attack on the reader, not a label.
_MOST = 64

_ELEMENT = re.compile(r"<([A-Za-z_][\w.-]{0,63}):AIGC(?=[\s/>])([^<>]*)>")
_ATTRIBUTE = re.compile(r"""\s([A-Za-z_][\w.-]{0,63}):AIGC\s*=\s*("[^"<]*"|'[^'<]*')""")
_RDF_END = re.compile(r"</(\w{1,64}):RDF\s*>")
_ABOUT = re.compile(r"""\s\w{1,64}:about\s*=\s*("[^"<]*"|'[^'<]*')""")
_CDATA = re.compile(r"\s*<!\[CDATA\[(.*)\]\]>\s*", re.DOTALL)
_AI_SOURCE = re.compile(
    r"digitalsourcetype/(trainedAlgorithmicMedia|compositeWithTrainedAlgorithmicMedia"
    r"|algorithmicMedia)"
)

_EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
    "</rdf:RDF>\n"
    "</x:xmpmeta>\n"
    '<?xpacket end="w"?>'
)


@dataclass(frozen=True, slots=True)
class _Property:
    """A label property: ``start..end`` in the packet, its value still as it is written there."""

    start: int
    end: int
    value: str
    prefix: str
    inner: tuple[int, int] | None  # where an element's text stands; None for an attribute


def read(packet: bytes) -> list[Found]:
    """Every label property of a packet, element or attribute form."""
    text = _decode(packet)
    return [
        found
        for item in _properties(text)
        if (found := find("xmp", _value(item), sure=_bound(text, item.prefix))) is not None
    ]


def traces(packet: bytes) -> list[str]:
    """Signs of AI origin in a packet: the IPTC digital source type, a generator's name."""
    match = _AI_SOURCE.search(_decode(packet))
    return [*([f"IPTC DigitalSourceType {match[1]}"] if match else []), *of_xmp(packet)]


def merge(packet: bytes | None, payload: str) -> bytes:
    """``packet`` with exactly one label, ``payload`` (annex E JSON). ``None`` makes a new packet.

    Raises:
        LabelError: the packet has no closing ``rdf:RDF``, so that nothing can be merged into it.
    """
    text = _EMPTY if packet is None else _decode(packet)
    escaped = html.escape(payload)
    items = _properties(text)
    ours = next((i for i in items if i.inner and _declared(text, i.prefix)), None)
    for item in reversed(items):
        if item is ours and item.inner:
            text = text[: item.inner[0]] + escaped + text[item.inner[1] :]
        else:
            text = text[: item.start] + text[item.end :]
    return _encode(text if ours else _insert(text, escaped))


def without(packet: bytes) -> bytes:
    """``packet`` without label properties: for second packets, since a file keeps one label."""
    text = _decode(packet)
    for item in reversed(_properties(text)):
        text = text[: item.start] + text[item.end :]
    return _encode(text)


def trim(packet: bytes) -> bytes:
    """``packet`` without the white space that editors leave before its end."""
    body, marker, tail = _decode(packet).rpartition("<?xpacket end")
    return _encode(f"{body.rstrip()}\n{marker}{tail}") if marker else packet


def _insert(text: str, escaped: str) -> str:
    ends = list(_RDF_END.finditer(text))
    if not ends:
        raise LabelError(
            "the file has an XMP packet that cannot be merged into: it has no closing rdf:RDF",
            "repair the packet first",
        )
    end = ends[-1]
    about = _ABOUT.search(text)  # all descriptions of a packet name the same resource
    block = (
        f"<{end[1]}:Description {end[1]}:about={about[1] if about else chr(34) * 2}"
        f' xmlns:TC260="{NAMESPACE}"><TC260:AIGC>{escaped}</TC260:AIGC></{end[1]}:Description>\n'
    )
    return text[: end.start()] + block + text[end.start() :]


def _properties(text: str) -> list[_Property]:
    items = _elements(text)
    inside = [(item.start, item.end) for item in items]
    for match in _ATTRIBUTE.finditer(text):
        if any(start <= match.start() < end for start, end in inside):
            continue
        items.append(_Property(*match.span(), match[2][1:-1], match[1], None))
        if len(items) >= _MOST:
            break
    return sorted(items, key=lambda item: item.start)


def _elements(text: str) -> list[_Property]:
    items: list[_Property] = []
    position = 0
    while len(items) < _MOST and (match := _ELEMENT.search(text, position)):
        position = match.end()
        if match[2].endswith("/"):
            items.append(_Property(*match.span(), "", match[1], None))
            continue
        close = text.find(f"</{match[1]}:AIGC", position)
        end = text.find(">", close) + 1 if close >= 0 else 0
        if not end:
            break
        value = text[position:close]
        items.append(_Property(match.start(), end, value, match[1], (position, close)))
        position = end
    return items


def _value(item: _Property) -> str:
    data = _CDATA.fullmatch(item.value)
    return data[1] if data else html.unescape(item.value)


def _bound(text: str, prefix: str) -> bool:
    return prefix == "TC260" or _declared(text, prefix)


def _declared(text: str, prefix: str) -> bool:
    return (
        re.search(rf"xmlns:{re.escape(prefix)}\s*=\s*[\"']{re.escape(NAMESPACE)}", text) is not None
    )


def _decode(packet: bytes) -> str:
    return packet.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
