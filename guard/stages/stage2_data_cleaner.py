"""Stage 2, the training-data cleaner: every document in, one outcome each, every reason kept.

``clean`` is the in-process form over any iterable. ``guard/scan`` runs it over files. A document
that cannot be read or judged is quarantined with the reason: none is ever lost, and
:class:`Balance` proves it (input = kept + dropped + quarantined).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from guard.detectors.duplicates import Duplicate, DuplicateIndex
from guard.model import DETECTOR_FAILED, Action, Content, Decision, FiredRule, Record

Outcome = Literal["keep", "redact", "drop", "quarantine", "duplicate"]
Judge = Callable[[Sequence[Content]], Sequence[Decision]]
#: Where a document stands: (id, file, line).
Place = tuple[str, str, int]

STAGE: Final = "data_cleaner"
BATCH: Final = 256
#: Characters after which a batch is judged, however few documents it has: bounds the memory.
BATCH_CHARS: Final = 4_000_000
_OF_ACTION: Final[Mapping[Action, Outcome]] = {
    Action.PASS: "keep",
    Action.REDACT: "redact",
    Action.REVIEW: "quarantine",
    Action.BLOCK: "drop",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a document could not be read or judged: a category slug and a sentence."""

    category: str
    reason: str


@dataclass(frozen=True, slots=True)
class Doc:
    """One training document.

    ``line`` counts from 1 in ``file``. Where a ``problem`` kept the text from being read,
    ``raw_sha256`` (hex, of the bytes it was read from) stands for the text in the ledger.
    """

    text: str
    id: str = ""
    source: str = ""
    file: str = ""
    line: int = 0
    problem: Problem | None = None
    raw_sha256: str = ""

    @property
    def place(self) -> Place:
        return (self.id, self.file, self.line)

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the text's UTF-8 bytes, of the raw bytes where there is no text."""
        data = self.text.encode("utf-8", "surrogatepass")
        return self.raw_sha256 or hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Hit:
    """One rule that acted on a document: spans are (start, end) code points of the original."""

    rule: str
    category: str
    action: str
    spans: tuple[tuple[int, int], ...]
    score: float | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger: what became of a document that was not kept as it was, and why.

    ``rule`` and ``category`` are those of the rule that decided; ``rules`` has every rule that
    acted, ``spans`` all their spans, ``score`` their highest score. ``duplicate_at`` is the
    file:line of ``duplicate_of``.
    """

    id: str
    source: str
    file: str
    line: int
    sha256: str
    decision: Outcome
    rule: str = ""
    category: str = ""
    reason: str = ""
    spans: tuple[tuple[int, int], ...] = ()
    score: float | None = None
    rules: tuple[Hit, ...] = ()
    duplicate_of: str | None = None
    duplicate_at: str | None = None
    jaccard: float | None = None


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A document and its outcome. ``text`` is what may be trained on: empty unless kept."""

    doc: Doc
    decision: Outcome
    text: str
    entry: Entry | None = None


@dataclass(slots=True)
class Balance:
    """Counters under the law ``input = kept + dropped + quarantined``.

    ``kept`` includes ``redacted``, ``dropped`` includes ``duplicates``.
    """

    kept: int = 0
    redacted: int = 0
    dropped: int = 0
    duplicates: int = 0
    quarantined: int = 0
    input: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one document."""
        self.input += 1
        self.kept += outcome in ("keep", "redact")
        self.redacted += outcome == "redact"
        self.dropped += outcome in ("drop", "duplicate")
        self.duplicates += outcome == "duplicate"
        self.quarantined += outcome == "quarantine"

    @property
    def holds(self) -> bool:
        return self.input == self.kept + self.dropped + self.quarantined

    def as_dict(self) -> dict[str, int]:
        """The counters in the order of the flow."""
        names = ("input", "kept", "redacted", "dropped", "duplicates", "quarantined")
        return {name: getattr(self, name) for name in names}


def clean(
    docs: Iterable[Doc],
    judge: Judge,
    *,
    duplicates: DuplicateIndex[Place] | None = None,
    batch: int = BATCH,
) -> Iterator[Cleaned]:
    """Exactly one :class:`Cleaned` per document, in order, judged ``batch`` at a time.

    Judging comes first, so that a document which is withheld never counts as the survivor of a
    duplicate group, and every duplicate in the ledger points at a document that was kept. The
    comparison uses the original texts: an auditor can repeat it from the input.

    Args:
        judge: contents in, decisions out, same order. When it raises, the documents of the batch
            are judged one by one and those that still raise are quarantined.
        duplicates: the index that finds repeats; None keeps them.
    """
    for group in _groups(docs, batch):
        for doc, verdict in zip(group, _judge(group, judge), strict=True):
            yield _outcome(doc, verdict, duplicates)


def _groups(docs: Iterable[Doc], most: int) -> Iterator[list[Doc]]:
    """Batches of at most ``most`` documents, cut earlier where they are long."""
    group: list[Doc] = []
    size = 0
    for doc in docs:
        group.append(doc)
        size += len(doc.text)
        if len(group) == most or size >= BATCH_CHARS:
            yield group
            group, size = [], 0
    if group:
        yield group


def _judge(group: Sequence[Doc], judge: Judge) -> list[Decision | Problem]:
    """A decision per document, or the problem that stands for it."""
    readable = [doc for doc in group if doc.problem is None]
    decisions = iter(_decide(readable, judge))
    return [doc.problem or next(decisions) for doc in group]


def _decide(docs: Sequence[Doc], judge: Judge) -> Sequence[Decision | Problem]:
    contents = [Content(doc.text, role="training", id=doc.id) for doc in docs]
    try:
        decisions = judge(contents) if contents else ()
        if len(decisions) != len(contents):
            raise ValueError(f"{len(decisions)} decisions for {len(contents)} contents")
        return decisions
    except Exception as error:  # whatever it was, no document may be lost to it
        if len(docs) > 1:
            return [one for doc in docs for one in _decide([doc], judge)]
        # The class only: a message may hold addresses, and the ledger is byte-reproducible.
        return [Problem(DETECTOR_FAILED, f"judging raised {type(error).__name__}")]


def _outcome(
    doc: Doc, verdict: Decision | Problem, duplicates: DuplicateIndex[Place] | None
) -> Cleaned:
    if isinstance(verdict, Problem):
        entry = _entry(doc, "quarantine", category=verdict.category, reason=verdict.reason)
        return Cleaned(doc, "quarantine", "", entry)
    outcome = _OF_ACTION[verdict.action]
    if not verdict.complete:
        return Cleaned(doc, "quarantine", "", _incomplete(doc, verdict))
    if outcome in ("drop", "quarantine"):
        return Cleaned(doc, outcome, "", _ruled(doc, outcome, verdict))
    found = duplicates.add(doc.place, doc.text) if duplicates else None
    if found is not None:
        return Cleaned(doc, "duplicate", "", _repeats(doc, found))
    if outcome == "keep" and verdict.text == doc.text:
        return Cleaned(doc, "keep", doc.text)
    return Cleaned(doc, "redact", verdict.text, _ruled(doc, "redact", verdict))


def _entry(doc: Doc, decision: Outcome, **more: Any) -> Entry:
    return Entry(doc.id, doc.source, doc.file, doc.line, doc.sha256, decision, **more)


def _incomplete(doc: Doc, verdict: Decision) -> Entry:
    """A detector failed: what the others found is no proof that the document is clean."""
    failed = sorted({f.detector for f in verdict.findings if f.category == DETECTOR_FAILED})
    reason = "detector failed: " + (", ".join(failed) or "unknown")
    return _entry(doc, "quarantine", category=DETECTOR_FAILED, reason=reason)


def _ruled(doc: Doc, outcome: Outcome, verdict: Decision) -> Entry:
    acting = [
        rule
        for rule in verdict.rules
        if rule.action > Action.PASS and not rule.observe and not rule.waived
    ]
    acting.sort(key=lambda rule: -rule.action)  # stable: the policy's order within an action
    hits = tuple(_hit(rule, verdict) for rule in acting)
    decided = hits[0] if hits else None
    return _entry(
        doc,
        outcome,
        rule=decided.rule if decided else "",
        category=decided.category if decided else "",
        spans=tuple(sorted({span for hit in hits for span in hit.spans})),
        score=max((hit.score for hit in hits if hit.score is not None), default=None),
        rules=hits,
    )


def _hit(rule: FiredRule, verdict: Decision) -> Hit:
    findings = [verdict.findings[index] for index in rule.findings]
    spans = {span for finding in findings if finding.where for span in finding.where.pieces()}
    score = max((finding.score for finding in findings), default=None)
    return Hit(rule.id, rule.category, rule.action.name, tuple(sorted(spans)), score)


def _repeats(doc: Doc, found: Duplicate[Place]) -> Entry:
    survivor, file, line = found.of
    return _entry(
        doc,
        "duplicate",
        rule=f"{DuplicateIndex.name}@{DuplicateIndex.version}",
        category="dup.exact" if found.exact else "dup.near",
        duplicate_of=survivor,
        duplicate_at=f"{file}:{line}" if file else None,
        jaccard=round(found.jaccard, 6),
    )


def run_record(balance: Balance, **body: Any) -> Record:
    """The log's entry for one run: counts, and whatever pins it (policy, recipe, outputs)."""
    return Record("scan", {**balance.as_dict(), **body}, stage=STAGE)
