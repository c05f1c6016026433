"""The marking step between a model's scores and the choice of a token. Needs torch alone.

>>> processor = watermark_processor(secret, "2026-11")  # doctest: +SKIP
>>> model.generate(**prompt, do_sample=True, watermarking_config=processor)  # doctest: +SKIP

As ``watermarking_config`` it runs after temperature, top-k and top-p, where it belongs: what
``logits_processor=[...]`` holds runs before them, and a temperature applied afterwards bends the
tournament's distribution.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

from guard.watermark.text_mark_draws import LAST_SHIFT, MASK, ROUNDS, STEP, seed
from guard.watermark.text_mark_keys import LAYERS, TextKey
from guard.watermark.text_mark_score import GREEN_BELOW

torch = importlib.import_module("torch")  # not an import statement: its types are not needed here
#: A torch tensor; shapes are in the docstrings: B texts, T tokens so far, V vocabulary, K kept.
Tensor = Any

#: A context is looked for among as many before it.
_HISTORY: Final = 1024


class TextMarkProcessor:
    """Marks a step of ``generate()``; see :func:`guard.watermark.text_mark.watermark_processor`.

    Not marked: a text's first tokens, whose context is the prompt, which no reader of the answer
    has and which ends the same way in every chat; and what follows a context seen before, which
    would be pushed the same way again.
    """

    def __init__(self, key: TextKey, scheme: str, top_k: int, context: int, bias: float) -> None:
        self._key = key
        self._scheme = scheme
        self._top_k = top_k
        self._context = context
        self._bias = bias
        self._prompt: int | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """``input_ids`` (B, T), ``scores`` (B, V) -> (B, V), -inf outside the top k."""
        length = input_ids.shape[1]
        self._prompt = length if self._prompt is None else min(self._prompt, length)
        kept, candidates = scores.topk(min(self._top_k, scores.shape[1]), dim=1)
        if length > self._context and length - self._prompt >= self._context:
            marked = self._marked(input_ids, kept, candidates)
            kept = torch.where(self._repeated(input_ids)[:, None], kept, marked)
        return torch.full_like(scores, -torch.inf).scatter(1, candidates, kept)

    def _marked(self, input_ids: Tensor, kept: Tensor, candidates: Tensor) -> Tensor:
        windows = input_ids[:, -self._context :].tolist()
        seeds = [_signed(seed(self._key.words, window)) for window in windows]
        bits = draws(torch.tensor(seeds, device=kept.device), candidates)
        return (
            green_list(kept, bits, self._bias) if self._scheme == "kgw" else tournament(kept, bits)
        )

    def _repeated(self, input_ids: Tensor) -> Tensor:
        """Which rows end with a context that they held before: (B,)."""
        before = input_ids[:, :-1].unfold(1, self._context, 1)[:, -_HISTORY:]
        return (before == input_ids[:, None, -self._context :]).all(-1).any(-1)

    # What generate() asks of a watermarking_config.

    def construct_processor(self, vocab_size: int, device: object = None) -> TextMarkProcessor:
        """A processor for one call of ``generate()``."""
        return TextMarkProcessor(self._key, self._scheme, self._top_k, self._context, self._bias)

    def validate(self) -> None:
        """Nothing is left to check: the arguments were, when this was made."""

    def to_dict(self) -> dict[str, object]:
        """What may stand in a log or in a saved generation config: never the key."""
        return {"scheme": self._scheme, "key_id": self._key.key_id, "context": self._context}

    def __repr__(self) -> str:
        return f"TextMarkProcessor({self.to_dict()})"


def draws(seeds: Tensor, candidates: Tensor) -> Tensor:
    """``text_mark_draws.draw`` on signed 64-bit numbers: (B,), (B, K) -> (B, K)."""
    bits = seeds[:, None] + candidates * _signed(STEP)
    for shift, factor in ROUNDS:
        bits = (bits ^ _shifted(bits, shift)) * _signed(factor)
    return bits ^ _shifted(bits, LAST_SHIFT)


def green_list(scores: Tensor, bits: Tensor, bias: float) -> Tensor:
    """Scores with ``bias`` added where the draw is green (Kirchenbauer et al. 2023)."""
    green = _shifted(bits, 1) < GREEN_BELOW >> 1
    return scores + bias * green


def tournament(scores: Tensor, bits: Tensor) -> Tensor:
    """Log probabilities after 30 two-way knock-outs, one a bit (Dathathri et al. 2024).

    In each a candidate meets a rival drawn like itself, and wins if its bit is set and the rival's
    is not; ties are even. Over all keys every candidate keeps its probability.
    """
    chances = torch.softmax(scores.float(), dim=1)
    places = torch.arange(63, 63 - LAYERS, -1, device=bits.device)[:, None, None]
    for up in ((bits >> places) & 1).to(chances.dtype):
        beaten = up - (up * chances).sum(1, keepdim=True)
        chances = torch.addcmul(chances, chances, beaten)
    return chances.clamp(min=0).log().to(scores.dtype)  # rounding may end just below 0


def _shifted(bits: Tensor, by: int) -> Tensor:
    """A logical shift to the right: torch's own copies the sign."""
    return (bits >> by) & (MASK >> by)


def _signed(number: int) -> int:
    """The signed 64-bit number of the same bits."""
    return number - (number >> 63 << 64)
