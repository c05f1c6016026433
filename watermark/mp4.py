"""MP4, MOV, M4A: the label as key ``AIGC`` in ``moov.udta.meta`` (TC260-PG-20257A, 202510A).

Only ``moov`` is read and written anew; the media are never loaded. When ``moov`` stands before
them, free space behind it is used, or else the places of the samples are moved.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.watermark import isobmff
from guard.watermark.blob import Blob
from guard.watermark.gb45438 import Found, Reading, find, to_json
from guard.watermark.isobmff import Box, box, boxes
from guard.watermark.splice import Edit, splice

#: An index of more than this is refused rather than loaded.
_LONGEST: Final = 1 << 25
_C2PA_UUID: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_TEXT: Final = 1
#: Brands of pictures, whose places are in ``iloc``.
_PICTURES: Final = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")
_FREE: Final = (b"free", b"skip", b"wide")


@dataclass(frozen=True, slots=True)
class _Meta:
    """A ``meta`` box in ``moov`` or its ``udta``: names of its keys, and its items."""

    box: Box
    handler: bytes
    inside: int  # where its children begin: behind version and flags, which QuickTime leaves out
    keys: list[bytes]
    items: list[Box]


def matches(data: bytes, suffix: str) -> bool:
    """Whether the bytes are an MP4's or a QuickTime film's, not a HEIF picture's."""
    if data[4:8] == b"ftyp":
        return data[8:12] not in _PICTURES
    return data[4:8] in (b"moov", b"mdat", *_FREE) and suffix in (".mov", ".mp4", ".m4a", ".qt")


def verify(data: Blob) -> None:
    """Refuse a film that is truncated or has no index. Raises :class:`InputError`."""
    damage = _tops(data)[1]
    if damage:
        raise InputError(f"damaged MP4: {damage}", "get the whole file again")


def read_labels(data: Blob) -> Reading:
    """Every label in the index, early or late in the file, and what is damaged."""
    tops, damage = _tops(data)
    manifest = any(t.kind == b"uuid" and data[t.body : t.body + 16] == _C2PA_UUID for t in tops)
    top = next((t for t in tops if t.kind == b"moov"), None)
    if top is None or top.end - top.start > _LONGEST:
        return Reading(damage=damage, manifest=manifest)
    moov = data[top.start : top.end]
    found = [f for meta in _metas(moov) for _, f in _labels(moov, meta)]
    return Reading(tuple(found), damage, (), manifest)


def plan(data: Blob, label: Label) -> list[Edit]:
    """The edits that leave exactly this label; media and other metadata stay.

    Raises:
        InputError: the file is damaged. LabelError: the label is unfit, or the index is
            compressed or larger than 32 MiB.
    """
    payload = to_json(label).encode()
    verify(data)
    tops, _ = _tops(data)
    place = next(i for i, t in enumerate(tops) if t.kind == b"moov")
    top = tops[place]
    if top.end - top.start > _LONGEST:
        raise LabelError("the index of the film is larger than 32 MiB", "remux it")
    old = data[top.start : top.end]
    if any(b.kind == b"cmov" for b in boxes(old, top.body - top.start, len(old))[0]):
        raise LabelError("the index of the film is compressed (cmov)", "remux it")
    new = _labelled(old, payload)
    if new == old:
        return []
    return _placed(data, tops, place, new)


def write_label(data: bytes, label: Label) -> bytes:
    """``data`` with exactly this label; the same one twice changes nothing. Raises as `plan`."""
    return splice(data, plan(data, label))


def _tops(data: Blob) -> tuple[list[Box], str]:
    tops, damage = boxes(data, 0, len(data))
    if not damage and not any(t.kind == b"moov" for t in tops):
        damage = "no index (box 'moov')"
    return tops, damage


def _placed(data: Blob, tops: list[Box], place: int, new: bytes) -> list[Edit]:
    """``moov`` in its place: into free space behind it, or with everything behind it moved."""
    top, end = tops[place], tops[place].end
    if place + 1 < len(tops) and tops[place + 1].kind in _FREE:
        end = tops[place + 1].end
    spare = end - top.start - len(new)
    if spare == 0 or spare >= 8:
        return [(top.start, end, new + (box(b"free", bytes(spare - 8)) if spare else b""))]
    if place + 1 == len(tops):
        return [(top.start, top.end, new)]
    new = isobmff.settled(new, top.end, len(new) - (top.end - top.start))
    growth = len(new) - (top.end - top.start)
    return [(top.start, top.end, new), *isobmff.fragments(data, tops, top.end, growth)]


def _metas(moov: bytes) -> list[_Meta]:
    """The ``meta`` boxes in ``udta``, where the guide wants the label, and in ``moov`` itself."""
    level = _children(moov)
    deep = [c for b in level if b.kind == b"udta" for c in boxes(moov, b.body, b.end)[0]]
    found = (_meta(moov, b) for b in [*deep, *level] if b.kind == b"meta")
    return [meta for meta in found if meta]


def _children(moov: bytes) -> list[Box]:
    top = boxes(moov, 0, len(moov))[0]
    return boxes(moov, top[0].body, top[0].end)[0] if top else []


def _meta(moov: bytes, item: Box) -> _Meta | None:
    inside = item.body if moov[item.body + 4 : item.body + 8] == b"hdlr" else item.body + 4
    parts = {b.kind: b for b in boxes(moov, inside, item.end)[0]}
    handler = parts.get(b"hdlr")
    keys, items = parts.get(b"keys"), parts.get(b"ilst")
    return _Meta(
        item,
        moov[handler.body + 8 : handler.body + 12] if handler else b"",
        inside,
        _keys(moov, keys) if keys else [],
        boxes(moov, items.body, items.end)[0] if items else [],
    )


def _keys(moov: bytes, item: Box) -> list[bytes]:
    return [moov[b.body : b.end] for b in boxes(moov, item.body + 8, item.end)[0]]


def _labels(moov: bytes, meta: _Meta) -> list[tuple[Box, Found]]:
    """Items that are labels: by their key, by the name of a free one, or by what they say."""
    found = []
    for item in meta.items:
        number = int.from_bytes(item.kind, "big")
        key = meta.keys[number - 1] if 0 < number <= len(meta.keys) else b""
        parts = boxes(moov, item.body, item.end)[0]
        names = [moov[b.body + 4 : b.end] for b in parts if b.kind == b"name"]
        sure = key.upper() == b"AIGC" or b"AIGC" in names
        text = next((moov[b.body + 8 : b.end] for b in parts if b.kind == b"data"), b"")
        carrier = "mp4.keys" if key else "mp4.ilst"
        if label := find(carrier, text.decode("utf-8", "replace"), sure=sure):
            found.append((item, label))
    return found


def _labelled(moov: bytes, payload: bytes) -> bytes:
    """``moov`` with one label: in the ``mdta`` list of ``udta``, which is made if there is none."""
    level = _children(moov)
    head = boxes(moov, 0, len(moov))[0][0]
    out, written = bytearray(), False
    for item in level:
        if item.kind == b"udta" and not written:
            out += box(b"udta", _udta(moov, item, payload))
            written = True
        elif item.kind == b"udta":
            out += box(b"udta", b"".join(_cleared(moov, boxes(moov, item.body, item.end)[0])))
        else:
            out += b"".join(_cleared(moov, [item]))
    if not written:
        out += box(b"udta", _new_meta(payload))
    wide = head.body - head.start == 16
    size = struct.pack(">I4sQ", 1, b"moov", 16 + len(out)) if wide else b""
    return size + bytes(out) if wide else box(b"moov", bytes(out))


def _udta(moov: bytes, udta: Box, payload: bytes) -> bytes:
    out, written = b"", False
    for item in boxes(moov, udta.body, udta.end)[0]:
        meta = _meta(moov, item) if item.kind == b"meta" else None
        if meta and meta.handler == b"mdta" and not written:
            out += _rewritten(moov, meta, payload)
            written = True
        else:
            out += b"".join(_cleared(moov, [item]))
    return out if written else out + _new_meta(payload)


def _cleared(moov: bytes, items: list[Box]) -> Iterator[bytes]:
    """Boxes as they are, but ``meta`` without labels."""
    for item in items:
        meta = _meta(moov, item) if item.kind == b"meta" else None
        if meta and _labels(moov, meta):
            yield _rewritten(moov, meta, None)
        else:
            yield moov[item.start : item.end]


def _rewritten(moov: bytes, meta: _Meta, payload: bytes | None) -> bytes:
    """``meta`` without its labels and, if there is a payload, with ours. Other keys keep their
    numbers.
    """
    ours = [item.start for item, _ in _labels(moov, meta)]
    kept = b"".join(moov[i.start : i.end] for i in meta.items if i.start not in ours)
    keys = list(meta.keys)
    if payload is not None:
        if b"AIGC" not in keys:
            keys.append(b"AIGC")
        kept += _item(keys.index(b"AIGC") + 1, payload)
    fresh = {b"ilst": box(b"ilst", kept)}
    if payload is not None or meta.keys:
        fresh[b"keys"] = _key_box(moov, meta, keys)
    out = moov[meta.box.body : meta.inside]
    for part in boxes(moov, meta.inside, meta.box.end)[0]:
        out += fresh.pop(part.kind, moov[part.start : part.end])
    return box(b"meta", out + fresh.pop(b"keys", b"") + fresh.pop(b"ilst", b""))


def _key_box(moov: bytes, meta: _Meta, keys: list[bytes]) -> bytes:
    """The keys with their namespaces, which only a new one lacks."""
    old = next((b for b in boxes(moov, meta.inside, meta.box.end)[0] if b.kind == b"keys"), None)
    entries = boxes(moov, old.body + 8, old.end)[0] if old else []
    raw = b"".join(moov[b.start : b.end] for b in entries)
    raw += b"".join(box(b"mdta", key) for key in keys[len(entries) :])
    return box(b"keys", bytes(4) + struct.pack(">I", len(keys)) + raw)


def _item(number: int, payload: bytes) -> bytes:
    data = box(b"data", struct.pack(">II", _TEXT, 0) + payload)
    return box(struct.pack(">I", number), data)


def _new_meta(payload: bytes) -> bytes:
    handler = box(b"hdlr", bytes(8) + b"mdta" + bytes(13))
    keys = box(b"keys", bytes(4) + struct.pack(">I", 1) + box(b"mdta", b"AIGC"))
    return box(b"meta", bytes(4) + handler + keys + box(b"ilst", _item(1, payload)))
