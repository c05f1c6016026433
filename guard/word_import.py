"""An operator's word list as a rule pack (``guard policy import``)."""

from __future__ import annotations

import csv
import io
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

#: Without an action: block in prompt and output, review in context, drop in training.
DEFAULT_ACTIONS = {"prompt": "block", "output": "block", "context": "review", "training": "block"}
_ACTIONS = ("pass", "redact", "review", "block", "drop")
DEFAULT_CATEGORY = "custom.word"
#: The duty that a keyword library serves: TC260-003 cl. 8.1, deep-synthesis provisions art. 10.
BASIS = ["TC260-003/8.1", "CN-DS-2023/10"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of a list; ``line`` counts from 1."""

    word: str
    category: str
    action: str
    note: str
    line: int


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


def read_words(path: Path, categories: Mapping[str, object]) -> list[Entry]:
    """The entries of a .txt (one a line), or of a .csv, .tsv or .xlsx (first sheet) with the
    columns word, category, action, note; an .xlsx without that header has words in column A.

    Raises:
        InputError: not UTF-8, a missing column, an unknown category or action; names the line.
    """
    if path.suffix.lower() == ".xlsx":
        return _sheet_entries(path, categories)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", "check the path") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8", "save it as UTF-8") from None
    if path.suffix.lower() not in (".csv", ".tsv"):
        lines = enumerate(text.splitlines(), 1)
        return [
            Entry(line.strip(), DEFAULT_CATEGORY, "", "", n) for n, line in lines if line.strip()
        ]
    rows = csv.DictReader(io.StringIO(text), delimiter="\t" if path.suffix == ".tsv" else ",")
    if not rows.fieldnames or "word" not in rows.fieldnames:
        raise InputError(f"{path}:1: no column named word", "begin with word,category,action,note")
    return [_entry(path, rows.line_num, row, categories) for row in rows if row.get("word")]


def _sheet_entries(path: Path, categories: Mapping[str, object]) -> list[Entry]:
    from guard.xlsx import read_sheet

    rows = read_sheet(path)
    columns = [cell.lower() for cell in rows[0][1]] if rows else []
    rows = rows[1:] if "word" in columns else rows
    names = columns if "word" in columns else ["word"]
    tables = [(line, dict(zip(names, cells, strict=False))) for line, cells in rows]
    return [_entry(path, line, row, categories) for line, row in tables if row.get("word")]


def _entry(
    path: Path, line: int, row: Mapping[str, str | None], categories: Mapping[str, object]
) -> Entry:
    category = (row.get("category") or DEFAULT_CATEGORY).strip()
    action = (row.get("action") or "").strip().lower()
    if category not in categories:
        raise InputError(
            f"{path}:{line}: unknown category {category!r}", "use a slug of taxonomy.yaml"
        )
    if action and action not in _ACTIONS:
        raise InputError(
            f"{path}:{line}: unknown action {action!r}", f"one of {', '.join(_ACTIONS)}"
        )
    return Entry(
        (row["word"] or "").strip(), category, action, (row.get("note") or "").strip(), line
    )


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
