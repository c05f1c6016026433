"""From the forms of one pack folder to rules and matchers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import regex

from guard.errors import PolicyError
from guard.model import Action, Matcher, Role, Rule, Sample
from guard.policies import schema
from guard.policies.read import read_lexicon

_LIST_KEYS = ("words", "any", "all", "near")
_NAME_KEYS = ("group", "lexicon", "pattern", "category")


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack folder while it is being read."""

    folder: Path
    head: schema.PackFile
    groups: Mapping[str, Sequence[str]]
    #: Entries of the lexicon files that were read, by file name.
    lexicons: dict[str, int] = field(default_factory=dict)

    def matcher(self, form: schema.MatchForm, id: str, category: str, where: str) -> Matcher:
        """The matcher of a form; ``where`` names the rule in errors."""
        given = [key for key in (*_LIST_KEYS, *_NAME_KEYS) if getattr(form, key)]
        if len(given) != 1:
            found = ", ".join(given) or "none"
            raise PolicyError(
                f"{where}: a match needs exactly one of words, group, lexicon, pattern, category, "
                f"any, all, near (found: {found})",
                "split it into parts",
            )
        unless = self.matcher(form.unless, f"{id}/unless", "", where) if form.unless else None
        kind = given[0]
        if kind in ("any", "all", "near"):
            return self._composite(form, kind, id, category, unless, where)
        if form.within is not None or form.ordered:
            raise PolicyError(f"{where}: `within` and `ordered` belong to `near`", "remove them")
        if kind == "category":
            return Matcher(f"category:{form.category}", "category", category=form.category)
        if kind == "pattern":
            return self._pattern(form, id, category, unless, where)
        return Matcher(
            id,
            "words",
            self._words(form, where),
            category=category,
            # Groups hold everyday words, and an excuse must be plain to excuse.
            plain=bool(form.group) or id.endswith("/unless"),
            unless=unless,
        )

    def _composite(
        self,
        form: schema.MatchForm,
        kind: str,
        id: str,
        category: str,
        unless: Matcher | None,
        where: str,
    ) -> Matcher:
        parts: list[schema.MatchForm] = getattr(form, kind)
        if kind != "any" and len(parts) < 2:
            raise PolicyError(f"{where}: `{kind}` needs at least two parts", "add a part")
        made = tuple(
            self.matcher(part, f"{id}/{n}", category, where) for n, part in enumerate(parts)
        )
        if any(part.kind == "category" for part in made):
            raise PolicyError(f"{where}: `category` stands alone", "make it a rule of its own")
        return Matcher(
            id,
            kind,  # type: ignore[arg-type] # one of any, all, near: checked by the caller
            category=category,
            parts=made,
            within=12 if form.within is None else form.within,
            ordered=form.ordered,
            unless=unless,
        )

    def _pattern(
        self, form: schema.MatchForm, id: str, category: str, unless: Matcher | None, where: str
    ) -> Matcher:
        try:
            regex.compile(form.pattern)
        except regex.error as error:
            raise PolicyError(f"{where}: bad pattern: {error}", "mend the expression") from None
        if not form.anchors:
            raise PolicyError(
                f"{where}: a pattern needs `anchors`",
                "list literals one of which every match holds",
            )
        return Matcher(
            id,
            "pattern",
            pattern=form.pattern,
            anchors=tuple(form.anchors),
            category=category,
            unless=unless,
        )

    def _words(self, form: schema.MatchForm, where: str) -> tuple[str, ...]:
        if form.words:
            return tuple(form.words)
        if form.lexicon:
            # In the folder, or the policy's digest would not cover it.
            if Path(form.lexicon).name != form.lexicon or not form.lexicon.endswith(".tsv"):
                raise PolicyError(
                    f"{where}: lexicon {form.lexicon!r} is not a .tsv beside the rules",
                    "move it into the folder of the pack",
                )
            rows = read_lexicon(self.folder / form.lexicon)
            self.lexicons[form.lexicon] = len(rows)
            return tuple(row[0] for row in rows)
        if form.group not in self.groups:
            raise PolicyError(f"{where}: no group named {form.group!r}", "define it in pack.yaml")
        return tuple(self.groups[form.group])

    def rule(self, form: schema.RuleForm, where: str) -> Rule:
        """The rule of a form."""
        match = self.matcher(form.match, f"{form.id}", form.category, where)
        actions = actions_of(form.action)
        if not actions:
            raise PolicyError(
                f"{where}: `action` names no role", "give one per role, e.g. prompt: block"
            )
        return Rule(
            id=form.id,
            title_zh=form.title.zh,
            title_en=form.title.en,
            basis=tuple(form.basis),
            category=form.category,
            match=match,
            actions=actions,
            severity=form.severity,
            confidence=form.confidence,
            threshold=max(form.threshold, form.match.min_score or 0.0),
            modalities=tuple(form.applies.modalities),
            channels=tuple(form.applies.channels),
            reply=form.reply,
            status=form.status,
            observe=form.observe,
            since=form.since or self.head.since,
            until=form.until,
            falsepositives=form.falsepositives,
            hits=_samples(form.samples.hit, actions),
            misses=_samples(form.samples.miss, actions),
            pack=self.head.id,
        )


def actions_of(form: schema.ActionsForm) -> dict[Role, Action]:
    named: dict[Role, schema.ActionName | None] = {
        "prompt": form.prompt,
        "context": form.context,
        "output": form.output,
        "training": form.training,
    }
    return {role: Action[name.upper()] for role, name in named.items() if name is not None}


def _samples(
    forms: Sequence[str | schema.SampleForm], actions: Mapping[Role, Action]
) -> tuple[Sample, ...]:
    """Samples; a bare text is tried in the first role that the rule acts on."""
    role = next(iter(actions))
    return tuple(
        Sample(form, role) if isinstance(form, str) else Sample(form.text, form.role)
        for form in forms
    )
