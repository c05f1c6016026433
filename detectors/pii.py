"""Personal information in text, Chinese identifiers first.

Kinds with a check digit (resident ID, bank card, USCC) are found only when it is right, unless a
label says what they are meant to be. Format-only kinds (mobile, landline, plate) score 0.6 to
0.8, and 0.85 to 0.95 with a label before them. Not found by design: service numbers (110, 12345,
95xxx, 400/800), loopback, private and documentation IP addresses, public DNS resolvers.

Example and role mailboxes are found with low scores (0.3, 0.6), placeholder names (张三) with 0.5.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence

from ahocorasick_rs import AhoCorasick

from guard.detectors.normalise import View, folded
from guard.detectors.pii_hit import Hit, mask, settle
from guard.detectors.pii_labelled import find_labelled, label_words
from guard.detectors.pii_net import find_emails, find_hardware
from guard.detectors.pii_numbers import find_numbers, find_spoken, spoken_starts
from guard.detectors.pii_places import find_addresses, find_plates
from guard.model import Content, Finding, Modality, Where

NAME, VERSION = "pii", "1"

CATEGORIES: tuple[str, ...] = (
    "pii.id_card",
    "pii.phone",
    "pii.landline",
    "pii.bank_card",
    "pii.email",
    "pii.passport",
    "pii.hkmo_permit",
    "pii.tw_permit",
    "pii.military_id",
    "pii.driving_licence",
    "pii.uscc",
    "pii.plate",
    "pii.wechat",
    "pii.qq",
    "pii.ip",
    "pii.mac",
    "pii.address",
    "pii.name",
    "pii.medical",
    "pii.student",
)

#: Kinds that are sensitive personal information: PIPL art. 28 (financial accounts, medical
#: health, specific identity) as GB/T 35273-2020 annex B lists them, where every identity document
#: counts.
SENSITIVE: frozenset[str] = frozenset(
    {
        "pii.id_card",
        "pii.bank_card",
        "pii.passport",
        "pii.hkmo_permit",
        "pii.tw_permit",
        "pii.military_id",
        "pii.driving_licence",
        "pii.medical",
    }
)

#: Longest value (an e-mail address: 64 + 1 + 190) with the label before it.
WINDOW = 320


#: Texts up to this length pass the gate first; in longer ones something always rings.
_SHORT = 512
_ANY_DIGIT = re.compile("[0-9]")


@functools.cache
def _gate() -> AhoCorasick:
    """Everything of which a text with a finding holds at least one: a digit, ``@``, a label, or
    two numerals that begin a mobile number or a resident ID. One pass, no Python per character."""
    return AhoCorasick([*"0123456789@艾", *label_words(), *spoken_starts()])


def _scan(view: View) -> Iterator[Hit]:
    text = view.text
    if "@" in text or "at" in text or "艾特" in text:
        yield from find_emails(text)
    yield from find_labelled(text, lambda start, end: view.original[slice(*view.span(start, end))])
    yield from find_spoken(text)
    if _ANY_DIGIT.search(text) is not None:
        yield from find_numbers(text)
        yield from find_plates(text)
        yield from find_addresses(text)
        yield from find_hardware(text)


def _finding(view: View, hit: Hit) -> Finding:
    start, end = view.span(hit.start, hit.end)
    return Finding(
        detector=f"{NAME}@{VERSION}",
        matcher=hit.category,
        category=hit.category,
        score=hit.score,
        where=Where(start, end),
        evidence=mask(view.original[start:end], hit.category),
        why=hit.why,
    )


class PiiDetector:
    """Finds personal information in text; categories in :data:`CATEGORIES`.

    One finding per value: where kinds overlap, the surest, then the longest. ``where`` covers
    exactly the value, without its label, in code points of the original text.
    """

    name = NAME
    version = VERSION
    modalities: tuple[Modality, ...] = ("text",)
    window = WINDOW
    late = False

    def find(self, batch: Sequence[Content]) -> list[list[Finding]]:
        """Findings per item in text order. Never raises on any text; linear in its length."""
        return [self._find(content) for content in batch]

    def _find(self, content: Content) -> list[Finding]:
        view = folded(content)
        text = view.text
        if len(text) <= _SHORT and not _gate().find_matches_as_indexes(text):
            return []
        return [_finding(view, hit) for hit in settle(_scan(view))]
