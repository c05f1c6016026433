"""Lists that must agree: commands, detectors, categories, requirements, and what the docs say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from guard import Guard
from guard.cli import COMMANDS
from guard.coverage import PARTLY, SERVED
from guard.detectors import DETECTORS
from guard.model import MODALITIES, Detector
from guard.policies.load import load_policy, read_requirements, read_taxonomy

ROOT = Path(__file__).resolve().parent.parent
#: Modules of guard/cli that are no command.
SHARED = {"__init__", "inputs", "output"}


def test_every_command_is_a_file_and_every_file_a_command() -> None:
    names = [name for group in COMMANDS.values() for name in group]
    assert len(names) == len(set(names))
    files = {path.stem for path in (ROOT / "guard/cli").glob("*.py")} - SHARED
    commands = {
        path
        for path in files
        if "def add_arguments" in (ROOT / f"guard/cli/{path}.py").read_text(encoding="utf-8")
    }
    assert commands == set(names)


@pytest.mark.parametrize("name", ["README.md", "README.en.md"])
def test_the_readme_shows_every_command_and_no_other(name: str) -> None:
    readme = ROOT / name
    if not readme.is_file():
        pytest.skip(f"{name} is not written yet")
    text = readme.read_text(encoding="utf-8")
    shown = set(re.findall(r"(?:^\$ |`|&& )guard ([a-z]+)", text, re.MULTILINE))
    names = {name for group in COMMANDS.values() for name in group}
    assert shown <= names, "the README names a command that is not there"
    assert names <= shown | {"demo"}, "make demo is how the README shows it"


# Detectors.


def rows() -> dict[str, list[str]]:
    """The table of docs/detectors.md by name."""
    lines = (ROOT / "docs/detectors.md").read_text(encoding="utf-8").splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line[:3] == "| `"
    ]
    return {row[0].strip("`"): row[1:] for row in cells}


@pytest.fixture(scope="module")
def detectors() -> dict[str, Detector]:
    return {detector.name: detector for detector in Guard.load().engine.detectors}


def test_the_table_lists_every_detector_with_its_file() -> None:
    files = {name: row[0].strip("`") for name, row in rows().items()}
    modules = {name: entry.target.partition(":")[0] for name, entry in DETECTORS.items()}
    assert files == {
        name: module.removeprefix("guard.").replace(".", "/") + ".py"
        for name, module in modules.items()
    }
    assert all((ROOT / file).is_file() for file in files.values())
    assert {n: row[2] for n, row in rows().items()} == {n: e.layer for n, e in DETECTORS.items()}


def test_the_table_says_windows_as_the_code_does(detectors: dict[str, Detector]) -> None:
    for name, row in rows().items():
        if name not in detectors:
            continue  # phrases that ride on the lexicon's scan
        assert row[4] == ("是" if detectors[name].late else "否"), name
        if row[3].isdigit():
            assert int(row[3]) == detectors[name].window, name


def _slugs(path: Path) -> set[str]:
    """Strings of a module that look like a category of a known family."""
    families = "|".join(family for entry in DETECTORS.values() for family in entry.categories)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    strings = {
        n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    }
    return {s for s in strings if re.fullmatch(rf"(?:{families})\.(?!txt$)[a-z_]+", s)}


def test_categories_of_code_table_and_taxonomy_agree() -> None:
    taxonomy = read_taxonomy().categories
    table = {slug for row in rows().values() for slug in re.findall(r"`([a-z]+\.[a-z_]+)`", row[1])}
    code = {slug for path in (ROOT / "detectors").glob("*.py") for slug in _slugs(path)}
    assert table <= set(taxonomy)
    assert code <= table, "a category that the table does not name"
    for name, entry in DETECTORS.items():
        families = {s.split(".")[0] for s in re.findall(r"`([a-z]+)\.[a-z_]+`", rows()[name][1])}
        assert families == set(entry.categories), name


def test_detectors_keep_the_protocol(detectors: dict[str, Detector]) -> None:
    for name, detector in detectors.items():
        assert isinstance(detector, Detector), name
        assert detector.version
        assert set(detector.modalities) <= set(MODALITIES)
        assert detector.window > 0


# Duties.


@pytest.mark.parametrize("table", [SERVED, PARTLY], ids=["served", "partly"])
def test_duties_that_stages_serve_exist_and_are_technical(table: dict[str, str]) -> None:
    known = read_requirements()
    assert not [id for id in table if id not in known]
    assert not [id for id in table if not known[id].technical], (
        "an operator's duty is never covered"
    )


def test_no_duty_is_both_served_and_partly_served() -> None:
    assert not set(SERVED) & set(PARTLY)


def test_stages_named_as_evidence_exist() -> None:
    stages = {path.stem for path in (ROOT / "guard/stages").glob("stage*.py")}
    named = {
        name
        for text in (*SERVED.values(), *PARTLY.values())
        for name in re.findall(r"stage\d_\w+", text)
    }
    assert named <= stages


def test_rules_name_known_categories_replies_and_their_own_pack() -> None:
    policy = load_policy("cn")
    for rule in policy.rules:
        assert rule.category in policy.taxonomy.categories, rule.id
        assert not rule.reply or rule.reply in policy.replies, rule.id
        assert rule.id.startswith(f"{rule.pack}."), rule.id


def test_every_class_of_the_taxonomy_has_words_to_answer_with() -> None:
    policy = load_policy("cn")
    answered = {rule.reply or policy.taxonomy.get(rule.category).coarse for rule in policy.rules}
    assert {"default", "self_harm"} <= set(policy.replies)
    assert answered - {"none"} <= set(policy.replies) | set(policy.taxonomy.coarse)
    for zh, en in policy.replies.values():
        assert not zh.isascii()
        assert en.isascii()
