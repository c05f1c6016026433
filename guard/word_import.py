"""An operator's word list as a rule pack (``guard policy import``)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from guard.benign import FOLDER, BenignText, read_corpus
from guard.errors import InputError
from guard.files import write_folder
from guard.model import Content, Matcher
from guard.policies.policy import SURE
from guard.word_table import Entry, read_words

#: Without an action: block in prompt and output, review in context, drop in training.
DEFAULT_ACTIONS = {"prompt": "block", "output": "block", "context": "review", "training": "block"}
#: The duty that a keyword library serves: TC260-003 cl. 8.1, deep-synthesis provisions art. 10.
BASIS = ["TC260-003/8.1", "CN-DS-2023/10"]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import took and what it left out, with reasons by line."""

    pack: str
    entries: int
    skipped: tuple[tuple[int, str], ...]
    risky: tuple[Risky, ...] = ()


@dataclass(frozen=True, slots=True)
class Risky:
    """An entry that would hit everyday texts: of ``texts`` benign texts, the first being ``id``.

    ``blocks`` are the ids of those that it would block.
    """

    word: str
    line: int
    texts: int
    id: str
    excerpt: str
    blocks: tuple[str, ...] = ()


def _actions(action: str) -> dict[str, str]:
    if not action:
        return dict(DEFAULT_ACTIONS)
    name = "block" if action == "drop" else action
    return dict.fromkeys(("prompt", "context", "output", "training"), name)


def risky_entries(entries: Sequence[Entry], benign: Sequence[BenignText]) -> list[Risky]:
    """Entries that would hit benign texts, the most frequent first.

    They are looked for as a rule would, through disguises too: an entry that is an ordinary word,
    or sounds like one, shows here.
    """
    from guard.detectors.lexicon import LexiconDetector

    detector = LexiconDetector([Matcher(e.word, "words", (e.word,)) for e in entries])
    listed = {entry.word: entry for entry in entries}
    found = detector.find([Content(item.text, item.role) for item in benign])
    hits: dict[str, dict[BenignText, float]] = {}
    for item, findings in zip(benign, found, strict=True):
        for finding in findings:
            scores = hits.setdefault(finding.matcher, {})
            scores[item] = max(scores.get(item, 0.0), finding.score)
    risky = [_risky(listed[word], scores) for word, scores in hits.items()]
    return sorted(risky, key=lambda item: (-item.texts, item.line))


def _risky(entry: Entry, scores: Mapping[BenignText, float]) -> Risky:
    """What is told of an entry, from the texts it hits and how surely."""
    first, actions = next(iter(scores)), _actions(entry.action)
    blocks = tuple(
        item.id
        for item, score in scores.items()
        if score >= SURE and actions.get(item.role) == "block"
    )
    return Risky(entry.word, entry.line, len(scores), first.id, first.text[:40], blocks)


def import_words(
    source: Path,
    target: Path,
    categories: Mapping[str, object],
    *,
    strict: bool = False,
    accept: str = "",
    benign: Path = FOLDER,
) -> Imported:
    """Write the pack folder ``target`` from a word list: one rule per category and action.

    Words of one character and repeated words (also in another width, case or script) are left out
    and reported. Entries that would hit texts of the folder ``benign`` are taken and named in the
    result: a word may be risky and still wanted. Where ``accept`` names who wants them, the pack
    says so of every text that they block (``accepts``), and a reload takes it; with ``strict`` they
    stop the import, and nothing is written. The folder appears whole or not at all.

    Raises:
        InputError: an unusable list, or a target that exists.
    """
    if target.exists():
        raise InputError(f"{target}: exists already", "choose another --out or remove it")
    kept, skipped = _sifted(read_words(source, categories))
    if not kept:
        raise InputError(f"{source}: no usable word", "one word of two or more characters a line")
    pack = re.sub(r"[^a-z0-9]+", "-", target.name.lower()).strip("-") or "words"
    risky = tuple(risky_entries(kept, read_corpus(benign)))
    if risky and strict:
        return Imported(pack, 0, tuple(skipped), risky)
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in kept:
        groups.setdefault((entry.category, entry.action), []).append(entry)
    accepts = _accepts(risky, accept) if accept else []
    files = _files(pack, source.name, groups, accepts)
    write_folder(target, {name: text.encode() for name, text in files.items()})
    return Imported(pack, len(kept), tuple(skipped), risky)


def _sifted(entries: Sequence[Entry]) -> tuple[list[Entry], list[tuple[int, str]]]:
    """Entries worth taking, and the others with the reason, by line."""
    from guard.detectors.lexicon import canonical

    kept: list[Entry] = []
    skipped: list[tuple[int, str]] = []
    first: dict[str, Entry] = {}
    for entry, folded in zip(entries, canonical([e.word for e in entries]), strict=True):
        before = first.setdefault(folded, entry)
        if len(folded) < 2:
            skipped.append((entry.line, f"{entry.word!r}: one character says nothing alone"))
        elif before is entry:
            kept.append(entry)
        elif before.word == entry.word:
            skipped.append((entry.line, f"{entry.word!r}: listed before"))
        else:
            said = f"{entry.word!r}: the same as {before.word!r} on line {before.line}"
            skipped.append((entry.line, said))
    return kept, skipped


def _accepts(risky: Sequence[Risky], who: str) -> list[dict[str, str]]:
    """The texts that risky entries block, each once, for ``accepts`` of the pack."""
    words: dict[str, list[str]] = {}
    for entry in risky:
        for id in entry.blocks:
            words.setdefault(id, []).append(entry.word)
    return [
        {"benign": id, "reason": f"own words: {', '.join(own)}", "who": who}
        for id, own in sorted(words.items())
    ]


def _files(
    pack: str,
    source: str,
    kept: Mapping[tuple[str, str], Sequence[Entry]],
    accepts: Sequence[Mapping[str, str]],
) -> dict[str, str]:
    head: dict[str, object] = {
        "id": pack,
        "version": "1",
        "title": {"zh": f"自有词库 {pack}", "en": f"Own words {pack}"},
        "notes": f"imported from {source}",
    }
    if accepts:
        head["accepts"] = list(accepts)
    files = {"pack.yaml": _yaml(head)}
    rules = []
    for number, ((category, action), entries) in enumerate(sorted(kept.items()), 1):
        lexicon = f"words-{number}.tsv"
        rows = [f"{e.word}\t{e.category}\t{e.action}\t{e.note}" for e in entries]
        files[lexicon] = "\n".join(["word\tcategory\taction\tnote", *rows]) + "\n"
        rules.append(
            {
                "id": f"{pack}.words-{number}",
                "title": {"zh": f"自有词库（{category}）", "en": f"Own words ({category})"},
                "basis": BASIS,
                "category": category,
                "match": {"lexicon": lexicon},
                "action": _actions(action),
                "severity": "high",
                "confidence": 0.95,
                "samples": {"hit": [entry.word for entry in entries[:3]], "miss": []},
            }
        )
    files["rules.yaml"] = _yaml({"rules": rules})
    return files


def _yaml(data: object) -> str:
    text: str = yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=100)
    return text
