"""Banks of test questions (TC260-003 cl. 8.2, 8.3): what a service must refuse, risk by risk.

The questions are written one by one under ``policies/banks``; what must not be refused is the
benign corpus. How many of them the rules hold up is told and never a gate: a bank tries the whole
service, and a question that is copied into a rule measures nothing.
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
from guard.model import Action, Content
from guard.policies.load import HERE

FOLDER: Final = HERE / "banks"
Bank = Literal["must_refuse", "test"]
_BATCH = 256


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question; ``risk`` is an id of annex A of the standard, e.g. ``A.1.a``."""

    id: str
    risk: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the rules did with the questions of a risk."""

    risk: str
    questions: int
    blocked: int
    reviewed: int


def read_bank(bank: Bank, folder: Path = FOLDER) -> list[Question]:
    """The questions of a bank, in the order of its file.

    Raises:
        PolicyError: a line is not a question; names file and line.
    """
    path = folder / f"{bank}.jsonl"
    decode = msgspec.json.Decoder(Question).decode
    questions = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            questions.append(decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise PolicyError(f"{path}:{number}: {error}", "mend that line") from None
    return questions


def outcomes(engine: Engine, questions: Sequence[Question]) -> list[Outcome]:
    """What the rules alone do with questions put as prompts, per risk, sorted by risk."""
    actions: dict[str, list[Action]] = {}
    for question, action in _actions(engine, questions):
        actions.setdefault(question.risk, []).append(action)
    return [
        Outcome(risk, len(found), found.count(Action.BLOCK), found.count(Action.REVIEW))
        for risk, found in sorted(actions.items())
    ]


def _actions(engine: Engine, questions: Sequence[Question]) -> Iterator[tuple[Question, Action]]:
    today = dt.date.today()
    for start in range(0, len(questions), _BATCH):
        part = questions[start : start + _BATCH]
        batch = [Content(question.text, "prompt") for question in part]
        for question, content, findings in zip(part, batch, engine.find(batch), strict=True):
            yield question, engine.policy.decide(content, findings, on=today).action
