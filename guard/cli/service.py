"""Verbs of ``guard policy`` that change what a service uses: rollout, rollback, versions."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from guard.cli.chosen import add_config, settings
from guard.cli.output import print_json, print_table


def _live(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "live", type=Path, metavar="LIVE", help="the path that the service's policy names"
    )


def rollout_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pack", type=Path, metavar="PACK", help="the folder of your pack")
    _live(parser)
    add_config(parser)


def rollback_arguments(parser: argparse.ArgumentParser) -> None:
    _live(parser)
    parser.add_argument("--to", type=int, metavar="N", help="a version; default: the one before")
    add_config(parser)


def versions_arguments(parser: argparse.ArgumentParser) -> None:
    _live(parser)


def run_rollout(args: argparse.Namespace) -> int:
    """Try a pack, then put it into service."""
    from guard.versions import roll_out

    config = settings(args)
    version, report = roll_out(args.pack, args.live, config.policy, config.trusted_keys)
    if args.json:
        print_json({"version": version, "trial": report})
    else:
        print(
            f"{args.live}: version {version.number} ({version.digest}) serves; passed "
            f"{report.samples} samples and {report.benign} benign texts "
            f"({report.accepted} accepted by packs)"
        )
    return 0


def run_rollback(args: argparse.Namespace) -> int:
    """Put a former version back into service."""
    from guard.versions import roll_back

    config = settings(args)
    version = roll_back(args.live, args.to, config.policy, config.trusted_keys)
    if args.json:
        print_json({"version": version})
    else:
        print(f"{args.live}: version {version.number} ({version.digest}) serves again")
    return 0


def run_versions(args: argparse.Namespace) -> int:
    """All versions of a live path."""
    from guard.versions import versions

    found = versions(args.live)
    if args.json:
        print_json({"versions": found})
        return 0
    rows: list[tuple[Any, ...]] = [(v.number, v.digest, "✓" if v.live else "") for v in found]
    print_table(f"{args.live}", ("version", "digest", "serves"), rows)
    return 0
