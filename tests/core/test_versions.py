"""Versions of a pack: tried before they serve, put back at once, never half there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guard import Action, Guard
from guard import reload as reload_module
from guard import versions as versions_module
from guard.cli import main
from guard.errors import InputError, PolicyError
from guard.policies.signing import sign_pack
from guard.reload import Report, Watcher
from guard.versions import roll_back, roll_out, versions

MakePack = Callable[..., Path]
BASE = "gb45438"


@pytest.fixture
def live(tmp_path: Path) -> Path:
    (tmp_path / "live").mkdir()
    return tmp_path / "live" / "words"


@pytest.fixture(autouse=True)
def few_benign_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One text in place of the benign corpus: the trial itself is tested with reloads."""
    folder = tmp_path / "benign"
    folder.mkdir()
    row = {"id": "b", "text": "我们走", "role": "prompt", "kind": "chat", "aspect": ""}
    (folder / "b.jsonl").write_text(json.dumps(row), encoding="utf-8")
    monkeypatch.setattr(reload_module.prepare, "__defaults__", (folder,))


def with_word(pack: Path, word: str) -> Path:
    """The pack, looking for another word."""
    path = pack / "rules.yaml"
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    data["rules"][0] |= {"match": {"words": [word]}, "samples": {"hit": [word]}}
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return pack


def blocks(live: Path, text: str) -> bool:
    return Guard.load(f"{BASE},{live}").check(text).action is Action.BLOCK


def serving(live: Path) -> int:
    return next(version.number for version in versions(live) if version.live)


def test_out_and_back_to_nothing(make_pack: MakePack, live: Path) -> None:
    version, report = roll_out(make_pack(), live, BASE)
    assert (version.number, version.live, report.samples) == (1, True, 2)
    assert blocks(live, "佐布石")
    assert roll_back(live).number == 0
    assert not blocks(live, "佐布石")
    assert roll_back(live, 1).number == 1, "and the undo is undone"
    assert blocks(live, "佐布石")


def test_a_running_service_follows(make_pack: MakePack, live: Path) -> None:
    pack = make_pack()
    roll_out(pack, live, BASE)
    heard: list[object] = []
    guard = Guard.load(f"{BASE},{live}")
    watcher = Watcher(guard, 60, heard.append)
    roll_out(with_word(pack, "紫水晶"), live, BASE)
    assert watcher.poll()
    assert guard.check("紫水晶").action is Action.BLOCK
    roll_back(live)
    assert watcher.poll()
    assert guard.check("紫水晶").action is Action.PASS
    assert guard.check("佐布石").action is Action.BLOCK
    assert not watcher.poll()


def test_what_is_refused_changes_nothing(make_pack: MakePack, live: Path) -> None:
    pack = make_pack()
    roll_out(pack, live, BASE)
    before = sorted(live.parent.rglob("*"))
    for word, says in (("我们", "would be blocked"), ("", "rules.yaml")):
        with pytest.raises(PolicyError, match=says):
            roll_out(with_word(pack, word), live, BASE)
        assert sorted(live.parent.rglob("*")) == before
    assert blocks(live, "佐布石")


def test_the_same_pack_again_is_no_new_version(make_pack: MakePack, live: Path) -> None:
    pack = make_pack()
    roll_out(pack, live, BASE)
    version, report = roll_out(pack, live, BASE)
    assert (version.number, report.swapped) == (1, False)
    assert [v.number for v in versions(live)] == [0, 1]


def test_after_an_undo_the_next_undo_does_not_bring_the_mistake_back(
    make_pack: MakePack, live: Path
) -> None:
    pack = make_pack()
    for word in ("红水晶", "绿水晶", "蓝水晶"):
        roll_out(with_word(pack, word), live, BASE)
    assert roll_back(live).number == 2
    roll_out(with_word(pack, "黄水晶"), live, BASE)
    assert roll_back(live).number == 2, "not 3, which was undone"
    assert roll_back(live).number == 1


@settings(max_examples=20, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(moves=st.lists(st.sampled_from(["back", "out"]), max_size=6))
def test_an_undo_is_the_inverse_of_a_rollout(
    make_pack: MakePack, tmp_path: Path, moves: list[str]
) -> None:
    """As a stack: what a rollout put on, the undo takes off. (The trial has its own tests.)"""
    pack = tmp_path / "shop" if (tmp_path / "shop").exists() else make_pack()
    shutil.rmtree(tmp_path / "live", ignore_errors=True)
    (tmp_path / "live").mkdir()
    live, stack = tmp_path / "live" / "words", [0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(versions_module, "_try", lambda *_: Report({}, {}, swapped=True))
        patch.setattr(versions_module, "load_policy", lambda *_: None)
        walk(pack, live, stack, moves)


def walk(pack: Path, live: Path, stack: list[int], moves: list[str]) -> None:
    for number, move in enumerate(["out", *moves]):
        if move == "out":
            word = "水晶" + chr(ord("甲") + number)
            stack.append(roll_out(with_word(pack, word), live, BASE)[0].number)
        elif len(stack) > 1:
            stack.pop()
            roll_back(live)
        else:
            with pytest.raises(InputError, match="no version served before"):
                roll_back(live)
        assert serving(live) == stack[-1]


def test_a_history_that_missed_the_last_step_is_still_right(
    make_pack: MakePack, live: Path
) -> None:
    """Whatever was written before a crash, the link says what serves."""
    pack, history = make_pack(), live.with_name("words.versions") / "history"
    for word in ("红水晶", "绿水晶"):
        roll_out(with_word(pack, word), live, BASE)
    history.write_text("0\n1\n", encoding="ascii")
    assert roll_back(live).number == 1


def test_a_signed_service_takes_signed_versions_only(
    make_pack: MakePack, live: Path, tmp_path: Path
) -> None:
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(Ed25519PrivateKey.generate().private_bytes(*form))
    pack = make_pack()
    keys = (sign_pack(pack, tmp_path / "key.pem"),)
    roll_out(pack, live, BASE, keys)
    with pytest.raises(PolicyError, match="changed since"):
        roll_out(with_word(pack, "紫水晶"), live, BASE, keys)
    with pytest.raises(PolicyError, match="not signed"):
        roll_back(live, trusted=keys)
    assert serving(live) == 1


def test_wrong_paths_are_named(make_pack: MakePack, live: Path, tmp_path: Path) -> None:
    pack = make_pack()
    for call in (
        lambda: roll_out(tmp_path, live, BASE),
        lambda: roll_out(pack, tmp_path, BASE),
        lambda: roll_back(live),
        lambda: versions(live),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.remedy
    roll_out(pack, live, BASE)
    with pytest.raises(InputError, match="no version 7"):
        roll_back(live, 7)


def test_the_commands(
    make_pack: MakePack, live: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The configuration names the live path already, as that of a running service does."""
    config = tmp_path / "guard.toml"
    config.write_text(f'policy = "{BASE},{live}"\n', encoding="utf-8")
    words = ["--config", str(config), "--json"]
    assert main(["policy", "rollout", str(make_pack()), str(live), *words]) == 0
    out = json.loads(capsys.readouterr().out)
    assert (out["version"]["number"], out["trial"]["samples"]) == (1, 2)
    assert main(["policy", "rollback", str(live), *words]) == 0
    assert json.loads(capsys.readouterr().out)["version"]["number"] == 0
    assert main(["policy", "versions", str(live), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["versions"]
    assert [(v["number"], v["live"]) for v in found] == [(0, True), (1, False)]
    assert main(["policy", "rollback", str(live), *words]) == 2
