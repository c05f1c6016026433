"""Verbs of ``guard policy`` for rolling a change out: diff, replay, sign."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard.cli.chosen import add_config, settings
from guard.cli.output import plain, print_json, print_table
from guard.errors import InputError
from guard.model import ROLES

if TYPE_CHECKING:
    from guard.policy_diff import PolicyDiff, Words
    from guard.replay import Replay

_TITLES = {
    "blocked": "newly blocked 新拦截",
    "freed": "newly freed 新放行",
    "other": "other changes 其他变化",
}
#: Rows shown per table; --json has all.
_SHOWN = 30


def replay_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", type=Path, metavar="LOG|FILE.jsonl", help="yesterday's texts, or an audit log"
    )
    parser.add_argument("--policy", required=True, metavar="NEW", help="the policy to try")
    parser.add_argument(
        "--against", metavar="OLD", help="the policy in force (default: the configuration's)"
    )
    parser.add_argument("--role", choices=ROLES, default="prompt", help="of rows without a role")
    parser.add_argument(
        "--texts", type=Path, metavar="FILE.jsonl", help="the texts that an audit log is about"
    )
    parser.add_argument(
        "--gate", action="store_true", help="exit 1 when anything is newly blocked or freed"
    )
    add_config(parser)


def run_replay(args: argparse.Namespace) -> int:
    """What the new policy would have done."""
    done, unmatched = _replayed(args)
    if args.json:
        print_json(_json(done, args, unmatched))
    else:
        _show(done, args, unmatched)
    return 1 if args.gate and any(change.kind != "other" for change in done.changes) else 0


def _replayed(args: argparse.Namespace) -> tuple[Replay, int | None]:
    from guard.replay import replay
    from guard.replay_log import replay_log

    config = settings(args)
    keys = config.trusted_keys
    if not args.source.is_dir():
        if args.texts is not None:
            raise InputError(
                "--texts belongs to an audit log", "give its folder, or the texts alone"
            )
        args.against = args.against or config.policy
        done = replay(args.source, args.policy, args.against, role=args.role, trusted=keys)
        return done, None
    if args.against is not None:
        raise InputError("--against: a log says itself what was decided", "leave it out")
    matched = replay_log(args.source, args.texts, args.policy, trusted=keys)
    return matched.replay, matched.without_text


def _old(args: argparse.Namespace) -> str:
    return "the log" if args.source.is_dir() else str(args.against)


def _json(done: Replay, args: argparse.Namespace, unmatched: int | None) -> dict[str, Any]:
    from guard.replay import KINDS

    actions = [
        {"old": old, "new": new, "rows": n} for (old, new), n in sorted(done.actions.items())
    ]
    rules = {id: {"old": old, "new": new} for id, (old, new) in done.moved_rules().items()}
    shown: dict[str, Any] = {"old": _old(args), "new": args.policy, "rows": done.rows}
    if unmatched is not None:
        shown["records_without_text"] = unmatched
    changes = {f"newly_{k}" if k != "other" else "other_changes": done.by_doubt(k) for k in KINDS}
    return {**shown, "actions": actions, "rules": rules, **changes}


def _show(done: Replay, args: argparse.Namespace, unmatched: int | None) -> None:
    from guard.replay import KINDS

    for kind in KINDS:
        found = done.by_doubt(kind)
        if not found:
            continue
        cut = f" (the {_SHOWN} most doubtful; --json has all)" if len(found) > _SHOWN else ""
        print_table(
            f"{_TITLES[kind]}: {len(found)}{cut}",
            ("id", "change", "score", "rules", "text"),
            [
                (c.id, f"{c.old} → {c.new}", f"{c.score:.2f}", "\n".join(c.rules), excerpt(c.text))
                for c in found[:_SHOWN]
            ],
        )
    if moved := done.moved_rules():
        rows = [(id, old, new, f"{new - old:+d}") for id, (old, new) in moved.items()]
        print_table("rules on other rows 规则命中变化", ("rule", "old", "new", "change"), rows)
    if unmatched:
        print(f"{unmatched} records have no text among the given ones and were left out")
    print(f"{done.rows} rows, {len(done.changes)} changed: {_old(args)} → {args.policy}")


def diff_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD", help="sets, packs, pack folders")
    parser.add_argument("new", metavar="NEW", help="the same, to compare with it")
    parser.add_argument(
        "--on", type=Path, metavar="FILE.jsonl", help="texts on which decisions are compared too"
    )
    parser.add_argument("--role", choices=ROLES, default="prompt", help="of rows without a role")
    add_config(parser)


def run_diff(args: argparse.Namespace) -> int:
    """What differs between two policies, and, on texts, between their decisions."""
    from guard.policies.load import load_policy
    from guard.policy_diff import diff
    from guard.replay import replay

    keys = settings(args).trusted_keys
    found = diff(load_policy(args.old, keys), load_policy(args.new, keys))
    args.policy, args.against, args.source = args.new, args.old, args.on
    done = replay(args.on, args.new, args.old, role=args.role, trusted=keys) if args.on else None
    if args.json:
        print_json({**plain(found), **({"decisions": _json(done, args, None)} if done else {})})
        return 0
    _show_diff(found)
    if done:
        _show(done, args, None)
    return 0


def _show_diff(found: PolicyDiff) -> None:
    print(f"{found.old} → {found.new}")
    rows = [("+", id, "") for id in found.added] + [("-", id, "") for id in found.removed]
    for change in found.changed:
        told = [f"{name}: {old} → {new}" for name, (old, new) in change.fields.items()]
        rows.append(("~", change.id, "\n".join([*told, *_told(change.words)])))
    rows += [("~", name, "\n".join(_told(words))) for name, words in found.settings.items()]
    for sign, changes in (("+", found.notes), ("-", found.undone)):
        for note in changes:
            print(f"{sign} {note.pack} {note.version} ({note.date}) {note.zh} | {note.en}")
    for pack in found.unversioned:
        print(f"! {pack}: other rules under the same version; raise it and add a note to changes")
    if rows:
        print_table("rules and settings 规则与设置", ("", "what", "change"), rows)
    print(
        f"{len(found.added)} rules added, {len(found.removed)} removed, "
        f"{len(found.changed)} changed"
    )


def _told(words: Words) -> list[str]:
    """Words gained and lost, long lists cut; --json has all."""
    signs = (("+", words.added), ("-", words.removed))
    return [f"{sign} {_cut(group)}" for sign, group in signs if group]


def _cut(words: tuple[str, ...]) -> str:
    more = f" … {len(words)} in all" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more


def sign_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pack", type=Path, metavar="PACK", help="the folder of a pack")
    parser.add_argument(
        "--key", required=True, type=Path, metavar="KEY.pem", help="Ed25519 private key, PEM"
    )
    add_config(parser)


def run_sign(args: argparse.Namespace) -> int:
    """Sign a pack as it lies there."""
    from guard.policies.signing import SIGNATURE, sign_pack

    public = sign_pack(args.pack, args.key, settings(args).trusted_keys)
    if args.json:
        print_json({"pack": args.pack, "signature": SIGNATURE, "key": public})
    else:
        print(f'{args.pack / SIGNATURE} written; configuration: trusted_keys = ["{public}"]')
    return 0


def excerpt(text: str, most: int = 60) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[:most] + "…"
