"""``guard policy test``: rules against samples, the benign corpus, and damage to themselves."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from guard.cli.chosen import chosen
from guard.cli.output import print_json, print_table, progress

if TYPE_CHECKING:
    from guard.banks import Outcome
    from guard.benign import BenignText, Held
    from guard.mutations import Mutant
    from guard.samples import SampleFailure


def test_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mutations",
        action="store_true",
        help="break each rule too; exit 1 when no sample of it objects | 变异检查",
    )


def run_test(args: argparse.Namespace) -> int:
    """Try the rules of a policy; 1 when anything failed."""
    from guard.banks import outcomes, read_bank
    from guard.benign import held, newly_blocked, on_purpose, read_corpus, read_known
    from guard.compile import build_engine
    from guard.mutations import mutants
    from guard.samples import failing_samples

    policy = chosen(args)
    engine = build_engine(policy)
    failures = list(progress(failing_samples(engine), "testing rules"))
    tried = sum(len(rule.hits) + len(rule.misses) for rule in policy.rules)
    corpus = read_corpus()
    found = list(progress(held(engine, corpus), "benign corpus"))
    accepted = on_purpose(policy, found, corpus)
    blocked = newly_blocked([h for h in found if h not in accepted.held], read_known())
    bank = outcomes(engine, read_bank("must_refuse"))
    broken = list(progress(mutants(engine), "breaking rules")) if args.mutations else []
    if args.json:
        benign = {"texts": len(corpus), "held": found, "newly_blocked": blocked,
                  "accepted": accepted.held, "accepted_unused": accepted.unused}  # fmt: skip
        shown = {"policy": policy.name, "samples": tried, "failures": failures, "benign": benign,
                 "must_refuse": bank}  # fmt: skip
        print_json({**shown, **({"mutations": _json(broken)} if args.mutations else {})})
    else:
        _show(failures, blocked, corpus)
        for item in accepted.unused:
            print(f"pack {item.pack} accepts {item.benign!r}, which it does not hold up")
        print(
            f"{policy.name}: {tried} samples of {len(policy.rules)} rules, {len(failures)} failed; "
            f"{len(corpus)} benign texts, {len({item.id for item in found})} held up, "
            f"{len(blocked)} newly blocked, {len(accepted.held)} accepted by packs"
        )
        print(_said(bank))
        if args.mutations:
            _show_mutations(broken)
    return 1 if failures or blocked or any(mutant.fatal for mutant in broken) else 0


def _show(
    failures: Sequence[SampleFailure], blocked: Sequence[Held], corpus: Sequence[BenignText]
) -> None:
    texts = {item.id: item.text for item in corpus}
    for failure in failures:
        print(failure)
    for item in blocked:
        print(f"rule {item.rule} blocks benign text {item.id} {texts[item.id]!r}")


def _said(bank: Sequence[Outcome]) -> str:
    """The bank of questions to be refused, told and not judged."""
    asked, blocked, reviewed = (
        sum(getattr(line, name) for line in bank) for name in ("questions", "blocked", "reviewed")
    )
    return (
        f"{asked} questions that must be refused: the rules alone block {blocked} and have "
        f"{reviewed} reviewed; the rest is the model's to refuse (no gate)"
    )


def _json(broken: Sequence[Mutant]) -> dict[str, Any]:
    survivors = [mutant for mutant in broken if mutant.mend]
    return {
        "mutants": len(broken),
        "survivors": [mutant for mutant in survivors if mutant.fatal],
        "advice": [mutant for mutant in survivors if not mutant.fatal],
    }


def _show_mutations(broken: Sequence[Mutant]) -> None:
    fatal = [mutant for mutant in broken if mutant.fatal]
    if fatal:
        print_table(
            "no sample objects when these rules are damaged 变异存活",
            ("rule", "damage", "mend"),
            [(m.rule, f"{m.kind} {m.what}".strip(), m.mend) for m in fatal],
        )
    must = sum(mutant.must for mutant in broken)
    advice = Counter(m.kind for m in broken if m.mend and not m.must)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(advice.items())) or "none"
    print(
        f"{must} rules removed or their thresholds raised: no sample objects to {len(fatal)}; "
        f"conditions and branches that no sample shows (--json lists them): {told}"
    )
