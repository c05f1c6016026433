"""Versions of an operator's pack in service: rolled out after a trial, and rolled back.

A service names the *live* path (``cn,live/my-words``). That is a link into the folder
``live/my-words.versions``, where every version stays as it was rolled out; one atomic rename of the
link changes the version, and a watching service takes it over. Version 0 has no rules: it is what
was there before the first one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guard.errors import InputError, PolicyError
from guard.files import sync_folder, write_file, write_folder
from guard.policies import schema
from guard.policies.load import load_policy
from guard.policies.read import read_form
from guard.policies.signing import pack_digest
from guard.reload import Report, prepare
from guard.tenants import Plan, Serving

#: Holds the numbers of the versions that served, one a line, the last one now.
_HISTORY: Final = "history"
_DIGEST: Final = 12


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a pack; ``live`` is the one in service."""

    number: int
    digest: str
    path: Path
    live: bool


def versions(live: Path) -> list[Version]:
    """All versions of a live path, oldest first.

    Raises:
        InputError: nothing was rolled out there.
    """
    found = _versions(live)
    if not found:
        raise InputError(f"{live}: nothing was rolled out here", "`guard policy rollout` does that")
    return found


def roll_out(
    pack: Path, live: Path, policy: str = "cn", trusted: Collection[str] = ()
) -> tuple[Version, Report]:
    """Try a pack as a running service would, then put a copy of it into service. A pack that
    serves already changes nothing.

    Args:
        policy: of the service; whether it names ``live`` already or not, the pack goes with it.
        trusted: public keys; if there are any, the pack must be signed.

    Raises:
        InputError: no pack, or a live path that is no link of ours.
        PolicyError: the pack is wrong, or a sample or benign text says no; nothing has changed.
    """
    if live.exists() and not live.is_symlink():
        raise InputError(f"{live}: a folder that was not rolled out", "move it; name a new path")
    if not (pack / "pack.yaml").is_file():
        raise InputError(f"{pack}: has no pack.yaml", "give the folder of a rule pack")
    if not _versions(live):
        _begin(pack, live)
    digest = pack_digest(pack).hex()[:_DIGEST]
    if live.exists() and _now(live).digest == digest:
        return _now(live), Report({}, {}, swapped=False)
    number = max(version.number for version in _versions(live)) + 1
    target = _store(live) / f"{number:04}-{digest}"
    files = {file.name: file.read_bytes() for file in pack.iterdir() if file.is_file()}
    write_folder(target, files)
    try:
        report = _try(target, live, policy, trusted)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    _serve(live, target, [*_history(live), number])
    return _now(live), report


def roll_back(
    live: Path, to: int | None = None, policy: str = "cn", trusted: Collection[str] = ()
) -> Version:
    """Put the version into service that served before, or the version ``to``.

    Raises:
        InputError: nothing was rolled out there, or there is no such version.
        PolicyError: the version cannot be loaded; nothing has changed.
    """
    found = {version.number: version for version in versions(live)}
    served = _before(live)
    if to is None and not served:
        raise InputError(f"{live}: no version served before", "see `guard policy versions`")
    number = served[-1] if to is None else to
    if number not in found:
        raise InputError(f"{live}: no version {number}", f"there are {', '.join(map(str, found))}")
    load_policy(_spec(policy, live, found[number].path), trusted)
    _serve(live, found[number].path, served if to is None else [*_history(live), number])
    return _now(live)


def _store(live: Path) -> Path:
    return live.with_name(f"{live.name}.versions")


def _versions(live: Path) -> list[Version]:
    store = _store(live)
    folders = sorted(store.glob("[0-9][0-9][0-9][0-9]-*")) if store.is_dir() else []
    now = live.resolve()
    found = []
    for folder in folders:
        number, _, digest = folder.name.partition("-")
        found.append(Version(int(number), digest, folder, folder.resolve() == now))
    return found


def _now(live: Path) -> Version:
    return next(version for version in _versions(live) if version.live)


def _begin(pack: Path, live: Path) -> None:
    """Make version 0: the head of the pack, without a rule."""
    head = read_form(pack / "pack.yaml", schema.PackFile)
    zero = f'id: {head.id}\nversion: "0"\ntitle: {{zh: 无规则, en: No rules}}\n'
    write_folder(_store(live) / "0000-none", {"pack.yaml": zero.encode()})
    write_file(_store(live) / _HISTORY, b"0\n")


def _history(live: Path) -> list[int]:
    path = _store(live) / _HISTORY
    return [int(line) for line in path.read_text(encoding="ascii").split()]


def _before(live: Path) -> list[int]:
    """The versions that served before the one that serves now, which the last line may not name
    yet: the link is the truth."""
    history, now = _history(live), next((v.number for v in _versions(live) if v.live), None)
    if now not in history:
        return history
    return history[: len(history) - 1 - history[::-1].index(now)]


def _serve(live: Path, target: Path, history: list[int]) -> None:
    """Point the live path to a version, at once and durably."""
    link = live.with_name(f".{live.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(target, live.parent))
    link.replace(live)
    sync_folder(live.parent)
    write_file(_store(live) / _HISTORY, "".join(f"{n}\n" for n in history).encode())


def _spec(policy: str, live: Path, path: Path) -> str:
    """The service's policy with ``path`` in the place of the live path, or at the end."""
    others = [part.strip() for part in policy.split(",")]
    if str(live) not in others:
        others.append(str(live))
    return ",".join(str(path) if part == str(live) else part for part in others)


def _try(target: Path, live: Path, policy: str, trusted: Collection[str]) -> Report:
    """What a service that is running will do on reload: samples and benign texts."""
    plan = Plan(_spec(policy, live, target), trusted=tuple(trusted))
    return prepare(plan, _serving(live, policy, trusted))[1]


def _serving(live: Path, policy: str, trusted: Collection[str]) -> Serving:
    """What serves now: with the live version, or without it where there is none that loads."""
    if live.exists():
        try:
            return Plan(_spec(policy, live, live), trusted=tuple(trusted)).build()
        except PolicyError:
            pass
    others = [part.strip() for part in policy.split(",") if part.strip() != str(live)]
    return Plan(",".join(others), trusted=tuple(trusted)).build()
