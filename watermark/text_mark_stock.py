"""Text marked by transformers' own processors, with our keys: for services that have them already.

Reasons to prefer :mod:`guard.watermark.text_mark`: the draws here come from torch's generators, so
a text marked on a GPU cannot be read on a CPU; the whole vocabulary is worked through at each step;
SynthID's draws are looked up in one table, so a p-value holds over all keys rather than for one.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Final

from guard.errors import InputError
from guard.watermark.text_mark import ALARM, TextMarkResult, check_request, judged, numbers
from guard.watermark.text_mark_draws import first_seen
from guard.watermark.text_mark_keys import TextKey, derive
from guard.watermark.text_mark_score import GREEN, WEIGHTS, Evidence, of_counts, of_sums

_CONTEXT: Final = 4
#: Sixteen times the default: the table's own share of ones is off by 0.05 %, not by 0.2 %.
_TABLE: Final = 2**20


def stock_config(secret: bytes, key_id: str, scheme: str = "synthid") -> Any:
    """``SynthIDTextWatermarkingConfig`` or ``WatermarkingConfig`` (``kgw``) with derived numbers.

    Pass it to ``generate(watermarking_config=...)``, with a top-k; never save it: its numbers are
    the key.

    Raises:
        InputError: the scheme is unknown, the key cannot be derived, or transformers is missing.
    """
    check_request(scheme, _CONTEXT)
    return _config(derive(secret, key_id), scheme)


def detect_stock(
    text: str | Sequence[int],
    secret: bytes,
    key_ids: str | Sequence[str],
    scheme: str = "synthid",
    *,
    vocab_size: int,
    tokenizer: Any = None,
    alarm: float = ALARM,
) -> TextMarkResult:
    """As :func:`guard.watermark.text_mark.detect`, for text marked with :func:`stock_config`.

    ``vocab_size`` is the model's (``model.config.vocab_size``), not the tokenizer's.
    """
    check_request(scheme, _CONTEXT)
    ids, tokens = numbers(text, key_ids, tokenizer, alarm)
    score = _layers if scheme == "synthid" else _greens
    return judged({i: score(derive(secret, i), tokens, vocab_size) for i in ids}, alarm)


def _config(key: TextKey, scheme: str) -> Any:
    try:
        transformers = importlib.import_module("transformers")
        if scheme == "kgw":
            return transformers.WatermarkingConfig(GREEN, hashing_key=key.hashing_key)
        return transformers.SynthIDTextWatermarkingConfig(
            ngram_len=_CONTEXT + 1,
            keys=list(key.layer_keys),
            sampling_table_seed=key.table_seed,
            sampling_table_size=_TABLE,
            skip_first_ngram_calls=True,
        )
    except ModuleNotFoundError as error:
        raise InputError(
            f"this text mark needs {error.name}", "pip install 'aigc-guard[models]'"
        ) from None


def _layers(key: TextKey, tokens: list[int], vocab_size: int) -> Evidence:
    grams = [[*window, token] for window, token in first_seen(tokens, _CONTEXT)]
    if not grams:
        return of_sums(0, 0.0)
    processor = _config(key, "synthid").construct_processor(vocab_size, "cpu")
    torch = importlib.import_module("torch")
    bits = processor.sample_g_values(processor.compute_ngram_keys(torch.tensor([grams])))
    return of_sums(len(grams), float((bits[0] * torch.tensor(WEIGHTS)).sum()))


def _greens(key: TextKey, tokens: list[int], vocab_size: int) -> Evidence:
    if len(tokens) < 2:
        return of_counts(0, 0, GREEN)
    config = _config(key, "kgw")
    transformers = importlib.import_module("transformers")
    no_token = vocab_size  # the detector needs a number for "begin of text": one that never comes
    model = transformers.PreTrainedConfig(vocab_size=vocab_size, bos_token_id=no_token)
    detector = transformers.WatermarkDetector(model, "cpu", config, ignore_repeated_ngrams=True)
    torch = importlib.import_module("torch")
    read = detector(torch.tensor([tokens]), return_dict=True)
    return of_counts(int(read.num_tokens_scored[0]), int(read.num_green_tokens[0]), GREEN)
