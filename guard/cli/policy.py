"""``guard policy``: look at rule packs, check them, try them, and make one from words."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from guard.cli import rollout, service, trial
from guard.cli.chosen import add_policy, chosen
from guard.cli.output import print_json, print_table
from guard.errors import InputError

#: Verbs that guard/cli/rollout.py carries out.
_ROLLOUT = ("diff", "replay", "sign")
#: Verbs that guard/cli/service.py carries out.
_SERVICE = ("rollout", "rollback", "versions")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    texts = {
        "list": "the packs and rules of a policy | 规则一览",
        "show": "one rule with its clauses and samples | 查看一条规则",
        "lint": "what is wrong with the rules; exit 1 on errors | 静态检查",
        "test": "rules' samples and the benign corpus; exit 1 on failures | 运行样例与良性语料",
        "coverage": "requirement -> rules -> stage -> evidence | 条款覆盖表",
        "import": "make a pack from a word list | 导入自有词库",
        "diff": "what differs between two policies | 比较两个版本",
        "sign": "sign a pack with an Ed25519 key | 给规则包签名",
        "replay": "what another policy would have done | 用历史流量试跑新策略",
        "rollout": "try a pack, then put it into service | 试过后上线",
        "rollback": "put the version before back into service | 撤回到上一版本",
        "versions": "the versions of a pack in service | 线上各版本",
    }
    for verb, text in texts.items():
        sub = verbs.add_parser(verb, description=text)
        if verb in _ROLLOUT:
            getattr(rollout, f"{verb}_arguments")(sub)
        elif verb in _SERVICE:
            getattr(service, f"{verb}_arguments")(sub)
        elif verb == "import":
            sub.add_argument(
                "words", metavar="WORDS.txt|csv|xlsx", help="one word a line, or columns"
            )
            sub.add_argument("--out", required=True, metavar="PACK", help="the folder to make")
            risky = sub.add_mutually_exclusive_group()
            risky.add_argument(
                "--accept",
                default="",
                metavar="WHO",
                help="who wants entries even where they block everyday texts; kept in the pack",
            )
            risky.add_argument(
                "--strict", action="store_true", help="write nothing if entries hit everyday texts"
            )
        else:
            add_policy(sub)
        if verb == "test":
            trial.test_arguments(sub)
        if verb == "show":
            sub.add_argument("rule", metavar="RULE", help="the id of a rule")
        sub.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    verb = {
        "list": _list,
        "show": _show,
        "lint": _lint,
        "test": trial.run_test,
        "coverage": _coverage,
        "import": _import,
        "diff": rollout.run_diff,
        "replay": rollout.run_replay,
        "rollout": service.run_rollout,
        "rollback": service.run_rollback,
        "versions": service.run_versions,
        "sign": rollout.run_sign,
    }[args.verb]
    return verb(args)


def _list(args: argparse.Namespace) -> int:
    policy = chosen(args)
    rows: list[dict[str, Any]] = [
        {
            "id": rule.id,
            "title": rule.title_zh,
            "actions": {role: action.name for role, action in rule.actions.items()},
            "severity": rule.severity,
            "status": "observe" if rule.observe else rule.status,
            "basis": list(rule.basis),
        }
        for rule in policy.rules
    ]
    if args.json:
        print_json({"policy": policy.name, "packs": dict(policy.packs), "rules": rows})
        return 0
    print_table(
        f"{policy.name}: {len(rows)} rules in {len(policy.packs)} packs",
        ("rule", "title", "prompt", "context", "output", "training", "status"),
        [
            (
                row["id"],
                row["title"],
                *(row["actions"].get(r, "-") for r in ("prompt", "context", "output", "training")),
                row["status"],
            )
            for row in rows
        ],
    )
    return 0


def _show(args: argparse.Namespace) -> int:
    policy = chosen(args)
    if args.rule not in {rule.id for rule in policy.rules}:
        raise InputError(f"no rule {args.rule!r} in {policy.name}", "see `guard policy list`")
    rule = policy.rule(args.rule)
    shown: dict[str, Any] = {
        "id": rule.id,
        "title": {"zh": rule.title_zh, "en": rule.title_en},
        "pack": rule.pack,
        "category": rule.category,
        "actions": {role: action.name for role, action in rule.actions.items()},
        "severity": rule.severity,
        "confidence": rule.confidence,
        "threshold": rule.threshold,
        "status": rule.status,
        "observe": rule.observe,
        "since": str(rule.since or ""),
        "until": str(rule.until or ""),
        "falsepositives": rule.falsepositives,
        "basis": [
            {"id": r, "clause": f"{q.instrument} {q.clause}", "certainty": q.certainty}
            for r, q in ((r, policy.requirements[r]) for r in rule.basis)
        ],
        "match": _matcher(rule.match),
        "words": [_block(block) for block in policy.blocks if rule.id in block.rules],
        "samples": {
            "hit": [f"[{s.role}] {s.text}" for s in rule.hits],
            "miss": [f"[{s.role}] {s.text}" for s in rule.misses],
        },
    }
    if args.json:
        print_json(shown)
        return 0
    import yaml

    print(yaml.safe_dump(shown, allow_unicode=True, sort_keys=False, width=100), end="")
    return 0


def _block(block: Any) -> dict[str, Any]:
    """A block of words with where it comes from."""
    origin = block.provenance
    known = {k: str(getattr(origin, k)) for k in ("source", "reviewer", "date", "evidence")} if (
        origin) else None  # fmt: skip
    return {"block": block.name, "entries": block.entries, "provenance": known}


def _matcher(matcher: Any) -> Any:
    """A matcher as it would be written, long word lists cut."""
    if matcher.kind == "words":
        words = list(matcher.words)
        shown: dict[str, Any] = {"words": words[:20]}
        if len(words) > 20:
            shown["more"] = len(words) - 20
    elif matcher.kind == "pattern":
        shown = {"pattern": matcher.pattern, "anchors": list(matcher.anchors)}
    elif matcher.kind == "category":
        shown = {"category": matcher.category}
    else:
        shown = {matcher.kind: [_matcher(part) for part in matcher.parts]}
        if matcher.kind == "near":
            shown |= {"within": matcher.within, "ordered": matcher.ordered}
    if matcher.unless:
        shown["unless"] = _matcher(matcher.unless)
    return shown


def _lint(args: argparse.Namespace) -> int:
    from guard.compile import build_engine
    from guard.lint import lint
    from guard.policies.load import built_in

    policy = chosen(args)
    problems = lint(policy, build_engine(policy), frozenset(built_in()))
    errors = sum(problem.level == "error" for problem in problems)
    if args.json:
        print_json({"policy": policy.name, "errors": errors, "problems": problems})
    else:
        if problems:
            rows = [(p.level, p.rule, p.message) for p in problems]
            print_table("", ("level", "rule", "problem"), rows)
        print(
            f"{policy.name}: {len(policy.rules)} rules, {errors} errors, "
            f"{len(problems) - errors} warnings"
        )
    return 1 if errors else 0


def _coverage(args: argparse.Namespace) -> int:
    from guard.coverage import bank_lines, requirement_lines, risk_lines, word_lines

    policy = chosen(args)
    lines = requirement_lines(policy)
    risks, banks = risk_lines(policy), bank_lines(policy)
    if args.json:
        requirements = [
            {
                "id": line.requirement.id,
                "clause": f"{line.requirement.instrument} {line.requirement.clause}",
                "stage": line.requirement.stage,
                "technical": line.requirement.technical,
                "rules": list(line.rules),
                "certainty": line.requirement.certainty,
                "state": line.state,
                "served": line.served,
                "evidence": line.requirement.evidence,
            }
            for line in lines
        ]
        print_json(
            {
                "policy": policy.name,
                "requirements": requirements,
                "risks": risks,
                "banks": banks,
                "words": word_lines(policy),
            }
        )
        return 0
    _print_coverage(policy, lines, risks, banks)
    print_table(
        "words 词的来源与复核",
        ("pack", "blocks", "words", "with source and reviewer"),
        [(pack, *line.values()) for pack, line in word_lines(policy).items()],
    )
    return 0


_STATE = {
    "covered": "✓ covered",
    "partly": "◐ partly",
    "observed": "○ observed only",
    "open": "✗ open",
    "operator": "— operator's duty",
}


def _print_coverage(policy: Any, lines: Any, risks: Any, banks: Any) -> None:
    print_table(
        f"{policy.name}: duties 条款覆盖",
        ("requirement", "clause", "stage", "cert.", "state", "rules / served by"),
        [
            (
                line.requirement.id,
                f"{line.requirement.clause} {line.requirement.duty_zh}",
                line.requirement.stage or "—",
                line.requirement.certainty
                + (" 依据待复核" if line.requirement.certainty == "C" else ""),
                _STATE[line.state],
                _by(line),
            )
            for line in lines
        ],
    )
    print_table(
        "31 risks of TC260-003 annex A 风险覆盖 (entries required are the operator's to complete)",
        ("risk", "title", "rules", "entries", "required", "samples"),
        [
            (risk, policy.taxonomy.risks[risk]["zh"], v["rules"], v["entries"],
             v["required_entries"] or "—", v["samples"])
            for risk, v in risks.items()
        ],
    )  # fmt: skip
    print_table(
        "banks 题库",
        ("bank", "total", "required"),
        [(name, bank["total"], bank["required"]) for name, bank in banks.items()],
    )
    counts = {name: sum(line.state == name for line in lines) for name in _STATE}
    print(" · ".join(f"{_STATE[name]}: {count}" for name, count in counts.items()))


def _by(line: Any) -> str:
    parts = [line.served] if line.served else []
    if line.rules:
        parts.append(
            ", ".join(line.rules[:3]) + (f" +{len(line.rules) - 3}" if len(line.rules) > 3 else "")
        )
    return "; ".join(parts)


def _import(args: argparse.Namespace) -> int:
    from guard.policies.load import read_taxonomy
    from guard.word_import import import_words

    categories = read_taxonomy().categories
    done = import_words(
        Path(args.words), Path(args.out), categories, strict=args.strict, accept=args.accept
    )
    if args.json:
        shown = {"entries": done.entries, "skipped": done.skipped, "risky": done.risky}
        print_json({"pack": args.out, **shown})
    else:
        _show_import(done, args.out, args.accept)
    return 0 if done.entries else 1


def _show_import(done: Any, out: str, accepted: str) -> None:
    for line, reason in done.skipped:
        print(f"left out: line {line}: {reason}")
    if done.risky:
        rows = [(r.line, r.word, r.texts, f"{r.id}: {r.excerpt}") for r in done.risky]
        print_table(
            "entries that hit everyday texts 会误伤日常文本的词",
            ("line", "word", "texts hit", "for example"),
            rows,
        )
    blocked = len({id for entry in done.risky for id in entry.blocks})
    if blocked and done.entries:
        print(
            f"{blocked} everyday texts would be blocked: accepted by {accepted}"
            if accepted
            else f"{blocked} everyday texts would be blocked, so `policy test` and a running "
            "service refuse the pack: take the words out, or import with --accept WHO"
        )
    if done.entries:
        print(f"{out}: {done.entries} entries; try `guard check TEXT --policy cn,{out}`")
    else:
        print("nothing was written: remove these entries, or leave out --strict")
