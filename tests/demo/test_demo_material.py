"""The bundled material is what the demo and its figures say it is."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from PIL import Image

from guard.demo import material
from guard.demo.pictures import draw_all
from guard.detectors.normalise import folded
from guard.model import Action, Content

ROOT = Path(__file__).parents[2]
DATA = ROOT / "guard" / "demo" / "data"
TAXONOMY = yaml.safe_load((ROOT / "policies" / "taxonomy.yaml").read_text(encoding="utf-8"))
COARSE = set(TAXONOMY["coarse"])


@pytest.mark.parametrize("name", material.NAMES)
def test_rows_are_json_objects_with_unique_ids(name: str) -> None:
    lines = (DATA / name).read_text(encoding="utf-8").removesuffix("\n").split("\n")
    rows = [json.loads(line) for line in lines]
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(isinstance(value, str) and value for row in rows for value in row.values())


@pytest.mark.parametrize("rows", [material.prompts(), material.answers()], ids=["prompts", "ans"])
def test_rows_cover_every_risk_and_are_balanced(rows: list[material.Row]) -> None:
    assert len(rows) >= 60
    assert {row.risk for row in rows} == COARSE
    assert {row.expect.upper() for row in rows} <= {action.name for action in Action}
    passing = sum(row.expect == "pass" for row in rows)
    assert 0.4 <= passing / len(rows) <= 0.6
    assert len({row.text for row in rows}) == len(rows)
    assert all((row.risk == "none") <= (row.expect in ("pass", "review")) for row in rows)


def test_some_prompts_are_disguised() -> None:
    """Folding changes them beyond lower case: full-width, traditional, invisible characters."""
    texts = [row.text for row in material.prompts()]
    disguised = [text for text in texts if folded(Content(text)).text != text.lower()]
    assert len(disguised) >= 3
    assert any("\u200b" in text for text in texts)
    assert any(re.search(r"[\uff21-\uff5a]", text) for text in texts)


def test_truth_joins_the_corpus() -> None:
    corpus, truth = material.corpus(), material.truth()
    assert list(corpus) == list(truth)
    assert len(corpus) == 300
    assert all(30 <= len(text) <= 210 for text in corpus.values())
    counts = Counter(one.expect for one in truth.values())
    assert set(counts) == {"keep", "redact", "drop", "quarantine", "duplicate"}
    assert counts["keep"] > 200
    assert min(counts.values()) >= 10


def test_duplicates_name_an_earlier_original() -> None:
    corpus, truth = material.corpus(), material.truth()
    order = list(corpus)
    pairs = [one for one in truth.values() if one.expect == "duplicate"]
    assert all(order.index(one.of) < order.index(one.id) for one in pairs)
    exact = [one for one in pairs if corpus[one.of] == corpus[one.id]]
    assert {one.why for one in exact} == {"完全重复"}
    assert {one.why for one in pairs if one not in exact} == {"近似重复"}
    distinct = {text for name, text in corpus.items() if truth[name].expect != "duplicate"}
    assert len(distinct) == len(corpus) - len(pairs)


def test_copy_is_byte_for_byte(tmp_path: Path) -> None:
    material.copy_to(tmp_path / "input")
    for name in material.NAMES:
        assert (tmp_path / "input" / name).read_bytes() == (DATA / name).read_bytes()


def test_the_picture_of_the_flow_is_one_picture() -> None:
    """The README's copy and the report's are the same file."""
    assert (ROOT / "docs" / "pictures" / "flow.svg").read_text(encoding="utf-8") == material.flow()


def test_pictures_are_deterministic_and_differ(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    first, second = draw_all(tmp_path / "one"), draw_all(tmp_path / "two")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    formats = set()
    for path in first:
        with Image.open(path) as picture:
            formats.add(picture.format)
            assert min(picture.size) >= 640
            assert max(picture.size) <= 1024
            colours = picture.convert("RGB").getcolors(maxcolors=1 << 20)
            assert colours is not None
            assert len(colours) > 100
    assert formats == {"PNG", "JPEG"}
