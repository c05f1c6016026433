"""The label on films: frames taken out by ffmpeg, streams compared by ffprobe."""

from __future__ import annotations

import functools
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from guard.errors import InputError, LabelError
from guard.label import inspect_file, label_file
from guard.model import Label
from guard.watermark.notice import Style

from .containers import program

#: Coding films takes seconds each.
pytestmark = pytest.mark.slow

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10:duration=4")
SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:duration=4")
FILMS = {
    "a.mp4": ("-c:v", "libx264", "-c:a", "aac"),
    "b.mp4": ("-c:v", "mpeg4", "-c:a", "aac"),
    "a.mov": ("-c:v", "libx264", "-pix_fmt", "yuv422p", "-c:a", "pcm_s16le"),
    "a.mkv": ("-c:v", "libx265", "-x265-params", "log-level=error", "-c:a", "flac"),
    "a.webm": ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libopus"),
    "b.webm": ("-c:v", "libvpx", "-c:a", "libvorbis"),
    "a.avi": ("-c:v", "mpeg4", "-c:a", "mp3"),
    "a.flv": ("-c:v", "flv", "-c:a", "mp3", "-ar", "44100"),
    "a.ogv": ("-c:v", "libtheora", "-c:a", "libvorbis"),
}


@functools.cache
def made(name: str, *options: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        words = [program("ffmpeg"), "-v", "error", *PICTURE, *SOUND, *options]
        words += ["-metadata", "title=Film", "-metadata:s:a:0", "language=chi", str(path)]
        subprocess.run(words, check=True, timeout=60, stdin=subprocess.DEVNULL)
        return path.read_bytes()


def frame(path: Path, second: float) -> Image.Image:
    """The frame shown at a moment, upright, as PNG from ffmpeg."""
    out = path.with_suffix(".png")
    words = [program("ffmpeg"), "-v", "error", "-y", "-i", str(path), "-ss", str(second)]
    subprocess.run([*words, "-frames:v", "1", str(out)], check=True, timeout=60)
    with Image.open(out) as image:
        return image.convert("L")


def probed(path: Path) -> dict[str, Any]:
    words = [program("ffprobe"), "-v", "error", "-show_format", "-show_streams", "-show_chapters"]
    done = subprocess.run([*words, "-of", "json", str(path)], capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def packets(path: Path, which: str) -> str:
    """Digests of the coded packets of one stream: equal for a copied one."""
    words = [program("ffmpeg"), "-v", "error", "-i", str(path), "-map", f"0:{which}", "-c", "copy"]
    done = subprocess.run(
        [*words, "-f", "streamhash", "-"], capture_output=True, check=True, timeout=60, text=True
    )
    return done.stdout


def times(path: Path) -> list[float]:
    words = [program("ffprobe"), "-v", "error", "-select_streams", "v:0", "-of", "csv=p=0"]
    done = subprocess.run(
        [*words, "-show_entries", "frame=best_effort_timestamp_time", str(path)],
        capture_output=True,
        check=True,
        text=True,
    )
    return [float(line.strip(",")) for line in done.stdout.split()]


def has_box(path: Path, second: float, box: list[int]) -> bool:
    """Whether dark box and white letters are there: most is dark, some is white."""
    part = frame(path, second).crop((box[0], box[1], box[2], box[3]))
    levels = part.histogram()
    dark, light = sum(levels[:48]) / sum(levels), sum(levels[200:]) / sum(levels)
    return dark > 0.5 and light > 0.05


@pytest.mark.parametrize("name", FILMS)
def test_box_for_two_seconds_then_gone(name: str, tmp_path: Path, label: Label) -> None:
    source, target = tmp_path / ("in" + name), tmp_path / name
    source.write_bytes(made(name, *FILMS[name]))
    written = label_file(source, target, label)
    assert written.visible is not None
    box = written.visible["box"]
    assert written.visible["ink_height"] >= 12 == 0.05 * 240
    assert [has_box(target, s, box) for s in (0, 1, 1.85, 2.15, 3.5)] == [True] * 3 + [False] * 2
    changed = ImageChops.difference(frame(source, 0), frame(target, 0))
    changed.paste(0, tuple(box))
    assert sum(n * count for n, count in enumerate(changed.histogram())) / (320 * 240) < 3
    old, new = probed(source), probed(target)
    for a, b in zip(old["streams"], new["streams"], strict=True):
        for key in ("codec_name", "codec_tag_string", "pix_fmt", "width", "height", "sample_rate"):
            assert a.get(key) == b.get(key)
    assert [round(t, 2) for t in times(source)] == [round(t, 2) for t in times(target)]
    assert packets(source, "a:0") == packets(target, "a:0")
    language = new["streams"][1].get("tags", {}).get("language")
    assert language == old["streams"][1].get("tags", {}).get("language")
    assert inspect_file(target).label == dict(written.label)


@pytest.mark.parametrize(("seconds", "at"), [(0, 3.8), (3.0, 2.9)])
def test_how_long_it_is_shown(seconds: float, at: float, tmp_path: Path, label: Label) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    source.write_bytes(made("a.mp4", *FILMS["a.mp4"]))
    written = label_file(source, target, label, visible=Style(seconds=seconds))
    assert written.visible is not None
    assert has_box(target, at, written.visible["box"])
    assert has_box(target, 3.5, written.visible["box"]) == (seconds == 0)


@pytest.mark.parametrize("seconds", [1.9, -1, float("nan")])
def test_less_than_two_seconds_is_refused(seconds: float) -> None:
    with pytest.raises(LabelError, match="at least 2 s"):
        Style(seconds=seconds)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_film_has_an_upright_label(turn: int, tmp_path: Path, label: Label) -> None:
    plain, source, target = (tmp_path / n for n in ("plain.mp4", "in.mp4", "out.mp4"))
    plain.write_bytes(made("a.mp4", *FILMS["a.mp4"]))
    words = [program("ffmpeg"), "-v", "error", "-i", str(plain), "-c", "copy"]
    subprocess.run([*words, "-metadata:s:v:0", f"rotate={turn}", str(source)], check=True)
    written = label_file(source, target, label)
    assert written.visible is not None
    assert frame(target, 0).size == frame(source, 0).size
    assert has_box(target, 0, written.visible["box"])
    box = written.visible["box"]
    assert box[2] - box[0] > box[3] - box[1]


def test_every_other_stream_is_copied(tmp_path: Path, label: Label) -> None:
    """Two sounds, subtitles, a font and chapters, in an order where the film is not first."""
    plain, source, target = (tmp_path / n for n in ("plain.mkv", "in.mkv", "out.mkv"))
    plain.write_bytes(made("a.mkv", *FILMS["a.mkv"]))
    words, font = tmp_path / "words.srt", tmp_path / "font.ttf"
    words.write_text("1\n00:00:00,500 --> 00:00:02,000\nHello\n", "utf-8")
    font.write_bytes(b"a font")
    chapters = tmp_path / "chapters.txt"
    chapters.write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=2\ntitle=One\n")
    command = [program("ffmpeg"), "-v", "error", "-i", str(plain), "-i", str(words)]
    command += ["-i", str(chapters), "-map", "0:a", "-map", "0:v", "-map", "0:a", "-map", "1"]
    command += ["-map_metadata", "0", "-map_chapters", "2", "-c", "copy", "-attach", str(font)]
    command += ["-metadata:s:t", "mimetype=font/ttf", "-metadata:s:t", "filename=font.ttf"]
    subprocess.run([*command, str(source)], check=True, timeout=60)
    label_file(source, target, label)
    old, new = probed(source), probed(target)
    for a, b in zip(old["streams"], new["streams"], strict=True):
        assert (a["codec_type"], a.get("codec_name")) == (b["codec_type"], b.get("codec_name"))
        assert a["disposition"] == b["disposition"]
    assert len(new["streams"]) == 5
    assert new["chapters"][0]["tags"]["title"] == "One"
    assert new["format"]["tags"]["title"] == "Film"
    for which in ("a:0", "a:1", "s:0"):
        assert packets(source, which) == packets(target, which)


def test_a_film_that_starts_late_shows_it_two_seconds(tmp_path: Path, label: Label) -> None:
    plain, source, target = (tmp_path / n for n in ("plain.mkv", "in.mkv", "out.mkv"))
    plain.write_bytes(made("a.mkv", *FILMS["a.mkv"]))
    words = [
        program("ffmpeg"),
        "-v",
        "error",
        "-i",
        str(plain),
        "-itsoffset",
        "1",
        "-i",
        str(plain),
    ]
    words += ["-map", "1:v", "-map", "0:a", "-c", "copy", str(source)]
    subprocess.run(words, check=True, timeout=60)
    written = label_file(source, target, label)
    assert written.visible is not None
    assert [has_box(target, s, written.visible["box"]) for s in (1.0, 2.85, 3.2)] == [1, 1, 0]


def test_ten_bits_stay_ten_bits(tmp_path: Path, label: Label) -> None:
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    colours = ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709")
    source.write_bytes(made("c.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p10le", *colours))
    label_file(source, target, label)
    old, new = (probed(p)["streams"][0] for p in (source, target))
    for key in ("pix_fmt", "color_primaries", "color_transfer", "color_space"):
        assert old[key] == new[key]


def test_what_cannot_be_coded_again_is_refused(tmp_path: Path, label: Label) -> None:
    source = tmp_path / "in.avi"
    source.write_bytes(made("x.avi", "-c:v", "cinepak", "-c:a", "mp3", "-t", "0.3"))
    with pytest.raises(LabelError, match=r"cannot write cinepak.*--no-visible"):
        label_file(source, tmp_path / "out.avi", label)
    assert [p.name for p in tmp_path.iterdir()] == ["in.avi"]


def test_a_broken_film_leaves_nothing_behind(tmp_path: Path, label: Label) -> None:
    source = tmp_path / "in.flv"
    data = made("a.flv", *FILMS["a.flv"])
    source.write_bytes(data[:400] + bytes(len(data) - 400))
    with pytest.raises(InputError, match=r"could be decoded|could not read"):
        label_file(source, tmp_path / "out.flv", label)
    assert [p.name for p in tmp_path.iterdir()] == ["in.flv"]
