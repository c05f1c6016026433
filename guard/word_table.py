"""Reading an operator's word list: .txt, .csv, .tsv or .xlsx, as people keep them."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guard.errors import InputError

DEFAULT_CATEGORY: Final = "custom.word"
#: Headers by what they mean; case, spaces around them and a byte order mark do not count.
_HEADERS: Final = {
    "word": ("word", "words", "keyword", "keywords", "term", "词", "词语", "词条", "词汇", "关键词",
             "敏感词", "敏感词汇", "违禁词", "屏蔽词", "文本", "内容"),
    "category": ("category", "type", "class", "类别", "分类", "类型", "类目", "风险类别", "标签"),
    "action": ("action", "处置", "动作", "处理", "处理方式", "处置方式", "措施", "策略"),
    "note": ("note", "notes", "remark", "comment", "备注", "说明", "注释"),
}  # fmt: skip
_MEANING: Final = {header: name for name, group in _HEADERS.items() for header in group}
_ACTIONS: Final = {
    "pass": ("pass", "allow", "放行", "通过", "允许", "忽略"),
    "redact": ("redact", "mask", "脱敏", "打码", "替换", "掩码"),
    "review": ("review", "复核", "审核", "人工", "人审", "人工审核", "人工复核"),
    "block": ("block", "deny", "reject", "拦截", "屏蔽", "阻断", "拒绝", "禁止"),
    "drop": ("drop", "delete", "丢弃", "删除", "剔除"),
}
_ACTION: Final = {said: name for name, group in _ACTIONS.items() for said in group}
#: What bytes that are no text in GB 18030 decode to: places without a character.
_NO_TEXT: Final = re.compile("[\x00-\x08\x0e-\x1f\ue000-\uf8ff\U000f0000-\U0010ffff]")

Row = tuple[int, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of a list; ``line`` counts from 1."""

    word: str
    category: str
    action: str
    note: str
    line: int


def read_words(path: Path, categories: Mapping[str, object]) -> list[Entry]:
    """The entries of a .txt (one a line), or of a .csv, .tsv or .xlsx (first sheet) with a column
    for the word and, if given, for category, action and note, under their English or Chinese names.
    An .xlsx without such a header has its words in column A.

    Texts are UTF-8, UTF-16 with its mark, or GB 18030 (GBK). A category is a slug of taxonomy.yaml
    or the Chinese or English name of one.

    Raises:
        InputError: an unreadable file, a missing column, an unknown category or action; names the
            line and the column.
    """
    if path.suffix.lower() == ".xlsx":
        from guard.xlsx import read_sheet

        rows: Iterable[Row] = read_sheet(path)
        bare = True
    else:
        text = _decoded(path)
        if path.suffix.lower() not in (".csv", ".tsv"):
            return [
                Entry(line.strip(), DEFAULT_CATEGORY, "", "", number)
                for number, line in enumerate(text.splitlines(), 1)
                if line.strip()
            ]
        rows, bare = _cells(path, text), False
    return list(_entries(path, iter(rows), categories, bare))


def _decoded(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise InputError(f"{path}: {reason}", "check the path") from None
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            continue
        if encoding != "gb18030" or not (strange := _NO_TEXT.search(text)):
            return text
        line = text.count("\n", 0, strange.start()) + 1
    raise InputError(f"{path}:{line}: neither UTF-8 nor GBK", "save it as UTF-8")


def _cells(path: Path, text: str) -> Iterator[Row]:
    """The rows of a .csv or .tsv; the delimiter is the one that its first line has."""
    first = text.split("\n", 1)[0]
    delimiter = max(",\t;，", key=first.count) if path.suffix.lower() == ".csv" else "\t"
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            remedy = "close every quotation mark; double one that is part of a word"
            raise InputError(f"{path}:{rows.line_num}: {error}", remedy) from None
        yield rows.line_num, cells


def _entries(
    path: Path, rows: Iterator[Row], categories: Mapping[str, object], bare: bool
) -> Iterator[Entry]:
    """Entries below a header; where a sheet has none (``bare``) words are in the first column."""
    line, header = next(rows, (1, ()))
    names = [_MEANING.get(cell.strip().lower(), "") for cell in header]
    columns = {name: number for number, name in reversed(list(enumerate(names))) if name}
    if "word" not in columns:
        if not bare:
            raise InputError(
                f"{path}:{line}: no column named word (or 词语, 敏感词, 关键词)",
                "begin with word,category,action,note or 词语,类别,处置,备注",
            )
        columns, rows = {"word": 0}, itertools.chain([(line, header)], rows)
    slugs = {slug: slug for slug in categories}
    for slug, known in categories.items():
        for name in (getattr(known, "zh", ""), getattr(known, "en", "").lower()):
            slugs.setdefault(name, slug)
    for line, cells in rows:
        if len(cells) > len(header) and not bare:
            raise InputError(
                f"{path}:{line}: {len(cells)} cells under {len(header)} columns",
                "put a word that holds the delimiter into quotation marks",
            )
        row = {name: cells[n].strip() for name, n in columns.items() if n < len(cells)}
        if row.get("word"):
            where = _Place(path, line, columns, header)
            yield Entry(
                row["word"],
                where.known(row, "category", slugs, "a slug or a name of taxonomy.yaml")
                or DEFAULT_CATEGORY,
                where.known(row, "action", _ACTION, ", ".join(_ACTIONS)),
                row.get("note", ""),
                line,
            )


@dataclass(frozen=True, slots=True)
class _Place:
    """A row, as errors name it."""

    path: Path
    line: int
    columns: Mapping[str, int]
    header: Sequence[str]

    def known(self, row: Mapping[str, str], name: str, table: Mapping[str, str], one: str) -> str:
        """What a cell means; an empty one nothing."""
        cell = row.get(name, "")
        meaning = table.get(cell.lower()) if cell else ""
        if meaning is None:
            column = f"column {self.columns[name] + 1} ({self.header[self.columns[name]].strip()})"
            raise InputError(
                f"{self.path}:{self.line}: {column}: unknown {name} {cell!r:.60}", f"use {one}"
            )
        return meaning
