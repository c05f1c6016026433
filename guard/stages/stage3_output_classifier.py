"""Stage 3, output classifier 生成内容拦截: what the model says, before anybody sees it.

Serves Interim Measures art. 4 and 14(1): illegal content is not sent on. An answer is judged as a
whole here. A stream will come through this file too: it needs the longest ``window`` of the
engine's detectors as its hold-back, and treats ``late`` findings as stops (docs/architecture.md).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from guard.compile import Engine
from guard.judge import judge
from guard.model import Content, Decision

NAME = "output_classifier"


def classify_outputs(engine: Engine, batch: Sequence[Content], on: dt.date) -> list[Decision]:
    """Decisions for whole outputs (role ``output``), in order."""
    return judge(engine, batch, on, NAME)
