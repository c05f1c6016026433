"""GIF with the label on every frame, without loss: no pixel outside the box changes its colour.

Frames are drawn on the canvas as a viewer sees it and stored as what differs from the canvas
before. So a frame needs the colours it brought itself, and never more than its palette holds; only
the first one must find room for the label's greys, at the expense of its rarest colours. Number,
delays and order of frames, repetitions and every other block stay byte for byte.
"""

from __future__ import annotations

import io
import struct
from array import array
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from guard.watermark import gif, labelbox
from guard.watermark.gif import Block
from guard.watermark.labelbox import Box, Placed
from guard.watermark.splice import splice

if TYPE_CHECKING:
    from PIL.Image import Image

_CONTROL: Final = b"\x21\xf9"
_KEEP, _CLEAR = 1, 2
#: The soft edges of letters in so many greys: the palette has better uses.
_SHADES: Final = 4


#: A pixel as one number; all that are not opaque are this one.
_CLEAR_PIXEL: Final = 0


def write(data: bytes, image: Image, placed: Placed) -> bytes:
    """``data`` with the label on each of its pictures."""
    pairs = list(_pairs(gif._blocks(data)[0]))
    clearing = _clears(image)
    own = frozenset(_numbers(_label(placed)))
    edits = []
    before = None
    for canvas, (control, picture) in zip(_labelled(image, placed), pairs, strict=False):
        old = data[control.start : control.end] if control else b""
        new = _frame(canvas, None if clearing else before, old, own, clear=clearing)
        between = data[control.end : picture.start] if control else b""
        edits.append((control.start if control else picture.start, picture.end, between + new))
        before = canvas
    return splice(data, [(0, 6, b"GIF89a"), *edits])


def _pairs(blocks: list[Block]) -> Iterator[tuple[Block | None, Block]]:
    """Each picture with the control block that belongs to it."""
    control = None
    for block in blocks:
        if block.head[:2] == _CONTROL:
            control = block
        elif block.head[:1] == b"\x2c":
            yield control, block
            control = None


def _canvases(image: Image) -> Iterator[Image]:
    """The frames as shown: RGBA, each pixel opaque or all zero."""
    from PIL import Image

    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        frame = image.convert("RGBA")
        opaque = frame.getchannel("A").point(lambda value: 255 if value == 255 else 0)
        canvas = Image.new("RGBA", frame.size)
        canvas.paste(frame, (0, 0), opaque)
        yield canvas


def _labelled(image: Image, placed: Placed) -> Iterator[Image]:
    label = _label(placed)
    for canvas in _canvases(image):
        canvas.paste(label, placed.stored(canvas.size)[:2])
        yield canvas


def _label(placed: Placed) -> Image:
    """The opaque label in few greys."""
    step = 255 // (_SHADES - 1)
    grey = placed.patch("L").point(lambda value: (value + step // 2) // step * step)
    floor = grey.point(lambda value: max(value, labelbox.BOX_GREY))
    return floor.convert("RGBA")


def _clears(image: Image) -> bool:
    """Whether a pixel that was drawn becomes transparent again: then frames cannot build on
    each other, and each has the whole canvas."""
    from PIL import ImageChops

    before = None
    for canvas in _canvases(image):
        now = canvas.getchannel("A")
        if before is not None and ImageChops.subtract(before, now).getbbox():
            return True
        before = now
    return False


def _frame(
    canvas: Image, before: Image | None, control: bytes, own: frozenset[int], *, clear: bool
) -> bytes:
    """Control block and picture that lead from the canvas ``before`` to this one."""
    box = (0, 0, *canvas.size)
    if before is not None:
        box, canvas = _changes(canvas, before)
    table, indices, hole = _palette(_numbers(canvas), own)
    flags = (control[3] & 0x02) if control else 0  # waits for the user
    delay = control[4:6] if control else b"\0\0"
    flags |= (_CLEAR if clear else _KEEP) << 2 | (hole is not None)
    head = _CONTROL + b"\x04" + bytes((flags,)) + delay + bytes((hole or 0, 0))
    return head + _picture(box, table, indices)


def _changes(now: Image, before: Image) -> tuple[Box, Image]:
    """The box around all pixels that differ, and these; one clear pixel when none do."""
    from PIL import Image, ImageChops

    bands = ImageChops.difference(now, before).split()
    mask = bands[0]
    for band in bands[1:]:
        mask = ImageChops.lighter(mask, band)
    mask = mask.point(lambda value: 255 if value else 0)
    box = mask.getbbox() or (0, 0, 1, 1)
    out = Image.new("RGBA", (box[2] - box[0], box[3] - box[1]))
    out.paste(now.crop(box), (0, 0), mask.crop(box))
    return box, out


def _numbers(picture: Image) -> array[int]:
    raw = array("I")
    raw.frombytes(picture.tobytes())
    return raw


def _palette(pixels: array[int], own: frozenset[int]) -> tuple[bytes, bytes, int | None]:
    """(colour table, index of every pixel, index that means transparent)."""
    counts = Counter(pixels)
    clear = counts.pop(_CLEAR_PIXEL, 0)
    room = 255 if clear else 256
    ranked = sorted(counts, key=lambda colour: (colour not in own, -counts[colour], colour))
    kept = ranked[:room]
    colours = [struct.pack("=I", colour)[:3] for colour in kept]
    index = {colour: number for number, colour in enumerate(kept)}
    for colour in ranked[room:]:
        index[colour] = _nearest(struct.pack("=I", colour)[:3], colours)
    hole = len(kept) if clear else None
    index[_CLEAR_PIXEL] = hole or 0
    table = b"".join([*colours, b"\0\0\0" if clear else b""])
    return table, bytes(map(index.__getitem__, pixels)), hole


def _nearest(colour: bytes, colours: list[bytes]) -> int:
    r, g, b = colour
    return min(
        range(len(colours)),
        key=lambda i: (
            (colours[i][0] - r) ** 2 + (colours[i][1] - g) ** 2 + (colours[i][2] - b) ** 2
        ),
    )


def _picture(box: Box, table: bytes, indices: bytes) -> bytes:
    """Image descriptor, local colour table and the packed pixels, which Pillow packs."""
    from PIL import Image

    size = (box[2] - box[0], box[3] - box[1])
    bits = max(1, (len(table) // 3 - 1).bit_length())
    picture = Image.frombytes("P", size, indices)
    picture.putpalette(table.ljust(768, b"\0"))
    out = io.BytesIO()
    picture.save(out, "GIF", optimize=False, interlace=0)
    whole = out.getvalue()
    block = next(b for b in gif._blocks(whole)[0] if b.head[:1] == b"\x2c")
    own = gif._table(whole[block.start + 9 : block.start + 10])
    coded = whole[block.start + 10 + own : block.end]
    head = struct.pack("<BHHHHB", 0x2C, box[0], box[1], *size, 0x80 | (bits - 1))
    return head + table.ljust(3 << bits, b"\0") + coded
