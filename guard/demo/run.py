"""The demo: a service's day through all five stages, offline, into one folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Protocol

from guard.demo import judging, marking, material, page
from guard.demo.outcome import Outcome, Stage
from guard.demo.place import building

PLACES: Final = {
    "report.html": "一页报告，用浏览器打开 the report, open it in a browser",
    "labelled/": "写入标识的图片与文本 labelled pictures and texts",
    "scan/": "清洗后的语料、台账、报告 kept documents, ledger, report",
    "audit/": "审计日志 the audit log",
    "input/": "演示用的输入与预期结果 the input and what was expected",
    "c2pa/": "本机生成的测试证书 the locally made test certificates",
}


class Show(Protocol):
    """What a run reports to while it goes on."""

    def stage(self, stage: Stage) -> None: ...
    def watch(self, items: Iterable[Any], label: str, total: int) -> Iterable[Any]: ...


def run(out: Path, show: Show) -> Outcome:
    """Run everything and put the result into ``out``, over an earlier demo of ours if need be.

    Raises:
        InputError: ``out`` holds something that is not a demo of ours.
        CannotFinish: the disk is full or ``out`` cannot be written.
    """
    from guard.pipeline import Guard

    begun = perf_counter()
    with building(out) as folder:
        material.copy_to(folder / "input")
        with Guard.load(policy="cn", audit=folder / "audit") as guard:
            prompts, _ = judging.check_rows(guard, material.prompts(), "prompt", show.watch)
            show.stage(prompts)
            corpus = judging.clean_corpus(
                guard, folder / "input" / "corpus.jsonl", folder / "scan", show.watch
            )
            show.stage(corpus)
            answers, decisions = judging.check_rows(guard, material.answers(), "output", show.watch)
            show.stage(answers)
            mark = perf_counter()
            labelled = marking.label_all(guard, folder, decisions)
            label_seconds = round(perf_counter() - mark, 3)
            policy = guard.policy.name
        mark = perf_counter()
        log = marking.verify_log(folder / "audit")
        outcome = Outcome(
            out=str(out),
            policy=policy,
            seconds=round(perf_counter() - begun, 2),
            stages=(prompts, corpus, answers),
            labelled=tuple(labelled),
            label_seconds=label_seconds,
            log=log,
            log_seconds=round(perf_counter() - mark, 3),
            places=PLACES,
        )
        html = page.render(outcome, marking.previews(folder, labelled))
        (folder / "report.html").write_text(html, encoding="utf-8")
    return outcome
