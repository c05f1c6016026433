"""Word lists as people keep them: Chinese headers, GBK, quotation marks; errors name the cell."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guard.errors import InputError
from guard.policies.load import read_taxonomy
from guard.word_table import read_words

CATEGORIES = read_taxonomy().categories
TABLE = "敏感词,类别,处置,备注\n佐布石,毒品,人工复核,来自投诉\n紫水晶,,拦截,\n,,,没有词\n"
WANT = [
    ("佐布石", "illegal.drug", "review", "来自投诉", 2),
    ("紫水晶", "custom.word", "block", "", 3),
]


def read(path: Path, data: str | bytes) -> list[tuple[str, str, str, str, int]]:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    found = read_words(path, CATEGORIES)
    return [(e.word, e.category, e.action, e.note, e.line) for e in found]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_every_encoding_and_line_end_that_tables_are_saved_in(
    tmp_path: Path, encoding: str, ends: str
) -> None:
    assert read(tmp_path / "w.csv", TABLE.replace("\n", ends).encode(encoding)) == WANT
    words = f"佐布石{ends}{ends}紫水晶{ends}".encode(encoding)
    assert [(row[0], row[4]) for row in read(tmp_path / "w.txt", words)] == [
        ("佐布石", 1),
        ("紫水晶", 3),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_that_of_the_header(tmp_path: Path, delimiter: str) -> None:
    assert read(tmp_path / "w.csv", TABLE.replace(",", delimiter)) == WANT


@pytest.mark.parametrize("header", ["word", "Keyword", " 词语 ", "关键词", "违禁词"])
def test_headers_by_meaning_in_any_order(tmp_path: Path, header: str) -> None:
    assert read(tmp_path / "w.csv", f"序号,{header}\n1,佐布石\n")[0][0] == "佐布石"


@given(words=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl",
       "Zp"]), min_size=1).map(str.strip).filter(bool), min_size=1, max_size=8))  # fmt: skip
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_csv_writer_quotes_is_read_back(tmp_path: Path, words: list[str]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([["word", "note"], *([word, 'a "b", c'] for word in words)])
    found = read(tmp_path / "w.csv", out.getvalue())
    assert [(row[0], row[3]) for row in found] == [(word, 'a "b", c') for word in words]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("词语,类别\n佐布石,毒品\n紫水晶,天气\n", r"w\.csv:3: column 2 \(类别\): .*'天气'"),
        ("备注,处置,词语\n,炸掉,佐布石\n", r"w\.csv:2: column 2 \(处置\): .*'炸掉'"),
        ("编号,名称\n1,佐布石\n", r"w\.csv:1: no column"),
        ("word\n佐布石,多了\n", r"w\.csv:2: 2 cells under 1 columns"),
        ('word\n佐布石\n"紫水晶\n', r"w\.csv:3: "),
        (b"word\n\xff\xff\xff\n", r"w\.csv:2: neither UTF-8 nor GBK"),
        (b"word\n\x81\x00\n", r"w\.csv:2: neither"),
        ("", r"w\.csv:1: no column"),
    ],
)
def test_errors_name_the_row_and_the_column(tmp_path: Path, data: str | bytes, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read(tmp_path / "w.csv", data)
    assert caught.value.remedy
