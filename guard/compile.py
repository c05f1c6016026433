"""From a policy to running detectors: collect its matchers, build what answers them, run safely.

Policies and detectors never import each other; this is where they meet.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

from guard.detectors import DETECTORS
from guard.errors import DetectorError
from guard.hidden import hidden
from guard.model import DETECTOR_FAILED, Content, Detector, Finding, Matcher
from guard.policies.policy import Policy

Layers = Literal["all", "rules", "none"]


@dataclass(frozen=True, slots=True)
class Engine:
    """A policy with the detectors it needs, ready to run on any thread."""

    policy: Policy
    detectors: tuple[Detector, ...]
    #: Detectors that are phrases only and ride on the lexicon, as ``name@version``.
    guests: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Everything that runs, as ``name@version``: what it takes to replay a decision."""
        return [*(f"{d.name}@{d.version}" for d in self.detectors), *self.guests]

    def find(self, batch: Sequence[Content]) -> list[list[Finding]]:
        """All findings per item, those in decoded payloads and columns included. A detector that
        fails leaves a finding that says so."""
        found = self._find(batch)
        if self.detectors:
            for content, findings in zip(batch, found, strict=True):
                findings += hidden(content, self._find)
        return found

    def _find(self, batch: Sequence[Content]) -> list[list[Finding]]:
        found: list[list[Finding]] = [[] for _ in batch]
        present = {content.modality for content in batch}
        for detector in self.detectors:
            items, group = found, batch
            if not present.issubset(detector.modalities):
                chosen = [n for n, c in enumerate(batch) if c.modality in detector.modalities]
                items, group = [found[n] for n in chosen], [batch[n] for n in chosen]
            results = _run(detector, group)
            if any(results):
                for into, findings in zip(items, results, strict=True):
                    into += findings
        return found


def _run(detector: Detector, batch: Sequence[Content]) -> Sequence[Sequence[Finding]]:
    """A detector's findings; when the batch fails, each item alone, so that one bad item does not
    take the others with it."""
    try:
        results = detector.find(batch)
        if results != [[]] * len(batch):  # by far the most frequent answer
            _refuse_unsound(results, len(batch))
        return results
    except Exception as caught:  # whatever a detector raises, the content must not pass for it
        if len(batch) == 1:
            return [[_failure(detector, caught)]]
    return [_run(detector, [content])[0] for content in batch]


def _refuse_unsound(results: Sequence[Sequence[Finding]], count: int) -> None:
    """Raise when a detector's answer has a wrong form: a score of NaN would beat no threshold."""
    if len(results) != count:
        raise DetectorError(f"{len(results)} results for {count} items")
    for findings in results:
        if not isinstance(findings, (list, tuple)):
            raise DetectorError("the findings of an item are no list")
        for finding in findings:
            if not (isinstance(finding, Finding) and 0.0 <= finding.score <= 1.0):
                raise DetectorError("not a finding with a score from 0 to 1")


def _failure(detector: Detector, error: Exception) -> Finding:
    return Finding(
        detector=f"{detector.name}@{detector.version}",
        matcher=DETECTOR_FAILED,
        category=DETECTOR_FAILED,
        score=1.0,
        # The type only: an exception's text may quote the content.
        why=type(error).__name__,
    )


def build_engine(policy: Policy, layers: Layers = "all", extra: Sequence[Detector] = ()) -> Engine:
    """The engine of a policy.

    Args:
        layers: ``all`` embedded detectors, those without models (``rules``), or ``none``.
        extra: a caller's own detectors, run after the embedded ones.

    Raises:
        DetectorError: a detector cannot be built, or two have the same name.
    """
    names = [
        name
        for name, entry in DETECTORS.items()
        if layers == "all" or (layers == "rules" and entry.layer == "rules")
    ]
    # A lexicon is hundreds of thousands of small objects that all stay: searching them for garbage
    # again and again while they are made took a sixth of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        riding = _guests(names)
        detectors = [*_embedded(names, policy, riding), *extra]
    finally:
        if collecting:
            gc.enable()
    guests = tuple(riding)
    seen = [name.partition("@")[0] for name in (*(d.name for d in detectors), *guests)]
    double = next((name for name in seen if seen.count(name) > 1), None)
    if double is not None:
        raise DetectorError(f"two detectors are named {double!r}", "rename yours")
    return Engine(policy, tuple(detectors), guests)


def _load(name: str) -> tuple[ModuleType, str]:
    path, _, attribute = DETECTORS[name].target.partition(":")
    return importlib.import_module(path), attribute


def _guests(names: Sequence[str]) -> dict[str, Sequence[Matcher]]:
    """The detectors that are phrases only, as ``name@version``, with their matchers."""
    loaded = {name: _load(name) for name in names}
    return {
        f"{name}@{module.VERSION}": module.matchers()
        for name, (module, attribute) in loaded.items()
        if attribute == "matchers"
    }


def _embedded(
    names: Sequence[str], policy: Policy, riding: dict[str, Sequence[Matcher]]
) -> list[Detector]:
    """The named detectors, those that are phrases only (``riding``) inside the lexicon."""
    built: list[Detector] = []
    for name in names:
        module, attribute = _load(name)
        if name == "lexicon":
            matchers = [rule.match for rule in policy.rules]
            built.append(getattr(module, attribute)(matchers, riding))
        elif attribute != "matchers":
            built.append(getattr(module, attribute)())
    return built


def unanswered(policy: Policy, engine: Engine) -> list[str]:
    """Categories that rules ask for and no detector of the engine gives (``guard policy lint``)."""
    given = {family for entry in DETECTORS.values() for family in entry.categories}
    for detector in engine.detectors:
        given.update(getattr(detector, "categories", ()))
    asked = {rule.match.category for rule in policy.rules if rule.match.kind == "category"}
    return sorted(slug for slug in asked if slug.split(".")[0] not in given)
