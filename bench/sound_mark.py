"""Robustness of the invisible sound mark, as a table for docs/watermark-sound.md.

    python bench/sound_mark.py [--clips 16] [--keys 400] [--doc docs/watermark-sound.md]

The material is made on the spot: speech by espeak-ng, music by fluidsynth from scores drawn here,
recordings that come with Debian's alsa-utils and sound-theme-freedesktop (voices, bells, phones).
What is not installed is left out, and the table says so. Every attack is on synthetic or public
sounds; none aims at removing the mark beyond what happens to sounds on their way.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from doc_table import put  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from sound_mark_material import clips  # noqa: E402

import guard  # noqa: E402, F401
from guard.watermark import sound_mark, sound_mark_detect  # noqa: E402
from guard.watermark.sound_mark_analysis import TURN, bands, folded, whitened  # noqa: E402
from guard.watermark.sound_mark_pattern import pattern  # noqa: E402
from guard.watermark.sound_mark_stream import mono  # noqa: E402

Sound = NDArray[np.float32]
KEY: Final = b"bench key of the sound mark"
RATE: Final = 44_100
#: Attacks: name, and what ffmpeg does (a filter, or a codec with its suffix), or a function.
_FFMPEG: Final[dict[str, tuple[list[str], str]]] = {
    "MP3 128 kbit/s": (["-b:a", "128k"], "mp3"),
    "MP3 64 kbit/s": (["-b:a", "64k"], "mp3"),
    "MP3 64, mono": (["-b:a", "64k", "-ac", "1"], "mp3"),
    "MP3 32, mono, 22.05 kHz": (["-b:a", "32k", "-ac", "1", "-ar", "22050"], "mp3"),
    "AAC 64 kbit/s": (["-b:a", "64k"], "m4a"),
    "AAC 32, mono": (["-b:a", "32k", "-ac", "1"], "m4a"),
    "Opus 32 kbit/s": (["-b:a", "32k"], "opus"),
    "Opus 16, mono": (["-b:a", "16k", "-ac", "1"], "opus"),
    "Vorbis 64 kbit/s": (["-b:a", "64k"], "ogg"),
    "16 kHz": (["-ar", "16000"], "wav"),
    "22.05 kHz": (["-ar", "22050"], "wav"),
    "48 kHz": (["-ar", "48000"], "wav"),
    "8 kHz (telephone)": (["-ar", "8000"], "wav"),
    "8 bit": (["-c:a", "pcm_u8"], "wav"),
    "mono": (["-ac", "1"], "wav"),
    "left channel only": (["-af", "pan=mono|c0=c0"], "wav"),
    "low-pass 4 kHz": (["-af", "lowpass=4000,lowpass=4000"], "wav"),
    "high-pass 500 Hz": (["-af", "highpass=500,highpass=500"], "wav"),
    "equaliser +-8 dB": (
        ["-af", "equalizer=f=700:t=q:w=1:g=8,equalizer=f=2200:t=q:w=1:g=-8,bass=g=6,treble=g=-6"],
        "wav",
    ),
    "compressor": (["-af", "acompressor=threshold=0.05:ratio=6:attack=5:release=80"], "wav"),
    "echo 60 ms": (["-af", "aecho=0.8:0.7:60:0.35"], "wav"),
    "speed +1 %": (["-af", f"asetrate={RATE * 101 // 100},aresample={RATE}"], "wav"),
    "speed -2 %": (["-af", f"asetrate={RATE * 98 // 100},aresample={RATE}"], "wav"),
    "tempo +2 %": (["-af", "atempo=1.02"], "wav"),
    "tempo -1 %": (["-af", "atempo=0.99"], "wav"),
}


def _noise(decibels: float) -> Callable[[Sound], Sound]:
    def add(sound: Sound) -> Sound:
        drawn = np.random.default_rng(7).normal(size=sound.shape).astype(np.float32)
        return sound + drawn * np.sqrt((sound**2).mean()) * np.float32(10 ** (-decibels / 20))

    return add


def _cut(seconds: float) -> Callable[[Sound], Sound]:
    def cut(sound: Sound) -> Sound:
        at = round(1.7321 * RATE)
        return sound[at : at + round(seconds * RATE)]

    return cut


def _clipped(sound: Sound) -> Sound:
    top = np.quantile(np.abs(sound), 0.98)
    return np.clip(sound, -top, top)


_OWN: Final[dict[str, Callable[[Sound], Sound]]] = {
    "none": lambda sound: sound,
    "volume -20 dB": lambda sound: sound * np.float32(0.1),
    "clipped at 2 % of samples": _clipped,
    "noise, 30 dB": _noise(30),
    "noise, 20 dB": _noise(20),
    "cut, 10 s kept": _cut(10),
    "cut, 8 s kept": _cut(8),
    "cut, 6 s kept": _cut(6),
    "cut, 4 s kept": _cut(4),
}
_BOTH: Final = {
    "cut 8 s, then MP3 64": (_cut(8), "MP3 64 kbit/s"),
    "cut 6 s, then AAC 64": (_cut(6), "AAC 64 kbit/s"),
    "speed +1 %, noise 30 dB": (_noise(30), "speed +1 %"),
}


def attacked(sound: Sound, name: str, folder: Path) -> tuple[Sound, int]:
    """A marked sound after an attack, and its rate."""
    if name in _OWN:
        return _rounded(_OWN[name](sound)), RATE
    first, last = _BOTH.get(name, (lambda given: given, name))
    options, suffix = _FFMPEG[last]
    source, coded = folder / "in.wav", folder / f"coded.{suffix}"
    write_wav(source, first(sound))
    _ffmpeg("-i", str(source), *options, str(coded))
    return decoded(coded)


def decoded(path: Path) -> tuple[Sound, int]:
    words = ["-select_streams", "a:0", "-show_entries", "stream=sample_rate,channels"]
    found = subprocess.run(
        ["ffprobe", "-v", "error", *words, "-of", "csv=p=0", str(path)],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split(",")
    rate, channels = int(found[0]), int(found[1])
    raw = _ffmpeg("-i", str(path), "-f", "f32le", "-")
    return np.frombuffer(raw, "<f4").reshape(-1, channels), rate


def _ffmpeg(*words: str) -> bytes:
    return subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-y", *words], capture_output=True, check=True
    ).stdout


def write_wav(path: Path, sound: Sound) -> None:
    import wave

    with wave.open(str(path), "wb") as file:
        file.setparams((sound.shape[1], 2, RATE, 0, "NONE", ""))
        file.writeframes((_rounded(sound) * 32768).astype("<i2").tobytes())


def _rounded(sound: Sound) -> Sound:
    return (np.clip(np.rint(sound * 32768), -32768, 32767) / 32768).astype(np.float32)


#: Bark bands (Zwicker 1961), edges in hertz.
_BARK: Final = (
    *(0, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150),
    *(3700, 4400, 5300, 6400, 7700, 9500, 12000, 15500),
)


def noise_to_mask(before: Sound, after: Sound) -> tuple[float, float]:
    """Mean noise-to-mask ratio in decibels, and the share of frames where a band exceeds 1.5 dB.

    A small relation of BS.1387's model variables: windows of 2048, Bark bands, masking 25 dB per
    band downwards, 12 dB upwards, and an offset of 3 dB up to 12 bark, then a quarter per bark.
    """
    size, size2 = 2048, 1024
    count = (len(before) - size) // size2
    window = np.hanning(size)[:, None]
    lines = np.searchsorted(_BARK, np.arange(size2 + 1) * RATE / size, side="right") - 1
    host = np.array([_band_power(before[i * size2 :][:size] * window, lines) for i in range(count)])
    cost = np.array(
        [_band_power((after - before)[i * size2 :][:size] * window, lines) for i in range(count)]
    )
    bands = np.arange(len(_BARK) - 1)
    apart = bands[:, None] - bands[None]
    spread = 10 ** (-np.where(apart >= 0, 12 * apart, -25 * apart) / 10)
    mask = (host @ spread.T) / 10 ** (np.where(bands <= 12, 3, bands / 4) / 10)
    # Full scale is taken to be 90 dB above what is just heard.
    mask += 1e-9 * float(np.square(window).sum()) * size / 4
    heard = host.sum(1) > 1e-4 * host.sum(1).mean()  # frames of silence say nothing
    ratios = (cost / mask)[heard]
    worst = 10 * np.log10(ratios.max(1) + 1e-12)
    return 10 * math.log10(ratios.mean() + 1e-12), float((worst > 1.5).mean())


def _band_power(frame: Sound, lines: NDArray[np.intp]) -> NDArray[np.float64]:
    power = (np.abs(np.fft.rfft(frame, axis=0)) ** 2).mean(1)
    return np.bincount(lines.clip(0, len(_BARK) - 2), power, len(_BARK) - 1)


def decibels(before: Sound, after: Sound) -> float:
    return 10 * math.log10(float((before**2).sum() / ((after - before) ** 2).sum()))


def rows(material: dict[str, Sound], folder: Path) -> Iterator[tuple[str, int, int, int, int]]:
    """Attack, numbers right, mark seen without a number, wrong numbers, sounds."""
    marked = {}
    for i, (name, sound) in enumerate(material.items()):
        payload = (0x9E3779B1 * (i + 1)) & 0xFFFFFFFF
        spent = time.process_time()
        out = _rounded(sound_mark.mark(sound, RATE, KEY, payload))
        spent = time.process_time() - spent
        ratio, loud = noise_to_mask(sound, out)
        print(
            f"{name:20} SNR {decibels(sound, out):5.1f} dB  NMR {ratio:6.1f} dB  "
            f"frames over the mask {loud:6.1%}  {spent:.2f} s for {len(sound) / RATE:.0f} s",
            file=sys.stderr,
        )
        marked[name] = (out, payload)
    for attack in (*_OWN, *_FFMPEG, *_BOTH):
        right = unsure = wrong = 0
        lost = []
        for name, (sound, payload) in marked.items():
            seen = sound_mark.read(*attacked(sound, attack, folder), KEY)
            right += seen.payload == payload
            wrong += seen.payload not in (payload, None)
            unsure += seen.state == "unsure"
            if seen.payload != payload:
                lost.append(f"{name} {seen.score:.1f}")
        print(f"{attack:28} {right}/{len(marked)} {unsure} {wrong} {lost}", file=sys.stderr)
        yield attack, right, unsure, wrong, len(marked)


def alarms(material: dict[str, Sound], keys: int) -> Iterator[tuple[float, int, int]]:
    """Of unmarked stretches under many keys: score, how many reach it, and how many may at most.

    Marks are looked for at the 256 places of each stretch; speeds are not searched.
    """
    turns = []
    for sound in material.values():
        heard = mono(sound_mark._pieces(sound, RATE), RATE)
        turns += [folded(whitened(bands(s.lines))) for s in sound_mark_detect._stretches(heard)]
    scores, numbers = [], 0
    for i in range(keys):
        keyed = pattern(b"key of nobody" + i.to_bytes(8, "big"))
        for turn in turns:
            scores.append(float(sound_mark_detect._scores(turn, keyed).max()))
            seen = sound_mark_detect._judged(turn, keyed, 2, 0) if scores[-1] > 4 else None
            numbers += bool(seen and seen.state != "absent")
    print(
        f"{len(scores)} stretches under a wrong key, alarms: {numbers}, highest {max(scores):.2f}"
    )
    for at in (3.0, 3.5, 4.0, 4.5, 5.0):
        most = round(len(scores) * min(1.0, TURN * math.exp(-at * at / 2)))
        yield at, sum(score >= at for score in scores), most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=99)
    parser.add_argument("--seconds", type=float, default=13)
    parser.add_argument("--keys", type=int, default=0, help="only measure false alarms")
    parser.add_argument("--doc", type=Path, help="page to put the table into")
    args = parser.parse_args()
    if not shutil.which("ffmpeg"):
        sys.exit("ffmpeg is needed")
    with tempfile.TemporaryDirectory() as name:
        material = clips(Path(name), args.seconds, args.clips)
        if args.keys:
            lines = ["| 得分不低于 | 实测 | 理论上限 |", "|---|---|---|"]
            lines += [
                f"| {at} | {count} | {most} |" for at, count, most in alarms(material, args.keys)
            ]
            put(args.doc, "alarms", lines)
            return
        table = list(rows(material, Path(name)))
    lines = ["| 经过 | 编号读对 | 只见标记 | 读错 |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {right}/{count} | {seen} | {bad} |" for name, right, seen, bad, count in table
    ]
    put(args.doc, "sound", lines)


if __name__ == "__main__":
    main()
