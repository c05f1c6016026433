"""The configuration file: one TOML, every key known, every value checked.

Precedence: an argument of :meth:`guard.Guard.load` or of the command line, then the file, then
the defaults here.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from guard.errors import ConfigError


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be configured.

    ``policy`` is a comma-separated list of sets, packs and paths. ``audit`` is the folder of the
    audit log, empty for none. ``detectors`` chooses the layers. ``producer`` is the provider's
    name or 27-character code for labels; it is never invented. ``tenants`` names the policies of
    tenants that have their own, by the tenant's id. ``trusted_keys`` are public keys as
    ``guard policy sign`` prints them: if there are any, own packs must be signed by one.
    """

    policy: str = "cn"
    audit: str = ""
    detectors: Literal["all", "rules", "none"] = "all"
    producer: str = ""
    tenants: dict[str, str] = {}
    trusted_keys: tuple[str, ...] = ()


def read_config(path: str | Path | None) -> Config:
    """The configuration of a TOML file; the defaults when ``path`` is None.

    Raises:
        ConfigError: unreadable file, unknown key, wrong type; names file and key.
    """
    if path is None:
        return Config()
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file", "check --config") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not readable as TOML: {error}", "mend that line") from None
    try:
        return msgspec.convert(data, Config)
    except msgspec.ValidationError as error:
        known = ", ".join(Config.__struct_fields__)
        raise ConfigError(f"{path}: {error}", f"known keys are {known}") from None
