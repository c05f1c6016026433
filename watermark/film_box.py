"""Film with the label (GB 45438-2025 clause 5.4): a box from the first frame on, for at least 2 s.

ffmpeg lays a picture of the box over the frames and codes this one stream of pictures anew, in its
own codec and near-lossless quality. Sound, subtitles, covers, fonts, chapters and tags are copied.
Frames that the film says to turn are turned, so the letters stand upright.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from guard.errors import InputError, LabelError
from guard.watermark import ffmpeg, labelbox
from guard.watermark.labelbox import Placed
from guard.watermark.notice import Style

if TYPE_CHECKING:
    from PIL.Image import Image

#: Encoders by codec, best first, with what makes their loss invisible.
_ENCODERS: Final[dict[str, dict[str, str]]] = {
    "h264": {"libx264": "-preset fast -crf 17"},
    "hevc": {"libx265": "-preset fast -crf 18 -x265-params log-level=error"},
    "vp8": {"libvpx": "-crf 6 -deadline good -cpu-used 5"},
    "vp9": {"libvpx-vp9": "-crf 20 -b:v 0 -deadline good -cpu-used 4 -row-mt 1"},
    "av1": {
        "libsvtav1": "-crf 22 -preset 8",
        "libaom-av1": "-crf 22 -b:v 0 -cpu-used 6",
    },
    "mpeg4": {"mpeg4": "-q:v 2"},
    "msmpeg4v3": {"msmpeg4": "-q:v 2"},
    "flv1": {"flv": "-q:v 2"},
    "mjpeg": {"mjpeg": "-q:v 2"},
    "mpeg1video": {"mpeg1video": "-q:v 2"},
    "mpeg2video": {"mpeg2video": "-q:v 2"},
    "theora": {"libtheora": "-q:v 9"},
    "prores": {"prores_ks": ""},
    "ffv1": {"ffv1": ""},
    "huffyuv": {"huffyuv": ""},
    "rawvideo": {"rawvideo": ""},
}
#: Ways of the overlay that keep a film's own pixels; others go through a common one.
_OVERLAYS: Final = {
    "yuv420p": "yuv420",
    "yuvj420p": "yuv420",
    "yuv422p": "yuv422",
    "yuv444p": "yuv444",
    "yuv420p10le": "yuv420p10",
    "yuv422p10le": "yuv422p10",
}
_COLOURS: Final = {
    "color_range": "-color_range",
    "color_space": "-colorspace",
    "color_transfer": "-color_trc",
    "color_primaries": "-color_primaries",
}
#: Codecs whose clock is not bound to a rate of frames, so that any film's own clock can be kept,
#: and those where it may have so many ticks a second.
_FREE_CLOCK: Final = ("h264", "hevc", "vp8", "vp9", "av1", "ffv1", "rawvideo")
_BOUND_CLOCK: Final = ("mpeg4", "msmpeg4v3", "flv1")
_TICKS: Final = 65_535
_SAMPLES: Final = 4


def moves(stream: dict[str, Any]) -> bool:
    """Whether a stream is film, and no cover."""
    cover = stream.get("disposition", {}).get("attached_pic", 0)
    return bool(stream["codec_type"] == "video" and not cover)


def show(
    source: Path,
    target: Path,
    demuxer: str,
    muxer: list[str],
    found: dict[str, Any],
    text: str,
    style: Style,
) -> dict[str, Any]:
    """Write ``source`` with the label to ``target``, and say what it is like.

    Raises:
        LabelError: the film is too small, its codec has no encoder here, or the label came out
            without contrast. InputError: it cannot be decoded.
    """
    streams = found["streams"]
    film = next(s for s in streams if moves(s))
    if "pix_fmt" not in film or not film.get("width"):
        raise InputError("the film cannot be decoded", "check it with ffprobe")
    if film.get("tags", {}).get("alpha_mode") == "1" or "yuva" in film.get("pix_fmt", ""):
        raise LabelError("a film with transparency would lose it", "give --no-visible")
    samples = _frames(source, demuxer, film, _SAMPLES)
    placed = _even(labelbox.place(samples, 1, text, style.font))
    with tempfile.TemporaryDirectory(prefix="aigc-guard-") as folder:
        box = Path(folder, "box.png")
        placed.patch("RGB").save(box)
        graph = ["-filter_complex", _graph(film, found["format"], placed, style)]
        kept, dropped = _mapped(streams, film)
        options = [*graph, *kept, *_coding(film, streams, muxer), "-map_metadata", "0", *muxer]
        ffmpeg.run([(source, demuxer), (box, "")], options, target)
    ffmpeg.check_whole(found, target, demuxer)
    ratio = min(
        labelbox.check(frame, placed) for frame in _frames(target, demuxer, film, 1, turned=True)
    )
    ink = {"ink_height": placed.letters.ink_height, "contrast": round(ratio, 1)}
    lost = {"dropped": dropped} if dropped else {}
    return {"text": text, "box": list(placed.box), **ink, "seconds": style.seconds, **lost}


def _even(placed: Placed) -> Placed:
    """Colour has half the resolution in most films: a box on even pixels keeps sharp edges."""
    x0, y0, x1, y1 = placed.box
    return replace(placed, box=(x0 - x0 % 2, y0 - y0 % 2, x1 - x0 % 2, y1 - y0 % 2))


def _size(film: dict[str, Any]) -> tuple[int, int]:
    """Width and height as shown, by the rotation that the film asks for."""
    sides = [round(float(s.get("rotation", 0))) for s in film.get("side_data_list", [])]
    turn = next((side for side in sides if side), int(film.get("tags", {}).get("rotate", 0)))
    size = int(film["width"]), int(film["height"])
    return (size[1], size[0]) if turn % 180 == 90 else size


def _frames(
    path: Path, demuxer: str, film: dict[str, Any], count: int, *, turned: bool = False
) -> list[Image]:
    """The first frame, and some of the next two seconds.

    Args:
        turned: of the finished film, whose streams may be in another order.
    """
    from PIL import Image

    size = _size(film)
    which = "0:V:0" if turned else f"0:{film['index']}"
    spread = ["-vf", "fps=2"] if count > 1 else []
    form = ["-frames:v", str(count), "-f", "rawvideo", "-pix_fmt", "rgb24"]
    raw = ffmpeg.run([(path, demuxer)], ["-map", which, "-t", "2", *spread, *form], None)
    step = 3 * size[0] * size[1]
    if len(raw) < step or len(raw) % step:
        raise InputError("the film has no frame that can be decoded", "check it with ffprobe")
    return [Image.frombytes("RGB", size, raw[at : at + step]) for at in range(0, len(raw), step)]


def _graph(film: dict[str, Any], container: dict[str, Any], placed: Placed, style: Style) -> str:
    """The overlay. Time counts from the earliest stream's start, the film's may be later."""
    begin = float(film.get("start_time", 0) or 0) - float(container.get("start_time", 0) or 0)
    until = f":enable='lt(t,{max(0.0, begin) + style.seconds:.6f})'" if style.seconds else ""
    form = _OVERLAYS.get(film.get("pix_fmt", ""), "auto")
    at = f"x={placed.box[0]}:y={placed.box[1]}:format={form}:eof_action=repeat"
    return f"[0:{film['index']}][1:v]overlay={at}{until},format={film['pix_fmt']}[film]"


def _mapped(streams: Sequence[dict[str, Any]], film: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Every stream in its order, and those that no program can copy (data of cameras)."""
    words, dropped, place = ["-c", "copy"], [], 0
    for stream in streams:
        number = stream["index"]
        if stream["codec_type"] == "data":
            dropped.append(stream.get("codec_tag_string", "data"))
            continue
        words += ["-map", "[film]" if stream is film else f"0:{number}"]
        words += [f"-map_metadata:s:{place}", f"0:s:{number}"]
        if stream is film:
            main = "default" if stream.get("disposition", {}).get("default") else "0"
            words += [f"-disposition:{place}", main]
        place += 1
    return words, [tag for tag in dropped if tag != "tmcd"]  # ffmpeg writes a time code anew


def _coding(
    film: dict[str, Any], streams: Sequence[dict[str, Any]], muxer: Sequence[str]
) -> list[str]:
    """Encoder, pixel form, colours and clock of the new stream."""
    codec = film["codec_name"]
    choices = _ENCODERS.get(codec, {})
    name = ffmpeg.encoder(codec, tuple(choices))
    place = [s for s in streams if s["codec_type"] != "data"].index(film)
    words = [f"-c:{place}", name, *choices[name].split(), f"-pix_fmt:{place}", film["pix_fmt"]]
    if codec == "vp8":  # its quality needs a ceiling of bits
        words += ["-b:v", str(max(2_000_000, 2 * int(film.get("bit_rate", 0) or 0)))]
    for key, option in _COLOURS.items():
        if film.get(key, "unknown") not in ("unknown", "reserved", "gbr"):
            words += [f"{option}:{place}", film[key]]
    if film.get("codec_tag_string", "").isalnum() and muxer[1] in ("mp4", "mov", "avi"):
        words += [f"-tag:{place}", film["codec_tag_string"]]
    new = ffmpeg.program().version >= (5, 1)
    words += [f"-fps_mode:{place}", "passthrough"] if new else ["-vsync", "passthrough"]
    ticks = int(film["time_base"].partition("/")[2])
    free = codec in _FREE_CLOCK or (codec in _BOUND_CLOCK and ticks <= _TICKS)
    if free and muxer[1] != "avi":  # whose films have a fixed rate
        words += [f"-enc_time_base:{place}", film["time_base"]]
        if muxer[1] in ("mp4", "mov", "ipod"):
            words += ["-video_track_timescale", str(ticks)]
    return words
