"""What another policy would have done with texts that were judged before.

Both policies judge every row today; nothing is recorded. A row counts as changed when its action
changes. Changes are ordered by doubt: what the stricter policy was least sure of comes first,
because that is where a person should look.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import itertools
import json
import multiprocessing
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from guard.compile import Engine, build_engine
from guard.errors import InputError
from guard.model import ROLES, Action, Content, Finding, Role, Verdict
from guard.policies.load import load_policy
from guard.scan.files import Line, Reader

Kind = Literal["blocked", "freed", "other"]
KINDS: Final[tuple[Kind, ...]] = ("blocked", "freed", "other")
#: Rows a worker takes at a time. Fewer rows than two such chunks are judged in this process.
CHUNK: Final = 512
#: Detectors that are built from a policy's matchers; all others find the same for every policy.
_BOUND: Final = "lexicon"


@dataclass(frozen=True, slots=True)
class Row:
    """A text that was judged before, and the line it was read from."""

    content: Content
    line: int


@dataclass(frozen=True, slots=True)
class Change:
    """A row whose action changes. ``score`` (0..1) is how sure the stricter policy was."""

    id: str
    line: int
    role: str
    kind: Kind
    old: str
    new: str
    score: float
    rules: tuple[str, ...]
    text: str


@dataclass(slots=True)
class Replay:
    """The outcome: ``rules`` counts, per rule, the rows it fired on under (old, new)."""

    rows: int = 0
    actions: Counter[tuple[str, str]] = field(default_factory=Counter)
    old_rules: Counter[str] = field(default_factory=Counter)
    new_rules: Counter[str] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)

    def add(self, row: Row, old: Verdict, new: Verdict) -> None:
        """Count a row judged by both policies."""
        self.rows += 1
        self.actions[old.action.name, new.action.name] += 1
        self.old_rules.update(rule.id for rule in old.rules)
        self.new_rules.update(rule.id for rule in new.rules)
        if old.action is not new.action:
            self.changes.append(_change(row, old, new))

    def merge(self, other: Replay) -> None:
        """Take over the counts of another part of the same run."""
        self.rows += other.rows
        self.actions += other.actions
        self.old_rules += other.old_rules
        self.new_rules += other.new_rules
        self.changes += other.changes

    def by_doubt(self, kind: Kind | None = None) -> list[Change]:
        """Changes (of one kind), the least sure first, then in the order of the input."""
        chosen = (c for c in self.changes if kind is None or c.kind == kind)
        return sorted(chosen, key=lambda change: (change.score, change.line))

    def moved_rules(self) -> dict[str, tuple[int, int]]:
        """Rules that fire on another number of rows: id -> (under old, under new)."""
        ids = sorted(self.old_rules.keys() | self.new_rules.keys())
        pairs = {id: (self.old_rules[id], self.new_rules[id]) for id in ids}
        return {id: pair for id, pair in pairs.items() if pair[0] != pair[1]}


def _change(row: Row, old: Verdict, new: Verdict) -> Change:
    kind: Kind = "other"
    if Action.BLOCK in (old.action, new.action):
        kind = "blocked" if new.action is Action.BLOCK else "freed"
    strict = max(old, new, key=lambda verdict: verdict.action)
    acting = [r for r in strict.rules if r.action is strict.action and not (r.observe or r.waived)]
    sure = max((strict.findings[n].score for r in acting for n in r.findings), default=0.0)
    content = row.content
    return Change(
        content.id,
        row.line,
        content.role,
        kind,
        old.action.name,
        new.action.name,
        round(sure, 4),
        tuple(rule.id for rule in acting),
        content.text,
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """Two engines over the same rows; what they have in common runs once.

    ``wide`` looks for the matchers of both. Where it finds nothing neither of them does (words
    that are added never take a match away), and that is most of the traffic.
    """

    old: Engine
    new: Engine
    wide: Engine
    #: Whether (old, new) ask for exactly what ``wide`` does.
    same: tuple[bool, bool]

    @classmethod
    def load(cls, old: str, new: str, trusted: Collection[str] = ()) -> Pair:
        """Build both. Raises PolicyError for a policy that cannot be used."""
        first, second = (build_engine(load_policy(spec, trusted)) for spec in (old, new))
        one, two = (frozenset(r.match for r in e.policy.rules) for e in (first, second))
        same = (one == one | two, two == one | two)
        if same[0] or same[1]:
            return cls(first, second, first if same[0] else second, same)
        rules = (*first.policy.rules, *second.policy.rules)
        wide = build_engine(replace(first.policy, rules=rules))
        return cls(first, second, wide, same)

    def judge(self, rows: Sequence[Row], on: dt.date) -> Replay:
        """Judge rows with both; views of a text that detectors share are made once."""
        batch = [row.content for row in rows]
        common = _part(self.old, bound=False).find(batch)
        wide = _part(self.wide, bound=True).find(batch)
        pair = zip((self.old, self.new), self.same, strict=True)
        found = [wide if same else _exactly(engine, batch, wide) for engine, same in pair]
        done = Replay()
        for row, shared, old, new in zip(rows, common, *found, strict=True):
            done.add(
                row,
                self.old.policy.decide(row.content, [*old, *shared], on=on),
                self.new.policy.decide(row.content, [*new, *shared], on=on),
            )
        return done


def _exactly(
    engine: Engine, batch: Sequence[Content], wide: Sequence[Sequence[Finding]]
) -> list[list[Finding]]:
    """What an engine's own matchers find per item, tried only where ``wide`` found something."""
    hit = [number for number, findings in enumerate(wide) if findings]
    found: list[list[Finding]] = [[] for _ in batch]
    exact = _part(engine, bound=True).find([batch[number] for number in hit])
    for number, findings in zip(hit, exact, strict=True):
        found[number] = findings
    return found


def _part(engine: Engine, *, bound: bool) -> Engine:
    kept = tuple(d for d in engine.detectors if (d.name == _BOUND) is bound)
    return Engine(engine.policy, kept)


def read_rows(file: Path, lines: Iterable[Line], role: Role) -> Iterator[Row]:
    """Rows of JSON Lines: ``text`` and, if given, ``id``, ``role``, ``channel``, ``tenant``.

    Raises:
        InputError: a line that is no such object; names file and line.
    """
    for line in lines:
        if line.raw.strip() or line.sha256:
            yield Row(_content(file, line, role), line.number)


def _content(file: Path, line: Line, role: Role) -> Content:
    row = _object(line.raw)
    where, remedy = f"{file}:{line.number}", 'give one object with "text" a line'
    if not isinstance(row, dict):
        raise InputError(f"{where}: not a JSON object", remedy)
    if not isinstance(row.get("text"), str):
        raise InputError(f'{where}: no "text" string', remedy)
    if row.get("role", role) not in ROLES:
        raise InputError(f"{where}: unknown role {row['role']!r:.40}", f"one of {', '.join(ROLES)}")
    known = {
        name: row[name] for name in ("channel", "lang", "subject", "tenant") if _filled(row, name)
    }
    return Content(row["text"], row.get("role", role), id=str(row.get("id", line.number)), **known)


def _object(raw: bytes) -> Any:
    """The JSON value of a line, None when there is none."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        pass  # slower and more lenient: a byte order mark, lone surrogates, bytes that are no UTF-8
    try:
        return json.loads(raw.decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError):
        return None


def _filled(row: Mapping[str, Any], name: str) -> bool:
    return isinstance(row.get(name), str) and bool(row[name])


#: What a forked worker works with: set before the fork, so that no automaton is built twice.
_WORK: list[tuple[Pair, Path, Role, dt.date]] = []


def _chunk(lines: list[Line]) -> Replay:
    pair, file, role, on = _WORK[-1]
    return pair.judge(list(read_rows(file, lines, role)), on)


def replay(
    file: Path,
    new: str,
    old: str = "cn",
    *,
    role: Role = "prompt",
    on: dt.date | None = None,
    workers: int = 2,
    trusted: Collection[str] = (),
) -> Replay:
    """Judge a .jsonl(.gz) file with two policies.

    Args:
        new, old: policy specifications such as ``cn`` and ``cn,my-words``.
        role: of rows that do not say theirs.
        on: the day whose rules apply; today.
        workers: processes; 1 stays in this one, as do short files.
        trusted: public keys; if there are any, own packs must be signed, as for service.

    Raises:
        PolicyError: a policy that cannot be used.
        InputError: an unreadable file or row.
    """
    lines = Reader(file).lines()
    _WORK.append((Pair.load(old, new, trusted), file, role, on or dt.date.today()))
    done = Replay()
    try:
        for part in _parts(lines, workers):
            done.merge(part)
    finally:
        _WORK.pop()
    return done


def _parts(lines: Iterator[Line], workers: int) -> Iterator[Replay]:
    chunks = iter(lambda: list(itertools.islice(lines, CHUNK)), [])
    head = list(itertools.islice(chunks, 2))
    if len(head) < 2 or workers < 2 or "fork" not in multiprocessing.get_all_start_methods():
        yield from map(_chunk, itertools.chain(head, chunks))
        return
    gc.freeze()  # what is never looked at is never copied
    try:
        pool = multiprocessing.get_context("fork").Pool(workers)
        with contextlib.closing(pool), pool:
            yield from pool.imap(_chunk, itertools.chain(head, chunks))
    finally:
        gc.unfreeze()
