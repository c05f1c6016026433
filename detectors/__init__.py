"""Detectors find: what, where, how sure, why. They know nothing of law or of actions.

A new detector is one file and one line of ``DETECTORS`` (docs/adding-a-detector.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a detector is, which category families it gives, and the layer it belongs to.

    ``target`` is ``module:Class``, or ``module:matchers`` for a detector that is phrases only: its
    function gives matchers, which ride on the lexicon's scan at no cost of their own.
    """

    target: str
    categories: tuple[str, ...]
    layer: Literal["rules", "models"] = "rules"


#: Every embedded detector by name. The lexicon answers the policy's own words and patterns.
DETECTORS: Final[dict[str, Entry]] = {
    "lexicon": Entry("guard.detectors.lexicon:LexiconDetector", ()),
    "pii": Entry("guard.detectors.pii:PiiDetector", ("pii",)),
    "secrets": Entry("guard.detectors.secrets:SecretsDetector", ("secret",)),
    "garbage": Entry("guard.detectors.garbage:GarbageDetector", ("quality",)),
    "injection": Entry("guard.detectors.injection:matchers", ("injection",)),
    "hidden_text": Entry("guard.detectors.hidden_text:HiddenTextDetector", ("injection",)),
    "stray_orders": Entry("guard.detectors.stray_orders:StrayOrderDetector", ("injection",)),
}
