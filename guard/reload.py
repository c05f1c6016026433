"""Changing the policy of a running guard: the new one is tried beside the old one, then swapped in.

While the new engines are built and tried, the old ones serve. The swap replaces one reference, so
that every check is judged by the old policy or by the new one, whole, and none is left out.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from guard.benign import FOLDER
from guard.errors import GuardError
from guard.model import Record, Sink
from guard.policies.load import operator_packs
from guard.rehearsal import Rehearsal, rehearse
from guard.tenants import Plan, Serving

if TYPE_CHECKING:
    from guard.pipeline import Guard

_LOG = logging.getLogger("guard.reload")


@dataclass(frozen=True, slots=True)
class Report:
    """What a reload did. ``old`` and ``new`` name the policies, by tenant, the default under "".

    ``swapped`` is false when nothing had changed. ``samples`` and ``benign`` count the texts that
    the new policies passed, ``accepted`` those they newly block because a pack says so;
    ``took_s`` is in seconds.
    """

    old: dict[str, str]
    new: dict[str, str]
    swapped: bool
    samples: int = 0
    benign: int = 0
    took_s: float = 0.0
    accepted: int = 0


def prepare(plan: Plan, old: Serving, benign: Path = FOLDER) -> tuple[Serving, Report]:
    """Build a plan and try it (:mod:`guard.rehearsal`); nothing that serves is touched.

    Raises:
        PolicyError: a pack is wrong, or a sample or benign text says no; names it.
    """
    begun = perf_counter()
    new = plan.build()
    before, after = old.policies(), new.policies()
    if before == after:
        return old, Report(before, after, swapped=False, took_s=perf_counter() - begun)
    tried = rehearse(new, old, benign) if plan.layers != "none" else Rehearsal()
    took = round(perf_counter() - begun, 3)
    counts = (tried.samples, tried.benign)
    return new, Report(before, after, True, *counts, took_s=took, accepted=tried.accepted)


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
        "accepted": report.accepted,
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
            # Through links: a version that is rolled back keeps its times.
            files = sorted({file for folder in folders for file in folder.resolve().iterdir()})
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
