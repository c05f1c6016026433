"""Sound and film in containers that hold either: which one it is, and how it is written again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from guard.errors import LabelError
from guard.watermark import ffmpeg, film_box, sound_cue, wav_cue
from guard.watermark.blob import FileBlob
from guard.watermark.notice import Style, check_wording

if TYPE_CHECKING:
    from guard.watermark.formats import Format

#: ffmpeg's readers by our names of formats.
_DEMUXERS: Final = {"mp4": "mov", "aac": "aac"}
_HEAD: Final = 4096


def show(source: Path, target: Path, fmt: Format, text: str, style: Style) -> dict[str, Any]:
    """Write ``source`` with its label: a film shows a box, a sound has a cue.

    Raises:
        LabelError: as ``film_box``, ``sound_cue``, ``wav_cue``; ffmpeg is missing. InputError.
    """
    if fmt.name == "wav":
        return _said(style, wav_cue.show(source, target, style))
    demuxer = _DEMUXERS.get(fmt.name, fmt.name)
    found = ffmpeg.probe(source, demuxer)
    muxer = _muxer(source, fmt.name, found)
    if any(film_box.moves(stream) for stream in found["streams"]):
        check_wording(text)
        return film_box.show(source, target, demuxer, muxer, found, text, style)
    if not any(stream["codec_type"] == "audio" for stream in found["streams"]):
        raise LabelError("the file has neither sound nor film", "give --no-visible")
    return _said(style, sound_cue.show(source, target, demuxer, muxer, found, style))


def _said(style: Style, at: float) -> dict[str, Any]:
    what = style.clip.name if style.clip else "·− ··"
    return {"text": what, "at": style.at, "second": round(at, 2)}


def _muxer(source: Path, name: str, found: dict[str, Any]) -> list[str]:
    """Options that make ffmpeg write the same container again."""
    with FileBlob(source) as data:
        head, tail = data[:_HEAD], data[max(0, len(data) - 128) : len(data)]
    if name == "mp4":
        return _mp4(head, found)
    if name == "matroska":
        return ["-f", "webm" if b"\x42\x82\x84webm" in head else "matroska"]
    if name == "mp3":
        version = "3" if head[:3] == b"ID3" and head[3] < 4 else "4"
        old = ["-write_id3v1", "1"] if tail[:3] == b"TAG" else []
        return ["-f", "mp3", "-id3v2_version", version, *old]
    if name == "aac":
        return ["-f", "adts", "-write_id3v2", str(int(head[:3] == b"ID3"))]
    return ["-f", name]


def _mp4(head: bytes, found: dict[str, Any]) -> list[str]:
    """The family by its brand. Keys of the film's own kind are kept where it has such."""
    brand = head[8:12]
    kind = "mov" if brand == b"qt  " or head[4:8] != b"ftyp" else "mp4"
    kind = "ipod" if brand in (b"M4A ", b"M4B ", b"M4V ") else kind
    own = any("." in key for key in found["format"].get("tags", {}))
    flags = "+faststart" + ("+use_metadata_tags" if own else "")
    return ["-f", kind, "-movflags", flags]
