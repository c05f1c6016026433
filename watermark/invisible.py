"""The invisible mark of every kind of content that can have one: picture, sound, film."""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from guard.errors import GuardError, InputError
from guard.watermark import extras
from guard.watermark.blob import Blob, FileBlob

if TYPE_CHECKING:
    from guard.watermark.formats import Format

#: Pictures in which the mark is written, and in which it is read.
_WRITTEN: Final = ("png", "jpeg", "webp")
_READ: Final = (*_WRITTEN, "gif", "tiff", "avif")


def check(fmt: Format) -> None:
    """Raise :class:`InputError` for a kind of file that can have none."""
    if fmt.name not in _WRITTEN and not in_files(fmt):
        raise InputError(
            f"no invisible mark is written into {fmt.name}", "label it without --watermark"
        )


def in_files(fmt: Format) -> bool:
    """Whether the mark goes from file to file, since the content may exceed the memory."""
    return fmt.notice == "media"


def mark_bytes(data: bytes, fmt: Format, key: str | Path) -> tuple[bytes, dict[str, Any]]:
    """``data`` with a number drawn for it, and what was written. Raises as :func:`mark_file`."""
    check(fmt)
    if in_files(fmt):
        with tempfile.TemporaryDirectory(prefix="aigc-guard-") as folder:
            source, target = (Path(folder, name + fmt.suffixes[0]) for name in ("in", "out"))
            source.write_bytes(data)
            marked = mark_file(source, target, fmt, key)
            return target.read_bytes(), marked
    image_mark = extras.image_mark()
    out = image_mark.mark(data, image_mark.load_key(key))
    psnr = None if out.kept else out.psnr
    return out.data, {"payload": f"{out.payload:016x}", "psnr": psnr, "kept": out.kept}


def mark_file(source: Path, target: Path, fmt: Format, key: str | Path) -> dict[str, Any]:
    """Write the sound or film ``source`` with a number to ``target``; what was written.

    Raises:
        InputError: the key, or the file, cannot be read; a part is not installed. LabelError: the
            content cannot carry the mark.
    """
    secret = extras.image_mark().load_key(key)
    if _moves(source, fmt):
        film = _part("film_mark").mark_file(source, target, secret)
        psnr = None if film.kept else film.psnr
        return {"payload": f"{film.payload:016x}", "psnr": psnr, "kept": film.kept}
    sound = _part("sound_mark").mark_file(source, target, secret)
    snr = None if sound.kept else sound.snr
    return {"payload": f"{sound.payload:08x}", "snr": snr, "kept": sound.kept}


def read(data: Blob, name: str, fmt: Format, key: str | Path) -> dict[str, Any] | None:
    """What the invisible mark says; None for kinds that have none. A mark alone confirms nothing.

    ``name`` is the path of a :class:`FileBlob`.

    Raises:
        InputError: the key cannot be read, or a part is not installed.
    """
    if fmt.name not in _READ and not in_files(fmt):
        return None
    secret = extras.image_mark().load_key(key)
    try:
        if not in_files(fmt):
            return _picture(extras.image_mark().read(data[: len(data)], secret))
        if isinstance(data, FileBlob):
            return _media(Path(name), fmt, secret)
        with tempfile.TemporaryDirectory(prefix="aigc-guard-") as folder:
            path = Path(folder, "in" + fmt.suffixes[0])
            path.write_bytes(data[: len(data)])
            return _media(path, fmt, secret)
    except GuardError as error:
        return {"state": "unreadable", "payload": None, "confidence": 0.0, "reason": error.message}


def _media(path: Path, fmt: Format, secret: bytes) -> dict[str, Any]:
    if _moves(path, fmt):
        return _picture(_part("film_mark").read_file(path, secret))
    seen = _part("sound_mark").read_file(path, secret)
    change = {"tempo": round(seen.tempo, 4), "pitch": round(seen.pitch, 4)}
    return {**_state(seen, 8), **change, "second": seen.second}


def _picture(seen: Any) -> dict[str, Any]:
    return {**_state(seen, 16), "scale": round(seen.scale, 4), "angle": round(seen.angle, 2)}


def _state(seen: Any, digits: int) -> dict[str, Any]:
    return {
        "state": seen.state,
        "payload": None if seen.payload is None else f"{seen.payload:0{digits}x}",
        "confidence": 1 - seen.false_alarm,
        "false_alarm": seen.false_alarm,
    }


def _moves(path: Path, fmt: Format) -> bool:
    """Whether the file is a film; covers of sounds do not count."""
    if fmt.name in ("wav", "flac", "mp3", "aac"):
        return False
    from guard.watermark import ffmpeg, film_box, media

    found = ffmpeg.probe(path, media._DEMUXERS.get(fmt.name, fmt.name))
    return any(film_box.moves(stream) for stream in found["streams"])


def _part(name: str) -> Any:
    try:
        return importlib.import_module(f"guard.watermark.{name}")
    except ModuleNotFoundError as error:
        raise InputError(
            f"the invisible mark needs {error.name}", "pip install 'aigc-guard[image]'"
        ) from None
