"""Our side of the rule-layer benchmark: each component alone, then the whole ``Guard.check``.

Run by rule_layer.py: ``python ours.py INPUT.json``. Prints a JSON list of rows.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import found, timed

from guard import Action, Guard
from guard.detectors.automaton import Automaton
from guard.detectors.lexicon import LexiconDetector
from guard.detectors.normalise import fold, folded, squeeze, squeezed
from guard.model import Content, Matcher
from guard.policies.load import load_policy
from guard.word_import import import_words

Row = dict[str, Any]
Data = dict[str, Any]
KINDS = ("word", "disguised", "pii", "secret")


def pack(folder: Path, words: list[str]) -> Path:
    """An operator's rule pack of these words, made as ``guard policy import`` makes it."""
    source = folder / f"{len(words)}.txt"
    source.write_text("\n".join(words), encoding="utf-8")
    target = folder / f"words-{len(words)}"
    import_words(source, target, load_policy("cn").taxonomy.categories)
    return target


def _viewed(text: str) -> Content:
    """A content whose views are made, as the second detector of a pipeline gets it."""
    content = Content(text)
    folded(content)
    squeezed(content)
    return content


def _component(name: str, call: Callable[[Any], object], items: list[Any]) -> Row:
    return {"name": name, "part": True, **timed(call, items)}


def components(data: Data, guard: Guard) -> list[Row]:
    """Folding, squeezing, scanning, each detector, the judgement; on Chinese 40-character prompts."""
    forty, words = data["forty"], data["words"]
    views = [fold(text) for text in forty]
    rows = [
        _component("fold", fold, forty),
        _component("squeeze", squeeze, views),
    ]
    for size in data["sizes"]:
        scan = Automaton(words[:size]).scan
        rows.append(_component(f"scan, {size:,} words", scan, [view.text for view in views]))
    for size in data["sizes"]:
        find = LexiconDetector([Matcher("own", "words", tuple(words[:size]))]).find
        batches = [[_viewed(text)] for text in forty]
        rows.append(_component(f"lexicon detector, {size:,} words", find, batches))
    for detector in guard.engine.detectors:
        batches = [[_viewed(text)] for text in forty]
        label = f"detector {detector.name}, cn + 60,000 words"
        rows.append(_component(label, detector.find, batches))
    today, decide = dt.date(2026, 11, 22), guard.policy.decide
    contents = [_viewed(text) for text in forty]
    rows.append(_component("decide, no finding", lambda c: decide(c, [], on=today), contents))
    return rows


def _flags(guard: Guard) -> Callable[[str], bool]:
    """Whether a check finds anything (personal information in a prompt is found and let pass)."""
    return lambda text: bool(guard.check(text).findings)


def check_rows(data: Data, name: str, guard: Guard, target: bool = False) -> list[Row]:
    """``Guard.check`` on the mixed prompts (with what it finds), and on the forty."""
    flags = _flags(guard)
    plain = (data["chinese"] + data["english"])[::10]
    planted = data["planted"]
    return [
        {
            "name": f"g.check, {name}",
            **timed(guard.check, data["all"]),
            "found": found(flags, planted),
            "false": sum(guard.check(text).action is not Action.PASS for text in plain),
            "plain": len(plain),
        },
        {
            "name": f"g.check, {name}: Chinese, 36-44 characters",
            "target": target,
            **timed(guard.check, data["forty"]),
        },
        {
            "name": f"g.check, {name}: prompts with personal information",
            **timed(guard.check, planted["pii"]),
        },
    ]


def main(data: Data) -> list[Row]:
    """All rows; the packs live in a temporary folder."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        packs = {size: pack(folder, data["words"][:size]) for size in data["sizes"]}
        for size in (1_000, 60_000):
            guard = Guard.load(policy=f"cn,{packs[size]}")
            rows += check_rows(data, f"cn + {size:,} words", guard, target=True)
        rows += check_rows(data, "own words only, 60,000", Guard.load(policy=str(packs[60_000])))
        rows += check_rows(data, "cn", Guard.load())
        return rows + components(data, Guard.load(policy=f"cn,{packs[60_000]}"))


if __name__ == "__main__":
    print(
        json.dumps(
            main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), ensure_ascii=False
        )
    )
