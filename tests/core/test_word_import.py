"""Importing an operator's words: what is taken, what is left out, what would be a nuisance."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from guard.cli import main
from guard.errors import InputError
from guard.policies.load import load_policy, read_taxonomy
from guard.word_import import import_words, read_words

CATEGORIES = read_taxonomy().categories
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


@pytest.fixture
def benign(tmp_path: Path) -> Path:
    folder = tmp_path / "benign"
    folder.mkdir()
    about = {"role": "prompt", "kind": "chat", "aspect": ""}
    rows = {"b1": "今天去看紫水晶展览", "b2": "紫 水 晶很好看"}
    data = "".join(
        json.dumps({"id": id, "text": text, **about}) + "\n" for id, text in rows.items()
    )
    (folder / "a.jsonl").write_text(data, encoding="utf-8")
    return folder


def words_file(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_repeats_are_found_through_width_case_and_script(tmp_path: Path, benign: Path) -> None:
    source = words_file(
        tmp_path / "w.txt", "佐布石头", "佐布石頭", "ＺＯＲＢ", "zorb", "佐布石头", "石"
    )
    done = import_words(source, tmp_path / "own", CATEGORIES, benign=benign)
    assert done.entries == 2
    assert dict(done.skipped) == {
        2: "'佐布石頭': the same as '佐布石头' on line 1",
        4: "'zorb': the same as 'ＺＯＲＢ' on line 3",
        5: "'佐布石头': listed before",
        6: "'石': one character says nothing alone",
    }


def test_an_ordinary_word_is_named_and_stops_a_strict_import(tmp_path: Path, benign: Path) -> None:
    source = words_file(tmp_path / "w.txt", "佐布石", "紫水晶", "展览")
    target = tmp_path / "own"
    done = import_words(source, target, CATEGORIES, benign=benign, strict=True)
    assert [(r.word, r.line, r.texts, r.id) for r in done.risky] == [
        ("紫水晶", 2, 2, "b1"),
        ("展览", 3, 1, "b1"),
    ]
    assert done.entries == 0
    assert not target.exists()
    taken = import_words(source, target, CATEGORIES, benign=benign)
    assert (taken.entries, taken.risky) == (3, done.risky)
    (rule,) = load_policy(str(target)).rules
    assert rule.match.words == ("佐布石", "紫水晶", "展览")


def test_the_shipped_texts_know_ordinary_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = words_file(tmp_path / "w.txt", "我们", "佐布石")
    words = ["policy", "import", str(source), "--out", str(tmp_path / "own")]
    assert main([*words, "--strict"]) == 1
    shown = capsys.readouterr().out
    assert "我们" in shown
    assert "nothing was written" in shown
    assert main([*words, "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["entries"] == 2
    assert [item["word"] for item in out["risky"]] == ["我们"]


# .xlsx


Workbook = Callable[..., Path]


@pytest.fixture
def workbook(tmp_path: Path) -> Workbook:
    """An .xlsx from the XML of its rows and of its shared strings."""

    def write(rows: str, strings: str = "", **parts: str) -> Path:
        path = tmp_path / "words.xlsx"
        files = {
            "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{REL}"><sheets>'
            '<sheet name="b" sheetId="7" r:id="rId9"/><sheet name="a" sheetId="1" r:id="rId1"/>'
            "</sheets></workbook>",
            "xl/_rels/workbook.xml.rels": "<Relationships>"
            '<Relationship Id="rId1" Target="worksheets/sheet1.xml"/>'
            '<Relationship Id="rId9" Target="worksheets/sheet2.xml"/></Relationships>',
            "xl/worksheets/sheet1.xml": "<worksheet/>",
            "xl/worksheets/sheet2.xml": f'<worksheet xmlns="{MAIN}">{rows}</worksheet>',
            "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{strings}</sst>',
            **parts,
        }
        with zipfile.ZipFile(path, "w") as made:
            for name, text in files.items():
                made.writestr(name, text)
        return path

    return write


STRINGS = (
    "<si><t>word</t></si><si><t>action</t></si>"
    "<si><r><t>佐布</t></r><r><t>石</t></r><rPh sb='0' eb='1'><t>zuo</t></rPh></si>"
)


def test_a_sheet_with_columns(workbook: Workbook) -> None:
    path = workbook(
        '<row r="1"><c r="A1" t="s"><v>1</v></c><c r="C1" t="s"><v>0</v></c></row>'
        '<row r="3"><c r="A3" t="inlineStr"><is><t>review</t></is></c>'
        '<c r="C3" t="s"><v>2</v></c></row>'
        '<row r="4"><c r="C4"><v>12345</v></c></row><row r="5"/>',
        STRINGS,
    )
    found = [(e.word, e.action, e.line) for e in read_words(path, CATEGORIES)]
    assert found == [("佐布石", "review", 3), ("12345", "", 4)]


def test_a_sheet_of_words_only(workbook: Workbook) -> None:
    rows = '<row><c t="inlineStr"><is><t> 佐布石 </t></is></c></row>' * 2
    assert [(e.word, e.line) for e in read_words(workbook(rows), CATEGORIES)] == [
        ("佐布石", 1),
        ("佐布石", 2),
    ]


def test_wrong_workbooks_are_named(workbook: Workbook, tmp_path: Path) -> None:
    doctype = '<!DOCTYPE x [<!ENTITY a "b">]><worksheet/>'
    bad = [
        workbook("", **{"xl/workbook.xml": "<x/>"}),
        workbook("<row><c r='A1' t='s'><v>9</v></c></row>"),
        workbook("<row><c r='9'/></row>"),
        workbook("", **{"xl/worksheets/sheet2.xml": doctype}),
        workbook("", **{"xl/worksheets/sheet2.xml": "<a>"}),
        words_file(tmp_path / "plain.xlsx", "佐布石"),
        tmp_path / "none.xlsx",
    ]
    for path in bad:
        with pytest.raises(InputError, match=path.name) as caught:
            read_words(path, CATEGORIES)
        assert caught.value.remedy
