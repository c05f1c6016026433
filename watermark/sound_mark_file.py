"""Files of sound for the invisible mark: their samples in pieces, and the changed ones put back.

Plain WAV has a way of its own: every other byte of the file stays. All else goes through ffmpeg,
which keeps codec, rate of bits, tags and covers.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from guard.errors import LabelError
from guard.watermark import ffmpeg, ffmpeg_pipe, formats, media, sound_cue, wav, wav_cue
from guard.watermark.blob import FileBlob
from guard.watermark.sound_mark_pattern import RATE, Floats
from guard.watermark.sound_mark_stream import PIECE, mono
from guard.watermark.wav_cue import Form

_Samples = NDArray[Any]
#: From the pieces of a sound to what is to be added to each.
Change = Callable[[Iterable[Floats]], Iterator[Floats]]
#: Full scale and bytes of stored samples.
_SCALES: Final = {"int16": 2.0**15, "int24": 2.0**23, "int32": 2.0**31}


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A file with one sound. ``form`` of a plain WAV, ``found`` by ffprobe of all else."""

    path: Path
    rate: int
    channels: int
    seconds: float
    demuxer: str = ""
    form: Form | None = None
    found: dict[str, Any] | None = None


def opened(path: Path) -> Sound:
    """What the file is like.

    Raises:
        InputError: it is damaged. LabelError: it has no sound, or is a film.
    """
    with FileBlob(path) as data:
        fmt = formats.require(data, path.name)
        if fmt.name == "wav":
            parts = wav._parts(data)[0]
            size = next(part.size for part in parts if part.kind == b"data")
            form = wav_cue.form_of(data, parts)
            return Sound(path, form.rate, form.channels, size // form.frame / form.rate, form=form)
    demuxer = media._DEMUXERS.get(fmt.name, fmt.name)
    found = ffmpeg.probe(path, demuxer)
    stream = next((s for s in found["streams"] if s["codec_type"] == "audio"), None)
    if stream is None:
        raise LabelError("the file has no sound to mark", "label it without --watermark")
    rate, channels = int(stream["sample_rate"]), int(stream["channels"])
    # Streams without an index do not tell their length; they are found too short when read back.
    seconds = float(found["format"].get("duration", 0) or 1e9)
    return Sound(path, rate, channels, seconds, fmt.name, found=found)


def copy(source: Path, target: Path) -> None:
    """The same bytes under another name."""
    shutil.copyfile(source, target)


def heard(path: Path) -> Iterator[Floats]:
    """The mean of all channels at 16 kHz in pieces. Raises as :func:`opened`."""
    sound = opened(path)
    if sound.form:
        yield from mono(_wav_pieces(sound.path, sound.form), sound.rate)
        return
    options = ["-map", "0:a:0", "-ac", "1", "-ar", str(RATE), "-f", "f32le"]
    with ffmpeg_pipe.decoded(path, _reader(sound), options) as out:
        for piece in _raw_pieces(out, RATE, 1):
            yield piece[:, 0]


def rewrite(sound: Sound, target: Path, change: Change) -> None:
    """Write the file with its samples changed.

    Raises:
        InputError: it cannot be decoded. LabelError: there is no encoder for it.
    """
    if sound.form:
        _rewrite_wav(sound, sound.form, target, change)
    else:
        _rewrite_coded(sound, target, change)


def _reader(sound: Sound) -> str:
    return media._DEMUXERS.get(sound.demuxer, sound.demuxer)


def _rewrite_coded(sound: Sound, target: Path, change: Change) -> None:
    assert sound.found
    form = ["-f", "f32le", "-ar", str(sound.rate), "-ac", str(sound.channels)]
    stream = next(s for s in sound.found["streams"] if s["codec_type"] == "audio")
    kept = ["-map", "1:a:0", "-map_metadata", "0", "-map_metadata:s:a:0", "0:s:a:0"]
    if any(s["codec_type"] == "video" for s in sound.found["streams"]):
        kept += ["-map", "0:v", "-c:v", "copy", "-disposition:v", "attached_pic"]
    muxer = media._muxer(sound.path, sound.demuxer, sound.found)
    options = [*kept, *sound_cue._coding(stream, sound.found["format"]), *muxer]
    source = (sound.path, _reader(sound))
    with (
        ffmpeg_pipe.decoded(*source, ["-map", "0:a:0", *form]) as out,
        ffmpeg_pipe.encoder(source, form, options, target) as into,
    ):
        for piece, added in _together(_raw_pieces(out, sound.rate, sound.channels), change):
            into.write((piece + added).astype("<f4").tobytes())
    ffmpeg.check_whole(sound.found, target, _reader(sound))


def _together(pieces: Iterable[Floats], change: Change) -> Iterator[tuple[Floats, Floats]]:
    """Each piece with what is to be added; the change looks one piece ahead."""
    held: list[Floats] = []

    def given() -> Iterator[Floats]:
        for piece in pieces:
            held.append(piece)
            yield piece

    for added in change(given()):
        yield held.pop(0), added


def _raw_pieces(source: IO[bytes], rate: int, channels: int) -> Iterator[Floats]:
    size = PIECE * rate * channels * 4
    while data := source.read(size):
        whole = len(data) // (4 * channels) * 4 * channels
        yield np.frombuffer(data[:whole], "<f4").astype(np.float32).reshape(-1, channels)


def _wav_pieces(path: Path, form: Form) -> Iterator[Floats]:
    with FileBlob(path) as data:
        part = next(p for p in wav._parts(data)[0] if p.kind == b"data")
        start, size = part.start + 8, PIECE * form.rate * form.frame
        end = start + part.size // form.frame * form.frame
        for at in range(start, end, size):
            stored = _stored(data[at : min(at + size, end)], form)
            yield (stored / _scale(form)).astype(np.float32)


def _rewrite_wav(sound: Sound, form: Form, target: Path, change: Change) -> None:
    with FileBlob(sound.path) as data, target.open("xb") as file:
        part = next(p for p in wav._parts(data)[0] if p.kind == b"data")
        at = part.start + 8
        _through(data, 0, at, file)
        for _, added in _together(_wav_pieces(sound.path, form), change):
            size = len(added) * form.frame
            file.write(_changed(data[at : at + size], added, form))
            at += size
        _through(data, at, len(data), file)


def _through(data: FileBlob, start: int, end: int, file: IO[bytes]) -> None:
    for at in range(start, end, 1 << 20):
        file.write(data[at : min(at + (1 << 20), end)])


def _scale(form: Form) -> float:
    return 128.0 if form.dtype == "uint8" else _SCALES.get(form.dtype, 1.0)


def _stored(raw: bytes, form: Form) -> NDArray[np.float64]:
    """Samples as they are stored, shape (count, channels); 8-bit ones around 0."""
    if form.dtype == "int24":
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        values: _Samples = wide.view("<i4")[:, 0] >> 8
    else:
        values = np.frombuffer(raw, np.dtype(form.dtype).newbyteorder("<"))
    out: NDArray[np.float64] = values.astype(np.float64).reshape(-1, form.channels)
    return out - 128 if form.dtype == "uint8" else out


def _changed(raw: bytes, added: Floats, form: Form) -> bytes:
    """Stored samples with a change; those that it does not reach keep their bytes."""
    scale = _scale(form)
    values = _stored(raw, form) + added.astype(np.float64) * scale
    if form.dtype in ("float32", "float64"):
        return values.astype(np.dtype(form.dtype).newbyteorder("<")).tobytes()
    whole = np.clip(np.rint(values), -scale, scale - 1)
    if form.dtype == "uint8":
        return (whole + 128).astype(np.uint8).tobytes()
    if form.dtype == "int24":
        return whole.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return whole.astype("<i2" if form.dtype == "int16" else "<i4").tobytes()
