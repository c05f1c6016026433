"""Personal information in text, Chinese identifiers first.

Kinds with a check digit (resident ID, bank card, USCC) are found only when it is right, unless a
label says what they are meant to be. Format-only kinds (mobile, landline, plate) score 0.6 to
0.8, and 0.85 to 0.95 with a label before them. Not found by design: service numbers (110, 12345,
95xxx, 400/800), loopback, private and documentation IP addresses, public DNS resolvers.

Role mailboxes score 0.6 (0.3 under an example domain, where a name scores 0.7), placeholder names
(张三) 0.5, contacts of services (客服电话) at most 0.45.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from guard.detectors.automaton import Longest
from guard.detectors.normalise import View, folded
from guard.detectors.pii_hit import Hit, as_service, mask, settle
from guard.detectors.pii_labelled import find_labelled, label_words
from guard.detectors.pii_names import find_sexed, name_before
from guard.detectors.pii_net import MAIL_SIGNS, find_accounts, find_emails, find_hardware
from guard.detectors.pii_numbers import find_numbers, find_spoken, spoken_starts
from guard.detectors.pii_places import ADDRESS_SIGNS, find_addresses, find_plates
from guard.detectors.pii_running_names import find_running
from guard.model import Content, Finding, Modality, Where

NAME, VERSION = "pii", "1"
_DETECTOR = f"{NAME}@{VERSION}"

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

#: Longest value (an e-mail address: 64 + 1 + 180) with the label before it.
WINDOW = 320


#: Texts up to this length pass the gate first; in longer ones something always rings.
_SHORT = 512
_ANY_DIGIT = re.compile("[0-9]")
_ANY_LATIN = re.compile("[a-z]")


class _Signs(NamedTuple):
    """What a text holds of signs of personal information; ``labels`` as (index, end)."""

    labels: list[tuple[int, int]]
    digits: bool
    spoken: bool


@functools.cache
def _automata() -> tuple[Longest, Longest, int]:
    """(labels and all else a finding without digits needs, labels only, count of labels).

    Names in running text aside, a text with a finding holds at least one of: a digit, a label,
    ``@``, a sign of an address, or two numerals that begin a mobile number or a resident ID. One
    pass, no Python per character.
    """
    labels = label_words()
    others = ["@", *MAIL_SIGNS, *ADDRESS_SIGNS, *spoken_starts(), "男", "女"]
    return Longest([*labels, *others]), Longest(labels), len(labels)


def _signs(text: str) -> _Signs | None:
    gate, only_labels, count = _automata()
    digits = _ANY_DIGIT.search(text) is not None
    if len(text) > _SHORT:
        labels = [(index, end) for _, end, index in only_labels.scan(text)]
        return _Signs(labels, digits, True)
    found = gate.scan(text)
    if not found and not digits:
        return None
    labels = [(index, end) for _, end, index in found if index < count]
    return _Signs(labels, digits, digits or len(labels) < len(found))


def _scan(view: View, signs: _Signs) -> Iterator[Hit]:
    text = view.text
    yield from find_emails(text)
    if signs.labels:
        yield from find_labelled(
            text, signs.labels, lambda start, end: view.original[slice(*view.span(start, end))]
        )
    chinese = not text.isascii()
    if chinese and ("男" in text or "女" in text):
        yield from find_sexed(text)
    if chinese and signs.spoken:
        yield from find_spoken(text)
    if signs.digits:
        yield from find_numbers(text)
        yield from find_hardware(text)
        yield from find_accounts(text)
        if chinese and (_ANY_LATIN.search(text) or "使" in text):
            yield from find_plates(text)
    if chinese and (signs.digits or any(sign in text for sign in ADDRESS_SIGNS)):
        yield from find_addresses(text)


#: Kinds before which their owner's name often stands.
_OWNED = frozenset(
    {
        "pii.phone",
        "pii.id_card",
        "pii.student",
        "pii.medical",
        "pii.bank_card",
        "pii.wechat",
        "pii.qq",
    }
)


def _named(text: str, hit: Hit) -> Hit | None:
    """The name of the person whose number was found, if it stands before it."""
    if hit.category not in _OWNED or hit.score < 0.8:
        return None
    return name_before(text, hit.start)


def _finding(view: View, hit: Hit) -> Finding:
    start, end = view.span(hit.start, hit.end)
    return Finding(
        detector=_DETECTOR,
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
        signs = _signs(view.text)
        hits = [] if signs is None else list(_scan(view, signs))
        if not view.text.isascii():
            hits += find_running(view.text)
        if not hits:
            return []
        hits += [name for hit in hits if (name := _named(view.text, hit))]
        return [_finding(view, hit) for hit in settle(as_service(view.text, hit) for hit in hits)]
