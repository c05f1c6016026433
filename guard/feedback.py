"""What a person says of a decision: recorded, and, where it was wrong, made a sample candidate.

A candidate is written beside an operator's pack, never into it: somebody decides whether the rule
or the text was at fault, and copies the sample into the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import yaml

from guard.errors import InputError
from guard.files import write_file
from guard.model import Action, Record
from guard.policies.load import HERE

if TYPE_CHECKING:
    from guard.audit import AuditLog

Opinion = Literal["right", "wrong"]
#: Longest note that is recorded, in characters.
MAX_NOTE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Wrong:
    """The text of a wrong decision, and the operator's pack that its candidate belongs to."""

    text: str
    pack: Path
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """The index of the feedback's own record, and the candidate if one was written."""

    record: int
    candidate: Path | None = None


def give(
    log: AuditLog, index: int, opinion: Opinion, *, note: str = "", wrong: Wrong | None = None
) -> Given:
    """Record an opinion on the decision ``index``; with ``wrong``, write a sample candidate.

    Raises:
        InputError: no such decision, a text that is not the one that was judged, a note that is
            too long, a pack that is shipped or missing, or a candidate that exists.
    """
    decision = log.get(index)
    if decision["kind"] != "decision":
        raise InputError(f"record {index} is a {decision['kind']}, no decision", "name another")
    if len(note) > MAX_NOTE:
        raise InputError(f"a note of {len(note)} characters", f"keep it to {MAX_NOTE}")
    target = _target(log, decision, wrong) if wrong else None
    body = {"record": index, "opinion": opinion, "note": note,
            "action": decision["body"]["action"], "candidate": target is not None}  # fmt: skip
    own = log.append(Record(kind="feedback", stage="feedback", body=body))
    if wrong and target:
        target.parent.mkdir(exist_ok=True)
        write_file(target, candidate(decision, wrong.text, note).encode())
    return Given(own, target)


def _target(log: AuditLog, decision: Mapping[str, Any], wrong: Wrong) -> Path:
    """Where the candidate goes, after everything that could refuse it was tried."""
    pack = wrong.pack
    if not (pack / "pack.yaml").is_file():
        raise InputError(f"{pack}: has no pack.yaml", "give the folder of your own rule pack")
    if HERE in pack.resolve().parents:
        raise InputError(f"{pack}: a shipped pack", "give the folder of your own rule pack")
    digest = log.digest(wrong.text)
    if wrong.subject:
        digest = log.keys.subject(wrong.subject).bind(digest)
    if digest != decision["body"]["digests"]["content"]:
        raise InputError(
            f"record {decision['index']} is not about this text",
            "give the exact text that was judged, and --subject if it had one",
        )
    target = pack.parent / f"{pack.name}.candidates" / f"record-{decision['index']}.yaml"
    if target.exists():
        raise InputError(f"{target}: exists already", "it is waiting for you to look at it")
    return target


def candidate(decision: Mapping[str, Any], text: str, note: str) -> str:
    """The candidate as YAML: a miss of every rule that acted wrongly, or a hit still to be caught.

    Rules that only observe, or were waived, did no harm and are left out.
    """
    body = decision["body"]
    sample = {"text": text, "role": body["role"]}
    acting = [
        rule["id"]
        for rule in body["rules"]
        if Action[rule["action"]] > Action.PASS and not (rule.get("observe") or rule.get("waived"))
    ]
    about = {
        "record": decision["index"],
        "time": decision["time"],
        "policy": body["policy"],
        "action": body["action"],
        "note": note,
    }
    samples = [{"rule": id, "samples": {"miss": [sample]}} for id in acting]
    wanted = samples or [{"rule": None, "samples": {"hit": [sample]}}]
    head = (
        "# A candidate, not a rule: copy the sample into the rule, run `guard policy test`, and\n"
        "# remove this file. `rule: null` stands for the rule that should have fired.\n"
    )
    return head + yaml.safe_dump(
        {"decision": about, "candidates": wanted}, allow_unicode=True, sort_keys=False, width=100
    )
