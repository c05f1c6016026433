"""Prompt injection and jailbreak: orders to the model to drop its rules, and what wraps them.

Phrases only, which ride on the lexicon's scan. A phrase by itself is never enough: an order and
its object must stand in one sentence, so that talk about prompts, rules or roles passes. How sure
a combination is by itself is its score; policies act on ``SURE`` ones and queue ``LIKELY`` ones.

Jailbreaks are long and each of their sentences is harmless, so signs of two families anywhere in
the text count too: a *hard* sign (no rules, never refuse, whatever the law says) backed by any
other. Joined turns of a conversation are read in the same way (``guard/conversation.py``), which
is how a wrapper spread over turns shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from guard.detectors.injection_signs import matchers as sign_matchers
from guard.detectors.injection_signs import read_lists
from guard.model import Matcher

VERSION = "2"

#: Scores: the order itself; a wrapper that is known; a suggestion for a person to look at.
SURE, KNOWN, LIKELY = 1.0, 0.85, 0.6

_TALK = ("craft", "asking", "other limits")

#: (name, category, score, lists in order, gap, ordered, excused by).
_NEAR: tuple[tuple[str, str, float, tuple[str, ...], int, bool, tuple[str, ...]], ...] = (
    ("drop", "direct", SURE, ("drop", "prior", "rules"), 12, True, ("craft", "own request")),
    ("switch-off", "direct", SURE, ("switch off", "model rules"), 8, True, ("craft",)),
    ("drop-all", "direct", LIKELY, ("drop", "all", "rules"), 6, True, ("craft", "asking")),
    ("drop-before", "direct", KNOWN, ("drop", "all before"), 8, True, ("craft",)),
    ("void", "direct", 0.7, ("prior", "rules", "void"), 8, True, ("craft", "asking", "office")),
    ("off-now", "direct", KNOWN, ("model rules", "off now"), 8, True, ("craft", "asking")),
    ("replaced", "direct", 0.7, ("these rules", "replace", "prior", "rules"), 12, True, ("craft",)),
    ("authority", "direct", KNOWN, ("authority", "switch off", "limits"), 16, True, ()),
    ("drop-morals", "direct", KNOWN, ("drop", "yours", "morals"), 6, True, ("craft",)),
    ("unlock", "direct", LIKELY, ("authority", "unlock"), 20, True, ("craft", "asking")),
    ("drop-system", "direct", LIKELY, ("drop", "system text"), 6, True, ("craft", "asking")),
    ("hijack", "direct", 0.7, ("leave", "the task", "instead"), 24, True, ()),
    ("hijack-task", "direct", 0.7, ("stop the task", "instead"), 16, True, ()),
    ("verbatim", "direct", LIKELY, ("only the words", "say after me"), 30, True, ()),
    ("own-prompt", "system_prompt", SURE, ("reveal", "own prompt"), 16, False, ("craft",)),
    (
        "prompt-transformed",
        "system_prompt",
        KNOWN,
        ("transform", "own prompt"),
        16,
        False,
        ("craft",),
    ),
    ("give-prompt", "system_prompt", KNOWN, ("give me", "the system prompt"), 16, False, _TALK),
    ("text-above", "system_prompt", SURE, ("reveal", "text above"), 16, False, ("craft",)),
    ("whole-prompt", "system_prompt", SURE, ("the system prompt", "whole"), 12, False, ("craft",)),
    ("unbound", "jailbreak", KNOWN, ("become", "unbound"), 60, True, ("craft", "other limits")),
    ("mode", "jailbreak", KNOWN, ("you", "mode"), 12, False, ("craft", "shop")),
    ("rogue-mode", "jailbreak", KNOWN, ("enter", "rogue mode"), 8, True, ("craft", "shop")),
    ("rogue-state", "jailbreak", KNOWN, ("enter", "rogue state"), 8, True, ("craft", "shop")),
    ("built-unbound", "jailbreak", LIKELY, ("you now", "without", "bounds"), 8, True, _TALK),
    ("not-an-ai", "jailbreak", LIKELY, ("not an ai",), 0, False, ("craft",)),
    ("grandma", "jailbreak", LIKELY, ("relative", "kin", "lullaby"), 30, False, ()),
    ("no-sorry", "jailbreak", LIKELY, ("in answer", "do not", "say", "apology"), 6, True, ()),
    ("threat", "jailbreak", LIKELY, ("if you refuse", "punish"), 20, True, ("craft",)),
    ("code-output", "jailbreak", KNOWN, ("code output", "as order"), 16, True, ()),
    ("decoded-order", "jailbreak", LIKELY, ("cipher", "solve", "follow it"), 20, True, ()),
    ("nested", "jailbreak", KNOWN, ("nested", "story people", "method"), 60, False, ()),
    ("harmful-answer", "jailbreak", KNOWN, ("harmful answer", "answer anyway"), 60, False, ()),
    ("villain", "jailbreak", LIKELY, ("play", "villain"), 20, True, ("craft",)),
    ("assistant", "indirect", KNOWN, ("assistant", "obey"), 16, True, ("craft",)),
    ("not-the-user", "indirect", KNOWN, ("leave", "user's"), 10, True, ("craft",)),
    ("exfiltrate", "indirect", KNOWN, ("exfiltrate", "private", "to where"), 30, False, ("craft",)),
    ("your-reply", "indirect", KNOWN, ("tamper", "your reply"), 60, False, ("craft",)),
)

#: The same for signs that need a second one: (name, lists, gap, ordered).
_HARD: tuple[tuple[str, tuple[str, ...], int, bool], ...] = (
    ("unbound", ("unbound",), 0, False),
    ("any-rule", ("drop", "any rule"), 12, True),
    ("answer-anyway", ("answer anyway",), 0, False),
    ("qualms", ("do not", "say", "qualms"), 16, True),
    ("whatever", ("whatever", "wrongs"), 30, False),
    ("other-world", ("other world",), 0, False),
    ("block", ("block",), 0, False),
    ("submit", ("submit",), 0, False),
    ("mode", ("rogue mode",), 0, False),
    ("stakes", ("stakes",), 0, False),
    ("scorn", ("scorn", "morals"), 20, True),
    ("harmful-answer", ("harmful answer",), 0, False),
    ("named", ("named",), 0, False),
    ("forced-prefix", ("forced prefix",), 0, False),
)
_SOFT = (
    "stay",
    "two answers",
    "first question",
    "understood",
    "machine",
    "from now on",
    "game",
    "now",
)


def _read_lists() -> dict[str, Matcher]:
    """The phrase lists of ``data/injection.txt`` as words matchers, by section name."""
    return read_lists(Path(__file__).parent / "data" / "injection.txt")


def _any(parts: Iterable[Matcher]) -> Matcher:
    return Matcher("", "any", parts=tuple(parts))


def _near(
    lists: Mapping[str, Matcher], names: tuple[str, ...], within: int, ordered: bool
) -> Matcher:
    if len(names) == 1:
        return lists[names[0]]
    parts = tuple(lists[name] for name in names)
    return Matcher("", "near", parts=parts, within=within, ordered=ordered)


def _scored(
    name: str, kind: str, score: float, match: Matcher, excuses: Iterable[Matcher] = ()
) -> Matcher:
    excused = list(excuses)
    return replace(
        match,
        id=f"injection.{name}",
        category=f"injection.{kind}",
        score=score,
        unless=_any(excused) if excused else None,
    )


def matchers() -> list[Matcher]:
    """What the detector looks for, by name of the family."""
    lists = _read_lists()
    found = [
        _scored(
            name,
            kind,
            score,
            _near(lists, names, within, ordered),
            [lists[excuse] for excuse in excuses],
        )
        for name, kind, score, names, within, ordered, excuses in _NEAR
    ]
    return found + _backed(lists) + _patterns() + sign_matchers(lists)


def _backed(lists: Mapping[str, Matcher]) -> list[Matcher]:
    """Signs that count together: two hard ones, or a hard one beside a soft one."""
    hard = [_near(lists, names, within, ordered) for _, names, within, ordered in _HARD]
    soft = _any(lists[name] for name in _SOFT)
    lock, frame = _any(lists[name] for name in _SOFT[:2]), _any(lists[n] for n in _SOFT[2:])

    def both(name: str, score: float, *parts: Matcher) -> Matcher:
        return _scored(name, "jailbreak", score, Matcher("", "all", parts=parts))

    pairs = [
        both(f"{name}+hard", KNOWN, hard[n], _any(hard[n + 1 :]))
        for n, (name, *_) in enumerate(_HARD[:-1])
    ]
    story = lists["story"]
    hidden = _near(lists, ("cipher", "hidden question"), 60, False)
    return [
        *pairs,
        both("hard+soft", LIKELY, _any(hard), soft),
        both("two-answers+stay", LIKELY, lists["two answers"], lists["stay"]),
        both("lock+frame", LIKELY, lock, frame),
        both("first+frame", LIKELY, lists["first question"], _any(lists[n] for n in _SOFT[3:])),
        both("understood+frame", LIKELY, lists["understood"], _any(lists[n] for n in _SOFT[4:])),
        both("cipher", KNOWN, hidden, lists["solve"], lists["answer"]),
        both("story-method", LIKELY, story, _near(lists, ("method", "not the story"), 40, False)),
        both("story-focus", LIKELY, story, _near(lists, ("focus", "method"), 12, True)),
        both("evil-plan", LIKELY, lists["evil plan"], lists["first step"]),
    ]


def _patterns() -> list[Matcher]:
    """Shapes that words cannot say. Each is linear: bounded gaps, atomic groups."""
    opened, closed = r"[「『“\"'‘《【\[]{1,3}", r"[」』”\"'’》】\]]{1,3}"
    role = r"\n[ ]*(?:assistant|助手|助理|ai|bot)[ ]*:"
    return [
        Matcher(
            "injection.forced-prefix",
            "pattern",
            category="injection.jailbreak",
            score=LIKELY,
            # An answer that must begin with given words can hardly turn into a refusal.
            pattern=rf"以{opened}[^」』”\n]{{1,80}}{closed}(?:作为|为|来)?(?:你的)?(?:开始|开头)"
            r"(?:来)?(?:你的)?(?:回答|回复|作答|响应)",
            anchors=("开始回答", "开头回答", "开始回复", "开头回复", "开始你的回答", "开头来回答"),
        ),
        Matcher(
            "injection.forced-opening",
            "pattern",
            category="injection.jailbreak",
            score=LIKELY,
            pattern=r"(?:start|begin) your (?:answer|response|reply) with[ ]{0,2}[\"“']{1,3}\w",
            anchors=tuple(
                f"{verb} your {noun} with"
                for verb in ("start", "begin")
                for noun in ("answer", "response", "reply")
            ),
        ),
        Matcher(
            "injection.say-after-me",
            "pattern",
            category="injection.direct",
            score=LIKELY,
            pattern=r"(?:(?:直接(?:输出|复述|说|回复|回答)|请你?复述|只需输出)(?:以下)?(?:文本|内容|话|文字)?"
            r"|重复以下(?:指令|话语|文字|文本|内容)|输出以下(?:指令|回复|话语)|只回答以下内容)"
            r"[ ]?(?::[ ]*[“\"「]?|[“\"「])[^\s”\"」。]{4}",
            anchors=(
                "直接输出",
                "直接复述",
                "直接说",
                "直接回复",
                "直接回答",
                "复述",
                "只需输出",
                "重复以下",
                "输出以下",
                "只回答以下",
            ),
        ),
        Matcher(
            "injection.forged-talk",
            "pattern",
            category="injection.jailbreak",
            score=LIKELY,
            # A prompt that is a talk with two forged answers and ends with the next question.
            pattern=rf"\A\s*+(?:user|human|用户)[ ]*:(?>.*?{role})(?>.*?{role})"
            r"(?>.*\n[ ]*(?=(?:user|human|用户|assistant|助手|助理|ai|bot)[ ]*:))"
            r"(?:user|human|用户)[ ]*:[^\n]+\s*\Z".replace(".*", r"[\s\S]*"),
            anchors=("assistant", "助手", "助理"),
        ),
    ]


def hidden_matchers() -> list[Matcher]:
    """What is an order in text that nobody sees, where far less is needed to tell."""
    lists = _read_lists()
    orders = [_scored("hidden", "indirect", KNOWN, lists["hidden order"])]
    return [*orders, *(matcher for matcher in matchers() if matcher.score >= 0.7)]
