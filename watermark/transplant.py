"""What re-encoding a picture loses is put back: XMP, EXIF, ICC, text, C2PA, density, unknown parts.

Labels survive us: every part of the old file that does not describe how pixels are stored is
copied byte for byte around the new pixels.
"""

from __future__ import annotations

from guard.watermark import jpeg, png

#: How the pixels are stored: these come from the new file.
_PNG_PIXELS = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
#: True only for one colour type and depth.
_PNG_DEPENDENT = {b"tRNS", b"bKGD", b"sBIT", b"hIST"}
_APP0, _APP14, _COMMENT = 0xE0, 0xEE, 0xFE


def png_metadata(old: bytes, new: bytes) -> bytes:
    """The pixels of ``new`` with every other chunk of ``old``, on its side of them."""
    chunks = {c.kind: c for c in png.chunks(new)[0] if c.kind in (b"IHDR", b"IEND")}
    header, end = chunks[b"IHDR"], chunks[b"IEND"]
    same = header.body(new)[8:10] == old[24:26]  # bit depth, colour type
    before, behind = bytearray(), bytearray()
    target = before
    parts = png.chunks(old)[0]
    for chunk in parts:
        target = behind if chunk.kind == b"IDAT" else target
        if chunk.kind not in _PNG_PIXELS and (same or chunk.kind not in _PNG_DEPENDENT):
            target += old[chunk.start : chunk.end]
    pixels = b"".join(
        new[c.start : c.end] for c in png.chunks(new)[0] if c.kind in (b"PLTE", b"IDAT")
    )
    tail = old[parts[-1].end :]
    return b"".join(
        [new[: header.end], before, pixels, behind, new[end.start : end.end], tail],
    )


def jpeg_metadata(old: bytes, new: bytes) -> bytes:
    """The pixels of ``new`` with the application and comment segments of ``old``.

    APP14 tells the decoder the colour transform, so it is the encoder's; so is APP0 where the old
    file had none.
    """
    before = [s for s in jpeg.segments(old)[0] if s.app or s.marker == _COMMENT]
    after, scan, _ = jpeg.segments(new)
    kept = [old[s.start : s.end] for s in before if s.marker not in (_APP0, _APP14)]
    density = [old[s.start : s.end] for s in before if s.marker == _APP0]
    own = [new[s.start : s.end] for s in after if s.marker == _APP0]
    transform = [new[s.start : s.end] for s in after if s.marker == _APP14]
    tables = [new[s.start : s.end] for s in after if not s.app and s.marker != _COMMENT]
    head = (density or own) if own else []
    return b"".join([b"\xff\xd8", *head, *kept, *transform, *tables, new[scan:]])
