"""The text mark measured: detection by length and entropy, after edits, false alarms, quality, cost.

    python bench/text_mark.py [marks|alarms|tail|cost ...] [--texts FILE.jsonl.gz ...] [--publish] [--quick]

Marked text comes from a language model by chance: after every three tokens it offers 64 of 1,024
with normal scores, whose spread sets the mean entropy. It never loops, all its probabilities are
known, and it needs no download. What is false must be true of real text, which does repeat itself:
--texts reads the member "text" of each line, for false alarms; without it the model's text is used.
Each part writes ``out/text_mark_PART.md``; --publish joins them in docs/watermark-text.md.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import math
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
sys.path.insert(0, str(HERE.parent))

from guard.watermark import text_mark, text_mark_draws, text_mark_logits, text_mark_stock  # noqa: E402
from guard.watermark.text_mark_score import WEIGHTS, green_evidence, layer_evidence, of_sums  # noqa: E402

SECRET = bytes(range(32))
KEY_ID = "2026-11"
VOCABULARY, OFFERED = 1024, 64
LENGTHS = (50, 100, 200, 400)
#: Mean nats a token: code and quotations, facts and answers, prose, free writing.
ENTROPIES = (0.3, 0.7, 1.5, 3.0)
RATES = (1e-3, 1e-6)
ARMS = (("synthid", 4), ("kgw", 4), ("synthid", 2))
Rows = list[list[int]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=["marks", "alarms", "tail", "cost"])
    parser.add_argument("--texts", nargs="*", type=Path, default=[])
    parser.add_argument("--publish", action="store_true")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(20261122)
    quick = options.quick
    makers = {
        "marks": lambda: marks(40 if quick else 200),
        "alarms": lambda: false_alarms(options.texts, 1_000 if quick else 20_000),
        "tail": lambda: tail(100 if quick else 1_000),
        "cost": lambda: cost(10 if quick else 40),
    }
    OUT.mkdir(exist_ok=True)
    for part in options.parts:
        page = makers[part]()
        print(page, "\n")
        (OUT / f"text_mark_{part}.md").write_text(page, encoding="utf-8")
    if options.publish:
        publish("\n\n".join((OUT / f"text_mark_{part}.md").read_text("utf-8") for part in makers))


def publish(page: str) -> None:
    path = HERE.parent / "docs" / "watermark-text.md"
    begin, end = "<!-- bench:begin -->", "<!-- bench:end -->"
    old = path.read_text(encoding="utf-8")
    new = re.sub(f"{begin}.*{end}", lambda _: f"{begin}\n\n{page}\n\n{end}", old, flags=re.DOTALL)
    path.write_text(new, encoding="utf-8")


def marks(count: int) -> str:
    """Three tables of one set of texts."""
    written = {h: {arm: marked(h, arm, count) for arm in (None, *ARMS)} for h in ENTROPIES}
    return "\n\n".join([detection(written), edits(written), quality(written)])


# The language model by chance.


class Chance:
    """``logits(ids)``: scores (B, 1024) after the last three tokens; -inf for what is not offered."""

    def __init__(self, entropy: float) -> None:
        self.spread = 1.0
        low, high = 0.0, 60.0
        ids = torch.randint(VOCABULARY, (2000, 3))
        for _ in range(30):
            self.spread = (low + high) / 2
            if _entropy(self.logits(ids)) > entropy:
                low = self.spread
            else:
                high = self.spread

    def logits(self, ids: Any) -> Any:
        seeds = ids[:, -1] + VOCABULARY * (ids[:, -2] + VOCABULARY * ids[:, -3])
        places = torch.arange(OFFERED).expand(len(ids), -1)
        tokens = text_mark_logits.draws(seeds, places) % VOCABULARY
        scores = self.spread * _normal(text_mark_logits.draws(seeds, places + 1_000_000))
        return torch.full((len(ids), VOCABULARY), -torch.inf).scatter(1, tokens, scores)


def _normal(bits: Any) -> Any:
    first = ((bits & 0xFFFFFFFF).double() + 0.5) / 2**32
    second = (bits >> 32).double() / 2**32
    return (torch.sqrt(-2 * torch.log(first)) * torch.cos(2 * math.pi * second)).float()


def _entropy(logits: Any) -> float:
    logs = torch.log_softmax(logits, 1)
    return float(-(logs.exp() * logs.clamp(min=-1e4)).sum(1).mean())


def marked(entropy: float, arm: tuple[str, int] | None, count: int) -> tuple[Rows, float]:
    """``count`` texts of 400 tokens, and their mean surprise under the plain model, nats a token."""
    model = Chance(entropy)
    processor = None
    if arm:
        processor = text_mark.watermark_processor(SECRET, KEY_ID, arm[0], context=arm[1])
    start = 8
    ids = torch.randint(VOCABULARY, (count, start))
    surprise = 0.0
    for _ in range(max(LENGTHS)):
        logits = model.logits(ids)
        scores = processor(ids, logits) if processor else top(logits)
        chosen = torch.multinomial(torch.softmax(scores, 1), 1)
        surprise -= float(torch.log_softmax(logits, 1).gather(1, chosen).mean())
        ids = torch.cat([ids, chosen], 1)
    return ids[:, start:].tolist(), surprise / max(LENGTHS)


def top(logits: Any) -> Any:
    kept, candidates = logits.topk(50, 1)
    return torch.full_like(logits, -torch.inf).scatter(1, candidates, kept)


# Tables.

Written = dict[float, dict[Any, tuple[Rows, float]]]


def found(rows: Rows, arm: tuple[str, int]) -> list[float]:
    """Share of texts found at each rate of :data:`RATES`."""
    values = [text_mark.detect(row, SECRET, KEY_ID, arm[0], context=arm[1]).p_value for row in rows]
    return [sum(p <= rate for p in values) / len(values) for rate in RATES]


def cell(rows: Rows, arm: tuple[str, int]) -> str:
    return " / ".join(f"{100 * share:.0f}" for share in found(rows, arm))


def name(arm: tuple[str, int]) -> str:
    return f"{'SynthID' if arm[0] == 'synthid' else 'KGW'}，上文 {arm[1]}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def detection(written: Written) -> str:
    rows = [
        [f"{entropy}", name(arm)]
        + [cell([row[:length] for row in written[entropy][arm][0]], arm) for length in LENGTHS]
        for entropy in ENTROPIES
        for arm in ARMS
    ]
    head = ["熵（nat/词元）", "方案", *(f"{length} 词元" for length in LENGTHS)]
    count = len(written[ENTROPIES[0]][ARMS[0]][0])
    return f"**检出率（%），误报率 10⁻³ / 10⁻⁶，每格 {count} 篇**\n\n" + table(head, rows)


def substituted(row: list[int], share: float, chance: random.Random) -> list[int]:
    return [chance.randrange(VOCABULARY) if chance.random() < share else token for token in row]


def reworded(row: list[int], chance: random.Random) -> list[int]:
    """Clauses of 8 to 15 tokens in another order, 15 % of tokens replaced, 5 % dropped."""
    clauses, rest = [], row
    while rest:
        size = chance.randint(8, 15)
        clauses.append(rest[:size])
        rest = rest[size:]
    chance.shuffle(clauses)
    kept = [token for token in itertools.chain(*clauses) if chance.random() >= 0.05]
    return substituted(kept, 0.15, chance)


def mixed(row: list[int], chance: random.Random) -> list[int]:
    """Between as many tokens of other origin before as after: half of the text is marked."""
    other = [chance.randrange(VOCABULARY) for _ in row]
    half = len(row) // 2
    return other[:half] + row + other[half:]


EDITS: dict[str, Callable[[list[int], random.Random], list[int]]] = {
    "不改": lambda row, _: row,
    "换掉 10 % 词元": lambda row, chance: substituted(row, 0.1, chance),
    "换掉 30 % 词元": lambda row, chance: substituted(row, 0.3, chance),
    "只剩中间一半": lambda row, _: row[len(row) // 4 : len(row) * 3 // 4],
    "夹在等量的他人文字里": mixed,
    "改写：分句打乱，换 15 %，删 5 %": reworded,
    "翻译（词元全换）": lambda row, chance: substituted(row, 1.0, chance),
}


def edits(written: Written) -> str:
    rows = []
    for entropy, (label, edit) in itertools.product(ENTROPIES[1:], EDITS.items()):
        line = [f"{entropy}", label]
        for arm in ARMS:
            chance = random.Random(7)
            texts = [edit(row[:200], chance) for row in written[entropy][arm][0]]
            line.append(cell(texts, arm))
        rows.append(line)
    head = ["熵", "改动", *map(name, ARMS)]
    return "**改动之后（200 词元），检出率（%），误报率 10⁻³ / 10⁻⁶**\n\n" + table(head, rows)


def quality(written: Written) -> str:
    rows = []
    for entropy in ENTROPIES:
        plain = written[entropy][None][1]
        cells = [f"{math.exp(written[entropy][arm][1] - plain):.3f}" for arm in ARMS]
        rows.append([f"{entropy}", f"{math.exp(plain):.2f}", *cells])
    head = ["熵", "不加水印的困惑度", *(f"× {name(arm)}" for arm in ARMS)]
    return "**质量：困惑度之比（1.000 为不变；同样的 top-k 50）**\n\n" + table(head, rows)


def pieces(paths: Sequence[Path], length: int, count: int) -> Rows:
    """Pieces of real text, cut from all lines in a row, in tokens of a vocabulary made of it."""
    import tokenizers

    texts = [text for path in paths for text in _lines(path)]
    random.Random(3).shuffle(texts)
    coder = tokenizers.ByteLevelBPETokenizer()
    coder.train_from_iterator(texts[:20_000], vocab_size=16_000, show_progress=False)
    stream = itertools.chain.from_iterable(coder.encode(text).ids for text in texts)
    cut = iter(lambda: list(itertools.islice(stream, length)), [])
    return [piece for piece in itertools.islice(cut, count) if len(piece) == length]


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from (json.loads(line)["text"] for line in lines)


def false_alarms(paths: Sequence[Path], count: int) -> str:
    length, keys = 200, 3
    if paths:
        rows, kind = pieces(paths, length, count), "真实中英文文本"
    else:
        texts, kind = marked(1.5, None, count // 2)[0], "随机模型的文本"
        rows = [row[at : at + length] for row in texts for at in (0, length)]
    levels = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    hits = {(arm, one): [0] * len(levels) for arm in ("synthid", "kgw") for one in (True, False)}
    chance = random.Random(11)
    fixed = text_mark.derive(SECRET, KEY_ID).words
    for row, turn in itertools.product(rows, range(keys + 1)):
        words = fixed if turn == 0 else chance.randbytes(32)
        values = list(text_mark_draws.draws(words, row, text_mark.CONTEXT))
        for arm, evidence in (("synthid", layer_evidence(values)), ("kgw", green_evidence(values))):
            for place, level in enumerate(levels):
                hits[arm, turn == 0][place] += evidence.p_value <= level
    lines = []
    for (arm, one), seen in hits.items():
        tries = len(rows) * (1 if one else keys)
        label = f"{'SynthID' if arm == 'synthid' else 'KGW'}，" + (
            "一把密钥" if one else "各用 3 把新密钥"
        )
        lines.append([label, f"{tries:,}", *(f"{n / tries:.2g}（{n}）" for n in seen)])
    head = ["", "次数", *(f"p ≤ {level:g}" for level in levels)]
    return (
        f"**误报：{len(rows):,} 篇未加水印的{kind}，各 {length} 词元；括号内为篇数；SynthID 应约等于列名，KGW 应不高于**\n\n"
        + table(head, lines)
    )


def tail(rounds: int) -> str:
    """The far tail of the tournament's score, for which real texts are too few: random contexts."""
    tokens, texts = 196, 500
    places, weights = torch.arange(63, 33, -1), torch.tensor(WEIGHTS)
    hits = dict.fromkeys((1e-3, 1e-4, 1e-5, 1e-6), 0)
    for _ in range(rounds):
        seeds = torch.randint(-(2**63), 2**63 - 1, (texts * tokens,))
        chosen = (16_000 * torch.rand(texts * tokens, 1) ** 3).long()  # common words are common
        bits = (text_mark_logits.draws(seeds, chosen) >> places) & 1
        for total in (bits.float() @ weights).reshape(texts, tokens).sum(1).tolist():
            p_value = of_sums(tokens, total).p_value
            for level in hits:
                hits[level] += p_value <= level
    found = "，".join(f"p ≤ {level:g}：{count} 篇" for level, count in hits.items())
    return (
        f"更远的尾部用随机上文模拟（SynthID，{rounds * texts:,} 篇，各 {tokens} 词元）：{found}。"
    )


def cost(steps: int) -> str:
    """Milliseconds of CPU a step of a vocabulary of 151,936, over those of plain sampling."""
    vocabulary = 151_936
    rows = []
    for batch in (1, 8):
        logits = torch.randn(batch, vocabulary) * 3
        ids = torch.randint(vocabulary, (batch, 300))
        makers: dict[str, Callable[[], Any]] = {
            "不加水印（top-k 50）": lambda: lambda _, scores: scores,
            "本库 KGW": lambda: text_mark.watermark_processor(SECRET, KEY_ID, "kgw"),
            "本库 SynthID": lambda: text_mark.watermark_processor(SECRET, KEY_ID),
            "transformers KGW": lambda: _stock("kgw", vocabulary),
            "transformers SynthID": lambda: _stock("synthid", vocabulary),
        }
        for label, maker in makers.items():
            few = 2 if "SynthID" in label and "trans" in label else steps
            rows.append([str(batch), label, f"{_step(maker(), ids, logits, few):.2f}"])
    text = torch.randint(vocabulary, (200,)).tolist()
    begun = time.process_time()
    for _ in range(100):
        text_mark.detect(text, SECRET, KEY_ID)
    read = 10 * (time.process_time() - begun)
    return (
        "**每步耗时：词表 151,936，单线程 CPU，毫秒（含 top-k 与抽样）**\n\n"
        + table(["批", "", "毫秒/步"], rows)
        + f"\n\n检测 200 词元、一把密钥：{read:.2f} 毫秒，不需要模型，也不需要 torch。"
    )


def _stock(scheme: str, vocabulary: int) -> Any:
    config = text_mark_stock.stock_config(SECRET, KEY_ID, scheme)
    return config.construct_processor(vocabulary, "cpu")


def _step(processor: Any, ids: Any, logits: Any, steps: int) -> float:
    """The least of three rounds; the processor believes that the text began at token 100."""
    for length in range(100, 105):  # transformers leaves the first calls unmarked
        processor(ids[:, :length], logits)
    rounds = []
    for _ in range(3):
        begun = time.process_time()
        for step in range(steps):
            scores = processor(ids[:, : 150 + step], top(logits))
            torch.multinomial(torch.softmax(scores, 1), 1)
        rounds.append((time.process_time() - begun) / steps)
    return 1e3 * min(rounds)


if __name__ == "__main__":
    main()
