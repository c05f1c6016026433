"""The form of rule packs as types. They check the YAML and make ``pack.schema.json``.

Field meanings are in ``docs/adding-a-rule.md``. An unknown key is an error everywhere.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec

ActionName = Literal["pass", "redact", "review", "block"]
Ratio = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*$")]
Modality = Literal["text", "image", "audio", "video", "document"]
Text = Annotated[str, msgspec.Meta(min_length=1)]


class Form(msgspec.Struct, forbid_unknown_fields=True):
    """Base of all forms: a key that is not listed is refused. They are shared
    between readers (``read.py``): nobody changes one."""


class Bilingual(Form):
    zh: Text
    en: Text


class MatchForm(Form):
    """Exactly one of the first eight, plus what qualifies it."""

    words: list[Text] = []
    group: str = ""
    lexicon: str = ""
    pattern: str = ""
    category: str = ""
    any: list[MatchForm] = []
    all: list[MatchForm] = []
    near: list[MatchForm] = []
    anchors: list[Text] = []
    min_score: Ratio | None = None
    within: Annotated[int, msgspec.Meta(ge=0, le=200)] | None = None
    ordered: bool = False
    unless: MatchForm | None = None


class SampleForm(Form):
    text: str
    role: Literal["prompt", "context", "output", "training"]


class SamplesForm(Form):
    hit: list[str | SampleForm] = []
    miss: list[str | SampleForm] = []


class AppliesForm(Form):
    modalities: list[Modality] = msgspec.field(default_factory=lambda: ["text"])
    channels: list[
        Literal["content", "system", "reasoning", "tool_call", "tool_result", "file"]
    ] = []


class ActionsForm(Form):
    prompt: ActionName | None = None
    context: ActionName | None = None
    output: ActionName | None = None
    training: ActionName | None = None


class RuleForm(Form):
    id: Slug
    title: Bilingual
    basis: Annotated[list[Text], msgspec.Meta(min_length=1)]
    category: Slug
    match: MatchForm
    action: ActionsForm
    applies: AppliesForm = msgspec.field(default_factory=AppliesForm)
    threshold: Ratio = 0.5
    severity: Literal["low", "medium", "high", "critical"] = "medium"
    confidence: Ratio = 0.9
    reply: str = ""
    status: Literal["experimental", "test", "stable", "deprecated"] = "stable"
    observe: bool = False
    since: dt.date | None = None
    until: dt.date | None = None
    falsepositives: str = ""
    samples: SamplesForm = msgspec.field(default_factory=SamplesForm)


class RuleFile(Form):
    rules: list[RuleForm]


class OverrideForm(Form):
    """Changes a rule of another pack without a fork. Counted and shown."""

    rule: Slug
    reason: Text
    action: ActionsForm | None = None
    observe: bool | None = None
    off: bool = False
    until: dt.date | None = None


class WaiverForm(Form):
    """Lets a rule fire without effect for some tenants or texts. Counted and shown."""

    rule: Slug
    reason: Text
    who: Text
    tenants: list[Text] = []
    words: list[Text] = []
    until: dt.date | None = None


class ProvenanceForm(Form):
    """Where a block of words comes from, who looked at it, when, and what shows its worth."""

    source: Text
    reviewer: Text
    date: dt.date
    evidence: Text


class ChangeForm(Form):
    """What a version of the pack brought, for those who upgrade."""

    version: Text
    date: dt.date
    zh: Text
    en: Text


class AcceptForm(Form):
    """A text of the benign corpus that this pack holds up on purpose: its id, or the text itself.

    ``rule`` names another pack's rule that an override made stricter; without it the rules of this
    pack are meant. Counted and shown.
    """

    benign: Text
    reason: Text
    who: Text
    rule: Slug | None = None


class PackFile(Form):
    id: Slug
    version: Text
    title: Bilingual
    instrument: str = ""
    date: dt.date | None = None
    since: dt.date | None = None
    reviewer: str = ""
    notes: str = ""
    groups: dict[str, list[Text]] = {}
    overrides: list[OverrideForm] = []
    waivers: list[WaiverForm] = []
    on_failure: dict[str, ActionName] = {}
    provenance: dict[str, ProvenanceForm] = {}
    changes: list[ChangeForm] = []
    accepts: list[AcceptForm] = []


class GroupsFile(Form):
    groups: dict[str, list[Text]]


class SetFile(Form):
    id: Slug
    version: Text
    packs: Annotated[list[Text], msgspec.Meta(min_length=1)]
    title: Bilingual | None = None


class RequirementForm(Form):
    id: Text
    instrument: Text
    clause: Text
    duty_zh: Text
    duty_en: Text
    bearer: Text
    stage: str
    technical: bool
    certainty: Literal["A", "B", "C"]
    source: str
    evidence: str = ""


class RequirementsFile(Form):
    requirements: list[RequirementForm]


class RiskForm(Form):
    zh: Text
    en: Text
    keywords: int = 0
    test: int = 0
    refuse: int = 0


class CategoryForm(Form):
    coarse: Text
    risks: list[Text]
    zh: Text
    en: Text


class TaxonomyFile(Form):
    version: Text
    standard: Text
    coarse: list[Text]
    risks: dict[str, RiskForm]
    categories: dict[str, CategoryForm]


class RepliesFile(Form):
    replies: dict[str, Bilingual]


class AnswerForm(Form):
    """A safe answer; ``fallback`` is a key of replies.yaml, ``asks`` are prompts that it fits."""

    id: Slug
    match: MatchForm
    zh: Text
    en: Text
    fallback: Text
    asks: Annotated[list[Text], msgspec.Meta(min_length=1)]


class AnswersFile(Form):
    answers: list[AnswerForm]


def json_schema() -> dict[str, Any]:
    """JSON Schema of ``pack.yaml`` and of rule files, as committed in ``pack.schema.json``."""
    (pack, rules), definitions = msgspec.json.schema_components(
        [PackFile, RuleFile], ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "aigc-guard rule pack",
        "anyOf": [pack, rules],
        "$defs": definitions,
    }


if __name__ == "__main__":  # python -m guard.policies.schema > policies/pack.schema.json
    import json
    import sys

    sys.stdout.write(json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n")
