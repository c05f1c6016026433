"""Changing the policy of a running guard: the new one is tried beside the old one, then swapped in.

While the new engines are built and tried, the old ones serve. The swap replaces one reference, so
that every check is judged by the old policy or by the new one, whole, and none is left out.
"""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from guard.benign import FOLDER, read_corpus
from guard.compile import Engine
from guard.errors import GuardError, PolicyError
from guard.model import Action, Content, Record, Sink
from guard.policies.load import operator_packs
from guard.samples import failing_samples
from guard.tenants import Plan, Serving

if TYPE_CHECKING:
    from guard.pipeline import Guard

_BATCH: Final = 256
_LOG = logging.getLogger("guard.reload")


@dataclass(frozen=True, slots=True)
class Report:
    """What a reload did. ``old`` and ``new`` name the policies, by tenant, the default under "".

    ``swapped`` is false when nothing had changed. ``samples`` and ``benign`` count the texts that
    the new policies passed; ``took_s`` is in seconds.
    """

    old: dict[str, str]
    new: dict[str, str]
    swapped: bool
    samples: int = 0
    benign: int = 0
    took_s: float = 0.0


def prepare(plan: Plan, old: Serving, benign: Path = FOLDER) -> tuple[Serving, Report]:
    """Build a plan and try it; nothing that serves is touched.

    The samples of every rule that the old policies do not have in the same form are tried, and
    every benign text: one that an old policy lets pass must not be blocked by the new one.

    Raises:
        PolicyError: a pack is wrong, or a sample or benign text says no; names it.
    """
    begun = perf_counter()
    new = plan.build()
    before, after = old.policies(), new.policies()
    if before == after:
        return old, Report(before, after, swapped=False, took_s=perf_counter() - begun)
    samples = texts = 0
    if plan.layers != "none":
        known = [engine.policy.name for engine in old.engines()]
        fresh = [engine for engine in new.engines() if engine.policy.name not in known]
        samples = sum(_try_samples(engine, old) for engine in fresh)
        texts = sum(_try_benign(engine, old.default, benign) for engine in fresh)
    took = round(perf_counter() - begun, 3)
    return new, Report(before, after, True, samples, texts, took)


def _try_samples(engine: Engine, old: Serving) -> int:
    """Try the samples of rules that are new or changed; how many there were."""
    policy = engine.policy
    same = {rule.id: rule for e in old.engines() for rule in e.policy.rules}
    # An override may silence a rule on purpose: its samples then say nothing.
    overridden = {override.rule for override in policy.overrides}
    rules = tuple(r for r in policy.rules if same.get(r.id) != r and r.id not in overridden)
    tried = replace(engine, policy=replace(policy, rules=rules))
    failing = next(failing_samples(tried), None)
    if failing is not None:
        raise PolicyError(f"not taken: {failing}", "mend it; the old policy goes on serving")
    return sum(len(rule.hits) + len(rule.misses) for rule in rules)


def _try_benign(engine: Engine, old: Engine, folder: Path) -> int:
    """Judge the benign texts; how many there were."""
    count = 0
    texts = (Content(item.text, item.role, id=item.id) for item in read_corpus(folder))
    while batch := list(itertools.islice(texts, _BATCH)):
        count += len(batch)
        blocked = _blocked(engine, batch)
        newly = [content for content in blocked if not _blocked(old, [content])]
        if newly:
            raise PolicyError(
                f"not taken: benign text {newly[0].id} would be blocked: {newly[0].text[:60]!r}",
                "narrow the rule; the old policy goes on serving",
            )
    return count


def _blocked(engine: Engine, batch: list[Content]) -> list[Content]:
    today = dt.date.today()
    return [
        content
        for content, findings in zip(batch, engine.find(batch), strict=True)
        if engine.policy.decide(content, findings, on=today).action is Action.BLOCK
    ]


def record(sink: Sink, report: Report) -> None:
    """Write the change into the log, tenants as keyed digests, as in decisions."""
    named = {
        tenant and sink.digest(f"tenant:{tenant}")[:32]: [report.old.get(tenant, ""), name]
        for tenant, name in report.new.items()
    }
    old, new = named.pop("")
    body = {
        "what": "policy",
        "old": old,
        "new": new,
        "tenants": {digest: {"old": pair[0], "new": pair[1]} for digest, pair in named.items()},
        "samples": report.samples,
        "benign": report.benign,
    }
    sink.append(Record(kind="config", stage="reload", body=body))


class Watcher:
    """Reloads a guard when a file of an operator's packs changes. Get one from :func:`watch`."""

    def __init__(self, guard: Guard, interval: float, on_reload: OnReload) -> None:
        self._guard = guard
        self._interval = interval
        self._on_reload = on_reload
        self._stop = threading.Event()
        self._seen = self._state()
        self._thread = threading.Thread(target=self._run, name="guard-reload", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; returns once no reload is under way. Repeatable."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def poll(self) -> bool:
        """Look once; whether something had changed (the outcome goes to ``on_reload``)."""
        # Taken before the files are read: what changes while they are read is seen next time.
        state = self._state()
        if state == self._seen:
            return False
        self._seen = state
        try:
            self._on_reload(self._guard.reload())
        except GuardError as error:
            self._on_reload(error)
        return True

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self.poll()

    def _state(self) -> tuple[tuple[str, int, int], ...]:
        """Name, time and size of every file of the packs; a folder that is gone has none."""
        try:
            folders = [f for spec in self._guard.plan.specs() for f in operator_packs(spec)]
            files = sorted({file for folder in folders for file in folder.iterdir()})
            stats = [(str(file), file.stat()) for file in files]
        except (OSError, GuardError):
            return ()
        return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


OnReload = Callable[[Report | GuardError], object]


def log_outcome(outcome: Report | GuardError) -> None:
    """Say what came of a reload in the log ``guard.reload`` of :mod:`logging`."""
    if isinstance(outcome, GuardError):
        _LOG.warning("the policy was not reloaded: %s", outcome)
    elif outcome.swapped:
        _LOG.info("policy %s now serves (before: %s)", outcome.new[""], outcome.old[""])


def watch(guard: Guard, interval: float = 5.0, on_reload: OnReload = log_outcome) -> Watcher:
    """Reload ``guard`` whenever its operator's packs change, on a daemon thread.

    Args:
        interval: seconds between looks at the files' times and sizes.
        on_reload: gets the report, or the error when the old policy was kept.
    """
    watcher = Watcher(guard, interval, on_reload)
    watcher.start()
    return watcher
