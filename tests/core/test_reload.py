"""Reload: the new policy is tried first, swapped whole, recorded; no check is lost or mixed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from guard import Action, Content, Guard
from guard import reload as reload_module
from guard.audit import open_log
from guard.errors import ConfigError, GuardError, InputError, PolicyError
from guard.reload import Report, watch

MakePack = Callable[..., Path]
BASE = "cn-label-2025"
TEXT = "哪里卖佐布石"


def set_words(pack: Path, words: list[str], hits: list[str]) -> None:
    """Change what the made-up rule looks for."""
    path = pack / "rules.yaml"
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    data["rules"][0] |= {"match": {"words": words}, "samples": {"hit": hits}}
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")


def benign(id: str, text: str) -> str:
    """A line of the benign corpus."""
    row = {"id": id, "text": text, "role": "prompt", "kind": "chat", "aspect": ""}
    return json.dumps(row, ensure_ascii=False)


def test_a_changed_pack_serves_after_reload(make_pack: MakePack) -> None:
    pack = make_pack()
    guard = Guard.load(f"{BASE},{pack}")
    before = guard.policy.name
    assert guard.check("卖紫水晶").action is Action.PASS
    set_words(pack, ["紫水晶"], ["卖紫水晶"])
    assert guard.check("卖紫水晶").action is Action.PASS, "not before it is reloaded"
    report = guard.reload()
    assert (report.old, report.new) == ({"": before}, {"": guard.policy.name})
    assert (report.swapped, report.samples) == (True, 1)
    assert guard.check("卖紫水晶").action is Action.BLOCK
    assert guard.check(TEXT).action is Action.PASS


def test_another_policy_by_name(make_pack: MakePack) -> None:
    guard = Guard.load(BASE)
    guard.reload(f"{BASE},{make_pack()}")
    assert guard.check(TEXT).action is Action.BLOCK
    guard.reload(BASE)
    assert guard.check(TEXT).action is Action.PASS
    assert guard.policy.name == Guard.load(BASE).policy.name


def test_nothing_changed_is_no_swap(make_pack: MakePack, tmp_path: Path) -> None:
    with Guard.load(f"{BASE},{make_pack()}", audit=tmp_path / "audit") as guard:
        engine = guard.engine
        assert not guard.reload().swapped
        assert guard.engine is engine
    with open_log(tmp_path / "audit") as log:
        assert log.search(kind="config", limit=9) == []


@pytest.mark.parametrize(
    ("words", "hits", "says"),
    [
        (["紫水晶"], ["卖绿水晶"], "shop.zorb does not fire on its hit sample '卖绿水晶'"),
        (["", "x"], [], "rules.yaml"),
    ],
)
def test_a_wrong_policy_is_not_taken(
    make_pack: MakePack, tmp_path: Path, words: list[str], hits: list[str], says: str
) -> None:
    pack = make_pack()
    with Guard.load(f"{BASE},{pack}", audit=tmp_path / "audit") as guard:
        engine, plan = guard.engine, guard.plan
        set_words(pack, words, hits)
        with pytest.raises(PolicyError, match=says):
            guard.reload()
        with pytest.raises(PolicyError, match="nope"):
            guard.reload("nope")
        assert (guard.engine, guard.plan) == (engine, plan)
        assert guard.check(TEXT).action is Action.BLOCK
    with open_log(tmp_path / "audit") as log:
        assert log.search(kind="config", limit=9) == []


def test_a_policy_that_blocks_benign_texts_is_not_taken(
    make_pack: MakePack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "benign"
    folder.mkdir()
    rows = [("b-1", "早上好"), ("b-2", "佐布石是什么")]
    text = "\n".join(benign(id, text) for id, text in rows)
    (folder / "daily.jsonl").write_text(text, encoding="utf-8")
    monkeypatch.setattr(reload_module.prepare, "__defaults__", (folder,))
    guard, pack = Guard.load(BASE), make_pack()
    with pytest.raises(PolicyError, match="b-2 would be blocked"):
        guard.reload(f"{BASE},{pack}")
    assert guard.check(TEXT).action is Action.PASS
    set_words(pack, ["紫水晶"], [])
    assert guard.reload(f"{BASE},{pack}").benign == 2


def test_what_the_old_policy_blocked_already_is_no_reason(
    make_pack: MakePack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "b.jsonl").write_text(benign("b", TEXT), encoding="utf-8")
    monkeypatch.setattr(reload_module.prepare, "__defaults__", (tmp_path,))
    pack = make_pack()
    guard = Guard.load(str(pack))
    set_words(pack, ["佐布石", "紫水晶"], [])
    assert guard.reload().swapped


def test_the_change_is_recorded_before_it_serves(make_pack: MakePack, tmp_path: Path) -> None:
    with Guard.load(BASE, audit=tmp_path / "audit", tenants={"t": BASE}) as guard:
        report = guard.reload(f"{BASE},{make_pack()}")
        guard.check(TEXT)
    with open_log(tmp_path / "audit") as log:
        (record,) = log.search(kind="config", limit=9)
        (decision,) = log.search(kind="decision", limit=9)
        digest = log.digest("tenant:t")[:32]
    assert (record["body"]["old"], record["body"]["new"]) == (report.old[""], report.new[""])
    assert record["body"]["tenants"] == {digest: {"old": report.old["t"], "new": report.old["t"]}}
    assert record["index"] < decision["index"]
    assert decision["body"]["policy"] == report.new[""]


def test_a_change_that_cannot_be_recorded_is_not_made(make_pack: MakePack, tmp_path: Path) -> None:
    guard = Guard.load(BASE, audit=tmp_path / "audit")
    assert guard.sink is not None
    guard.sink.close()
    with pytest.raises(GuardError):
        guard.reload(f"{BASE},{make_pack()}")
    assert guard.policy.name == Guard.load(BASE).policy.name


@pytest.mark.slow
def test_checks_during_reloads_see_one_policy_each_and_none_is_lost(
    make_pack: MakePack, tmp_path: Path
) -> None:
    """The text is blocked by one policy and passed by the other: a mixture would show."""
    both = f"{BASE},{make_pack()}"
    verdicts = {
        Guard.load(BASE).policy.name: Action.PASS,
        Guard.load(both).policy.name: Action.BLOCK,
    }
    done = threading.Event()
    with Guard.load(BASE, audit=tmp_path / "audit") as guard:

        def checks(_: int) -> list[Any]:
            found = []
            while not (done.is_set() and len(found) >= 20):
                found += guard.check_many([TEXT, Content(TEXT, "output"), TEXT])
            return found

        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(checks, n) for n in range(4)]
            for spec in (both, BASE) * 4:
                guard.reload(spec)
            done.set()
            found = [decision for job in running for decision in job.result()]
    for n in range(0, len(found), 3):
        assert len({decision.policy for decision in found[n : n + 3]}) == 1, "one call, one policy"
    assert all(decision.action is verdicts[decision.policy] for decision in found)
    assert sorted(d.record for d in found) == sorted({d.record for d in found})
    with open_log(tmp_path / "audit") as log:
        assert len(log.search(kind="decision", limit=10**6)) == len(found)
        assert len(log.search(kind="config", limit=99)) == 8


# Watching.


def test_a_watcher_reloads_on_a_change_and_reports_failures(make_pack: MakePack) -> None:
    pack = make_pack()
    guard = Guard.load(f"{BASE},{pack}")
    heard: list[Report | GuardError] = []
    watcher = reload_module.Watcher(guard, 60, heard.append)
    assert not watcher.poll()
    set_words(pack, ["紫水晶"], ["卖紫水晶"])
    assert watcher.poll()
    assert not watcher.poll()
    set_words(pack, ["紫水晶"], ["卖别的水晶"])
    assert watcher.poll()
    assert [isinstance(outcome, PolicyError) for outcome in heard] == [False, True]
    assert guard.check("卖紫水晶").action is Action.BLOCK, "the last good one serves"


def test_watch_works_on_its_own_thread(make_pack: MakePack) -> None:
    pack = make_pack()
    guard = Guard.load(f"{BASE},{pack}")
    reloaded = threading.Event()
    watcher = watch(guard, 0.01, lambda _: reloaded.set())
    set_words(pack, ["紫水晶晶"], ["卖紫水晶晶"])
    assert reloaded.wait(60)
    watcher.stop()
    watcher.stop()
    assert guard.check("卖紫水晶晶").action is Action.BLOCK


# Tenants.


def test_a_tenant_has_its_own_policy(make_pack: MakePack) -> None:
    guard = Guard.load(BASE, tenants={"shop": f"{BASE},{make_pack()}", "twin": BASE})
    items = [Content(TEXT, tenant=tenant) for tenant in ("", "shop", "stranger", "shop", "twin")]
    wanted = [Action.PASS, Action.BLOCK, Action.PASS, Action.BLOCK, Action.PASS]
    assert [decision.action for decision in guard.check_many(items)] == wanted
    assert [guard.check(item).action for item in items] == wanted
    talk = [{"role": "user", "content": TEXT}]
    assert guard.check(messages=talk, tenant="shop").action is Action.BLOCK
    assert guard.check(messages=talk).action is Action.PASS


def test_a_tenant_s_decision_names_its_policy(make_pack: MakePack, tmp_path: Path) -> None:
    spec = f"{BASE},{make_pack()}"
    with Guard.load(BASE, tenants={"shop": spec}, audit=tmp_path / "audit") as guard:
        decision = guard.check(TEXT, tenant="shop")
        assert guard.check(messages=[], tenant="shop").policy == decision.policy
    assert decision.policy == Guard.load(spec).policy.name != guard.policy.name


def test_tenants_are_reloaded_too(make_pack: MakePack) -> None:
    pack = make_pack()
    guard = Guard.load(BASE, tenants={"shop": f"{BASE},{pack}"})
    set_words(pack, ["紫水晶"], ["卖紫水晶"])
    report = guard.reload()
    assert report.old[""] == report.new[""]
    assert report.old["shop"] != report.new["shop"]
    assert guard.check("卖紫水晶", tenant="shop").action is Action.BLOCK


def test_tenants_come_from_the_configuration(make_pack: MakePack, tmp_path: Path) -> None:
    file = tmp_path / "guard.toml"
    text = f'policy = "{BASE}"\n[tenants]\nshop = "{BASE},{make_pack()}"\n'
    file.write_text(text, encoding="utf-8")
    guard = Guard.load(config=file)
    assert guard.check(TEXT, tenant="shop").action is Action.BLOCK
    assert Guard.load(config=file, tenants={}).check(TEXT, tenant="shop").action is Action.PASS
    file.write_text("tenants = {shop = 3}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="tenants"):
        Guard.load(config=file)


@pytest.mark.parametrize(
    ("tenants", "error"), [({"a": "nope"}, PolicyError), ({"": BASE}, InputError)]
)
def test_a_wrong_tenant_is_refused(tenants: dict[str, str], error: type[GuardError]) -> None:
    with pytest.raises(error):
        Guard.load(BASE, tenants=tenants)
