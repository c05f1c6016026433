"""Which engine judges whose content: one for everybody, others for tenants with their own policy.

A :class:`Plan` says what to build, a :class:`Serving` is what was built. A guard holds one
reference to a Serving and takes it once per call, so that a reload replaces everything or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from guard.compile import Engine, Layers, build_engine
from guard.errors import InputError, PolicyError
from guard.model import Detector
from guard.policies.load import built_in, load_policy, operator_packs
from guard.policies.signing import check_keys
from guard.samples import failing_samples


@dataclass(frozen=True, slots=True)
class Serving:
    """The engines in force. A tenant that is not named is judged by ``default``."""

    default: Engine
    tenants: Mapping[str, Engine] = field(default_factory=dict)

    def of(self, tenant: str) -> Engine:
        """The engine of a tenant."""
        return self.tenants.get(tenant, self.default) if self.tenants else self.default

    def engines(self) -> list[Engine]:
        """Every engine once, the default first."""
        return list({id(e): e for e in (self.default, *self.tenants.values())}.values())

    def policies(self) -> dict[str, str]:
        """The names of the policies: that of the default under ``""``, the others by tenant."""
        engines = {"": self.default, **self.tenants}
        return {tenant: engine.policy.name for tenant, engine in engines.items()}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to build: a policy specification for all, others by tenant, and the detectors.

    ``trusted`` are public keys: if there are any, the operator's packs must be signed.
    """

    policy: str
    tenants: Mapping[str, str] = field(default_factory=dict)
    layers: Layers = "all"
    extra: tuple[Detector, ...] = ()
    trusted: tuple[str, ...] = ()

    def specs(self) -> Sequence[str]:
        """Every policy specification once, the default first."""
        return list(dict.fromkeys((self.policy, *self.tenants.values())))

    def build(self) -> Serving:
        """Load and build everything; tenants of one specification share an engine.

        Raises:
            PolicyError: a pack is wrong or not signed, or fails its own samples.
            InputError: a tenant without a name, or a trusted key that is none.
        """
        check_keys(self.trusted)
        if "" in self.tenants:
            raise InputError("tenants: an empty name", "contents without a tenant use the default")
        built = {spec: self._engine(spec) for spec in self.specs()}
        tenants = {tenant: built[spec] for tenant, spec in self.tenants.items()}
        return Serving(built[self.policy], tenants)

    def _engine(self, spec: str) -> Engine:
        engine = build_engine(load_policy(spec, self.trusted), self.layers, self.extra)
        if operator_packs(spec) and self.layers != "none":
            refuse_failing(engine)
        return engine


def refuse_failing(engine: Engine) -> None:
    """An operator's pack that contradicts its own samples is not taken into service."""
    own = {rule.pack for rule in engine.policy.rules} - set(built_in())
    failing = next(failing_samples(engine, packs=own), None)
    if failing is not None:
        raise PolicyError(str(failing), "mend the rule or the sample (`guard policy test`)")
