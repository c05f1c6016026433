"""The mark in generated text: which of the likely next words is chosen tells who chose.

>>> processor = watermark_processor(secret, "2026-11")  # doctest: +SKIP
>>> model.generate(**prompt, do_sample=True, watermarking_config=processor)  # doctest: +SKIP
>>> detect(text, secret, ["2026-11", "2026-10"], tokenizer=tokenizer).state  # doctest: +SKIP
'present'

Marking needs torch and a model of one's own; reading needs the token numbers and the key, no model,
and nothing beyond this library. It cannot mark where there is nothing to choose (code, quotations,
short answers), translation removes it, and its absence says nothing. Figures and limits:
docs/watermark-text.md.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from guard.errors import InputError
from guard.watermark.text_mark_draws import draws
from guard.watermark.text_mark_keys import TextKey, derive, load_secret
from guard.watermark.text_mark_score import (
    Evidence,
    green_evidence,
    layer_evidence,
    of_many_keys,
)

__all__ = [
    "SCHEMES",
    "TextKey",
    "TextMarkResult",
    "derive",
    "detect",
    "load_secret",
    "watermark_processor",
]

#: ``synthid``: the tournament, which changes no probability on average. ``kgw``: the green list,
#: which does, by as much as its bias.
SCHEMES: Final = ("synthid", "kgw")
#: Tokens that a draw depends on. Fewer survive more editing but repeat more often.
CONTEXT: Final = 4
#: Default greatest p-value of ``present``.
ALARM: Final = 1e-6
#: Fewer tokens than this, or a p-value below this, are never ``absent``.
_FEWEST: Final = 50
_DOUBT: Final = 0.01
_MOST_CONTEXT: Final = 16

State = Literal["present", "absent", "unsure"]
_EVIDENCE: Final[dict[str, Callable[[Iterable[int]], Evidence]]] = {
    "synthid": layer_evidence,
    "kgw": green_evidence,
}


@dataclass(frozen=True, slots=True)
class TextMarkResult:
    """What a text says.

    ``p_value``: how probable such a score is without the key, in [0, 1], corrected for the number
    of keys tried. ``tokens``: how many were counted, repeated contexts once. ``key_id``: of the
    best key, whatever the state. ``absent`` means: no mark of these keys was found in a text long
    enough to look at; not that a person wrote it.
    """

    state: State
    p_value: float
    tokens: int
    key_id: str


def watermark_processor(
    secret: bytes,
    key_id: str,
    scheme: str = "synthid",
    *,
    top_k: int = 50,
    context: int = CONTEXT,
    bias: float = 2.0,
) -> Any:
    """A processor that marks what ``generate(do_sample=True, watermarking_config=...)`` chooses.

    Args:
        secret: of the deployment, at least 16 bytes. key_id: of the current epoch.
        scheme: one of :data:`SCHEMES`.
        top_k: candidates kept at each step, at least 2; the cost of a step follows this, not the
            vocabulary. The model's own top-k and top-p act before.
        context: tokens that each draw depends on, 1 to 16; the detector needs the same.
        bias: nats added to green tokens; only ``kgw`` has it.

    Raises:
        InputError: an argument is out of range, or torch is not installed.
    """
    check_request(scheme, context)
    if top_k < 2 or not 0 < bias < 100:
        raise InputError("top_k must be at least 2, and bias positive")
    key = derive(secret, key_id)
    try:
        logits = importlib.import_module("guard.watermark.text_mark_logits")
    except ModuleNotFoundError as error:
        raise InputError(
            f"marking generated text needs {error.name}", "pip install 'aigc-guard[models]'"
        ) from None
    return logits.TextMarkProcessor(key, scheme, top_k, context, bias)


def detect(
    text: str | Sequence[int],
    secret: bytes,
    key_ids: str | Sequence[str],
    scheme: str = "synthid",
    *,
    tokenizer: Any = None,
    context: int = CONTEXT,
    alarm: float = ALARM,
) -> TextMarkResult:
    """Whether a text carries the mark of one of these keys.

    Args:
        text: the answer without the prompt, as text or as the model's token numbers.
        key_ids: the newest first; of equal scores the first wins.
        tokenizer: the model's, with ``encode``; needed for text.
        alarm: the greatest p-value that is ``present``: the share of false alarms to expect.

    Raises:
        InputError: an argument is out of range, or a text comes without a tokenizer.
    """
    check_request(scheme, context)
    ids, tokens = numbers(text, key_ids, tokenizer, alarm)
    read = {i: _EVIDENCE[scheme](draws(derive(secret, i).words, tokens, context)) for i in ids}
    return judged(read, alarm)


def numbers(
    text: str | Sequence[int], key_ids: str | Sequence[str], tokenizer: Any, alarm: float
) -> tuple[list[str], list[int]]:
    """The key ids, each once, and the token numbers. Raises :class:`InputError`."""
    ids = [key_ids] if isinstance(key_ids, str) else list(dict.fromkeys(key_ids))
    if not ids or not 0 < alarm < _DOUBT:
        raise InputError(f"key_ids must name a key, and alarm be between 0 and {_DOUBT}")
    return ids, _tokens(text, tokenizer)


def judged(read: dict[str, Evidence], alarm: float) -> TextMarkResult:
    """The verdict on the evidence for each key id, the newest first."""
    best = max(read, key=lambda key_id: read[key_id].z)
    p_value = of_many_keys(read[best].p_value, len(read))
    count = read[best].tokens
    return TextMarkResult(_state(p_value, count, alarm), p_value, count, best)


def _state(p_value: float, tokens: int, alarm: float) -> State:
    if p_value <= alarm:
        return "present"
    return "unsure" if p_value < _DOUBT or tokens < _FEWEST else "absent"


def check_request(scheme: str, context: int) -> None:
    """Raises :class:`InputError` for an unknown scheme or a context out of range."""
    if scheme not in SCHEMES:
        raise InputError(f"unknown text mark {scheme!r}", f"choose one of {', '.join(SCHEMES)}")
    if not 1 <= context <= _MOST_CONTEXT:
        raise InputError(f"context must be 1 to {_MOST_CONTEXT} tokens, not {context}")


def _tokens(text: str | Sequence[int], tokenizer: Any) -> list[int]:
    if not isinstance(text, str):
        numbers = text.tolist() if hasattr(text, "tolist") else list(text)
        if any(not isinstance(number, int) for number in numbers):
            raise InputError("token numbers must be one row of integers", "read one text at a time")
        return numbers
    if tokenizer is None:
        raise InputError("a text can only be read with its model's tokenizer", "give tokenizer=")
    encoded = tokenizer.encode(text, add_special_tokens=False)
    return list(getattr(encoded, "ids", encoded))
