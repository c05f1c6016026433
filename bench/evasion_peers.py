"""Peers of the evasion benchmark: which disguised texts they flag, given the same words.

Also run by evasion.py with the python of a peer's environment: ``python evasion_peers.py PEER
INPUT.json`` prints a JSON list of booleans.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
#: Peer -> environment; None: a few lines of our own, here.
PEERS = {
    "llm-guard BanSubstrings": ".venv-llmguard",
    "pyahocorasick": ".venv-ahocorasick",
    "NFKC + substring (own lines)": None,
}
SECONDS = 300


def _llmguard(words: Sequence[str]) -> Callable[[str], bool]:
    import logging

    import structlog
    from llm_guard.input_scanners import BanSubstrings

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    scanner = BanSubstrings(substrings=list(words), match_type="str", case_sensitive=False)
    return lambda text: not scanner.scan(text)[1]


def _pyahocorasick(words: Sequence[str]) -> Callable[[str], bool]:
    import ahocorasick

    automaton = ahocorasick.Automaton()
    for word in words:
        automaton.add_word(word, word)
    automaton.make_automaton()
    return lambda text: any(True for _ in automaton.iter(text))


def _folding(words: Sequence[str]) -> Callable[[str], bool]:
    """What an afternoon gives: NFKC, case, format characters, then a search for each word."""

    def fold(text: str) -> str:
        text = unicodedata.normalize("NFKC", text).casefold()
        return "".join(c for c in text if unicodedata.category(c) != "Cf")

    return lambda text: any(word in fold(text) for word in words)


_FLAGS = {
    "llm-guard BanSubstrings": _llmguard,
    "pyahocorasick": _pyahocorasick,
    "NFKC + substring (own lines)": _folding,
}


def _answers(peer: str, words: Sequence[str], texts: Sequence[str]) -> list[bool] | None:
    """A flag per text; None where the peer cannot be run."""
    folder = PEERS[peer]
    if folder is None:
        return list(map(_FLAGS[peer](words), texts))
    python = HERE / folder / "bin" / "python"
    if not python.exists():
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump({"words": words, "texts": texts}, file)
        file.flush()
        try:
            done = subprocess.run(
                [str(python), __file__, peer, file.name], capture_output=True, text=True,
                timeout=SECONDS, check=True, env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
            )  # fmt: skip
            answers: list[bool] = json.loads(done.stdout.splitlines()[-1])
        except (subprocess.SubprocessError, IndexError, json.JSONDecodeError):
            return None
    return answers


def run_peer(
    peer: str, words: Sequence[str], cases: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Rows of found and asked per disguise and length; empty where the peer is not installed."""
    answers = _answers(peer, words, [case["text"] for case in cases])
    if answers is None:
        print(f"{peer}: not installed", file=sys.stderr)
        return []
    tally: dict[tuple[str, str], list[int]] = {}
    for case, flagged in zip(cases, answers, strict=True):
        counts = tally.setdefault((case["disguise"], case["length"]), [0, 0])
        counts[0] += flagged
        counts[1] += 1
    return [
        {"side": peer, "disguise": d, "length": n, "second": "", "found": f, "asked": a}
        for (d, n), (f, a) in tally.items()
    ]


if __name__ == "__main__":
    given = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    print(
        json.dumps(
            [bool(flag) for flag in map(_FLAGS[sys.argv[1]](given["words"]), given["texts"])]
        )
    )
