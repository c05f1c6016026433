"""Stage 1, prompt filter 提示词过滤: what users and retrieved documents bring to the model.

Serves Interim Measures art. 4 and TC260-003 cl. 6 b and 7 g: the input of every turn is examined.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from guard.compile import Engine
from guard.judge import judge
from guard.model import Action, Content, Decision

NAME = "prompt_filter"


def filter_prompts(engine: Engine, batch: Sequence[Content], on: dt.date) -> list[Decision]:
    """Decisions for prompts and contexts (roles ``prompt`` and ``context``), in order.

    A prompt that is held up is given a safe answer for a reply, where one fits.
    """
    decisions = judge(engine, batch, on, NAME)
    if not any(decision.action >= Action.REVIEW for decision in decisions):
        return decisions
    from guard.safe_answers import answered

    return answered(engine.policy, batch, decisions)
