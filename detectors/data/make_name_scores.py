"""Makes name_given.txt, name_pairs.txt.gz and name_scores.tsv: what speaks for a name, and how far.

    python detectors/data/make_name_scores.py FOLDER [--show]

Needs jieba, scikit-learn and numpy; FOLDER holds the permissively licensed ordinary texts named in
TEXTS (JSON lines with ``text``, gzipped), none of which is stored. Names are drawn from the
surnames of surnames.txt and from how often characters stand in given names (given.txt, and names
in jieba's dictionary), put where such texts say 他 or 她 and where name_contexts.txt says; against
them stand all other places of the texts where a surname is followed by a character of given names.
The weights are those of a logistic regression; see docs/personal-information.md for what it found.
"""
# ruff: noqa: S311 - drawing samples is no cryptography

from __future__ import annotations

import argparse
import gzip
import json
import math
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jieba  # type: ignore[import-untyped]
import numpy as np
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from guard.detectors.normalise import fold
from guard.detectors.pii_name_score import LEVELS, Candidate, candidates, signs
from guard.detectors.pii_name_tables import name_tables

HERE = Path(__file__).parent
TEXTS = ("cold", "swsr", "crosswoz", "teleantifraud", "xsafety_zh", "red_instruct")
#: Characters of foreign names and of titles, which jieba's dictionary has among its names.
FOREIGN = frozenset(
    "尔斯克特里尼拉格夫利洛姆亚伊埃奥纳塔萨佩戈卢基迪巴氏王公爷哥镇县之人儿庄帝村弟州引襄过"
)
HAN = re.compile("[\u4e00-\u9fff]+")
#: Never in given names, however often a dictionary of names in novels says so.
NOT_GIVEN = frozenset(
    "的了是在有和与及或也都就不我你他她它们这那哪吗呢吧啊呀个什么怎没很把被让给从向说"
)
#: Texts with names marked, for what stands around names; the names themselves are swapped.
MARKED = ("pii_held_out.jsonl", "pii_blind_2.jsonl")
NOUNS = ("n", "ns", "nz", "nt", "nrt", "l", "i", "v", "vn", "a")


class Sample(NamedTuple):
    """A candidate in its text; ``new`` reads its characters as a word never seen before."""

    text: str
    candidate: Candidate
    name: bool
    sure: bool = True
    new: bool = False


random.seed(7)


def dictionary() -> list[tuple[str, int, str]]:
    rows = (Path(jieba.__file__).parent / "dict.txt").read_text(encoding="utf-8").splitlines()
    return [(w, int(n), tag) for w, n, tag in (row.split(" ") for row in rows)]


def texts(folder: Path) -> list[str]:
    rows: list[str] = []
    for name in TEXTS:
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            made = (json.loads(line) for line in file)
            rows += [fold(row["text"]).text for row in made if row["lang"] == "zh"]
    benign = HERE.parent.parent / "policies" / "benign"
    for path in sorted(benign.glob("*.jsonl")):
        lines = path.read_text(encoding="utf-8").splitlines()
        rows += [fold(json.loads(line)["text"]).text for line in lines]
    return rows


class Background:
    """How often characters and pairs stand in ordinary text: half dictionary, half running text."""

    def __init__(self, words: list[tuple[str, int, str]], rows: list[str]) -> None:
        self.one = [Counter[str](), Counter[str]()]
        self.two = [Counter[str](), Counter[str]()]
        for word, count, tag in words:
            if tag[:2] != "nr" and HAN.fullmatch(word):
                self._add(0, word, count)
        for row in rows:
            for run in HAN.findall(row):
                self._add(1, run, 1)
        self.total = [sum(c.values()) for c in self.one]
        self.pairs = [sum(c.values()) for c in self.two]

    def _add(self, part: int, run: str, count: int) -> None:
        for char in run:
            self.one[part][char] += count
        for i in range(len(run) - 1):
            self.two[part][run[i : i + 2]] += count

    def char(self, c: str) -> float:
        return sum((one[c] + 0.5) / n for one, n in zip(self.one, self.total, strict=True)) / 2

    def level(self, pair: str) -> int:
        """0 for a pair hardly seen; 1 to LEVELS - 1 by how much likelier than by chance."""
        if self.two[0][pair] < 12 and self.two[1][pair] < 3:
            return 0
        both = sum(two[pair] / n for two, n in zip(self.two, self.pairs, strict=True)) / 2
        pmi = math.log(both / (self.char(pair[0]) * self.char(pair[1])))
        return min(LEVELS - 1, max(1, 2 + math.floor(pmi / 1.2)))


def given_odds(words: list[tuple[str, int, str]], back: Background) -> list[dict[str, float]]:
    """Probabilities of characters of given names: first of two, second of two, alone."""
    singles = name_tables().singles
    seen = [Counter[str](), Counter[str]()]
    for word, _, tag in words:
        if tag == "nr" and len(word) == 3 and word[0] in singles and not set(word[1:]) & FOREIGN:
            seen[0][word[1]] += 1
            seen[1][word[2]] += 1
    listed = (HERE / "given.txt").read_text(encoding="utf-8").split("\n", 1)[1].replace("\n", "")
    prior = {c: 1 / (60 + i) for i, c in enumerate(listed)}
    scale = sum(prior.values())
    tables = []
    for counts in (*seen, seen[1] + seen[0]):
        allowed = {c: n for c, n in counts.items() if n >= 8}
        total = sum(allowed.values())
        chars = set(allowed) | set(prior)
        tables.append(
            {c: (allowed.get(c, 0) / total + 2 * prior.get(c, 0) / scale) / 3 for c in chars}
        )
    return tables


class Namer:
    """Draws names: half of the surnames by rank, half evenly; given names likewise, flattened."""

    def __init__(self, given: list[dict[str, float]]) -> None:
        _, singles, compounds = (HERE / "surnames.txt").read_text(encoding="utf-8").splitlines()
        self.singles, self.compounds = list(singles), compounds.split()
        self.rank = [1 / (4 + i) for i in range(len(singles))]
        self.flat = [1 / (60 + i) for i in range(len(singles))]
        self.given = [(list(t), [p**0.8 for p in t.values()]) for t in given]

    def __call__(self) -> str:
        if random.random() < 0.05:
            surname = random.choice(self.compounds)
        else:
            weights = self.rank if random.random() < 0.5 else self.flat
            surname = random.choices(self.singles, weights)[0]
        if random.random() < 0.2:
            return surname + random.choices(*self.given[2])[0]
        first, second = (random.choices(*self.given[i])[0] for i in (0, 1))
        return surname + (first + first if random.random() < 0.05 else first + second)


_PERSON = re.compile("(?<![其吉排])[他她](?![们人乡国者日妈娘])")


def contexts(rows: list[str]) -> Iterator[tuple[str, str]]:
    """What stands around persons: pronouns of texts, and the written lists combined."""
    for row in rows:
        for match in list(_PERSON.finditer(row))[:6]:
            left, right = row[max(0, match.start() - 8) : match.start()], row[match.end() :][:8]
            yield left or "", right
    sides: dict[str, list[str]] = {"left": [], "right": []}
    for line in (HERE / "name_contexts.txt").read_text(encoding="utf-8").splitlines()[1:]:
        kind, body = line.split("\t")
        sides[kind] += [w.replace("_", " ").replace("⏎", "\n") for w in body.split()]
    tails = [row[:6] for row in rows if HAN.match(row)] or ["的"]
    for _ in range(30_000):
        left, right = random.choice(sides["left"]), random.choice(sides["right"])
        if left == "^":
            left = ""
        elif not left.startswith(("\n", "^", " ")):
            left = random.choice(rows)[-5:] + left if random.random() < 0.5 else left
        if right == "$":
            right = ""
        elif HAN.search(right):
            right += random.choice(tails)
        yield left.replace("^", ""), right


def marked(namer: Namer) -> Iterator[tuple[str, int, int]]:
    """The marked texts of the tests, six times over, with other names."""
    for name in MARKED:
        lines = (HERE.parent.parent / "tests" / "data" / name).read_text(encoding="utf-8")
        for row in map(json.loads, lines.splitlines()):
            values = [
                v["value"] if isinstance(v, dict) else row["text"][v[1] : v[2]]
                for v in row["values"]
                if (v["kind"] if isinstance(v, dict) else v[0]) in ("name", "pii.name")
            ]
            for _ in range(6):
                for value in values:
                    left, found, right = fold(row["text"]).text.partition(value)
                    if found:
                        new = namer()
                        yield left + new + right, len(left), len(left) + len(new)


def nouns(words: list[tuple[str, int, str]], rows: list[str]) -> Iterator[Sample]:
    """Places, things and foreigners that begin like a name, put where a name could stand."""
    singles = name_tables().singles
    some = [
        w
        for w, _, tag in words
        if w[0] in singles
        and 2 <= len(w) <= 5
        and (tag in NOUNS or (tag == "nr" and set(w) & FOREIGN))
    ]
    places = list(contexts(rows))
    for word in random.choices(some, k=30_000):
        left, right = random.choice(places)
        text, new = left + word + right, random.random() < 0.6
        for candidate in candidates(text):
            if len(left) <= candidate.start < len(left) + len(word):
                yield Sample(text, candidate, False, True, new)


def positives(rows: list[str], namer: Namer) -> Iterator[tuple[str, int, int]]:
    """(text, begin and end of the name)."""
    for left, right in contexts(rows):
        name = namer()
        yield left + name + right, len(left), len(left) + len(name)
    for _ in range(4_000):  # lists, tables and rosters
        mark = random.choice(("、", "、", ",", " ", "\n", "|", " / ", "\t", "和"))
        names = [namer() for _ in range(random.randint(2, 5))]
        left = random.choice(("", ":", "由", "请", "有", "名单\n", "|", "是", "给"))
        right = random.choice(("", "。", "等", "\n", "|", "三人", "已到", "同学", "参加"))
        body = left + mark.join(names) + right
        at = len(left)
        for name in names:
            yield body, at, at + len(name)
            at += len(name) + len(mark)


def features(sample: Sample, tables: Tables) -> Iterator[tuple[str, float]]:
    """The signs of a candidate as features: characters as numbers, all else as itself."""
    for sign in signs(sample.text, sample.candidate):
        kind, _, key = sign.partition(" ")
        if kind == "surname":
            yield from tables.surname(key)
        elif kind in ("first", "second", "single"):
            yield kind, tables.odds(kind, key)
            yield f"{kind}={key}", 0.5
        elif sample.new and kind in ("joint", "inside"):
            yield f"{kind} 0{key[1:]}", 1.0
        elif not (sample.new and kind == "word"):
            yield sign, 1.0


class Tables:
    """Log-odds of characters in names against ordinary text."""

    def __init__(self, given: list[dict[str, float]], back: Background) -> None:
        self.given = dict(zip(("first", "second", "single"), given, strict=True))
        self.back = back
        singles = (HERE / "surnames.txt").read_text(encoding="utf-8").splitlines()[1]
        self.rank = {c: i for i, c in enumerate(singles)}

    def surname(self, key: str) -> Iterator[tuple[str, float]]:
        if len(key) > 1:
            yield f"compound {key}", 1.0
            return
        yield "surname ordinary", math.log(self.back.char(key) * 1e4)
        yield "surname rank", -math.log((4 + self.rank.get(key, 400)) / 100)
        yield f"surname {key}", 0.5

    def odds(self, kind: str, char: str) -> float:
        here = self.given[kind].get(char, 2e-6)
        return max(-4.0, min(6.0, math.log(here / self.back.char(char))))


def negatives(rows: list[str], share: float) -> Iterator[Sample]:
    for row in rows:
        for candidate in candidates(row):
            if random.random() < share:
                low = max(0, candidate.start - 4)
                moved = Candidate(*(n - low for n in candidate))
                yield Sample(row[low:][:12], moved, False, sure=False)


def samples(rows: list[str], namer: Namer, words: list[tuple[str, int, str]]) -> Iterator[Sample]:
    taken = frozenset(word for word, _, tag in words if tag == "nr" and 1 < len(word) < 5)
    for text, start, end in (*positives(rows, namer), *marked(namer)):
        for candidate in candidates(text):
            if (candidate.start, candidate.end) == (start, end):
                yield Sample(text, candidate, True)
            elif candidate.start < end and candidate.end > start:
                yield Sample(text, candidate, False)
    for sample in negatives(rows, 1.0):
        start, _, end = sample.candidate
        if sample.text[start:end] not in taken:
            yield sample
    yield from nouns(words, rows)


def train(found: list[Sample], tables: Tables) -> dict[str, float]:
    """Weights by feature. A second round leaves out what the first took for names in texts that
    nobody marked: three in four are."""
    listed = [list(features(sample, tables)) for sample in found]
    counted = Counter(f for row in listed for f, _ in row)
    index = {f: i for i, f in enumerate(f for f, n in sorted(counted.items()) if n >= 8)}
    rows, cols, values = [], [], []
    for n, row in enumerate(listed):
        for feature, value in row:
            if feature in index:
                rows.append(n)
                cols.append(index[feature])
                values.append(value)
    matrix = csr_matrix((values, (rows, cols)), shape=(len(found), len(index)))
    y = np.array([sample.name for sample in found])
    keep = np.ones(len(found), dtype=bool)
    unsure = np.array([not sample.sure for sample in found])
    for _ in range(2):
        model = LogisticRegression(C=0.5, max_iter=300, solver="lbfgs")
        model.fit(matrix[keep], y[keep])
        keep = ~(unsure & (model.predict_proba(matrix)[:, 1] > 0.6))
        print("left out", (~keep).sum())
    weights = dict(zip(index, model.coef_[0], strict=True))
    weights["bias"] = model.intercept_[0]
    return weights


def export(weights: dict[str, float], tables: Tables, chars: set[str]) -> dict[str, float]:
    """The table that the scorer reads: numbers folded into one weight a character."""
    inner = ("surname", "compound", "bias", "first", "second", "single")
    out = {f: w for f, w in weights.items() if not f.startswith(inner)}
    for kind in ("first", "second", "single"):
        for c in chars:
            own = 0.5 * weights.get(f"{kind}={c}", 0.0)
            out[f"{kind} {c}"] = weights[kind] * tables.odds(kind, c) + own
    names = name_tables()
    for key in names.singles | names.compounds:
        signs_of = tables.surname(key)
        out[f"surname {key}"] = weights["bias"] + sum(weights.get(f, 0) * v for f, v in signs_of)
    return {f: w for f, w in out.items() if abs(w) >= 0.1}


def write_pairs(back: Background, chars: set[str]) -> None:
    """Pairs that a candidate can hold or stand beside, by level."""
    names = name_tables()
    firsts = names.singles | {c for name in names.compounds for c in name}
    rows: dict[str, list[str]] = {}
    for pair in sorted({*back.two[0], *back.two[1]}):
        level = back.level(pair)
        if level:
            rows.setdefault(pair[0], [""] * (LEVELS - 1))[level - 1] += pair[1]
    del firsts
    body = "\n".join(f"{first}\t" + "\t".join(row) for first, row in rows.items())
    packed = gzip.compress(body.encode(), 9, mtime=0)
    (HERE / "name_pairs.txt.gz").write_bytes(packed)
    print("pairs", sum(len(x) for r in rows.values() for x in r), "bytes", len(packed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--show", action="store_true")
    args = parser.parse_args()
    words, rows = dictionary(), texts(args.folder)
    random.shuffle(rows)
    # What pairs are counted in is not trained on: else every pair would be a known one there.
    third = len(rows) // 3
    back, rows = Background(words, rows[third:]), rows[:third]
    given = given_odds(words, back)
    tables = Tables(given, back)
    chars = {
        c
        for c in set().union(*given)
        if max(tables.odds(k, c) for k in tables.given) > -2.3 and c not in NOT_GIVEN
    }
    head = "# Characters of given names, by make_name_scores.py; see LICENSES.md.\n"
    (HERE / "name_given.txt").write_text(head + "".join(sorted(chars)) + "\n", encoding="utf-8")
    write_pairs(back, chars)
    found = list(samples(rows, Namer(given), words))
    print("samples", len(found), "names", sum(sample.name for sample in found))
    weights = train(found, tables)
    table = export(weights, tables, chars)
    lines = {f.replace("\n", "⏎").replace("\t", "⇥"): w for f, w in sorted(table.items())}
    body = "".join(f"{f}\t{w:.2f}\n" for f, w in lines.items())
    head = "# Weights of signs of a name; made by make_name_scores.py, see LICENSES.md.\n"
    (HERE / "name_scores.tsv").write_text(head + body, encoding="utf-8")
    print("weights", len(table))
    if args.show:
        for kind in ("bias", "first", "second", "single", "surname ordinary", "surname rank"):
            print(kind, round(weights[kind], 2))


if __name__ == "__main__":
    main()
