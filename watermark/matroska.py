"""MKV and WebM: the label as ``SimpleTag`` named ``AIGC`` in the segment's tags (TC260-PG-20257A).

Clusters never move, since cues and the seek head hold their places. The tags go into empty space
(``Void``) before the film, or else behind it with an entry in the seek head.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Found, Reading, find, to_json
from guard.watermark.splice import Edit, splice

_EBML, _SEGMENT, _VOID = 0x1A45DFA3, 0x18538067, 0xEC
_SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_AT = 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
_INFO, _TRACKS, _CLUSTER, _CUES = 0x1549A966, 0x1654AE6B, 0x1F43B675, 0x1C53BB6B
_TAGS, _TAG, _TARGETS, _SIMPLE = 0x1254C367, 0x7373, 0x63C0, 0x67C8
_NAME, _STRING = 0x45A3, 0x4487
#: Tags hold covers; longer ones than this are none.
_LONGEST: Final = 1 << 25
_MOST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Element:
    """An element: ``start..end`` with its header. ``open`` says that its size is not known."""

    kind: int
    start: int
    body: int
    end: int
    open: bool = False


@dataclass(frozen=True, slots=True)
class _Film:
    segment: Element
    parts: list[Element]
    damage: str = ""


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are an EBML document that names one of the two kinds."""
    del suffix
    head = data[:64]
    return head[:4] == b"\x1a\x45\xdf\xa3" and (b"matroska" in head or b"webm" in head)


def verify(data: Blob) -> None:
    """Refuse a film that is truncated. Raises :class:`InputError` naming the place."""
    damage = _film(data).damage
    if damage:
        raise InputError(f"damaged Matroska: {damage}", "get the whole file again")


def read_labels(data: Blob) -> Reading:
    """Every label in the tags, before or behind the film, and what is damaged."""
    film = _film(data)
    found = [found for part in film.parts for _, found in _labels(data, part)]
    return Reading(tuple(found), film.damage)


def plan(data: Blob, label: Label) -> list[Edit]:
    """The edits that leave exactly this label; clusters, cues and other tags keep their places.

    Raises:
        InputError: the film is damaged. LabelError: the label is unfit, or the film has a seek
            head without room for one more entry.
    """
    new = _tags(to_json(label))
    verify(data)
    film = _film(data)
    ours = [(p, tag) for p in film.parts for tag, _ in _labels(data, p)]
    if len(ours) == 1 and data[ours[0][0].start : ours[0][0].end] == new:
        return []
    emptied = [_emptied(data, part, tag) for part, tag in ours]
    holes = [*(e for e in film.parts if e.kind == _VOID), *(e for e in emptied if e.kind == _TAGS)]
    edits: list[Edit] = [(e.start, e.end, _void(e.end - e.start)) for e in emptied]
    first = next((e.start for e in film.parts if e.kind == _CLUSTER), film.segment.end)
    for hole in sorted(holes, key=lambda e: e.start):
        rest = hole.end - hole.start - len(new)
        if hole.start < first and (rest == 0 or rest >= 2):
            kept = [e for e in edits if e[0] != hole.start]
            return [*kept, (hole.start, hole.end, new + (_void(rest) if rest else b""))]
    if film.segment.open:
        return edits + _before_film(data, film, first, new)
    return edits + _behind(data, film, holes, new)


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; the same one twice changes nothing. Raises as `plan`."""
    return splice(data, plan(data, label))


def _film(data: Blob) -> _Film:
    """The segment and what it holds, clusters skipped."""
    empty = Element(_SEGMENT, 0, 0, 0)
    head = _element(data, 0, len(data))
    segment = _element(data, head.end, len(data)) if head and head.kind == _EBML else None
    if segment is None or segment.kind != _SEGMENT:
        return _Film(empty, [], "no segment")
    if segment.end > len(data):
        return _Film(segment, _children(data, segment.body, len(data)), "truncated")
    parts = _children(data, segment.body, segment.end)
    last = parts[-1].end if parts else segment.body
    damage = "" if last == segment.end else f"truncated or no element at byte {last}"
    if not damage and not any(part.kind == _TRACKS for part in parts):
        damage = "no tracks"
    return _Film(segment, parts, damage)


def _children(data: Blob, start: int, end: int) -> list[Element]:
    found: list[Element] = []
    while start < end and len(found) < _MOST:
        element = _element(data, start, end)
        if element is None or element.end > end:
            break
        found.append(element)
        start = element.end
    return found


def _element(data: Blob, start: int, end: int) -> Element | None:
    """The element at a place; one of unknown size goes to ``end``."""
    head = data[start : start + 12]
    kind, wide = _number(head, 0, keep=True)
    size, more = _number(head, wide)
    if not wide or not more:
        return None
    body = start + wide + more
    if size == (1 << 7 * more) - 1:
        if kind == _CLUSTER:
            return Element(kind, start, body, _open_cluster(data, body, end), True)
        return Element(kind, start, body, end, True)
    return Element(kind, start, body, body + size)


def _open_cluster(data: Blob, position: int, end: int) -> int:
    """Where a cluster of unknown size ends: at the next element of the segment's level."""
    while position < end:
        head = data[position : position + 12]
        kind, wide = _number(head, 0, keep=True)
        size, more = _number(head, wide)
        level_1 = (_CLUSTER, _CUES, _TAGS, _SEEK_HEAD, _INFO, _TRACKS)
        if kind in level_1 or not wide or not more or position + wide + more + size > end:
            return position
        position += wide + more + size
    return position


def _number(head: bytes, at: int, *, keep: bool = False) -> tuple[int, int]:
    """A variable-length number and its length (RFC 8794, section 4); ``keep`` its marker bit."""
    first = head[at : at + 1]
    length = 9 - first[0].bit_length() if first and first[0] else 0
    if not length or len(head) < at + length:
        return 0, 0
    value = int.from_bytes(head[at : at + length], "big")
    return value if keep else value & ((1 << 7 * length) - 1), length


def _labels(data: Blob, part: Element) -> Iterator[tuple[Element, Found]]:
    """Simple tags that are labels, in an element that holds tags."""
    if part.kind != _TAGS or part.end - part.start > _LONGEST:
        return
    for tag in _children(data, part.body, part.end):
        for simple in _children(data, tag.body, tag.end) if tag.kind == _TAG else ():
            found = _label(data, simple) if simple.kind == _SIMPLE else None
            if found:
                yield simple, found


def _label(data: Blob, simple: Element) -> Found | None:
    texts = {e.kind: data[e.body : e.end] for e in _children(data, simple.body, simple.end)}
    if texts.get(_NAME, b"").rstrip(b"\0").upper() != b"AIGC":
        return None
    return find("matroska.tag", texts.get(_STRING, b"").decode("utf-8", "replace"), sure=True)


def _emptied(data: Blob, part: Element, simple: Element) -> Element:
    """What becomes ``Void``: all the tags when they hold only this label and no more, else it."""
    tags = _children(data, part.body, part.end)
    inside = _children(data, tags[0].body, tags[0].end) if len(tags) == 1 else []
    alone = [e for e in inside if e.kind not in (_TARGETS, _VOID)] == [simple]
    return part if alone else simple


def _tags(payload: str) -> bytes:
    """Tags without targets: they speak of the whole segment."""
    simple = _packed(_NAME, b"AIGC") + _packed(_STRING, payload.encode())
    return _packed(_TAGS, _packed(_TAG, _packed(_TARGETS, b"") + _packed(_SIMPLE, simple)))


def _packed(kind: int, body: bytes, wide: int = 0) -> bytes:
    head = kind.to_bytes((kind.bit_length() + 7) // 8, "big")
    return head + _size(len(body), wide) + body


def _size(size: int, wide: int = 0) -> bytes:
    wide = wide or next(n for n in range(1, 9) if size < (1 << 7 * n) - 1)
    return (size | 1 << 7 * wide).to_bytes(wide, "big")


def _void(size: int) -> bytes:
    """Empty space of at least two bytes."""
    wide = 1 if size < 66 else 8
    return b"\xec" + _size(size - 1 - wide, wide) + bytes(size - 1 - wide)


def _before_film(data: Blob, film: _Film, first: int, new: bytes) -> list[Edit]:
    """A stream of unknown length may have no places that could become wrong."""
    sought = [place for part in film.parts for place in _seek_places(data, part)]
    late = any(place >= first - film.segment.body for place in sought)
    if late or any(part.kind == _CUES for part in film.parts):
        raise LabelError("the film has an index but no length", "remux it, which repairs that")
    return [(first, first, new)]


def _seek_places(data: Blob, part: Element) -> Iterator[int]:
    """The places, counted from the segment's contents, that a seek head names."""
    for seek in _children(data, part.body, part.end) if part.kind == _SEEK_HEAD else ():
        for item in _children(data, seek.body, seek.end):
            if item.kind == _SEEK_AT:
                yield int.from_bytes(data[item.body : item.end], "big")


def _behind(data: Blob, film: _Film, holes: list[Element], new: bytes) -> list[Edit]:
    """Tags at the end of the segment, its size, and their place in the seek head."""
    segment, end = film.segment, film.segment.end
    head = next((p for p in film.parts if p.kind == _SEEK_HEAD), None)
    edits: list[Edit] = [(end, end, new)]
    if head:
        room = next((h for h in holes if h.start == head.end), None)
        edits.append(_sought(data, head, room, end - segment.body))
    first = data[segment.start + 4 : segment.start + 5][0]
    wide = 9 - first.bit_length()
    size = end - segment.body + len(new)
    if size >= (1 << 7 * wide) - 1:
        raise LabelError("the segment's size field has no room", "remux the film")
    return [*edits, (segment.start + 4, segment.start + 4 + wide, _size(size, wide))]


def _sought(data: Blob, head: Element, room: Element | None, place: int) -> Edit:
    """The seek head with one more entry, in its own space and that of the ``Void`` behind."""
    where = place.to_bytes(8, "big")
    entry = _packed(_SEEK_ID, _TAGS.to_bytes(4, "big")) + _packed(_SEEK_AT, where)
    body = data[head.body : head.end] + _packed(_SEEK, entry)
    space = (room.end if room else head.end) - head.start
    for wide in (0, 8):
        new = _packed(_SEEK_HEAD, body, wide)
        rest = space - len(new)
        if rest == 0 or rest >= 2:
            return head.start, head.start + space, new + (_void(rest) if rest else b"")
    raise LabelError(
        "the film's seek head has no room for the tags", "remux it (mkvmerge, ffmpeg -c copy)"
    )
