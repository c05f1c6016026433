"""How well disguised words are found, beside peers, and what it costs in false hits.

``python evasion.py [--quick] [--recall] [--false]`` prints two tables and writes
``out/evasion.json``; ``python evasion_chart.py`` draws it and fills docs/evasion.md.

Recall: a word of an imported list of 10,000 entries is disguised and put into a plain sentence. It
counts as found when ``Guard.check`` gives REVIEW or BLOCK *and* a finding that a rule fired on lies
on the word itself; so a second signal in the text does not count for the word. False hits: plain
Chinese against random lists; what a search for the literal words also flags is left out.
"""

from __future__ import annotations

import gzip
import itertools
import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evasion_disguises import DISGUISES, FOR_LATIN, common, random_words
from evasion_peers import PEERS, run_peer
from evasion_words import CARRIERS, LATIN, PLAIN_PARTS, RISKY

from guard import Action, Guard
from guard.detectors.oddness import ordinary
from guard.model import Decision
from guard.policies.load import load_policy
from guard.word_import import import_words

HERE = Path(__file__).resolve().parent
OUT = HERE / "out" / "evasion.json"
#: A folder of public labelled sets, if there is one here.
DATA = Path(os.environ.get("GUARD_DATA", "no-data"))
SIZES = (100, 1_000, 10_000, 60_000)
LENGTHS = (2, 3, 4, 5)
LISTED, SAMPLE = 10_000, 60
Row = dict[str, Any]


def guard_of(words: Sequence[str]) -> Guard:
    """A guard whose only rules are these words, imported as an operator would."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "words.txt", Path(folder) / "words"
        source.write_text("\n".join(words), encoding="utf-8")
        benign = Path(folder) / "benign"
        benign.mkdir()  # random words are not held against the corpus of everyday texts
        categories = load_policy("cn").taxonomy.categories
        import_words(source, target, categories, benign=benign)
        return Guard.load(policy=str(target))


def hit(decision: Decision, start: int, end: int) -> bool:
    """Whether a rule acted on a finding that lies on ``start..end``."""
    if decision.action < Action.REVIEW:
        return False
    fired = {n for rule in decision.rules if rule.action >= Action.REVIEW for n in rule.findings}
    return any(
        s < end and start < e
        for n in fired
        if (where := decision.findings[n].where) is not None
        for s, e in where.pieces()
    )


def tested_words(rng: random.Random) -> dict[str, list[str]]:
    """Words per length: those an operator would list, and as many random ones."""
    groups: dict[str, list[str]] = {"2": [], "3": [], "4": [], "5+": [], "Latin": [*LATIN]}
    for word in RISKY:
        groups[str(len(word)) if len(word) < 5 else "5+"].append(word)
    for length in LENGTHS:
        groups[str(length) if length < 5 else "5+"] += random_words(rng, length, SAMPLE)
    return groups


def planted(rng: random.Random, shown: str, extra: str) -> tuple[str, int]:
    """(a sentence around a disguised word, where it begins); ``extra`` goes elsewhere in it."""
    before, after = rng.choice(CARRIERS).split("{}")
    if extra and rng.random() < 0.5:
        before = f"{rng.choice(('关于', '除了', '先说'))}{extra}，{before}"
    elif extra:
        after = f"{after}，还有{extra}呢"
    return before + shown + after, len(before)


def cases(seed: int, groups: dict[str, list[str]]) -> Iterator[Row]:
    """Every disguised text: disguise, length group, second signal, word, text, place."""
    rng = random.Random(seed)
    pool = [word for words in groups.values() for word in words if not word.isascii()]
    for name, disguise in DISGUISES.items():
        for group, words in groups.items():
            if group == "Latin" and name not in FOR_LATIN:
                continue
            for word in words:
                for second in ("", "plain", "disguised"):
                    shown = disguise(word, rng)
                    if shown is None:
                        continue
                    other = rng.choice(pool)
                    how = DISGUISES["homophone"] if group == "Latin" else disguise
                    extra = other if second == "plain" else how(other, rng) if second else ""
                    if extra is None:
                        continue
                    text, start = planted(rng, shown, extra)
                    yield {
                        "disguise": name, "length": group, "second": second, "word": word,
                        "text": text, "start": start, "end": start + len(shown),
                    }  # fmt: skip


def recall(seed: int, quick: bool) -> list[Row]:
    """Found and asked, per disguise, length and second signal; peers by the lone texts."""
    rng = random.Random(seed)
    groups = tested_words(rng)
    listed = list(dict.fromkeys(word for words in groups.values() for word in words))
    filler = [w for n in LENGTHS for w in random_words(rng, n, LISTED // 4)]
    guard = guard_of((listed + filler)[: 1_000 if quick else LISTED])
    tally: dict[tuple[str, str, str], list[int]] = {}
    alone: list[Row] = []
    for case in cases(seed, groups):
        found = hit(guard.check(case["text"]), case["start"], case["end"])
        counts = tally.setdefault((case["disguise"], case["length"], case["second"]), [0, 0])
        counts[0] += found
        counts[1] += 1
        if not case["second"]:
            alone.append(case)
        if not found and "--misses" in sys.argv:
            print("miss", json.dumps(case, ensure_ascii=False))
    rows = [
        {"side": "aigc-guard", "disguise": d, "length": n, "second": s, "found": f, "asked": a}
        for (d, n, s), (f, a) in tally.items()
    ]
    if not quick:
        for peer in PEERS:
            rows += run_peer(peer, listed, alone)
    return rows


def plain_texts(seed: int, most: int) -> dict[str, list[str]]:
    """Harmless texts by source: our own sentences and, where they lie beside us, public sets."""
    rng = random.Random(seed)
    own = ["".join(map(rng.choice, PLAIN_PARTS)) for _ in range(most)]
    texts = {"own sentences": [a + "。" + b for a, b in itertools.pairwise(own)]}
    for name in ("fewclue_benign", "alpaca_chinese", "instruction_wild"):
        path = DATA / f"{name}.jsonl.gz"
        if path.exists():
            with gzip.open(path, "rt", encoding="utf-8") as file:
                rows = [json.loads(line) for line in file]
            zh = [r["text"] for r in rows if r["lang"] == "zh" and r["label"] == "safe"]
            texts[name] = rng.sample(zh, min(most, len(zh)))
    return texts


def lists(seed: int) -> Iterator[tuple[str, int, list[str]]]:
    """(kind, length, 60,000 random words): of random characters; of two ordinary words."""
    for length in LENGTHS:
        rng = random.Random(seed + length)
        yield "random characters", length, random_words(rng, length, max(SIZES))
    rng = random.Random(seed)
    mixed = [w for n in LENGTHS for w in random_words(rng, n, max(SIZES) // 4)]
    rng.shuffle(mixed)
    yield "random characters", 0, mixed
    pairs = sorted(w for w in ordinary() if len(w) == 2 and set(w) <= set(common()))
    yield "two ordinary words", 4, [
        "".join(rng.sample(pairs, 2)) for _ in range(max(SIZES))
    ]  # fmt: skip


def false_hits(seed: int, quick: bool) -> list[Row]:
    """Plain texts flagged and blocked beyond what literal search flags."""
    texts = plain_texts(seed, 500 if quick else 2_000)
    rows = []
    for kind, length, words in lists(seed):
        for size in (10_000,) if quick else SIZES:
            chosen = list(dict.fromkeys(words[:size]))
            guard, literal = guard_of(chosen), set(chosen)
            for source, group in texts.items():
                flagged = blocked = asked = 0
                for text in group:
                    if any(text[i : i + n] in literal for n in LENGTHS for i in range(len(text))):
                        continue
                    decision = guard.check(text)
                    asked += 1
                    flagged += decision.action >= Action.REVIEW
                    blocked += decision.action >= Action.BLOCK
                    if decision.action >= Action.REVIEW and "--misses" in sys.argv:
                        shown = [
                            (f.why, text[f.where.start - 3 : f.where.end + 3], f.score)
                            for f in decision.findings if f.where
                        ]  # fmt: skip
                        print("false", kind, length, size, source, *shown, sep="\t")
                rows.append({
                    "kind": kind, "length": length, "size": size, "source": source,
                    "texts": asked, "flagged": flagged, "blocked": blocked,
                    "characters": round(sum(map(len, group)) / len(group)),
                })  # fmt: skip
    return rows


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "–"


def print_recall(rows: list[Row]) -> None:
    """Recall in %, columns by length group; alone, beside a plain word, beside a disguised one."""
    groups = ("2", "3", "4", "5+", "Latin")
    print(f"{'recall %':<18}" + "".join(f"{'len ' + g:>21}" for g in groups))
    for name in DISGUISES:
        cells = []
        for group in groups:
            values = []
            for second in ("", "plain", "disguised"):
                chosen = [
                    r for r in rows if r["side"] == "aigc-guard" and r["disguise"] == name
                    and r["length"] == group and r["second"] == second
                ]  # fmt: skip
                values.append(
                    percent(sum(r["found"] for r in chosen), sum(r["asked"] for r in chosen))
                )
            cells.append(" ".join(f"{v:>6}" for v in values).rjust(21))
        print(f"{name:<18}" + "".join(cells))
    for peer in sorted({r["side"] for r in rows} - {"aigc-guard"}):
        chosen = [r for r in rows if r["side"] == peer]
        shown = {
            n: percent(
                sum(r["found"] for r in chosen if r["disguise"] == n),
                sum(r["asked"] for r in chosen if r["disguise"] == n),
            )
            for n in DISGUISES
        }
        print(peer, shown)


def print_false(rows: list[Row]) -> None:
    """Flagged / blocked in %, all sources together and the worst of them."""
    print(f"{'false hits %':<32}{'flagged':>9}{'blocked':>9}   by source (flagged)")
    keys = dict.fromkeys((r["kind"], r["length"], r["size"]) for r in rows)
    for key in keys:
        chosen = [r for r in rows if (r["kind"], r["length"], r["size"]) == key]
        total = sum(r["texts"] for r in chosen)
        flagged, blocked = (
            100 * sum(r[k] for r in chosen) / max(total, 1) for k in ("flagged", "blocked")
        )
        each = {r["source"]: percent(r["flagged"], r["texts"]) for r in chosen}
        label = f"{key[0]} {key[1] or '2-5'} × {key[2]:,}"
        print(f"{label:<32}{flagged:>9.2f}{blocked:>9.2f}   {each}")


def main(argv: list[str]) -> int:
    quick = "--quick" in argv
    result: dict[str, Any] = json.loads(OUT.read_text("utf-8")) if OUT.exists() else {}
    everything = not {"--recall", "--false"} & set(argv)
    if everything or "--recall" in argv:
        result["recall"] = recall(20261122, quick)
        print_recall(result["recall"])
    if everything or "--false" in argv:
        result["false"] = false_hits(7, quick)
        print_false(result["false"])
    if not quick:
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text(json.dumps(result, ensure_ascii=False, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
