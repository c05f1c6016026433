"""Which policy a command works on: what was named, else what the configuration says."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guard.config import Config
    from guard.policies.policy import Policy


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="configuration; with trusted_keys, own packs must be signed",
    )


def add_policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--policy", metavar="NAME|PATH[,...]", help="sets, packs, pack folders (default: cn)"
    )
    add_config(parser)


def settings(args: argparse.Namespace) -> Config:
    """The configuration, its trusted keys checked.

    Raises:
        ConfigError: an unusable file.
        InputError: a trusted key that is none.
    """
    from guard.config import read_config
    from guard.policies.signing import check_keys

    config = read_config(args.config)
    check_keys(config.trusted_keys)
    return config


def chosen(args: argparse.Namespace) -> Policy:
    """The policy that ``--policy`` names, or that of the configuration.

    Raises:
        PolicyError: a policy that cannot be used, unsigned packs where keys are trusted included.
    """
    from guard.policies.load import load_policy

    config = settings(args)
    return load_policy(args.policy or config.policy, config.trusted_keys)
