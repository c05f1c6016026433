"""Compressed sound with the audible label: decoded, the cue put in, coded anew by ffmpeg.

Codec, rate, channels, bit rate class, tags and covers stay; lossless sound (FLAC, ALAC) keeps every
sample. WAV has a way of its own that needs no ffmpeg (``wav_cue``).
"""

from __future__ import annotations

import struct
import tempfile
from array import array
from pathlib import Path
from typing import Any, Final

from guard.errors import InputError, LabelError
from guard.watermark import ffmpeg, rhythm
from guard.watermark.notice import Style

#: Encoders by codec, best first.
_ENCODERS: Final = {
    "mp3": ("libmp3lame", "libshine"),
    "aac": ("libfdk_aac", "aac"),
    "opus": ("libopus",),
    "vorbis": ("libvorbis",),
    "speex": ("libspeex",),
    "flac": ("flac",),
    "alac": ("alac",),
}
_LOSSLESS: Final = ("flac", "alac")
#: Where a measurement needs no more than this.
_RATE: Final = 8000
_SEARCH: Final = 5.0


def show(
    source: Path, target: Path, demuxer: str, muxer: list[str], found: dict[str, Any], style: Style
) -> float:
    """Write ``source`` with the label to ``target``; the second at which it begins.

    Args:
        muxer: options that name the container, with what it needs.
        found: what ``ffmpeg.probe`` says of the source.

    Raises:
        LabelError: no encoder, or the cue cannot be heard in the result. InputError.
    """
    stream = next(s for s in found["streams"] if s["codec_type"] == "audio")
    if not int(stream.get("sample_rate", 0)) or not stream.get("channels"):
        raise InputError("the sound cannot be decoded", "check it with ffprobe")
    length = float(found["format"].get("duration", 0) or 0)
    at = {"start": 0.0, "end": length}.get(style.at, -1.0)
    if at < 0:
        at = _pause(source, demuxer, length)
    with tempfile.TemporaryDirectory(prefix="aigc-guard-") as folder:
        cue = style.clip or _cue_file(Path(folder, "cue.wav"), int(stream["sample_rate"]), style)
        graph = ["-filter_complex", _graph(stream, at, style), "-map", "[out]"]
        options = [*graph, *_kept(found), *_coding(stream, found["format"]), *muxer]
        ffmpeg.run([(source, demuxer), (cue, "")], options, target)
    ffmpeg.check_whole(found, target, demuxer)
    if style.clip is None:
        _confirm(target, demuxer, at)
    return at


def _cue_file(path: Path, rate: int, style: Style) -> Path:
    """The cue as WAV, one channel, float: its form takes nothing from the sound's."""
    rate = max(rate, 4000)
    body = rhythm.cue_for_turn(rate, 1, "float32", before=style.at != "end")
    if style.at == "middle":
        body = bytes(len(body) - round(rhythm.SECONDS * rate) * 4) + body
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, rate, rate * 4, 4, 32)
    data = head + struct.pack("<4sI", b"data", len(body)) + body
    path.write_bytes(struct.pack("<4sI4s", b"RIFF", 4 + len(data), b"WAVE") + data)
    return path


def _graph(stream: dict[str, Any], at: float, style: Style) -> str:
    """Content and cue one behind the other; the cue takes the content's form, never the reverse."""
    form = f"sample_rates={stream['sample_rate']}:sample_fmts={stream.get('sample_fmt', 'fltp')}"
    layout = stream.get("channel_layout") or f"{stream['channels']}c"
    cue = f"[1:a:0]aresample={stream['sample_rate']},aformat={form}:channel_layouts={layout}[cue]"
    if style.at == "start":
        return f"{cue};[cue][0:a:0]concat=n=2:v=0:a=1[out]"
    if style.at == "end":
        return f"{cue};[0:a:0][cue]concat=n=2:v=0:a=1[out]"
    first = f"[a]atrim=end={at:.6f},asetpts=PTS-STARTPTS[x]"
    second = f"[b]atrim=start={at:.6f},asetpts=PTS-STARTPTS[y]"
    split = f"[0:a:0]asplit=2[a][b];{first};{second}"
    return f"{cue};{split};[x][cue][y]concat=n=3:v=0:a=1[out]"


def _kept(found: dict[str, Any]) -> list[str]:
    """Tags of file and stream; covers, which are pictures of one frame."""
    kept = ["-map_metadata", "0", "-map_metadata:s:a:0", "0:s:a:0"]
    covers = [s for s in found["streams"] if s["codec_type"] == "video"]
    if covers and found["format"]["format_name"] != "ogg":
        kept += ["-map", "0:v", "-c:v", "copy", "-disposition:v", "attached_pic"]
    return kept


def _coding(stream: dict[str, Any], container: dict[str, Any]) -> list[str]:
    codec = stream["codec_name"]
    words = ["-c:a", ffmpeg.encoder(codec, _ENCODERS.get(codec, ()))]
    if codec in _LOSSLESS:
        form = stream.get("sample_fmt", "s16")
        depth = stream.get("bits_per_raw_sample", "0")
        deep = ["-bits_per_raw_sample", depth] if depth not in ("0", "16") else []
        return [*words, "-sample_fmt", form, *deep]
    rate = int(stream.get("bit_rate") or container.get("bit_rate") or 0)
    if codec == "opus":
        rate = min(rate, 256_000 * stream["channels"])
    return [*words, "-b:a", str(rate)] if rate else words


def _pause(source: Path, demuxer: str, length: float) -> float:
    """The quietest moment near the middle."""
    reach = min(length / 4, _SEARCH)
    heard = _listen(source, demuxer, max(0.0, length / 2 - reach), 2 * reach)
    return max(0.0, length / 2 - reach) + rhythm.quietest(heard, _RATE)


def _listen(path: Path, demuxer: str, start: float, seconds: float) -> array[int]:
    cut = f"atrim=start={start:.3f}:duration={seconds:.3f}"
    options = ["-map", "0:a:0", "-af", cut, "-ac", "1", "-ar", str(_RATE), "-f", "s16le"]
    raw = ffmpeg.run([(path, demuxer)], options, None)
    return array("h", struct.unpack(f"<{len(raw) // 2}h", raw[: len(raw) // 2 * 2]))


def _confirm(target: Path, demuxer: str, at: float) -> None:
    """The cue is looked for in the finished file, decoded."""
    start = max(0.0, at - 0.5)
    if not rhythm.heard(_listen(target, demuxer, start, at - start + 3.0), _RATE):
        raise LabelError(
            "the cue cannot be heard in the coded file", "code the sound in better quality first"
        )
