"""HEIF and AVIF: the label as XMP item of the picture (TC260-PG-20259A).

The packet stands in a box ``mdat`` at the end of the file; ``meta`` before it gets the item, and
the places of all else move by what it grows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark import exif, heif_items, isobmff, xmp
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Found, Reading, to_json
from guard.watermark.heif_items import IN_FILE, XMP_TYPE, BrokenError, Extent, Item, Meta, Place
from guard.watermark.isobmff import Box, box, boxes
from guard.watermark.splice import Edit, splice

#: An index or a packet of more than this is refused rather than loaded.
_LONGEST: Final = 1 << 25
_C2PA_UUID: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
#: Brands of still pictures and sequences; ``avif`` files often name ``mif1`` too.
_HEIF: Final = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
AVIF: Final = frozenset((b"avif", b"avis"))


def brands(data: bytes) -> frozenset[bytes]:
    """The brands of a file, the major one included; empty where there is no ``ftyp``."""
    if data[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(data[:4], "big"), len(data))
    return frozenset(data[at : at + 4] for at in (8, *range(16, end - 3, 4)))


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are a HEIF picture's; films with a HEIF brand among others are films."""
    del suffix
    return data[8:12] in _HEIF and bool(brands(data)) and not brands(data) & AVIF


def verify(data: Blob) -> None:
    """Refuse a picture whose boxes are damaged. Raises :class:`InputError`."""
    damage = _open(data).damage
    if damage:
        raise InputError(f"damaged HEIF: {damage}", "get the whole file again")


def read_labels(data: Blob) -> Reading:
    """Every label in XMP and EXIF items, and what is damaged."""
    picture = _open(data)
    found: list[Found] = []
    traces: list[str] = []
    for item, body in _metadata(data, picture):
        if item.kind == b"mime":
            found += xmp.read(body)
            traces += xmp.traces(body)
        else:
            block = _tiff(body)
            found += exif.read(block)
            traces += exif.traces(block)
    manifest = any(
        top.kind == b"uuid" and data[top.body : top.body + 16] == _C2PA_UUID for top in picture.tops
    )
    return Reading(tuple(found), picture.damage, tuple(traces), manifest)


def plan(data: Blob, label: Label) -> list[Edit]:
    """The edits that leave exactly this label; pictures and other metadata stay.

    Raises:
        InputError: the file is damaged. LabelError: the label or the existing XMP is unfit.
    """
    payload = to_json(label)
    verify(data)
    picture = _open(data)
    if picture.meta is None or not (picture.meta.primary and picture.meta.items):
        raise LabelError("the picture has no items", "save it again as AVIF or PNG")
    packets = [(i, b) for i, b in _metadata(data, picture) if i.kind == b"mime"]
    new = {
        item.number: xmp.without(body) if n else xmp.merge(body, payload)
        for n, (item, body) in enumerate(packets)
    }
    changed = {i.number: new[i.number] for i, body in packets if new[i.number] != body}
    if not packets:
        changed = {_free_number(picture.meta): xmp.merge(None, payload)}
    edits = [*_blanked(data, picture)]
    return edits + _written(data, picture, changed) if changed else edits


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; the same one twice changes nothing. Raises as `plan`."""
    return splice(data, plan(data, label))


def _free_number(meta: Meta) -> int:
    """A number for a new item that fits the forms with numbers of 16 bits."""
    taken = {item.number for item in meta.items} | {place.number for place in meta.places}
    number = next(n for n in range(1, len(taken) + 2) if n not in taken)
    if max(number, meta.primary) > 0xFFFF and meta.has_narrow_references:
        raise LabelError("the picture's index has no room for an item", "save the picture again")
    return number


@dataclass(frozen=True, slots=True)
class _Picture:
    """The boxes of a file, and its ``meta`` where it has one."""

    tops: tuple[Box, ...]
    damage: str
    meta: Meta | None = None
    top: Box | None = None


def _open(data: Blob) -> _Picture:
    tops, damage = boxes(data, 0, len(data))
    top = next((t for t in tops if t.kind == b"meta"), None)
    if top is None or top.end - top.start > _LONGEST:
        return _Picture(tuple(tops), damage or "no index (box 'meta')")
    try:
        meta = heif_items.parse(data[top.start : top.end])
    except BrokenError as error:
        return _Picture(tuple(tops), damage or str(error))
    if not damage and not all(_inside(place, len(data)) for place in meta.places):
        damage = "an item lies behind the end of the file"
    return _Picture(tuple(tops), damage, meta, top)


def _inside(place: Place, size: int) -> bool:
    return (
        place.method != IN_FILE
        or place.source != 0
        or all(extent.offset + extent.length <= size for extent in place.extents)
    )


def _metadata(data: Blob, picture: _Picture) -> Iterator[tuple[Item, bytes]]:
    """XMP and EXIF items with their bytes."""
    meta, top = picture.meta, picture.top
    if meta is None or top is None:
        return
    for item in meta.items:
        if item.kind == b"Exif" or (item.kind == b"mime" and item.content == XMP_TYPE):
            place = meta.place(item.number)
            if place and sum(extent.length for extent in place.extents) <= _LONGEST:
                body = heif_items.read(data, meta, top.start, item.number)
                if body is not None:
                    yield item, body


def _tiff(body: bytes) -> bytes:
    """The TIFF structure of an EXIF item: the first four bytes say how far behind them it is."""
    return body[4 + int.from_bytes(body[:4], "big") :]


def _blanked(data: Blob, picture: _Picture) -> Iterator[Edit]:
    """Labels in EXIF become as many spaces: a file keeps one."""
    assert picture.meta
    for item, body in _metadata(data, picture):
        place = picture.meta.place(item.number)
        if item.kind != b"Exif" or place is None or place.method != IN_FILE:
            continue
        at = len(body) - len(_tiff(body))
        new = body[:at] + exif.blank(body[at:])
        if new != body and len(place.extents) == 1:
            start = place.extents[0].offset
            yield start, start + len(body), new


def _written(data: Blob, picture: _Picture, packets: dict[int, bytes]) -> list[Edit]:
    """The edits that put packets at the end of the file and into ``meta``."""
    meta, top, tops = picture.meta, picture.top, picture.tops
    assert meta
    assert top
    end, edits = len(data), []
    old = {n: place for n in packets if (place := meta.place(n))}
    last = tops[-1]
    if any(_fills(place, last) for place in old.values()):
        edits.append((last.start, last.end, b""))  # our own box of before
        end = last.start
    elif data[last.start : last.start + 4] == bytes(4):
        raise LabelError("the last box has no length", "save the picture again")
    for place in old.values():
        edits += [
            (e.offset, e.offset + e.length, b" " * e.length)
            for e in place.extents
            if place.method == IN_FILE and e.offset + e.length <= end
        ]
    growth = len(_meta(meta, packets, end, 0, top.end)) - (top.end - top.start)
    new = _meta(meta, packets, end + growth + 8, growth, top.end)
    edits.append((top.start, top.end, new))
    for moov in (t for t in tops if t.kind == b"moov"):
        raw = data[moov.start : moov.end]
        edits.append((moov.start, moov.end, isobmff.moved(raw, top.end, growth)))
    return [*edits, (len(data), len(data), box(b"mdat", b"".join(packets.values())))]


def _fills(place: Place, last: Box) -> bool:
    stretches = [(extent.offset, extent.offset + extent.length) for extent in place.extents]
    return place.method == IN_FILE and last.kind == b"mdat" and stretches == [(last.body, last.end)]


def _meta(meta: Meta, packets: dict[int, bytes], at: int, growth: int, behind: int) -> bytes:
    """``meta`` for packets that stand one behind the other from ``at`` on."""
    kept = [p.moved(behind, growth) for p in meta.places if p.number not in packets]
    known = {item.number for item in meta.items}
    items, added = meta.items, [number for number in packets if number not in known]
    for number, packet in packets.items():
        kept.append(Place(number, IN_FILE, 0, (Extent(0, at, len(packet)),)))
        at += len(packet)
    fresh = {b"iloc": heif_items.locations(tuple(kept), wide=at > 0xFFFFFFFF)}
    for number in added:
        items = (*items, Item(number, b"mime", XMP_TYPE))
        fresh[b"iinf"] = heif_items.info(items, meta.raw, meta.part(b"iinf"))
        fresh[b"iref"] = heif_items.references(meta.raw, meta.part(b"iref"), number, meta.primary)
    head = meta.raw[: meta.parts[0].start] if meta.parts else meta.raw[:12]
    body = head[-4:] + b"".join(
        fresh.pop(part.kind, meta.raw[part.start : part.end]) for part in meta.parts
    )
    return box(b"meta", body + b"".join(fresh.values()))
