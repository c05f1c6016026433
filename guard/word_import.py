"""An operator's word list as a rule pack (``guard policy import``)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from guard.errors import InputError
from guard.files import write_folder

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


def read_words(path: Path, categories: Mapping[str, object]) -> list[Entry]:
    """The entries of a .txt (one a line) or .csv/.tsv (columns word, category, action, note).

    Raises:
        InputError: not UTF-8, a missing column, an unknown category or action; names the line.
    """
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


def import_words(source: Path, target: Path, categories: Mapping[str, object]) -> Imported:
    """Write the pack folder ``target`` from a word list: one rule per category and action.

    Words of one character and repeated words are left out and reported. The folder appears whole
    or not at all.

    Raises:
        InputError: an unusable list, or a target that exists.
    """
    if target.exists():
        raise InputError(f"{target}: exists already", "choose another --out or remove it")
    kept: dict[tuple[str, str], list[Entry]] = {}
    skipped: list[tuple[int, str]] = []
    seen: set[str] = set()
    for entry in read_words(source, categories):
        if len(entry.word) < 2:
            skipped.append((entry.line, f"{entry.word!r}: one character says nothing alone"))
        elif entry.word in seen:
            skipped.append((entry.line, f"{entry.word!r}: listed before"))
        else:
            seen.add(entry.word)
            kept.setdefault((entry.category, entry.action), []).append(entry)
    if not kept:
        raise InputError(f"{source}: no usable word", "one word of two or more characters a line")
    pack = re.sub(r"[^a-z0-9]+", "-", target.name.lower()).strip("-") or "words"
    files = _files(pack, source.name, kept)
    write_folder(target, {name: text.encode() for name, text in files.items()})
    return Imported(pack, len(seen), tuple(skipped))


def _files(
    pack: str, source: str, kept: Mapping[tuple[str, str], Sequence[Entry]]
) -> dict[str, str]:
    head = {
        "id": pack,
        "version": "1",
        "title": {"zh": f"自有词库 {pack}", "en": f"Own words {pack}"},
        "notes": f"imported from {source}",
    }
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
