"""The cells of an .xlsx file's first sheet as text, with the standard library only.

An .xlsx is a zip of XML parts (ISO/IEC 29500-1, 18.3): the workbook names the sheets, a sheet's
cells hold text themselves or the number of a shared string.
"""

from __future__ import annotations

import posixpath
import zipfile
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as Xml

from guard.errors import InputError

#: A part unpacks to no more than this (bytes), so that a small file cannot fill the memory.
MOST: Final = 64 << 20
_MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINK: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_REMEDY: Final = "save it again as .xlsx, or as .csv in UTF-8"


def read_sheet(path: Path) -> list[tuple[int, list[str]]]:
    """Rows of the first sheet as (number from 1, cells from column A); empty rows are left out.

    Raises:
        InputError: no such file, or not an .xlsx that can be read.
    """
    try:
        with zipfile.ZipFile(path) as parts:
            strings = _strings(parts)
            sheet = _part(parts, _first_sheet(parts))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", "check the path") from None
    except (zipfile.BadZipFile, KeyError, Xml.ParseError, ValueError, IndexError) as error:
        raise InputError(f"{path}: not readable as .xlsx ({error})", _REMEDY) from None
    try:
        rows = [_row(row, n, strings) for n, row in enumerate(sheet.iter(f"{_MAIN}row"), 1)]
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: a broken cell ({error})", _REMEDY) from None
    return [(number, cells) for number, cells in rows if any(cells)]


def _part(parts: zipfile.ZipFile, name: str) -> Xml.Element:
    """A part as XML. No document type: that is where entities that grow are declared."""
    with parts.open(name) as file:
        data = file.read(MOST + 1)
    if len(data) > MOST:
        raise ValueError(f"{name} is larger than {MOST >> 20} MiB")
    if b"<!DOCTYPE" in data:
        raise ValueError(f"{name} declares a document type")
    return Xml.fromstring(data)  # noqa: S314 (bounded, and without a document type)


def _first_sheet(parts: zipfile.ZipFile) -> str:
    sheet = next(_part(parts, "xl/workbook.xml").iter(f"{_MAIN}sheet"), None)
    if sheet is None:
        raise ValueError("no sheet")
    links = {link.get("Id"): link.get("Target", "")
             for link in _part(parts, "xl/_rels/workbook.xml.rels")}  # fmt: skip
    return posixpath.join("xl", links[sheet.get(_LINK)]).lstrip("/")


def _strings(parts: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in parts.namelist():
        return []
    return [_text(item) for item in _part(parts, "xl/sharedStrings.xml").iter(f"{_MAIN}si")]


def _text(item: Xml.Element) -> str:
    """The text of a string item: its runs joined, without the phonetic guide (rPh)."""
    runs = [*item.findall(f"{_MAIN}t"), *item.findall(f"{_MAIN}r/{_MAIN}t")]
    return "".join(run.text or "" for run in runs)


def _row(row: Xml.Element, counted: int, strings: list[str]) -> tuple[int, list[str]]:
    cells: list[str] = []
    for cell in row.iter(f"{_MAIN}c"):
        column = _column(cell.get("r", "")) if cell.get("r") else len(cells)
        cells += [""] * (column + 1 - len(cells))
        cells[column] = _value(cell, strings)
    return int(row.get("r", counted)), cells


def _value(cell: Xml.Element, strings: list[str]) -> str:
    kind, inline = cell.get("t"), cell.find(f"{_MAIN}is")
    if inline is not None:
        return _text(inline).strip()
    value = cell.findtext(f"{_MAIN}v") or ""
    return (strings[int(value)] if kind == "s" and value else value).strip()


def _column(reference: str) -> int:
    """Column of a reference such as AB12, from 0."""
    number = 0
    for letter in reference.rstrip("0123456789"):
        number = number * 26 + ord(letter) - ord("A") + 1
    if not 0 < number <= 16_384:
        raise ValueError(f"cell {reference!r}")
    return number - 1
