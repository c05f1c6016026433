"""Round trip of the metadata label: every container, and who else reads what we write.

    python bench/labels.py [--publish] [--json]

Each container gets a real file (Pillow, ffmpeg, qpdf, python-docx), our label, and is given to
exiftool, ffprobe and a library of its own. ``contents`` says whether decoded pixels, samples or
text are what they were, ``again`` whether a platform's label replaced the first and the same label
changed nothing. ``splice`` is CPU time, bytes to bytes. ``--publish`` writes the table into
docs/labels.md. Readers that are not installed are shown as such.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image, ImageSequence  # noqa: E402

from guard.model import Label  # noqa: E402
from guard.watermark import formats, gb45438  # noqa: E402

LABEL = Label("001191110102MACQD9K64010000", "bench-0001")
PLATFORM = Label("", propagator="platform", propagate_id="p-1")
TONE = ("-f", "lavfi", "-i", "sine=frequency=440:duration=2:sample_rate=44100")
FILM = ("-f", "lavfi", "-i", "testsrc=size=320x240:rate=24:duration=2")
BOTH = (*FILM, *TONE, "-shortest")
BY_FFMPEG: dict[str, tuple[str, ...]] = {
    ".wav": TONE,
    ".mp3": TONE,
    ".aac": (*TONE, "-c:a", "aac", "-f", "adts"),
    ".flac": TONE,
    ".ogg": (*TONE, "-c:a", "libvorbis"),
    ".opus": (*TONE, "-c:a", "libopus"),
    ".m4a": TONE,
    ".mp4": (*BOTH, "-c:v", "mpeg4"),
    ".mov": (*BOTH, "-c:v", "mpeg4"),
    ".mkv": (*BOTH, "-c:v", "mpeg4"),
    ".webm": (*FILM, "-c:v", "libvpx"),
    ".flv": (*FILM, "-c:v", "flv1"),
    ".avi": (*BOTH, "-c:v", "mpeg4"),
}
PICTURES = {".png": "PNG", ".jpg": "JPEG", ".webp": "WEBP", ".gif": "GIF", ".tiff": "TIFF"}
PICTURES |= {".avif": "AVIF", ".heic": "HEIF"}
TEXTS = {
    ".html": "<!doctype html><title>题</title><p>正文</p>",
    ".json": '{"text": "正文"}',
    ".md": "# 题\n\n正文\n",
}


def by_ffmpeg(suffix: str, folder: Path) -> bytes:
    path = folder / f"made{suffix}"
    words = ["ffmpeg", "-loglevel", "error", "-y", "-bitexact", *BY_FFMPEG[suffix], str(path)]
    subprocess.run(words, check=True, timeout=120, stdin=subprocess.DEVNULL)
    return path.read_bytes()


def by_pillow(suffix: str, folder: Path) -> bytes:
    if suffix == ".heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    scene = Image.effect_mandelbrot((1024, 1024), (-2, -1.5, 1, 1.5), 80).convert("RGB")
    out = io.BytesIO()
    (scene.quantize() if suffix == ".gif" else scene).save(out, PICTURES[suffix])
    return out.getvalue()


def pdf(suffix: str, folder: Path) -> bytes:
    import pikepdf

    document = pikepdf.new()
    document.add_blank_page(page_size=(300, 200))
    document.pages[0].Contents = document.make_stream(b"0 0 1 rg 20 20 100 60 re f")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def word(suffix: str, folder: Path) -> bytes:
    import docx

    out = io.BytesIO()
    document = docx.Document()
    document.add_paragraph("正文")
    document.save(out)
    return out.getvalue()


def book(suffix: str, folder: Path) -> bytes:
    """The least EPUB or ODT that readers take."""
    member = {
        ".epub": {
            "META-INF/container.xml": '<container><rootfiles><rootfile full-path="a.opf"/>'
            "</rootfiles></container>",
            "a.opf": '<package xmlns="http://www.idpf.org/2007/opf"><metadata></metadata></package>',
        },
        ".odt": {"content.xml": "<x/>"},
    }[suffix]
    kind = {".epub": "application/epub+zip", ".odt": "application/vnd.oasis.opendocument.text"}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for name, text in {"mimetype": kind[suffix], **member}.items():
            package.writestr(name, text)
    return out.getvalue()


MAKERS: dict[str, Callable[[str, Path], bytes]] = {
    **dict.fromkeys(PICTURES, by_pillow),
    **dict.fromkeys(BY_FFMPEG, by_ffmpeg),
    ".pdf": pdf,
    ".docx": word,
    ".odt": book,
    ".epub": book,
    **dict.fromkeys(TEXTS, lambda suffix, _: TEXTS[suffix].encode()),
}


def contents(data: bytes, suffix: str, folder: Path) -> str:
    """A digest of what a person sees or hears, by another program than ours."""
    if suffix in PICTURES:
        with Image.open(io.BytesIO(data)) as image:
            seen = b"".join(f.convert("RGBA").tobytes() for f in ImageSequence.Iterator(image))
    elif suffix in BY_FFMPEG:
        path = folder / f"decoded{suffix}"
        path.write_bytes(data)
        words = [
            "ffmpeg",
            "-loglevel",
            "error",
            "-i",
            str(path),
            "-map",
            "0",
            "-f",
            "framemd5",
            "-",
        ]
        seen = subprocess.run(words, capture_output=True, check=True, timeout=120).stdout
    elif suffix == ".pdf":
        import pypdf

        page = pypdf.PdfReader(io.BytesIO(data)).pages[0].get_contents()
        seen = page.get_data() if page else b""
    elif suffix in (".docx", ".odt", ".epub"):
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            shown = {"word/document.xml", "content.xml", "mimetype"}
            seen = b"".join(package.read(name) for name in package.namelist() if name in shown)
    elif suffix == ".json":
        seen = json.loads(data)["text"].encode()
    else:
        seen = data[data.rindex(b"<p>") :] if suffix == ".html" else data[data.rindex(b"# ") :]
    return hashlib.sha256(seen).hexdigest()


def exiftool(path: Path) -> str:
    words = ["exiftool", "-json", "-a", "-G", "-api", "struct=0", str(path)]
    shown = subprocess.run(words, capture_output=True, timeout=60).stdout
    return shown.decode("utf-8", "replace")


def ffprobe(path: Path) -> str:
    words = [
        "ffprobe",
        "-loglevel",
        "error",
        "-show_format",
        "-show_streams",
        "-of",
        "json",
        str(path),
    ]
    return subprocess.run(words, capture_output=True, timeout=60).stdout.decode("utf-8", "replace")


def own_library(path: Path) -> str:
    """What the format's own library says, empty where there is none for it."""
    data, suffix = path.read_bytes(), path.suffix
    if suffix in PICTURES:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return str(image.info)
    if suffix == ".pdf":
        import pypdf

        return str(pypdf.PdfReader(io.BytesIO(data)).metadata)
    if suffix in (".docx", ".odt", ".epub"):
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            if package.testzip() is None:
                return "".join(
                    package.read(n).decode("utf-8", "replace") for n in package.namelist()
                )
    if suffix in TEXTS:
        return data.decode()
    return ""


def sees(shown: str) -> bool:
    """Whether a reader's answer has the number of our label, however it escapes quotes."""
    return LABEL.produce_id in shown and "ContentProducer" in shown


def splice_us(data: bytes, fmt: Any) -> float:
    best = float("inf")
    for _ in range(7):
        begun = time.process_time()
        for _ in range(5):
            fmt.container.write_label(data, LABEL)
        best = min(best, (time.process_time() - begun) / 5)
    return round(best * 1e6)


def row(suffix: str, folder: Path) -> dict[str, Any]:
    data = MAKERS[suffix](suffix, folder)
    fmt = formats.require(data, f"x{suffix}")
    out = formats.write_label(data, fmt, LABEL)
    path = folder / f"x{suffix}"
    path.write_bytes(out)
    reading = fmt.container.read_labels(out)
    passed = gb45438.propagated(PLATFORM, reading.found[0])
    onward = fmt.container.read_labels(formats.write_label(out, fmt, passed)).found
    again = [f.fields for f in onward] == [gb45438.fields(passed)] and formats.write_label(
        out, fmt, LABEL
    ) == out
    return {
        "kind": suffix[1:].upper(),
        "carrier": reading.found[0].carrier,
        "exiftool": sees(exiftool(path)) if shutil.which("exiftool") else None,
        "ffprobe": sees(ffprobe(path)) if suffix in BY_FFMPEG else None,
        "library": sees(own_library(path)) if suffix not in BY_FFMPEG else None,
        "contents": contents(out, suffix, folder) == contents(data, suffix, folder),
        "again": again,
        "bytes": len(out) - len(data),
        "splice us": splice_us(data, fmt),
        "size": len(data),
    }


def table(rows: list[dict[str, Any]]) -> str:
    mark = {True: "✓", False: "–", None: ""}
    lines = [
        "| 格式 | 位置 | exiftool | ffprobe | 其他读取程序 | 内容不变 | 再标识 | 增加字节 | 写入，微秒（文件 kB） |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for item in rows:
        ticks = [mark[item[key]] for key in ("exiftool", "ffprobe", "library", "contents", "again")]
        cost = f"{item['splice us']:,.0f}（{item['size'] / 1000:,.0f}）"
        cells = [item["kind"], f"`{item['carrier']}`", *ticks, str(item["bytes"]), cost]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publish", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for suffix in MAKERS:
            try:
                rows.append(row(suffix, Path(folder)))
            except (ImportError, FileNotFoundError) as error:
                print(f"{suffix}: not measured, {error}", file=sys.stderr)
    print(json.dumps(rows) if args.json else table(rows))
    if args.publish:
        page = ROOT / "docs" / "labels.md"
        marked = re.compile(r"(<!-- matrix -->\n).*?(<!-- /matrix -->)", re.DOTALL)
        text = page.read_text(encoding="utf-8")
        page.write_text(
            marked.sub(lambda m: f"{m[1]}{table(rows)}\n{m[2]}", text), encoding="utf-8"
        )
    return 0 if all(item["contents"] and item["again"] for item in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
