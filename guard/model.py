"""The nouns. Frozen dataclasses, standard library only; everything else is a function on these.

Detectors turn :class:`Content` into :class:`Finding`; a policy turns findings into a
:class:`Decision`; the log keeps a :class:`Record` of it. Detectors know nothing of law or of
actions, policies know nothing of how a finding was made.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, Literal, Protocol, runtime_checkable

Role = Literal["prompt", "context", "output", "training"]
Modality = Literal["text", "image", "audio", "video", "document"]
Channel = Literal["content", "system", "reasoning", "tool_call", "tool_result", "file"]
Severity = Literal["low", "medium", "high", "critical"]
Status = Literal["experimental", "test", "stable", "deprecated"]

ROLES: Final[tuple[Role, ...]] = ("prompt", "context", "output", "training")
MODALITIES: Final[tuple[Modality, ...]] = ("text", "image", "audio", "video", "document")
CHANNELS: Final[tuple[Channel, ...]] = (
    "content",
    "system",
    "reasoning",
    "tool_call",
    "tool_result",
    "file",
)


class Action(IntEnum):
    """What happens to a content, ordered, so that decisions combine by ``max``.

    REDACT and REVIEW let the (redacted) text pass, REVIEW also queues it for a person. Only BLOCK
    withholds it. In training data BLOCK drops the document and REVIEW quarantines it.
    """

    PASS = 0
    REDACT = 1
    REVIEW = 2
    BLOCK = 3


@dataclass(frozen=True, slots=True)
class Content:
    """One piece of content to judge.

    ``role`` says where it comes from (``context`` is a retrieved document or a tool result),
    ``channel`` the place inside that. ``body`` is ``str`` for text, ``bytes`` otherwise.
    ``session``, ``tenant`` and ``subject`` are opaque ids; the log keeps keyed digests of them.
    ``views`` is scratch space in which detectors share derived forms of the body; it is no part of
    the value.
    """

    body: str | bytes
    role: Role = "prompt"
    modality: Modality = "text"
    channel: Channel = "content"
    id: str = ""
    lang: str = ""
    session: str = ""
    tenant: str = ""
    subject: str = ""
    request_id: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    views: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def text(self) -> str:
        """The body as text; empty for other modalities."""
        return self.body if isinstance(self.body, str) else ""


@dataclass(frozen=True, slots=True)
class Where:
    """The place of a finding in the ORIGINAL content.

    ``start`` and ``end`` are code points of the original text, end exclusive. ``spans`` lists the
    pieces where the evidence is not one stretch. ``decoded`` holds the decoded text when the
    evidence was found inside an encoded payload (``start..end`` then covers the payload).
    ``box`` is (x0, y0, x1, y1) in pixels, ``time`` is (start, end) in seconds.
    """

    start: int = 0
    end: int = 0
    spans: tuple[tuple[int, int], ...] = ()
    decoded: str | None = None
    box: tuple[int, int, int, int] | None = None
    time: tuple[float, float] | None = None

    def pieces(self) -> tuple[tuple[int, int], ...]:
        """The evidence as (start, end) stretches, never empty."""
        return self.spans or ((self.start, self.end),)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector found: what, where, how sure, why. No verdict in it.

    ``detector`` is ``name@version``; ``matcher`` the id of the policy's matcher it answers, or the
    category itself for a detector's own categories. ``score`` is 0..1. ``evidence`` is a masked
    excerpt, safe to store and show.
    """

    detector: str
    matcher: str
    category: str
    score: float
    where: Where | None = None
    evidence: str = ""
    why: str = ""


#: Category of the finding that stands for a detector which raised, timed out or is missing.
DETECTOR_FAILED: Final = "system.detector_failed"


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a rule looks for, as plain data. ``guard/compile.py`` hands it to the detectors.

    Kinds: ``words`` (literal words, matched through disguises), ``pattern`` (a regular expression
    on the folded text, tried only where one of ``anchors`` occurs), ``category`` (a detector's
    category), ``any`` / ``all`` / ``near`` of ``parts``. ``near`` wants every part inside one
    sentence with gaps of at most ``within`` characters, in order if ``ordered``. ``unless``
    suppresses a match when it occurs in the same sentence. Words that are ``plain`` are found
    through changes of form only, not when spelled by sound, shape or components. ``score`` is how
    sure one match is by itself, 0..1.
    """

    id: str
    kind: Literal["words", "pattern", "category", "any", "all", "near"]
    words: tuple[str, ...] = ()
    pattern: str = ""
    anchors: tuple[str, ...] = ()
    category: str = ""
    parts: tuple[Matcher, ...] = ()
    within: int = 0
    ordered: bool = False
    plain: bool = False
    unless: Matcher | None = None
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Requirement:
    """A duty that rules may cite: one line of ``policies/requirements.yaml``.

    ``certainty`` says how well the clause text is known: A quoted from the official text, B from
    secondary sources that agree, C from memory. It limits compliance verdicts, never actions.
    """

    id: str
    instrument: str
    clause: str
    duty_zh: str
    duty_en: str
    bearer: str
    stage: str
    technical: bool
    certainty: Literal["A", "B", "C"]
    source: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """A text a rule must hit or must leave alone, kept beside the rule."""

    text: str
    role: Role = "prompt"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is not allowed, where, why (``basis``: requirement ids) and what then happens.

    ``threshold`` is the least finding score, ``confidence`` (0..1) what a hit adds to the risk.
    ``actions`` maps roles to actions; a role that is absent is left alone. ``observe`` records
    without acting. ``since`` and ``until`` are inclusive legal dates.
    """

    id: str
    title_zh: str
    title_en: str
    basis: tuple[str, ...]
    category: str
    match: Matcher
    actions: Mapping[Role, Action]
    severity: Severity = "medium"
    confidence: float = 0.9
    threshold: float = 0.5
    modalities: tuple[Modality, ...] = ("text",)
    channels: tuple[Channel, ...] = ()
    reply: str = ""
    status: Status = "stable"
    observe: bool = False
    since: dt.date | None = None
    until: dt.date | None = None
    falsepositives: str = ""
    hits: tuple[Sample, ...] = ()
    misses: tuple[Sample, ...] = ()
    pack: str = ""


@dataclass(frozen=True, slots=True)
class Clause:
    """A requirement as it is shown on a decision."""

    id: str
    clause: str
    certainty: str


@dataclass(frozen=True, slots=True)
class FiredRule:
    """A rule that fired, with the clauses it serves and the findings (by index) that fired it."""

    id: str
    title: str
    category: str
    action: Action
    severity: Severity
    clauses: tuple[Clause, ...]
    findings: tuple[int, ...]
    observe: bool = False
    waived: str = ""


@dataclass(frozen=True, slots=True)
class Redaction:
    """A stretch of the original text and what stands for it in ``Decision.text``."""

    start: int
    end: int
    replacement: str
    category: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policy says of a content. Pure: the same input gives the same verdict.

    ``text`` is the content's text with every redaction applied, whatever the action. ``risk`` is
    the highest of ``risks`` (0..1), keyed by coarse class and by the 31 ids of TC260-003 annex A.
    """

    action: Action
    text: str
    redactions: tuple[Redaction, ...] = ()
    reply: str = ""
    findings: tuple[Finding, ...] = ()
    rules: tuple[FiredRule, ...] = ()
    risk: float = 0.0
    risks: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision(Verdict):
    """A verdict with its provenance.

    ``policy`` is ``id@version#digest``; ``took_us`` the time in microseconds without the log's
    commit; ``complete`` is false when a detector failed; ``record`` the index in the audit log.
    ``parts`` holds the decisions of the messages when a conversation was checked.
    """

    policy: str = ""
    stage: str = ""
    took_us: float = 0.0
    complete: bool = True
    record: int | None = None
    id: str = ""
    parts: tuple[Decision, ...] = ()


@runtime_checkable
class Detector(Protocol):
    """Finds; never judges.

    ``window`` is the longest stretch of text, in code points, that one finding needs; ``late``
    says that some findings have no such bound (reversed or encoded text).
    """

    name: str
    version: str
    modalities: tuple[Modality, ...]
    window: int
    late: bool

    def find(self, batch: Sequence[Content]) -> Sequence[Sequence[Finding]]:
        """Findings per item, in the order of the batch. Raises only when it is broken."""
        ...


@dataclass(frozen=True, slots=True)
class Label:
    """What to say about a content: the seven fields of GB 45438-2025 annex E and the wording.

    ``producer`` is the provider's name or 27-character code (ContentProducer), ``produce_id`` the
    provider's unique number of this content (ProduceID); empty, a fresh one is drawn for each
    file. An empty ``propagator`` mirrors the producer, as first writers do; an empty ``producer``
    beside a propagator keeps the producer's fields of the label that the file has. ``label`` is
    "1" generated, "2" possibly, "3" suspected. ``text`` is the visible wording: it needs
    {人工智能, AI} and {生成, 合成} (clause 5).
    """

    producer: str
    produce_id: str = ""
    label: Literal["1", "2", "3"] = "1"
    propagator: str = ""
    propagate_id: str = ""
    reserved1: str = ""
    reserved2: str = ""
    text: str = "AI生成"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a label, by which clause. C only warns, A and B make it noncompliant."""

    clause: str
    certainty: Literal["A", "B", "C"]
    message: str


@dataclass(frozen=True, slots=True)
class Standard:
    """What GB 45438-2025 says of a file's labels. ``reason`` says why it could not be read."""

    status: Literal["compliant", "noncompliant", "not_found", "inconclusive"]
    problems: tuple[Problem, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """Every mark found in a file, layer by layer. Its JSON form is the one of ``guard inspect``.

    ``label`` has the seven fields as strings whenever a label can be read, whatever its status;
    ``carrier`` is its place, ``carriers`` the places of all labels. ``c2pa`` is ``None`` without a
    manifest. ``signature`` is what a signed ReservedCode1 says. ``verdict`` is the case of art. 6
    of the labelling measures: no mark is no proof of human origin.
    """

    file: str
    format: str
    label: Mapping[str, str] | None
    carrier: str | None
    carriers: tuple[str, ...]
    standard: Standard
    explicit: Mapping[str, Any]
    c2pa: Mapping[str, Any] | None
    watermark: Mapping[str, Any] | None
    verdict: Literal["confirmed", "possible", "suspected", "none"]
    traces: tuple[str, ...] = ()
    signature: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the audit log: never the content itself, only keyed digests of it.

    ``kind`` is decision, label, scan, config, shred, ...; ``body`` is JSON-serialisable.
    ``subject`` is pseudonymised by the sink before anything is written.
    """

    kind: str
    body: Mapping[str, Any]
    stage: str = ""
    subject: str = ""
    request_id: str = ""


@runtime_checkable
class Sink(Protocol):
    """Where records go. ``append`` returns the record's index once it is durable."""

    def append(self, record: Record) -> int: ...

    def digest(self, data: str | bytes) -> str:
        """Keyed digest (HMAC-SHA-256, hex) by which content is referred to in records."""
        ...

    def close(self) -> None: ...
