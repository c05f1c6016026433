"""Marking generated text: what transformers' generate() writes with our processor is read back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the extra 'models' is not installed")
transformers = pytest.importorskip("transformers", reason="the extra 'models' is not installed")

from guard.errors import InputError  # noqa: E402
from guard.watermark import text_mark, text_mark_logits, text_mark_stock  # noqa: E402
from guard.watermark.text_mark_draws import draw  # noqa: E402

SECRET = bytes(range(32))
KEYS = ["2026-11", "2026-10"]
VOCABULARY = 2000
PROMPT = 8
BOTH = pytest.mark.parametrize("scheme", text_mark.SCHEMES)


@pytest.fixture(scope="module")
def model() -> Any:
    """Two layers with weights by chance: nearly every token is possible after every other."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=256,
        n_embd=32,
        n_layer=2,
        n_head=2,
        bos_token_id=0,
        eos_token_id=None,
        pad_token_id=0,
    )
    return transformers.GPT2LMHeadModel(config).eval()


def generate(model: Any, texts: int = 2, new: int = 96, **options: Any) -> list[list[int]]:
    torch.manual_seed(texts)
    prompt = torch.randint(1, VOCABULARY, (texts, PROMPT))
    options = {"do_sample": True, "top_k": 50} | options
    out = model.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=new, **options
    )
    return [row[PROMPT:] for row in out.tolist()]


@BOTH
@pytest.mark.parametrize(
    "options",
    [{}, {"temperature": 0.7, "top_p": 0.95}, {"num_beams": 2}, {"top_k": 0}],
    ids=["plain", "warped", "beams", "all"],
)
def test_what_generate_marks_is_read(model: Any, scheme: str, options: dict[str, Any]) -> None:
    processor = text_mark.watermark_processor(SECRET, KEYS[1], scheme)
    for row in generate(model, watermarking_config=processor, **options):
        result = text_mark.detect(row, SECRET, KEYS, scheme)
        assert (result.state, result.key_id) == ("present", KEYS[1])
        assert text_mark.detect(row, SECRET, KEYS[:1], scheme).state != "present"
    for row in generate(model, **options):
        assert text_mark.detect(row, SECRET, KEYS, scheme).state != "present"


@BOTH
def test_as_a_logits_processor_it_can_be_used_again(model: Any, scheme: str) -> None:
    processor = text_mark.watermark_processor(SECRET, KEYS[0], scheme)
    for texts in (1, 3, 2):
        for row in generate(model, texts, logits_processor=[processor]):
            assert text_mark.detect(row, SECRET, KEYS, scheme).state == "present"


def test_the_key_is_in_no_saved_or_printed_config() -> None:
    processor = text_mark.watermark_processor(SECRET, KEYS[0])
    shown = json.dumps(processor.to_dict()) + repr(processor)
    assert json.loads(json.dumps(processor.to_dict())) == {
        "scheme": "synthid",
        "key_id": KEYS[0],
        "context": text_mark.CONTEXT,
    }
    key = text_mark.derive(SECRET, KEYS[0])
    assert str(key.words) not in shown
    assert str(key.hashing_key) not in shown


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**64 - 1), st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=9))
def test_torch_draws_what_python_draws(start: int, tokens: list[int]) -> None:
    signed = start - (start >> 63 << 64)
    bits = text_mark_logits.draws(torch.tensor([signed]), torch.tensor([tokens]))
    assert [value % 2**64 for value in bits[0].tolist()] == [draw(start, t) for t in tokens]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-200, 200), min_size=2, max_size=12), st.integers(0, 2**62))
def test_a_tournament_moves_probability_and_makes_none(scores: list[float], start: int) -> None:
    given_scores = torch.tensor([scores])
    bits = text_mark_logits.draws(torch.tensor([start]), torch.arange(len(scores))[None])
    chances = text_mark_logits.tournament(given_scores, bits).exp()
    assert not chances.isnan().any()
    assert float(chances.sum()) == pytest.approx(1, abs=1e-4)


def test_the_tournament_is_fair_over_keys_and_the_green_list_is_not() -> None:
    scores = torch.tensor([2.0, 1.0, 0.0, -1.0]).repeat(20_000, 1)
    seeds = text_mark_logits.draws(torch.zeros(1, dtype=torch.long), torch.arange(20_000)[None])[0]
    bits = text_mark_logits.draws(seeds, torch.arange(4).expand(20_000, -1))
    plain = torch.softmax(scores[0], 0)
    fair = text_mark_logits.tournament(scores, bits).exp().mean(0)
    assert torch.allclose(fair, plain, atol=0.01)
    pushed = torch.softmax(text_mark_logits.green_list(scores, bits, 2.0), 1).mean(0)
    assert not torch.allclose(pushed, plain, atol=0.02)


def test_the_knock_outs_are_those_of_transformers() -> None:
    # Its update of the scores, fed with our bits, is an independent writing of the same paper.
    scores = torch.randn(5, 50) * 3
    bits = text_mark_logits.draws(torch.arange(5), torch.arange(50).expand(5, -1))
    layers = torch.stack([(bits >> (63 - layer)) & 1 for layer in range(30)], dim=2)
    config = text_mark_stock.stock_config(SECRET, KEYS[0])
    theirs = config.construct_processor(50, "cpu").update_scores(scores, layers)
    assert torch.allclose(text_mark_logits.tournament(scores, bits).exp(), theirs.exp(), atol=1e-4)


def test_only_the_likeliest_are_kept_and_others_never_come_back() -> None:
    processor = text_mark.watermark_processor(SECRET, KEYS[0], "kgw", top_k=5)
    scores = torch.randn(2, VOCABULARY)
    scores[:, :1990] = -torch.inf
    ids = torch.arange(40).reshape(2, 20)
    processor(ids[:, :10], scores)
    out = processor(ids, scores)
    assert (out.isfinite().sum(1) == 5).all()
    assert (out.isfinite() <= (scores >= scores.topk(5).values[:, -1:])).all()


@BOTH
def test_unmarked_are_the_first_tokens_and_repeated_contexts(scheme: str) -> None:
    processor = text_mark.watermark_processor(SECRET, KEYS[0], scheme, top_k=20)
    scores = torch.randn(2, 20).log_softmax(1)
    ids = torch.tensor([[9, 9, 1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 9, 9, 9, 9]])
    for length in (3, 4, 5, 6):  # the prompt has three tokens
        assert torch.equal(processor(ids[:, :length], scores), scores)
    assert not torch.allclose(processor(ids[:, :7], scores), scores)
    again = torch.cat([ids, torch.tensor([[7, 8, 7, 8], [1, 2, 3, 4]])], 1)
    out = processor(again, scores)
    assert not torch.allclose(out[0], scores[0])
    assert torch.equal(out[1], scores[1])


def test_a_prompt_of_embeddings_has_no_tokens(model: Any) -> None:
    processor = text_mark.watermark_processor(SECRET, KEYS[0])
    out = model.generate(
        inputs_embeds=torch.randn(1, PROMPT, 32),
        attention_mask=torch.ones(1, PROMPT),
        do_sample=True,
        max_new_tokens=64,
        watermarking_config=processor,
    )
    assert text_mark.detect(out[0], SECRET, KEYS).state == "present"


def test_the_example_shows_a_mark(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    shown = subprocess.run(
        [sys.executable, root / "examples" / "generated_text.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert "'present'" in shown[0]
    assert "'present'" not in shown[1]


@BOTH
def test_marks_of_transformers_with_our_numbers_are_read(model: Any, scheme: str) -> None:
    config = text_mark_stock.stock_config(SECRET, KEYS[1], scheme)
    options = {"vocab_size": VOCABULARY}
    for row in generate(model, watermarking_config=config):
        result = text_mark_stock.detect_stock(row, SECRET, KEYS, scheme, **options)
        assert (result.state, result.key_id) == ("present", KEYS[1])
    for row in generate(model):
        assert text_mark_stock.detect_stock(row, SECRET, KEYS, scheme, **options).state != "present"
    for short in ([], [7]):
        assert text_mark_stock.detect_stock(short, SECRET, KEYS, scheme, **options).p_value == 1


def test_a_loop_is_no_mark_of_transformers_either() -> None:
    for start in range(3):
        loop = list(range(start, start + 7)) * 30
        for scheme in text_mark.SCHEMES:
            result = text_mark_stock.detect_stock(loop, SECRET, KEYS, scheme, vocab_size=VOCABULARY)
            assert (result.state, result.tokens) == ("unsure", 7)


@pytest.mark.parametrize("change", [{"top_k": 1}, {"bias": 0.0}, {"scheme": "x"}, {"context": 17}])
def test_wrong_arguments_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        text_mark.watermark_processor(SECRET, KEYS[0], **change)


def test_without_torch_the_remedy_is_said() -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from guard.errors import InputError\n"
        "from guard.watermark import text_mark\n"
        "try: text_mark.watermark_processor(bytes(16), 'a')\n"
        "except InputError as error: print(error)"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert out.stdout == "marking generated text needs torch; pip install 'aigc-guard[models]'\n"
