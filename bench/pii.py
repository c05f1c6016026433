"""Speed of the detectors for personal information, secrets and garbage.

    python bench/pii.py [--json]

Prints MB of UTF-8 and microseconds per CPU-second (process time, best of five) on text made here:
Chinese and English prose, documents with one planted value in ten, a 40-character prompt, and
hostile text of 10,000 characters. Folding is timed apart: all detectors share it.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable

from guard.detectors.garbage import GarbageDetector
from guard.detectors.normalise import folded
from guard.detectors.pii import PiiDetector
from guard.detectors.secrets import SecretsDetector
from guard.model import Content, Detector

ZH = (
    "清晨的码头还很安静，渔民把网晾在木架上。老人数了数今天要带的冰块，又检查了一遍柴油。"
    "2023年，全县共有12个渔港投入使用，年捕捞量达到3.5万吨，比上年增长8%。孩子坐在船头读课本，"
    "偶尔抬头看看海鸥。气象台预报，下午2点以后风力会增强到6级，小船应当尽早返航。"
)
EN = (
    "The harbour was quiet in the morning, and the nets were drying on wooden frames. In 2023 the "
    "county opened 12 new piers; the catch rose by 8% to 3.5 million tons. A child was reading on "
    "the bow, looking up at the gulls now and then. "
)
PLANTED = ["13812345678", "11010519491231002X", "6222021234567890128", "lihua@163.com", "京A12345"]
PROMPT = "请帮我写一篇关于秋天的作文，要求语言优美，不少于三百字，适合初中水平阅读，谢谢你了"
HOSTILE = {
    "digits": "1234567890" * 1000,
    "spaced digits": "1 " * 5000,
    "groups": "6222 " * 2000,
    "dots": "1." * 5000,
    "at": "a@" * 5000,
    "labels": "微信" * 5000,
}


def corpus(prose: str, planted: bool, documents: int = 400) -> list[Content]:
    """Documents of about 1,200 characters, the sentences shuffled."""
    rng = random.Random(7)
    mark = "。" if "。" in prose else ". "
    sentences = [s for s in prose.split(mark) if s.strip()]
    made = []
    for _ in range(documents):
        parts = rng.choices(sentences, k=1200 * len(sentences) // len(prose))
        if planted and rng.random() < 0.1:
            parts.insert(rng.randrange(len(parts)), f"请联系{rng.choice(PLANTED)}谢谢")
        made.append(Content(mark.join(parts)))
    return made


def seconds(work: Callable[[], object], rounds: int = 5) -> float:
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def speed(detector: Detector, batch: list[Content]) -> float:
    size = sum(len(content.text.encode()) for content in batch)
    return round(size / 1e6 / seconds(lambda: detector.find(batch)), 1)


def measure() -> dict[str, dict[str, float]]:
    sets = {
        "zh MB/s": corpus(ZH, False),
        "zh planted MB/s": corpus(ZH, True),
        "en MB/s": corpus(EN, False),
    }
    hostile = {f"{name} ms": Content(text) for name, text in HOSTILE.items()}
    prompt = [Content(PROMPT)]
    for content in [*prompt, *hostile.values(), *(c for batch in sets.values() for c in batch)]:
        folded(content)
    detectors: list[Detector] = [PiiDetector(), SecretsDetector(), GarbageDetector()]
    figures: dict[str, dict[str, float]] = {}
    for detector in detectors:
        row = {name: speed(detector, batch) for name, batch in sets.items()}
        row["40-char prompt us"] = round(
            seconds(lambda d=detector, b=prompt * 2000: d.find(b)) / 2000 * 1e6, 2
        )
        for name, content in hostile.items():
            row[name] = round(seconds(lambda d=detector, c=content: d.find([c])) * 1e3, 2)
        figures[detector.name] = row
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    as_json = parser.parse_args().json
    figures = measure()
    if as_json:
        print(json.dumps(figures))
        return
    names = list(figures)
    print(f"{'':<20}" + "".join(f"{name:>12}" for name in names))
    for line in figures[names[0]]:
        print(f"{line:<20}" + "".join(f"{figures[name][line]:>12}" for name in names))


if __name__ == "__main__":
    main()
