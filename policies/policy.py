"""A policy: rules, their overrides and waivers, and the one pure function that judges."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from guard.model import (
    DETECTOR_FAILED,
    Action,
    Clause,
    Content,
    Finding,
    FiredRule,
    Matcher,
    Redaction,
    Requirement,
    Role,
    Rule,
    Verdict,
)
from guard.policies.provenance import Accepted, Block, Change

#: A hit less sure than this (a two-character word spelled by sound, say) is queued for a person
#: instead of blocked.
SURE = 0.75
_SEVERITY = {"low": 0, "medium": 1, "high": 2, "critical": 3}


@dataclass(frozen=True, slots=True)
class Category:
    """What a category slug stands for: a coarse class, risks of the standard, names to show."""

    coarse: str
    risks: tuple[str, ...]
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Override:
    """A change of a rule of another pack. ``actions`` None leaves them; ``off`` disables it."""

    rule: str
    reason: str
    actions: Mapping[Role, Action] | None = None
    observe: bool | None = None
    off: bool = False
    until: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Waiver:
    """Lets a rule fire without effect for the given tenants (all if none) or around words."""

    rule: str
    reason: str
    who: str
    tenants: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    until: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A safe answer: given to a prompt that ``match`` fits, in place of the reply ``fallback``."""

    id: str
    match: Matcher
    zh: str
    en: str
    fallback: str
    asks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Category slugs mapped to coarse classes and to the 31 risks of TC260-003 annex A."""

    version: str
    standard: str
    coarse: tuple[str, ...]
    risks: Mapping[str, Mapping[str, object]]
    categories: Mapping[str, Category]

    def get(self, slug: str) -> Category:
        """The category of a slug; an unknown one belongs to no class and shows its slug."""
        return self.categories.get(slug) or Category("none", (), slug, slug)


def _in_force(day: dt.date, since: dt.date | None, until: dt.date | None) -> bool:
    return (since is None or since <= day) and (until is None or day <= until)


def _beside(text: str, finding: Finding, words: Iterable[str]) -> bool:
    """Whether one of the words stands within 20 characters of the finding."""
    if finding.where is None:
        return False
    excerpt = text[max(0, finding.where.start - 20) : finding.where.end + 20]
    return any(word in excerpt for word in words)


def apply_redactions(text: str, redactions: Iterable[Redaction]) -> str:
    """``text`` with each stretch replaced. Redactions must be sorted and must not overlap."""
    pieces, done = [], 0
    for redaction in redactions:
        pieces += [text[done : redaction.start], redaction.replacement]
        done = redaction.end
    return "".join(pieces) + text[done:]


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules from one or more packs, ready to judge.

    ``digest`` is the SHA-256 over every file the policy was read from, so a decision names the
    exact rules that made it. Build one with :func:`guard.policies.load.load_policy`.
    """

    id: str
    version: str
    digest: str
    rules: tuple[Rule, ...]
    requirements: Mapping[str, Requirement]
    taxonomy: Taxonomy
    replies: Mapping[str, tuple[str, str]]
    overrides: tuple[Override, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    on_failure: Mapping[str, Action] = field(default_factory=dict)
    packs: tuple[tuple[str, str], ...] = ()
    answers: tuple[Answer, ...] = ()
    blocks: tuple[Block, ...] = ()
    changes: tuple[Change, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    # Look-ups derived from `rules`, filled on use: no part of the value, never shared by `replace`.
    _by_key: dict[tuple[str, str], tuple[Rule, ...]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )
    _by_id: dict[str, Rule] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def name(self) -> str:
        """``id@version#digest``, the form in which decisions cite the policy."""
        return f"{self.id}@{self.version}#{self.digest[:16]}"

    def decide(self, content: Content, findings: Sequence[Finding], *, on: dt.date) -> Verdict:
        """Judge the findings of a content on a given day. Pure: no clock, no state, no I/O.

        Args:
            content: what was examined; its role, channel, modality and tenant select rules.
            findings: what the detectors found, detector failures included.
            on: the day whose rules apply (``since`` and ``until`` are inclusive).
        """
        text = content.text
        if not findings:
            return Verdict(Action.PASS, text)
        fired = self._fire(content, findings, on)
        action = self._failure_action(findings)
        for rule in fired:
            if not (rule.observe or rule.waived):
                action = max(action, rule.action)
        redactions = self._redactions(text, fired, findings)
        risks = self._risks(fired, findings)
        return Verdict(
            action=action,
            text=apply_redactions(text, redactions) if redactions else text,
            redactions=redactions,
            reply=self._reply(action, fired, text, content.lang),
            findings=tuple(findings),
            rules=fired,
            risk=max(risks.values(), default=0.0),
            risks=risks,
        )

    def _rules_for(self, finding: Finding) -> tuple[Rule, ...]:
        """The rules a finding answers: by its matcher, or by its category or a parent of it."""
        key = (finding.matcher, finding.category)
        rules = self._by_key.get(key)
        if rules is None:
            wanted = {finding.matcher}
            parts = finding.category.split(".")
            wanted |= {"category:" + ".".join(parts[: n + 1]) for n in range(len(parts))}
            rules = tuple(rule for rule in self.rules if rule.match.id in wanted)
            if len(self._by_key) < 100_000:  # a detector of a stranger may name matchers freely
                self._by_key[key] = rules
        return rules

    def _effective(self, rule: Rule, content: Content, day: dt.date) -> tuple[Action, bool] | None:
        """(action, observe) of a rule for this content on this day, or None if it is silent."""
        if rule.status == "deprecated" or not _in_force(day, rule.since, rule.until):
            return None
        if content.modality not in rule.modalities:
            return None
        if rule.channels and content.channel not in rule.channels:
            return None
        actions, observe = rule.actions, rule.observe
        for override in self.overrides:
            if override.rule == rule.id and _in_force(day, None, override.until):
                if override.off:
                    return None
                actions = override.actions if override.actions is not None else actions
                observe = override.observe if override.observe is not None else observe
        action = actions.get(content.role)
        return None if action is None else (action, observe)

    def _waived(self, rule: Rule, content: Content, places: list[Finding], day: dt.date) -> str:
        """The reason why this firing has no effect, or an empty string."""
        for waiver in self.waivers:
            if waiver.rule != rule.id or not _in_force(day, None, waiver.until):
                continue
            if waiver.tenants and content.tenant not in waiver.tenants:
                continue
            if waiver.words and not all(_beside(content.text, f, waiver.words) for f in places):
                continue
            return f"{waiver.reason} ({waiver.who})"
        return ""

    def _fire(
        self, content: Content, findings: Sequence[Finding], day: dt.date
    ) -> tuple[FiredRule, ...]:
        hits: dict[str, tuple[Rule, list[int]]] = {}
        for index, finding in enumerate(findings):
            for rule in self._rules_for(finding):
                if finding.score >= rule.threshold:
                    hits.setdefault(rule.id, (rule, []))[1].append(index)
        fired = []
        for rule, places in hits.values():
            effect = self._effective(rule, content, day)
            if effect is None:
                continue
            action, observe = effect
            if action is Action.BLOCK and max(findings[i].score for i in places) < SURE:
                action = Action.REVIEW
            fired.append(
                FiredRule(
                    id=rule.id,
                    title=rule.title_zh,
                    category=rule.category,
                    action=action,
                    severity=rule.severity,
                    clauses=self._clauses(rule),
                    findings=tuple(places),
                    observe=observe,
                    waived=self._waived(rule, content, [findings[i] for i in places], day)
                    if self.waivers
                    else "",
                )
            )
        fired.sort(key=lambda rule: (-rule.action, -_SEVERITY[rule.severity], rule.id))
        return tuple(fired)

    def _clauses(self, rule: Rule) -> tuple[Clause, ...]:
        known = [self.requirements[id] for id in rule.basis if id in self.requirements]
        return tuple(Clause(r.id, f"{r.instrument} {r.clause}", r.certainty) for r in known)

    def _failure_action(self, findings: Sequence[Finding]) -> Action:
        """A failed detector blocks, unless the policy names another action for it."""
        failed = [f.detector.partition("@")[0] for f in findings if f.matcher == DETECTOR_FAILED]
        return max(
            (self.on_failure.get(name, Action.BLOCK) for name in failed), default=Action.PASS
        )

    def _redactions(
        self, text: str, fired: Sequence[FiredRule], findings: Sequence[Finding]
    ) -> tuple[Redaction, ...]:
        """Stretches to hide, sorted; overlapping ones are joined under the widest category."""
        english = text.isascii()
        wanted = []
        for rule in fired:
            if rule.action is not Action.REDACT or rule.observe or rule.waived:
                continue
            for index in rule.findings:
                where = findings[index].where
                category = findings[index].category
                names = self.taxonomy.get(category)
                shown = f"[{names.en}]" if english else f"【{names.zh}】"
                if where is not None:
                    wanted += [Redaction(*piece, shown, category) for piece in where.pieces()]
        merged: list[Redaction] = []
        for item in sorted(wanted, key=lambda r: (r.start, -r.end)):
            if merged and item.start < merged[-1].end:
                last = merged[-1]
                if item.end > last.end:
                    merged[-1] = Redaction(last.start, item.end, last.replacement, last.category)
            else:
                merged.append(item)
        return tuple(merged)

    def _risks(
        self, fired: Sequence[FiredRule], findings: Sequence[Finding]
    ) -> Mapping[str, float]:
        """Highest confidence per coarse class and per risk id of the standard."""
        risks: dict[str, float] = {}
        for rule in fired:
            if rule.waived:
                continue
            score = self.rule(rule.id).confidence * max(findings[i].score for i in rule.findings)
            category = self.taxonomy.get(rule.category)
            for key in (category.coarse, *category.risks):
                if key != "none":
                    risks[key] = round(max(risks.get(key, 0.0), score), 4)
        return risks

    def _reply(self, action: Action, fired: Sequence[FiredRule], text: str, lang: str) -> str:
        """What to say instead (BLOCK) or beside (REVIEW), in the language of the text."""
        if action < Action.REVIEW:
            return ""
        english = self.speaks_english(text, lang)
        keys = [
            self.reply_key(rule) for rule in fired if rule.action == action and not rule.observe
        ]
        keys = [key for key in keys if key in self.replies]
        if action is Action.REVIEW:
            # The text passes: only help that belongs beside it is shown (a crisis line, an answer).
            help_ids = {"self_harm", *(answer.id for answer in self.answers)}
            keys = [key for key in keys if key in help_ids]
        elif not keys:
            keys = ["default"]
        return self.replies.get(keys[0], ("", ""))[int(english)] if keys else ""

    @staticmethod
    def speaks_english(text: str, lang: str) -> bool:
        """Whether to reply in English: the stated language, or the letters of the text."""
        return lang.startswith("en") or (not lang and text.isascii())

    def reply_key(self, rule: FiredRule) -> str:
        """The key into ``replies.yaml``: the rule's own, or its coarse class."""
        return self.rule(rule.id).reply or self.taxonomy.get(rule.category).coarse

    def rule(self, rule_id: str) -> Rule:
        """The rule of an id. Raises KeyError when the policy has no such rule."""
        if not self._by_id:
            self._by_id.update({rule.id: rule for rule in self.rules})
        return self._by_id[rule_id]
