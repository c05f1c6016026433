"""Metadata in HTML and JSON: read by other parsers, every other byte kept."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.errors import GuardError, InputError, LabelError
from guard.model import Label
from guard.watermark import gb45438, jsonfile, webpage

from .containers import OLD_JSON, OTHER, held, write


class Metas(HTMLParser):
    """The contents of ``meta name=AIGC`` as a parser of HTML sees them."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(data.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "meta" and values.get("name") == "AIGC":
            self.found.append(values.get("content") or "")


PAGES = [
    '<!DOCTYPE html>\n<html lang="zh"><head>\n<meta charset="utf-8"><title>页</title></head>',
    "<!doctype html><p>没有头",
    "<p>没有声明",
    "\ufeff<html><HEAD><title>x</title></HEAD>",
    '<html><head><!-- <meta name="AIGC" content="x"> --><script>"<meta name=AIGC >"</script>',
]


@pytest.mark.parametrize("page", PAGES)
def test_a_parser_of_html_reads_the_label(page: str, label: Label) -> None:
    out = write(page.encode(), label, "x.html")
    assert [json.loads(text) for text in Metas(out).found] == [gb45438.fields(label)]
    at = out.index(b'<meta name="AIGC" content="{')
    tag = out[at : out.index(b">", at) + 1]
    assert out.replace(tag, b"") == page.encode()
    assert write(out, label, "x.html") == out


def test_old_labels_of_a_page_become_one(label: Label) -> None:
    old = f"<META content='{OLD_JSON}' name=AIGC />"
    page = f"<html><head>{old}<title>x</title>{old}</head>".encode()
    assert held(page, "x.htm") == [gb45438.fields(OTHER)] * 2
    assert held(write(page, label, "x.htm"), "x.htm") == [gb45438.fields(label)]


def test_a_page_in_utf_16_is_refused(label: Label) -> None:
    with pytest.raises(InputError, match="UTF-16"):
        write("<html>".encode("utf-16"), label, "x.html")


def test_hostile_pages_are_read_in_no_time() -> None:
    assert not webpage.read_labels(b"<!--" * 200_000).found
    assert not webpage.read_labels(b"<script" * 100_000).found
    assert not webpage.read_labels(b"<meta " * 170_000).found


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.sampled_from([None, 2]), st.booleans())
def test_json_keeps_everything_else(value: dict[str, object], indent: int, plain: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=plain)
    out = write(text.encode(), OTHER, "x.json")
    assert json.loads(out) == {**value, "AIGC": gb45438.fields(OTHER)}
    assert write(out, OTHER, "x.json") == out
    again = write(out, Label("q", "7"), "x.json")
    assert held(again, "x.json") == [gb45438.fields(Label("q", "7"))]
    if "AIGC" not in value:
        assert text[1:] in out.decode()


@pytest.mark.parametrize("old", [OLD_JSON, json.dumps(OLD_JSON), f'{{"AIGC":{OLD_JSON}}}'])
def test_old_labels_of_a_json_become_one(old: str, label: Label) -> None:
    data = f'{{"a": 1.50, "AIGC": {old}, "b": [2e3], "AIGC" : {old} }}'.encode()
    assert held(data, "x.json") == [gb45438.fields(OTHER)] * 2
    out = write(data, label, "x.json")
    assert held(out, "x.json") == [gb45438.fields(label)]
    assert b'"a": 1.50' in out
    assert b'"b": [2e3]' in out


@pytest.mark.parametrize(
    ("text", "error"), [("[1]", LabelError), ('{"a":', InputError), ("{} {}", InputError)]
)
def test_what_is_no_object_is_refused(text: str, error: type[GuardError], label: Label) -> None:
    with pytest.raises(error):
        write(text.encode(), label, "x.json")


@given(st.binary(max_size=200) | TEXTS.map(str.encode))
def test_junk_never_breaks_the_readers(junk: bytes) -> None:
    assert not webpage.read_labels(junk).found
    assert not jsonfile.read_labels(junk).found
    assert not jsonfile.read_labels(b'{"AIGC' + junk).found


def test_deep_json_is_damaged_not_a_crash() -> None:
    assert jsonfile.read_labels(b"[" * 100_000).damage
