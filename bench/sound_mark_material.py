"""Sounds for the bench of the invisible sound mark: speech, music and recordings, made on the spot.

Nothing is downloaded: espeak-ng speaks two texts written for this, fluidsynth plays scores drawn
here, and Debian's alsa-utils and sound-theme-freedesktop bring recorded voices and signals.
"""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]
RATE: Final = 44_100
_TEXTS: Final = {
    "en": (
        "Every morning the children walk along the quiet road to school, talking about the games "
        "they will play. In winter the lake freezes, and the whole village meets there with "
        "lanterns and warm bread. The baker closes early, and somebody always brings a violin."
    ),
    "zh": (
        "今天天气很好,我们一起去公园散步。湖边的柳树已经发芽,孩子们在草地上放风筝。"
        "老人坐在长椅上下棋,远处传来轻轻的琴声。下午我们去图书馆看书,晚上回家做饭。"
    ),
}
#: Voice, text, words a minute, pitch.
_VOICES: Final = (
    ("en-gb", "en", 150, 50),
    ("en-us+f3", "en", 165, 60),
    ("en+m3", "en", 140, 30),
    ("en+f2", "en", 150, 70),
    ("cmn", "zh", 160, 45),
    ("cmn+f2", "zh", 180, 60),
    ("cmn+m4", "zh", 150, 35),
)
#: General MIDI programs of the melody and the chords, beats a minute, drums.
_SCORES: Final = (
    ((0,), 100, False),
    ((0, 48), 120, True),
    ((73, 0), 90, False),
    ((25, 33), 110, True),
    ((40, 48), 80, False),
    ((30, 38), 130, True),
    ((19, 52), 70, False),
)
_FONT: Final = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
_ALSA: Final = Path("/usr/share/sounds/alsa")
_THEME: Final = Path("/usr/share/sounds/freedesktop/stereo")
_SIGNALS: Final = (
    *("phone-incoming-call", "alarm-clock-elapsed", "service-login", "complete", "trash-empty"),
    *("camera-shutter", "message-new-instant", "suspend-error", "bell"),
)


def clips(folder: Path, seconds: float, most: int = 99) -> dict[str, Sound]:
    """Sounds by name, shape (samples, 2) at 44.1 kHz; kinds in turn, so that few show all."""
    kinds = [list(kind(folder)) for kind in (_speech, _music, _recorded)]
    turn = [item for i in range(20) for kind in kinds for item in kind[i : i + 1]]
    out = {}
    for name, path in turn[:most]:
        words = ["-i", str(path), "-t", str(seconds), "-ac", "2", "-ar", str(RATE), "-f", "f32le"]
        out[name] = np.frombuffer(_run("ffmpeg", "-v", "error", *words, "-"), "<f4").reshape(-1, 2)
    return out


def _run(*words: str) -> bytes:
    return subprocess.run(words, capture_output=True, check=True).stdout


def _speech(folder: Path) -> list[tuple[str, Path]]:
    out = []
    for voice, text, speed, pitch in _VOICES if shutil.which("espeak-ng") else ():
        path = folder / f"{voice}.wav"
        how = ["-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(path)]
        _run("espeak-ng", *how, _TEXTS[text])
        out.append((f"speech {voice}", path))
    return out


def _music(folder: Path) -> list[tuple[str, Path]]:
    out = []
    for i, (programs, beats, drums) in enumerate(_SCORES if shutil.which("fluidsynth") else ()):
        score, path = folder / f"{i}.mid", folder / f"music{i}.wav"
        score.write_bytes(_score(i, programs, beats, drums))
        _run("fluidsynth", "-ni", "-r", str(RATE), "-F", str(path), str(_FONT), str(score))
        out.append((f"music {'+'.join(map(str, programs))}{'+drums' * drums}", path))
    return out


def _recorded(folder: Path) -> list[tuple[str, Path]]:
    voices = sorted(_ALSA.glob("*_*.wav"))
    signals = [path for name in _SIGNALS if (path := _THEME / f"{name}.oga").exists()]
    parts = (("recorded voice", voices), ("signals", signals))
    return [(name, _joined(folder / f"{name}.wav", paths)) for name, paths in parts if paths]


def _joined(target: Path, paths: list[Path]) -> Path:
    words = [word for path in paths for word in ("-i", str(path))]
    form = f"aresample={RATE},aformat=channel_layouts=stereo:sample_fmts=s16"
    ends = [f"[{i}:a]{form}[p{i}]" for i in range(len(paths))]
    joined = "".join(f"[p{i}]" for i in range(len(paths)))
    graph = ";".join([*ends, f"{joined}concat=n={len(paths)}:v=0:a=1[out]"])
    _run(
        "ffmpeg",
        "-v",
        "error",
        "-y",
        *words,
        "-filter_complex",
        graph,
        "-map",
        "[out]",
        str(target),
    )
    return target


def _score(seed: int, programs: tuple[int, ...], beats: int, drums: bool) -> bytes:
    """Sixteen bars over four chords as a MIDI file: a drawn melody, held chords, a plain beat."""
    drawn = random.Random(seed)
    events = [(0, bytes([0xC0 | channel, program])) for channel, program in enumerate(programs)]
    for bar in range(16):
        chord, start = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))[bar % 4], bar * 1920
        for at in range(start, start + 1920, 240):
            if drawn.random() < 0.8:
                note = 60 + drawn.choice(chord) + drawn.choice((0, 0, 12))
                events += _note(0, at, drawn.choice((200, 240, 420)), note, drawn.randint(70, 110))
            if drums:
                events += _note(9, at, 100, (36, 42, 38, 42)[at // 240 % 4], 100)
        if len(programs) > 1:
            events += [event for note in chord for event in _note(1, start, 1900, 48 + note, 70)]
    events.sort(key=lambda event: event[0])
    track, last = b"\0\xff\x51\x03" + (60_000_000 // beats).to_bytes(3, "big"), 0
    for at, event in events:
        track, last = track + _length(at - last) + event, at
    track += b"\0\xff\x2f\0"
    head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480)
    return head + b"MTrk" + struct.pack(">I", len(track)) + track


def _note(channel: int, at: int, length: int, note: int, force: int) -> list[tuple[int, bytes]]:
    return [
        (at, bytes([0x90 | channel, note, force])),
        (at + length, bytes([0x80 | channel, note, 0])),
    ]


def _length(value: int) -> bytes:
    out = [value & 127]
    while value := value >> 7:
        out.insert(0, value & 127 | 128)
    return bytes(out)
