"""What differs between two policies: rules, words, and the settings around them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from guard.model import Action, Matcher, Rule
from guard.policies.policy import Policy
from guard.policies.provenance import Change

#: Fields of a rule that are compared by value; ``match`` and ``actions`` are told in detail.
_FIELDS: Final = tuple(
    field.name
    for field in dataclasses.fields(Rule)
    if field.name not in ("id", "match", "actions", "hits", "misses")
)
_AROUND: Final = ("overrides", "waivers", "on_failure", "accepted", "packs")


@dataclass(frozen=True, slots=True)
class Words:
    """Words and anchors that a rule gained and lost, sorted."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule of both policies that differs. ``fields`` maps a name to (old, new) as text."""

    id: str
    fields: Mapping[str, tuple[str, str]]
    words: Words


@dataclass(frozen=True, slots=True)
class PolicyDiff:
    """The difference; ``settings`` are overrides, waivers, on_failure, accepted texts and pack
    versions.

    ``notes`` are those of the versions between, newest first; ``undone`` those that a step back
    takes away. ``unversioned`` are packs whose rules differ under one version.
    """

    old: str
    new: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[RuleChange, ...]
    settings: Mapping[str, Words]
    notes: tuple[Change, ...] = ()
    undone: tuple[Change, ...] = ()
    unversioned: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.settings)


def diff(old: Policy, new: Policy) -> PolicyDiff:
    """Compare two policies rule by rule, in the order of the new one."""
    before = {rule.id: rule for rule in old.rules}
    after = {rule.id: rule for rule in new.rules}
    pairs = [(before[id], rule) for id, rule in after.items() if id in before]
    settings = {name: _settings(old, new, name) for name in _AROUND}
    return PolicyDiff(
        old.name,
        new.name,
        tuple(id for id in after if id not in before),
        tuple(id for id in before if id not in after),
        tuple(_change(one, two) for one, two in pairs if one != two),
        {name: words for name, words in settings.items() if words != Words()},
        _notes(old, new),
        _notes(new, old),
        _unversioned(old, new),
    )


def _notes(old: Policy, new: Policy) -> tuple[Change, ...]:
    """Of every pack in both, the notes of ``new`` on versions that ``old`` does not know."""
    kept = dict(old.packs).keys()
    known = {(change.pack, change.version) for change in old.changes} | set(old.packs)
    return tuple(
        change
        for change in new.changes
        if change.pack in kept and (change.pack, change.version) not in known
    )


def _unversioned(old: Policy, new: Policy) -> tuple[str, ...]:
    """Packs that say they are the same version and have other rules."""
    same = [pack for pack, version in new.packs if (pack, version) in old.packs]
    return tuple(pack for pack in same if _of_pack(old, pack) != _of_pack(new, pack))


def _of_pack(policy: Policy, pack: str) -> list[Rule]:
    return [rule for rule in policy.rules if rule.pack == pack]


def _change(old: Rule, new: Rule) -> RuleChange:
    fields: dict[str, tuple[str, str]] = {}
    for name in _FIELDS:
        values = getattr(old, name), getattr(new, name)
        if values[0] != values[1]:
            fields[name] = (_text(values[0]), _text(values[1]))
    if old.actions != new.actions:
        fields["actions"] = (_text(old.actions), _text(new.actions))
    for name in ("hits", "misses"):
        one, two = getattr(old, name), getattr(new, name)
        if one != two:
            fields[name] = (f"{len(one)} samples", f"{len(two)} samples")
    if _shape(old.match) != _shape(new.match):
        fields["match"] = (_text(_shape(old.match)), _text(_shape(new.match)))
    return RuleChange(new.id, fields, _delta(_words(old.match), _words(new.match)))


def _delta(old: set[str], new: set[str]) -> Words:
    return Words(tuple(sorted(new - old)), tuple(sorted(old - new)))


def _settings(old: Policy, new: Policy, name: str) -> Words:
    return _delta(*({_text(item) for item in _items(getattr(p, name))} for p in (old, new)))


def _items(value: Any) -> list[Any]:
    return list(value.items()) if isinstance(value, Mapping) else list(value)


def _words(matcher: Matcher) -> set[str]:
    """All literals, marked where they excuse instead of hit or only wake a pattern."""
    found = {*matcher.words, *(f"anchor:{word}" for word in matcher.anchors)}
    found.update(*(_words(part) for part in matcher.parts))
    if matcher.unless:
        found.update(f"unless:{word}" for word in _words(matcher.unless))
    return found


def _shape(matcher: Matcher) -> Any:
    """A matcher without its literals: how the parts stand to one another."""
    shape: dict[str, Any] = {"kind": matcher.kind}
    for name in ("pattern", "category", "within", "ordered", "plain"):
        if value := getattr(matcher, name):
            shape[name] = value
    if matcher.score != 1.0:
        shape["score"] = matcher.score
    if matcher.parts:
        shape["parts"] = [_shape(part) for part in matcher.parts]
    if matcher.unless:
        shape["unless"] = _shape(matcher.unless)
    return shape


def _text(value: Any) -> str:
    """A value on one line, the same in every process (no hash order in it)."""
    if isinstance(value, Action):
        return value.name
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return ", ".join(f"{name}: {_text(item)}" for name, item in parts if item not in ("", None))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_text, value)) + "]"
    return str(value)
