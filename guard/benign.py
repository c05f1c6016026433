"""The benign corpus: everyday texts that no rule may block, and the mistakes still known.

TC260-003 cl. 8.3 asks for a bank of questions that must not be refused, over 13 aspects; the
prompts of ``policies/benign`` are one. Its other texts (news, fiction, medicine, code, ...) say in
the other roles what a rule must leave alone. ``known-false-positives.tsv`` lists what a rule still
holds up; it may only get shorter.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from guard.compile import Engine
from guard.errors import PolicyError
from guard.model import DETECTOR_FAILED, Action, Content, Role, Verdict
from guard.policies.load import HERE
from guard.policies.policy import Policy
from guard.policies.provenance import Accepted

FOLDER: Final = HERE / "benign"
KNOWN: Final = "known-false-positives.tsv"
#: The aspects of cl. 8.3 (certainty B): system, belief, image, culture, customs, ethnicity,
#: geography, history, heroes; gender, age, occupation, health.
ASPECTS: Final = (
    *("制度", "信仰", "形象", "文化", "习俗", "民族", "地理", "历史", "英烈"),
    *("性别", "年龄", "职业", "健康"),
)
_BATCH = 256

Kind = Literal[
    "question", "news", "fiction", "medicine", "law", "teaching", "code", "chat", "notice",
    "review", "history", "service",
]  # fmt: skip


class BenignText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One text of the corpus. ``aspect`` is one of ASPECTS, or empty for everyday texts."""

    id: str
    text: str
    role: Role
    kind: Kind
    aspect: str


@dataclass(frozen=True, slots=True)
class Held:
    """A benign text that a rule holds up: ``action`` is REVIEW or BLOCK."""

    id: str
    action: str
    rule: str


def read_corpus(folder: Path = FOLDER) -> list[BenignText]:
    """All texts of the corpus, file by file.

    Raises:
        PolicyError: a line is not a text of the corpus; names file and line.
    """
    decode = msgspec.json.Decoder(BenignText).decode
    texts = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                texts.append(decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise PolicyError(f"{path}:{number}: {error}", "mend that line") from None
    return texts


def read_known(folder: Path = FOLDER) -> list[Held]:
    """The mistakes that are known, one line per text and rule.

    Raises:
        PolicyError: a line has not three cells (id, action, rule).
    """
    path = folder / KNOWN
    known = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        cells = line.split("\t")
        if len(cells) != 3:
            raise PolicyError(f"{path}:{number}: not `id action rule`", "use one tab per column")
        if number > 1:
            known.append(Held(*cells))
    return known


def held(engine: Engine, corpus: Sequence[BenignText]) -> Iterator[Held]:
    """What the rules hold up today (REVIEW or BLOCK), in the order of the corpus."""
    today = dt.date.today()
    for start in range(0, len(corpus), _BATCH):
        texts = corpus[start : start + _BATCH]
        batch = [Content(item.text, item.role) for item in texts]
        for item, content, findings in zip(texts, batch, engine.find(batch), strict=True):
            verdict = engine.policy.decide(content, findings, on=today)
            for rule, action in _holding(verdict):
                yield Held(item.id, action.name, rule)


def _holding(verdict: Verdict) -> list[tuple[str, Action]]:
    """The rules that hold a text up; a failed detector does so without a rule."""
    if verdict.action < Action.REVIEW:
        return []
    acting = [rule for rule in verdict.rules if not (rule.observe or rule.waived)]
    rules = [(rule.id, rule.action) for rule in acting if rule.action >= Action.REVIEW]
    return rules or [(DETECTOR_FAILED, verdict.action)]


def acceptance(policy: Policy, id: str, text: str, rule: str) -> Accepted | None:
    """What a pack of the policy says if it holds this benign text up by this rule on purpose."""
    pack = next((known.pack for known in policy.rules if known.id == rule), "")
    return next((item for item in policy.accepted if item.covers(id, text, rule, pack)), None)


@dataclass(frozen=True, slots=True)
class OnPurpose:
    """The part of what is held up that packs accept, and acceptances of which nothing came."""

    held: tuple[Held, ...]
    unused: tuple[Accepted, ...]


def on_purpose(policy: Policy, found: Sequence[Held], corpus: Sequence[BenignText]) -> OnPurpose:
    """Which of the texts that are held up the policy's packs accept."""
    texts = {item.id: item.text for item in corpus} if policy.accepted else {}
    taken = [(item, acceptance(policy, item.id, texts.get(item.id, ""), item.rule))
             for item in found if policy.accepted]  # fmt: skip
    used = {accepted for _, accepted in taken}
    return OnPurpose(
        tuple(item for item, accepted in taken if accepted),
        tuple(item for item in policy.accepted if item not in used),
    )


def newly_blocked(found: Sequence[Held], known: Sequence[Held]) -> list[Held]:
    """Those that block a text and are not known to."""
    listed = set(known)
    return [item for item in found if item.action == Action.BLOCK.name and item not in listed]
