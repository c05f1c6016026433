"""16-bit PNG: a patch is written into the rows it covers, and every other pixel keeps its 16 bits.

Pillow has no 16-bit colour, so the rows are unfiltered here. Rows outside the patch keep their
filtered bytes; only the rows of the patch and the one below it are stored anew.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from guard.errors import InputError, LabelError
from guard.watermark import png
from guard.watermark.splice import splice

if TYPE_CHECKING:
    from PIL.Image import Image

#: Samples per pixel by colour type.
_SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}


def is_deep(data: bytes) -> bool:
    """Whether a PNG has 16 bits a sample."""
    return data[24] == 16


def paste(data: bytes, box: tuple[int, int, int, int], patch: Image) -> bytes:
    """``data`` with the grey ``patch`` (mode L) at ``box``, opaque.

    Raises:
        LabelError: the picture is interlaced. InputError: its pixel data is broken.
    """
    raw, kind, width = _filtered(data)
    pixel = 2 * _SAMPLES[kind]
    _patch_rows(raw, 1 + width * pixel, pixel, box, _widen(patch, kind))
    return _with_rows(data, bytes(raw))


def samples(data: bytes) -> tuple[bytes, int]:
    """All samples, 16 bits each, big-endian, row by row; and how many there are to a pixel.

    Raises as :func:`paste`.
    """
    raw, kind, width = _filtered(data)
    stride = 1 + width * 2 * _SAMPLES[kind]
    rows = [bytes(stride - 1)]
    for at in range(0, len(raw) - stride + 1, stride):
        row = bytes(raw[at + 1 : at + stride])
        rows.append(_unfilter(raw[at], row, rows[-1], 2 * _SAMPLES[kind]))
    return b"".join(rows[1:]), _SAMPLES[kind]


def with_samples(data: bytes, values: bytes) -> bytes:
    """``data`` with other samples, in the form of :func:`samples`."""
    stride = int.from_bytes(data[16:20], "big") * 2 * _SAMPLES[data[25]]
    rows = (b"\0" + values[at : at + stride] for at in range(0, len(values), stride))
    return _with_rows(data, b"".join(rows))


def _filtered(data: bytes) -> tuple[bytearray, int, int]:
    """Rows with their filters, colour type, width."""
    if data[28]:
        raise LabelError(
            "an interlaced 16-bit PNG cannot be drawn on", "save it without interlacing"
        )
    try:
        raw = zlib.decompress(b"".join(c.body(data) for c in _image_data(data)))
    except zlib.error as error:
        raise InputError(f"the picture cannot be decoded ({error})", "get the whole file") from None
    return bytearray(raw), data[25], int.from_bytes(data[16:20], "big")


def _image_data(data: bytes) -> list[png.Chunk]:
    return [chunk for chunk in png.chunks(data)[0] if chunk.kind == b"IDAT"]


def _with_rows(data: bytes, raw: bytes) -> bytes:
    first, *rest = _image_data(data)
    new = png.chunk_bytes(b"IDAT", zlib.compress(raw))
    edits = [(first.start, first.end, new), *((c.start, c.end, b"") for c in rest)]
    return splice(data, edits)


def _patch_rows(
    raw: bytearray, stride: int, pixel: int, box: tuple[int, int, int, int], rows: list[bytes]
) -> None:
    """Unfilter from the top, put the patch in, store the touched rows unfiltered (type 0)."""
    x0, y0, _, y1 = box
    above = bytes(stride - 1)
    for y in range(min(y1 + 1, len(raw) // stride)):
        at = y * stride
        above = _unfilter(raw[at], bytes(raw[at + 1 : at + stride]), above, pixel)
        if y < y0:
            continue
        stored = bytearray(above)
        if y < y1:
            new = rows[y - y0]
            stored[x0 * pixel : x0 * pixel + len(new)] = new
        raw[at] = 0
        raw[at + 1 : at + stride] = stored


def _widen(patch: Image, kind: int) -> list[bytes]:
    """Rows of 16-bit samples: a grey g becomes g * 257 in every channel, alpha opaque."""
    colours = 3 if kind in (2, 6) else 1
    alpha = b"\xff\xff" if kind in (4, 6) else b""
    table = [bytes((grey, grey)) * colours + alpha for grey in range(256)]
    grey, width = patch.tobytes(), patch.width
    return [
        b"".join(table[value] for value in grey[start : start + width])
        for start in range(0, len(grey), width)
    ]


def _unfilter(kind: int, row: bytes, above: bytes, pixel: int) -> bytes:
    """One row without its filter (PNG specification, clause 9)."""
    if kind == 0:
        return row
    if kind == 1:
        return _sub(row, pixel)
    if kind == 2:
        return _add(row, above)
    if kind == 3:
        return _average(row, above, pixel)
    if kind == 4:
        return _paeth(row, above, pixel)
    raise InputError(f"the picture cannot be decoded (filter {kind})", "get the whole file")


def _add(row: bytes, above: bytes) -> bytes:
    """Bytewise sum modulo 256, all bytes at once in one large integer."""
    size = len(row)
    low = int.from_bytes(b"\x7f" * size, "big")
    a, b = int.from_bytes(row, "big"), int.from_bytes(above, "big")
    return (((a & low) + (b & low)) ^ ((a ^ b) & ~low)).to_bytes(size, "big")


def _sub(row: bytes, pixel: int) -> bytes:
    out = bytearray(row)
    for lane in range(pixel):
        sums: Iterator[int] = itertools.accumulate(row[lane::pixel], _sum)
        out[lane::pixel] = bytes(sums)
    return bytes(out)


def _sum(left: int, value: int) -> int:
    return (left + value) & 255


def _average(row: bytes, above: bytes, pixel: int) -> bytes:
    out = bytearray(pixel) + row
    for i, up in enumerate(above):
        out[i + pixel] = (out[i + pixel] + ((out[i] + up) >> 1)) & 255
    return bytes(out[pixel:])


def _paeth(row: bytes, above: bytes, pixel: int) -> bytes:
    out = bytearray(pixel) + row
    corner = bytes(pixel) + above
    for i, up in enumerate(above):
        left, diagonal = out[i], corner[i]
        a, b = up - diagonal, left - diagonal
        near_left, near_up, near_corner = abs(a), abs(b), abs(a + b)
        if near_left <= near_up and near_left <= near_corner:
            guess = left
        else:
            guess = up if near_up <= near_corner else diagonal
        out[i + pixel] = (out[i + pixel] + guess) & 255
    return bytes(out[pixel:])
