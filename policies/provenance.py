"""What a pack says of itself: where its words come from, what its versions brought, and which
everyday texts it holds up on purpose."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from guard.errors import PolicyError

if TYPE_CHECKING:
    from guard.policies import schema

#: The key of ``provenance:`` that stands for every block which is not named.
REST: Final = "*"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where words come from, who reviewed them, on which day, and what shows their worth."""

    source: str
    reviewer: str
    date: dt.date
    evidence: str


@dataclass(frozen=True, slots=True)
class Block:
    """Words that stand together: those of a rule, of a lexicon file, or of a group.

    ``name`` is the rule's id, the file's name or ``groups.NAME``; ``entries`` counts words;
    ``rules`` find by it.
    """

    pack: str
    name: str
    entries: int
    rules: tuple[str, ...]
    provenance: Provenance | None


@dataclass(frozen=True, slots=True)
class Change:
    """What a version of a pack brought."""

    pack: str
    version: str
    date: dt.date
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A benign text (by id, or itself) that ``pack`` holds up on purpose.

    ``rule`` is empty for the rules of the pack itself.
    """

    pack: str
    benign: str
    rule: str
    reason: str
    who: str

    def covers(self, id: str, text: str, rule: str, pack: str) -> bool:
        """Whether this accepts that a rule of a pack holds up a text of the corpus."""
        meant = rule == self.rule if self.rule else pack == self.pack
        return meant and self.benign in (id, text)


def blocks(
    head: schema.PackFile, rules: Iterable[schema.RuleForm], lexicons: Mapping[str, int]
) -> list[Block]:
    """The blocks of a pack with what ``provenance:`` says of them; the nearest key counts.

    Args:
        lexicons: entries of its lexicon files, by file name.

    Raises:
        PolicyError: a key that names no block.
    """
    sizes = {f"groups.{name}": len(words) for name, words in head.groups.items()} | dict(lexicons)
    users: dict[str, list[str]] = {name: [] for name in sizes}
    for rule in rules:
        for name, inline in _used(rule.match, rule.id):
            users.setdefault(name, []).append(rule.id)
            sizes[name] = sizes.get(name, 0) + inline
    own = [name for name in sizes if sizes[name]]  # a shared group has no size here
    unknown = [key for key in head.provenance if key not in own and key != REST]
    if unknown:
        raise PolicyError(
            f"pack {head.id}: provenance of {unknown[0]!r}, which is no block of it",
            'name a rule that has words, a .tsv, groups.NAME, or "*" for the rest',
        )
    known = {
        key: Provenance(form.source, form.reviewer, form.date, form.evidence)
        for key, form in head.provenance.items()
    }
    return [
        Block(head.id, name, sizes[name], tuple(dict.fromkeys(users[name])),
              known.get(name, known.get(REST)))
        for name in own
    ]  # fmt: skip


def _used(match: schema.MatchForm, rule: str) -> Iterator[tuple[str, int]]:
    """The blocks a match finds words by, and how many words it adds to its rule's own. Excuses
    (``unless``) find nothing."""
    if match.words:
        yield rule, len(match.words)
    if match.lexicon:
        yield match.lexicon, 0
    if match.group:
        yield f"groups.{match.group}", 0
    for part in (*match.any, *match.all, *match.near):
        yield from _used(part, rule)


def changes(head: schema.PackFile) -> list[Change]:
    """What the versions of a pack brought, newest first as they are written."""
    return [Change(head.id, c.version, c.date, c.zh, c.en) for c in head.changes]


def accepted(head: schema.PackFile) -> list[Accepted]:
    """The benign texts that a pack holds up on purpose."""
    return [Accepted(head.id, a.benign, a.rule or "", a.reason, a.who) for a in head.accepts]
