"""The pipeline: one object that carries contents through the stages and into the log."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from guard.compile import Engine, Layers
from guard.config import Config, read_config
from guard.conversation import contents as conversation_contents
from guard.conversation import judge_turns
from guard.errors import InputError
from guard.judge import judge
from guard.model import ROLES, Action, Content, Decision, Detector, Role, Sink
from guard.policies.policy import Policy
from guard.stages.stage1_prompt_filter import filter_prompts
from guard.stages.stage3_output_classifier import classify_outputs
from guard.tenants import Plan, Serving

if TYPE_CHECKING:
    from guard.reload import Report


def judge_training(engine: Engine, batch: Sequence[Content], on: dt.date) -> list[Decision]:
    """Decisions of the data cleaner; its file adds duplicates, ledger and balance to them."""
    return judge(engine, batch, on, "data_cleaner")


_STAGES = {
    "prompt": filter_prompts,
    "context": filter_prompts,
    "output": classify_outputs,
    "training": judge_training,
}


class Guard:
    """Checks contents against a policy and records every decision.

    Safe to share between threads and to fork. Use :meth:`load`; close it (or use ``with``) when a
    log is attached, so that the last records are sealed.
    """

    def __init__(
        self,
        engine: Engine | Serving,
        *,
        sink: Sink | None = None,
        config: Config | None = None,
        plan: Plan | None = None,
    ):
        # One reference, taken once per call: a reload swaps it whole.
        self._serving = engine if isinstance(engine, Serving) else Serving(engine)
        self.sink = sink
        self.config = config or Config()
        self.plan = plan or Plan(self.config.policy, layers=self.config.detectors)
        self._reloading = threading.Lock()

    @classmethod
    def load(
        cls,
        policy: str | None = None,
        *,
        audit: str | Path | None = None,
        config: str | Path | Config | None = None,
        detectors: Layers | None = None,
        extra: Sequence[Detector] = (),
        tenants: Mapping[str, str] | None = None,
    ) -> Self:
        """A guard with embedded detectors; nothing is downloaded.

        Args:
            policy: comma-separated sets, packs and pack folders; ``cn`` by default.
            audit: folder of the audit log, made when missing; none by default.
            config: a TOML file (or a Config) for what is not given here.
            detectors: ``all``, ``rules`` (no models) or ``none``.
            extra: your own detectors, run after the embedded ones.
            tenants: policies of tenants that have their own, by the tenant's id; a tenant that is
                not named is judged by ``policy``.

        Raises:
            PolicyError: a pack is wrong, or an operator's pack fails its own samples.
            ConfigError: the configuration file is wrong.
        """
        settings = config if isinstance(config, Config) else read_config(config)
        # An empty name given on purpose (an unset variable of a shell) is a mistake, no default.
        spec = settings.policy if policy is None else policy
        folder = settings.audit if audit is None else audit
        if audit == "":
            raise InputError("audit: an empty name of a folder", "name one, or leave it out")
        named = settings.tenants if tenants is None else tenants
        layers, trusted = detectors or settings.detectors, settings.trusted_keys
        plan = Plan(spec, dict(named), layers, tuple(extra), trusted)
        serving = plan.build()
        sink = _open_log(folder) if folder else None
        return cls(serving, sink=sink, config=settings, plan=plan)

    @property
    def engine(self) -> Engine:
        """The engine of contents without a tenant, or of a tenant without a policy of its own."""
        return self._serving.default

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.engine.policy

    def check(
        self,
        content: str | Content | None = None,
        *,
        messages: Sequence[Mapping[str, Any]] | None = None,
        role: Role = "prompt",
        **about: Any,
    ) -> Decision:
        """Judge one text, one Content, or a conversation.

        Args:
            content: the text, or a Content that already says everything about itself.
            messages: a conversation instead; each part is judged by its role and channel, and the
                decision is that of the strictest part, with all of them in ``parts``. An attack
                spread over the user's turns is one more part at the end, whose id names the turns.
            role: where a bare text comes from.
            about: further fields of Content for a bare text or conversation: ``subject``,
                ``session``, ``tenant``, ``request_id``, ``id``, ``lang``, ``meta``; ``prompt``
                gives the question that an output answers.

        Returns:
            The decision, after its record is durable when a log is attached.

        Raises:
            InputError: wrong use. Hostile text never raises; a failing detector gives BLOCK.
        """
        if messages is not None:
            if content is not None:
                raise InputError("check() got a text and messages", "give one of them")
            return self._check_conversation(messages, about)
        return self._check([_content(content, role, about)])[0]

    def check_many(
        self, batch: Sequence[str | Content], *, role: Role = "prompt", **about: Any
    ) -> list[Decision]:
        """Judge many texts or Contents, batched; decisions come in the same order."""
        return self._check([_content(item, role, about) for item in batch])

    async def acheck(self, content: str | Content | None = None, **options: Any) -> Decision:
        """:meth:`check` on a worker thread, for asynchronous services."""
        import asyncio

        return await asyncio.to_thread(self.check, content, **options)

    def judge(self, batch: Sequence[Content]) -> list[Decision]:
        """Decisions without a record of each: for stages that record a whole run."""
        return self._judge(batch, dt.date.today())

    def reload(self, policy: str | None = None) -> Report:
        """Take a changed policy into service while the old one serves.

        The new one is built and tried beside the old one (see :mod:`guard.reload`); checks on
        other threads see the old or the new one, whole. The log records both names.

        Args:
            policy: another specification for contents without a tenant's own; by default the
                one in force is read again. Those of tenants are read again, too.

        Raises:
            PolicyError: the new policy is wrong; the old one goes on serving.
        """
        from guard.reload import prepare, record

        with self._reloading:
            plan = self.plan if policy is None else replace(self.plan, policy=policy)
            serving, report = prepare(plan, self._serving)
            if report.swapped and self.sink is not None:
                record(self.sink, report)  # first: a change that cannot be recorded is not made
            self.plan, self._serving = plan, serving
        return report

    def label(self, source: str | Path, target: str | Path, label: Any, **options: Any) -> Any:
        """Write a label into a file (stage 4) and record it. See :mod:`guard.label`."""
        from guard.stages.stage4_label_writer import write_label

        return write_label(source, target, label, sink=self.sink, **options)

    def inspect(self, path: str | Path, **options: Any) -> Any:
        """Read every label and mark of a file. See :mod:`guard.label`."""
        from guard.label import inspect_file

        return inspect_file(path, **options)

    def close(self) -> None:
        """Flush, seal and release the log."""
        if self.sink is not None:
            self.sink.close()
            self.sink = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check(self, items: Sequence[Content]) -> list[Decision]:
        decisions = self._judge(items, dt.date.today())
        if self.sink is None:
            return decisions
        return self._record(items, decisions)

    def _judge(
        self, items: Sequence[Content], on: dt.date, serving: Serving | None = None
    ) -> list[Decision]:
        """Each run of equal roles and engines goes through its stage as one batch."""
        serving = serving or self._serving
        if len(items) == 1:
            return _STAGES[items[0].role](serving.of(items[0].tenant), items, on)
        decisions: list[Decision] = []
        for _, run in itertools.groupby(items, lambda c: (c.role, id(serving.of(c.tenant)))):
            group = list(run)
            decisions += _STAGES[group[0].role](serving.of(group[0].tenant), group, on)
        return decisions

    def _record(self, items: Sequence[Content], decisions: Sequence[Decision]) -> list[Decision]:
        from guard.stages.stage5_audit_log import record_decisions

        assert self.sink is not None
        ran = self.engine.names
        indices = record_decisions(self.sink, items, decisions, detectors=ran)
        return [replace(d, record=n) for d, n in zip(decisions, indices, strict=True)]

    def _check_conversation(
        self, messages: Sequence[Mapping[str, Any]], about: Mapping[str, Any]
    ) -> Decision:
        items = conversation_contents(messages, **_fields(about))
        serving = self._serving
        if not items:
            engine = serving.of(about.get("tenant", ""))
            return Decision(Action.PASS, "", policy=engine.policy.name)
        today = dt.date.today()
        decisions = self._judge(items, today, serving)
        together = judge_turns(serving.of(items[0].tenant), items, decisions, today)
        if together is not None:
            items, decisions = [*items, together[0]], [*decisions, together[1]]
        if self.sink is not None:
            decisions = self._record(items, decisions)
        strictest = max(decisions, key=lambda decision: decision.action)
        return replace(
            strictest,
            complete=all(decision.complete for decision in decisions),
            took_us=round(sum(decision.took_us for decision in decisions), 1),
            parts=tuple(decisions),
        )


def _fields(about: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of Content from keyword arguments; ``prompt`` travels in ``meta``."""
    fields = dict(about)
    if "prompt" in fields:
        fields["meta"] = {**fields.get("meta", {}), "prompt": fields.pop("prompt")}
    unknown = [name for name in fields if name not in Content.__dataclass_fields__]
    if unknown:
        raise InputError(f"check() does not know {unknown[0]!r}", "see its documentation")
    return fields


def _content(item: str | Content | None, role: Role, about: Mapping[str, Any]) -> Content:
    if isinstance(item, Content):
        made = replace(item, **_fields(about)) if about else item
    elif isinstance(item, str):
        made = Content(item, role, **_fields(about)) if about else Content(item, role)
    else:
        raise InputError(
            f"a content must be a str or a Content, not {type(item).__name__}", "pass its text"
        )
    if made.role not in ROLES:
        raise InputError(f"unknown role {made.role!r}", f"use one of {', '.join(ROLES)}")
    return made


def _open_log(folder: str | Path) -> Sink:
    from guard.audit import open_log

    return open_log(folder)
