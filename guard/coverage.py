"""The table requirement -> rules -> stage -> evidence, and counts against the standard's sizes.

A duty counts as covered only when a rule in force cites it or a stage of this library carries it
out today. Duties that software cannot carry out are shown as the operator's, never as covered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from guard.banks import read_bank
from guard.benign import ASPECTS, read_corpus
from guard.model import Action, Matcher, Requirement
from guard.policies.policy import Policy

#: Technical duties that a stage carries out without a rule of its own: requirement -> where.
SERVED: Final[Mapping[str, str]] = {
    "CN-GAI-2023/7.4": "stage2_data_cleaner: duplicates, garbage, ledger",
    "CN-GAI-2023/11": "stage5_audit_log: keyed digests, pseudonyms, shred",
    "CN-GAI-2023/12": "stage4_label_writer",
    "CN-GAI-2023/14.1": "stage3_output_classifier blocks; stage5_audit_log records",
    "CN-GAI-2023/19": "stage5_audit_log: verify, prove, export",
    "CN-DS-2023/10": "stage1, stage3; policy digest on every decision",
    "CN-DS-2023/16": "stage4_label_writer: metadata label and its record",
    "CN-DS-2023/17": "stage4_label_writer: visible label",
    "CN-LABEL-2025/4.text": "stage4_label_writer: text notice",
    "CN-LABEL-2025/4.export": "stage4_label_writer: the label is in the file's bytes",
    "CN-LABEL-2025/5": "stage4_label_writer: metadata label",
    "CN-LABEL-2025/6.1": "guard inspect: verdict confirmed",
    "CN-LABEL-2025/6.2": "guard inspect: verdict possible",
    "CN-LABEL-2025/6.3": "guard inspect: verdict suspected",
    "GB45438/5.elements": "stage4_label_writer: wording check",
    "GB45438/5.1": "stage4_label_writer: text notice",
    "GB45438/5.2": "stage4_label_writer: picture label, measured height",
    "GB45438/5.glyph": "stage4_label_writer: glyph coverage",
    "GB45438/6.1.a": "stage4_label_writer: seven keys",
    "GB45438/6.1.c": "stage4_label_writer: one label per file",
    "GB45438/E.label": "stage4_label_writer, guard inspect",
    "GB45438/E.charset": "stage4_label_writer, guard inspect",
    "GB45438/E.keys": "stage4_label_writer, guard inspect",
    "GB45438/E.mirror": "stage4_label_writer",
    "TC260-PG/20252A": "stage4_label_writer: code layout and check digit",
    "TC260-PG/20257A": "stage4_label_writer: MP4, MOV, MKV, WebM, FLV, AVI",
    "TC260-PG/20259A": "stage4_label_writer: PNG, JPEG, WebP, GIF, TIFF, HEIF, AVIF",
    "TC260-PG/202510A": "stage4_label_writer: MP3, WAV, FLAC, OGG, M4A",
    "TC260-003/6.b.input": "stage1_prompt_filter: one decision a turn",
    "CN-PIPL/51": "stage5_audit_log: keyed digests",
    "CN-PIPL/erase": "guard audit shred",
    "EU-AIA/50.2": "stage4_label_writer: C2PA",
    "EU-COP/1.1.3": "stage5_audit_log: digest and number of every labelled file",
    "EU-COP/1.2": "guard.label.transplant; an earlier manifest stays as parent ingredient",
    "EU-COP/detector": "guard inspect",
    "US-CA-942/b.1.D": "stage4_label_writer: ProduceID in the signed manifest",
    "US-CA-942/tool": "guard inspect",
}

#: The same for formats of which only some are written yet.
PARTLY: Final[Mapping[str, str]] = {
    "TC260-PG/20258A": "Markdown, DOCX, PPTX, XLSX, PDF; OFD is missing",
    "EU-COP/1.1.1": "signed manifest; time-stamp where an authority's address is given",
    "US-CA-942/b.1.A": "ContentProducer in the signed manifest, where it is a name and no code",
    "US-CA-942/b.1.C": "time-stamp of the signature, where an authority's address is given",
    "US-CA-942/manifest": "visible label on pictures and texts",
    "KR-AIBA/mark": "visible label on pictures and texts; none on sound and film",
    "CN-ANTHRO-2026/16": "stage5_audit_log keeps digests; the operator guards the conversations",
    "CN-ALGO-2022/27-28": "stage5_audit_log: logs that verify; the assessment is the operator's",
}

#: Sizes of the banks in TC260-003 cl. 8.2 and 8.3 (certainty B).
BANKS: Final[Mapping[str, int]] = {"test": 2000, "must_refuse": 500, "must_not_refuse": 500}
#: Questions that must not be refused, per aspect (certainty B).
BANK_ASPECT: Final = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One requirement: ``state`` is covered, partly, observed, open or operator."""

    requirement: Requirement
    rules: tuple[str, ...]
    served: str
    state: str


def requirement_lines(policy: Policy) -> list[Line]:
    """Every requirement with the rules that cite it and what else serves it."""
    citing: dict[str, list[str]] = {}
    acting: set[str] = set()
    for rule in policy.rules:
        for requirement in rule.basis:
            citing.setdefault(requirement, []).append(rule.id)
            if not rule.observe and rule.status != "deprecated":
                acting.add(requirement)
    return [
        _line(item, tuple(citing.get(item.id, ())), item.id in acting)
        for item in policy.requirements.values()
    ]


def _line(item: Requirement, rules: tuple[str, ...], acting: bool) -> Line:
    served = SERVED.get(item.id) or PARTLY.get(item.id) or ""
    if not item.technical:
        state = "operator"
    elif acting or item.id in SERVED:
        state = "covered"
    elif item.id in PARTLY:
        state = "partly"
    else:
        state = "observed" if rules else "open"
    return Line(item, rules, served, state)


def entries(matcher: Matcher) -> set[str]:
    """The distinct words of a matcher and its parts (those of ``unless`` do not count)."""
    return set(matcher.words).union(*(entries(part) for part in matcher.parts))


def risk_lines(policy: Policy) -> dict[str, dict[str, int]]:
    """Per risk of the standard: rules, distinct lexicon entries, entries required, samples."""
    words: dict[str, set[str]] = {risk: set() for risk in policy.taxonomy.risks}
    rules: Counter[str] = Counter()
    samples: Counter[str] = Counter()
    for rule in policy.rules:
        for risk in policy.taxonomy.get(rule.category).risks:
            rules[risk] += 1
            words[risk] |= entries(rule.match)
            samples[risk] += len(rule.hits)
    return {
        risk: {
            "rules": rules[risk],
            "entries": len(words[risk]),
            "required_entries": _number(policy.taxonomy.risks[risk].get("keywords")),
            "samples": samples[risk],
        }
        for risk in policy.taxonomy.risks
    }


def word_lines(policy: Policy) -> dict[str, dict[str, int]]:
    """Per pack that has words of its own: its blocks, their words, and how many of them say where
    they come from and who reviewed them."""
    lines: dict[str, dict[str, int]] = {}
    for block in policy.blocks:
        line = lines.setdefault(block.pack, {"blocks": 0, "entries": 0, "with_provenance": 0})
        line["blocks"] += 1
        line["entries"] += block.entries
        line["with_provenance"] += block.entries if block.provenance else 0
    return lines


def bank_lines(policy: Policy) -> dict[str, dict[str, object]]:
    """The banks of cl. 8.2 and 8.3: questions of ``policies/banks`` and the rules' own samples in
    role prompt by risk, the prompts of the benign corpus by aspect.

    Must be refused: only what a rule in force blocks. A prompt that is reviewed, such as a cry for
    help, is to be answered; it counts in the test bank alone.
    """
    samples: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    asked = blocked = answer = 0
    for rule in policy.rules:
        hits = sum(sample.role == "prompt" for sample in rule.hits)
        blocks = rule.actions.get("prompt") is Action.BLOCK and not rule.observe
        asked, blocked = asked + hits, blocked + hits * blocks
        answer += sum(sample.role == "prompt" for sample in rule.misses)
        for risk in policy.taxonomy.get(rule.category).risks:
            samples[risk] += hits
            refused[risk] += hits * blocks
    refuse, more = read_bank("must_refuse"), read_bank("test")
    refuse_by = Counter(question.risk for question in refuse)
    test_by = refuse_by + Counter(question.risk for question in more)
    everyday = [item.aspect for item in read_corpus() if item.role == "prompt"]
    return {
        "test": _bank(policy, "test", asked + len(refuse) + len(more), samples + test_by),
        "must_refuse": _bank(policy, "refuse", blocked + len(refuse), refused + refuse_by),
        "must_not_refuse": {
            "total": answer + len(everyday),
            "required": BANKS["must_not_refuse"],
            "by": {aspect: everyday.count(aspect) for aspect in ASPECTS},
            "required_by": dict.fromkeys(ASPECTS, BANK_ASPECT),
        },
    }


def _bank(policy: Policy, key: str, total: int, by: Counter[str]) -> dict[str, object]:
    """A bank by risk; ``key`` is the least count in taxonomy.yaml. A sample of a rule with several
    risks counts towards each of them, and once in the total."""
    least = {risk: _number(entry.get(key)) for risk, entry in policy.taxonomy.risks.items()}
    return {
        "total": total,
        "required": BANKS["test" if key == "test" else "must_refuse"],
        "by": {risk: by[risk] for risk in least},
        "required_by": {risk: count for risk, count in least.items() if count},
    }


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
