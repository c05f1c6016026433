"""Page marks of PDF, notices of Word documents and web pages, read by other programs."""

from __future__ import annotations

import io
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pikepdf
import pypdf
import pytest

from guard.cli import main
from guard.errors import LabelError
from guard.label import inspect_file, label_file
from guard.model import Label
from guard.stages.stage4_label_writer import label_bytes
from guard.watermark import explicit, formats
from guard.watermark.notice import Style

from . import test_label_documents as documents
from .conftest import CODE

WORDING = "人工智能生成 AI-generated"


def pdf(pages: int = 2, rotate: int = 0, **save: Any) -> bytes:
    """Pages whose resources are their parent's, and whose settings are left changed."""
    document = pikepdf.new()
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
    )
    shared = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=document.make_indirect(font)))
    for number in range(pages):
        document.add_blank_page(page_size=(595, 842))
        page: Any = document.pages[number].obj
        del page["/Resources"]
        text = f"3 0 0 3 99 -50 cm 0 Tz BT /F1 12 Tf 100 Tz 50 200 Td (Page {number}) Tj ET"
        page.Contents = document.make_stream(text.encode())
        if rotate:
            page.Rotate = rotate
    document.Root.Pages.Resources = document.make_indirect(shared)
    out = io.BytesIO()
    document.save(out, **save)
    return out.getvalue()


def shown(data: bytes, name: str, style: Style | None = None, text: str = "AI生成") -> bytes:
    return explicit.show(data, formats.require(data, name), text, style or Style())[0]


def texts(data: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages]


PACKED = {"object_stream_mode": pikepdf.ObjectStreamMode.generate}


@pytest.mark.parametrize("save", [{}, PACKED, {"linearize": True}], ids=["table", "packed", "web"])
@pytest.mark.parametrize("every", [False, True])
def test_pdf_pages_say_it(save: dict[str, Any], every: bool, tmp_path: Path, label: Label) -> None:
    source, target = tmp_path / "in.pdf", tmp_path / "out.pdf"
    source.write_bytes(pdf(**save))
    label = Label(label.producer, label.produce_id, text=WORDING)
    written = label_file(source, target, label, visible=Style(every_page=every))
    data = target.read_bytes()
    assert data.startswith(source.read_bytes())
    assert [WORDING in text for text in texts(data)] == [True, every]
    assert all(f"Page {n}" in text for n, text in enumerate(texts(data)))
    assert written.visible == {"text": WORDING, "pages": 2 if every else 1}
    assert inspect_file(target).label == dict(written.label)
    with pikepdf.open(target) as document:
        assert document.check_pdf_syntax() == []
        assert "/AIGC" in document.docinfo


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_pdf_mark_is_inside_the_page_and_upright(turn: int) -> None:
    data = shown(pdf(1, turn), "x.pdf")
    with pikepdf.open(io.BytesIO(data)) as document:
        contents = document.pages[0].Contents[-1].read_bytes().decode()
    matrix = [float(v) for v in re.findall(r"q ([-\d. ]+) cm", contents)[0].split()]
    left, bottom, width, height = (
        float(v) for v in re.findall(r"g ([-\d. ]+) re f", contents)[0].split()
    )
    corners = [
        (matrix[0] * u + matrix[2] * v + matrix[4], matrix[1] * u + matrix[3] * v + matrix[5])
        for u in (left, left + width)
        for v in (bottom, bottom + height)
    ]
    assert all(0 <= x <= 595 and 0 <= y <= 842 for x, y in corners)
    seen_up = {0: (0, 1), 90: (-1, 0), 180: (0, -1), 270: (1, 0)}[turn]
    assert (matrix[2], matrix[3]) == seen_up


def test_pdf_twice_is_marked_once() -> None:
    once = shown(pdf(), "x.pdf")
    assert shown(once, "x.pdf") == once
    every = shown(once, "x.pdf", Style(every_page=True))
    assert [text.count("AI生成") for text in texts(every)] == [1, 1]


@pytest.mark.parametrize("where", ["field", "certified"])
def test_a_signed_pdf_is_refused(where: str) -> None:
    document = pikepdf.open(io.BytesIO(pdf()))
    value = document.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Sig))
    if where == "field":
        field = pikepdf.Dictionary(FT=pikepdf.Name.Sig, V=value)
        group = pikepdf.Dictionary(Kids=pikepdf.Array([document.make_indirect(field)]))
        document.Root.AcroForm = pikepdf.Dictionary(
            Fields=pikepdf.Array([document.make_indirect(group)])
        )
    else:
        document.Root.Perms = pikepdf.Dictionary(DocMDP=value)
    out = io.BytesIO()
    document.save(out)
    with pytest.raises(LabelError, match=r"digital signature.*before it is signed"):
        shown(out.getvalue(), "x.pdf")


def test_pdf_letters_beyond_the_font_are_refused() -> None:
    with pytest.raises(LabelError, match="no glyph for 龘"):
        shown(pdf(), "x.pdf", text="AI生成龘")


def word() -> bytes:
    docx = pytest.importorskip("docx")
    document = docx.Document()
    document.add_heading("Title")
    document.add_paragraph("Body & more")
    document.add_table(1, 1).cell(0, 0).text = "AI生成 in a table"
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_word_documents_begin_with_the_notice(tmp_path: Path, label: Label) -> None:
    docx = pytest.importorskip("docx")
    source, target = tmp_path / "in.docx", tmp_path / "out.docx"
    source.write_bytes(word())
    label_file(source, target, label)
    lines = [paragraph.text for paragraph in docx.Document(str(target)).paragraphs]
    assert lines == ["【AI生成】", "Title", "Body & more"]
    assert inspect_file(target).standard.status == "compliant"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target) as new:
        assert new.testzip() is None
        changed = [n for n in old.namelist() if old.read(n) != new.read(n)]
    assert set(changed) <= {"word/document.xml", "[Content_Types].xml", "_rels/.rels"}


def test_word_twice_has_one_notice() -> None:
    once = shown(word(), "x.docx")
    assert shown(once, "x.docx") == once


def test_a_signed_document_is_refused() -> None:
    out = io.BytesIO(word())
    with zipfile.ZipFile(out, "a") as package:
        package.writestr("_xmlsignatures/origin.sigs", "")
    with pytest.raises(LabelError, match="digital signature"):
        shown(out.getvalue(), "x.docx")


def test_other_documents_say_that_they_have_none() -> None:
    data = documents.SAMPLES["odf"][1]
    with pytest.raises(LabelError, match=r"only on Word's.*--no-visible"):
        shown(data, "x.odt")


class Page(HTMLParser):
    """The words of a page with the stack of elements around them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.note = ""
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = "note" if ("role", "note") in attrs else tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.found.append(data.strip())
        if self.inside == "note" and not self.note:
            self.note = data


PAGES = {
    "whole": "<!doctype html><html><head><title>t</title></head><body class=a><p>hello</p></body>",
    "no body": "<!doctype html><title>t</title><p>hello</p>",
    "commented": "<html><!-- <body> --><script>'<body>'</script><body><p>hello</p></body></html>",
}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_web_pages_show_the_notice(name: str, encoding: str, label: Label) -> None:
    text = PAGES[name].replace("hello", "你好")
    out, written = label_bytes(text.encode(encoding), "x.html", label)
    page = Page(out.decode(encoding))
    assert page.note == "【AI生成】"
    assert page.found.index("【AI生成】") == (0 if name != "no body" else 2) + (
        name in ("whole", "commented")
    )
    assert "你好" in page.found
    assert written.visible == {"text": "【AI生成】"}
    again = shown(out, "x.html")
    assert again == out


def test_json_has_none(label: Label) -> None:
    with pytest.raises(LabelError, match=r"no visible label can be put on JSON.*--no-visible"):
        label_bytes(b'{"a": 1}', "x.json", label)


def test_options_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, page = tmp_path / "in.pdf", tmp_path / "in.txt"
    source.write_bytes(pdf(3))
    page.write_text("words\n", "utf-8")
    out = tmp_path / "out"
    words = ["label", str(source), str(page), "--out", str(out), "--producer", CODE]
    assert main([*words, "--visible-pages", "all", "--visible-at", "end"]) == 0
    assert [text.count("AI生成") for text in texts((out / "in.pdf").read_bytes())] == [1, 1, 1]
    assert (out / "in.txt").read_text("utf-8") == "words\n\n【AI生成】\n"
    capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--visible-seconds", "1"), "at least 2 s"),
        (("--no-visible", "--visible-at", "end"), "leaves nothing to be placed"),
        (("--notice-clip", "none.wav"), "no such file"),
        (("--text", "AI-generated"), "lacks an element"),
    ],
)
def test_options_that_make_no_sense(
    options: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.pdf"
    source.write_bytes(pdf())
    words = ["label", str(source), "--out", str(tmp_path / "out"), "--producer", CODE]
    assert main([*words, *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_kind_without_a_notice_stops_the_run_before_the_first_file(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.pdf", tmp_path / "b.json"
    good.write_bytes(pdf())
    bad.write_text("{}", "utf-8")
    out = tmp_path / "out"
    assert main(["label", str(good), str(bad), "--out", str(out), "--producer", CODE]) == 2
    assert not out.exists()
