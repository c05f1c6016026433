"""One peer, timed on the shared input; run by rule_layer.py with the python of the peer's own
environment: ``python peers.py PEER INPUT.json``. Prints a JSON list of rows.

Peers are used at their best: called directly, logging off, no model, no network.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import found, timed

#: What a user of a generic "regex scanner" would write for Chinese personal information. No \\b:
#: beside Chinese characters it never matches.
FIVE = (
    r"(?<!\d)1[3-9]\d{9}(?!\d)",
    r"(?<!\d)[1-9]\d{5}(?:19|20)\d{9}[\dXx](?!\d)",
    r"(?<!\d)\d{16,19}(?!\d)",
    r"[\w.+-]+@[\w-]+\.[\w.]+",
    r"(?<!\d)(?:\d{1,3}\.){3}\d{1,3}(?!\d)",
)
#: The naive skeleton's twenty: the five above and fifteen shapes of secrets and accounts.
TWENTY = (
    *FIVE,
    r"AKIA[0-9A-Z]{16}",
    r"gh[pousr]_[0-9A-Za-z]{36}",
    r"sk_live_[0-9A-Za-z]{24}",
    r"xox[bp]-[0-9A-Za-z-]{10,}",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"eyJ[\w-]+\.[\w-]+\.[\w-]+",
    r"AIza[\w-]{35}",
    r"(?i)password\s*[:=]\s*\S{6,}",
    r"密码[是为：:]\s*\S{6,}",
    r"(?i)qq[号：: ]*\d{5,11}",
    r"微信[号：: ]*[A-Za-z][\w-]{5,19}",
    r"[A-Z]\d{8}(?!\d)",
    r"[0-9A-Z]{18}(?![0-9A-Z])",
    r"[京沪粤苏浙][A-Z][0-9A-Z]{5}",
    r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}",
)

Row = dict[str, Any]


def row(name: str, call: Callable[[str], bool], data: dict[str, Any], *kinds: str) -> Row:
    """A timed row. ``call`` says whether a text is flagged; ``kinds`` is what the peer is made for."""
    planted = {kind: data["planted"][kind] for kind in kinds}
    plain = (data["chinese"] + data["english"])[::10]
    times = timed(call, data["all"])
    return {
        "name": name,
        **times,
        "found": found(call, planted),
        "false": sum(map(call, plain)),
        "plain": len(plain),
    }


def pyahocorasick(data: dict[str, Any]) -> list[Row]:
    """Plain scans per list size, and the naive skeleton of a guard."""
    import ahocorasick

    rows = []
    for size in data["sizes"]:
        automaton = ahocorasick.Automaton()
        for word in data["words"][:size]:
            automaton.add_word(word, word)
        automaton.make_automaton()
        call = lambda text, a=automaton: any(True for _ in list(a.iter(text)))  # noqa: E731
        rows.append(row(f"pyahocorasick scan, {size:,} words", call, data, "word", "disguised"))
    kinds = ("word", "disguised", "pii", "secret")
    rows.append(row("naive skeleton, 60,000 words", _skeleton(automaton), data, *kinds))
    return rows


@dataclass(frozen=True)
class _Hit:
    name: str
    start: int
    end: int


@dataclass(frozen=True)
class _Result:
    blocked: bool
    hits: tuple[_Hit, ...]


def _skeleton(automaton: Any) -> Callable[[str], bool]:
    """What one writes in an afternoon: fold, one automaton, twenty patterns, two dataclasses."""
    patterns = [re.compile(pattern) for pattern in TWENTY]

    def check(text: str) -> bool:
        folded = unicodedata.normalize("NFKC", text).casefold()
        folded = "".join(c for c in folded if unicodedata.category(c) != "Cf")
        hits = [_Hit(word, end - len(word) + 1, end + 1) for end, word in automaton.iter(folded)]
        for pattern in patterns:
            hits += [_Hit(pattern.pattern, *m.span()) for m in pattern.finditer(text)]
        return _Result(bool(hits), tuple(hits)).blocked

    return check


def presidio(data: dict[str, Any]) -> list[Row]:
    """The pattern recognisers, called one by one: no NLP engine, no context, hence faster than the
    whole analyser."""
    from presidio_analyzer import PatternRecognizer, RecognizerRegistry

    rows = []
    for language in ("en", "zh"):
        registry = RecognizerRegistry(supported_languages=[language])
        registry.load_predefined_recognizers(languages=[language])
        patterns = [r for r in registry.recognizers if isinstance(r, PatternRecognizer)]

        def call(text: str, patterns: list[Any] = patterns) -> bool:
            return sum(len(p.analyze(text, p.supported_entities, None)) for p in patterns) > 0

        name = f"presidio {len(patterns)} pattern recognisers ({language})"
        rows.append(row(name, call, data, "pii"))
    return rows


def llmguard(data: dict[str, Any]) -> list[Row]:
    """BanSubstrings per list size, Regex with five patterns, Secrets."""
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    from llm_guard.input_scanners import BanSubstrings, Regex, Secrets
    from llm_guard.input_scanners.ban_substrings import MatchType
    from llm_guard.input_scanners.regex import MatchType as RegexMatch

    rows = []
    for size in data["sizes"]:
        scanner = BanSubstrings(data["words"][:size], match_type=MatchType.STR)
        call = lambda text, s=scanner: not s.scan(text)[1]  # noqa: E731
        # A pass over all planted texts would take minutes with the longest list.
        kinds = ("word", "disguised") if size <= 10_000 else ()
        rows.append(row(f"llm-guard BanSubstrings(str), {size:,} words", call, data, *kinds))
    regex = Regex(list(FIVE), is_blocked=True, match_type=RegexMatch.SEARCH, redact=False)
    rows.append(row("llm-guard Regex, 5 patterns", lambda t: not regex.scan(t)[1], data, "pii"))
    secrets = Secrets()
    rows.append(row("llm-guard Secrets", lambda t: not secrets.scan(t)[1], data, "secret"))
    return rows


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    material = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    print(json.dumps(globals()[sys.argv[1]](material), ensure_ascii=False))
