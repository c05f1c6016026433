"""Metadata in packages, HTML and JSON: other members kept byte for byte, read by other parsers."""

from __future__ import annotations

import html
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.errors import GuardError, InputError, LabelError
from guard.model import Label
from guard.watermark import documents, formats, gb45438

from .containers import OLD_JSON, OTHER, held, read, write

TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    'content-types"><Default Extension="xml" ContentType="application/xml"/></Types>'
)
RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
    'relationships"><Relationship Id="rId1" Type="x" Target="word/document.xml"/></Relationships>'
)
CUSTOM = (
    f'<?xml version="1.0"?><Properties xmlns="{documents._PROPERTIES}" '
    f'xmlns:vt="{documents._VALUES}"><property fmtid="{documents._SET_ID}" pid="7" name="客户">'
    "<vt:lpwstr>甲</vt:lpwstr></property>@</Properties>"
)
OLD_PROPERTY = (
    f'<property fmtid="{documents._SET_ID}" pid="9" name="AIGC"><vt:lpwstr>'
    f"{html.escape(OLD_JSON)}</vt:lpwstr></property>"
)
META = (
    '<office:document-meta xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0"><office:meta>'
    "<meta:generator>某编辑器</meta:generator>@</office:meta></office:document-meta>"
)
OLD_FIELD = f'<meta:user-defined meta:name="AIGC">{html.escape(OLD_JSON)}</meta:user-defined>'
OPF = (
    '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>书</dc:title>@</metadata></package>'
)
OLD_META = f'<meta property="tc260:AIGC">{html.escape(OLD_JSON)}</meta>'
CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/a.opf"/></rootfiles></container>'


def packed(members: dict[str, str], *, streamed: bool = False) -> bytes:
    """A ZIP; ``streamed`` writes sizes behind the data, as programs do that cannot seek."""
    out = io.BytesIO()

    class Pipe(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any, /) -> int:
            return out.write(data)

    with zipfile.ZipFile(Pipe() if streamed else out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            kind = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 2, 3, 4, 6)), text, kind)
        archive.comment = b"a comment"
    return out.getvalue()


OOXML = {"word/document.xml": "<w>正文</w>" * 500, "word/a.xml": "<a/>"}
ODF = {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<c/>"}
MANIFEST = {"META-INF/manifest.xml": "<manifest:manifest></manifest:manifest>"}
EPUB = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER}
HEAD = {"[Content_Types].xml": TYPES, "_rels/.rels": RELATIONS}

SAMPLES: dict[str, tuple[str, bytes]] = {
    "plain": ("x.docx", packed(HEAD | OOXML)),
    "streamed": ("x.pptx", packed(HEAD | OOXML, streamed=True)),
    "custom": ("x.xlsx", packed(HEAD | {"docProps/custom.xml": CUSTOM.replace("@", "")} | OOXML)),
    "labelled": (
        "x.docx",
        packed(HEAD | {"docProps/custom.xml": CUSTOM.replace("@", OLD_PROPERTY * 2)} | OOXML),
    ),
    "odf": ("x.odt", packed(ODF | {"meta.xml": META.replace("@", "")} | MANIFEST)),
    "odf-bare": ("x.ods", packed(ODF | MANIFEST)),
    "odf-labelled": ("x.odt", packed(ODF | {"meta.xml": META.replace("@", OLD_FIELD)} | MANIFEST)),
    "epub": ("x.epub", packed(EPUB | {"OEBPS/a.opf": OPF.replace("@", "")})),
    "epub-labelled": ("x.epub", packed(EPUB | {"OEBPS/a.opf": OPF.replace("@", OLD_META)})),
}
EDITED = {
    *("[Content_Types].xml", "_rels/.rels", "docProps/custom.xml", "meta.xml", "OEBPS/a.opf"),
    "META-INF/manifest.xml",
}


@pytest.fixture(params=SAMPLES)
def sample(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    return SAMPLES[request.param]


def texts(data: bytes) -> str:
    """All the text and attribute values of the edited members, by a parser of XML."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        roots = [
            ElementTree.fromstring(archive.read(n))
            for n in archive.namelist()
            if n in EDITED and b"manifest:manifest" not in archive.read(n)
        ]
    nodes = [node for root in roots for node in root.iter()]
    return "\n".join(
        [*(n.text or "" for n in nodes), *(v for n in nodes for v in n.attrib.values())]
    )


def test_another_parser_reads_the_label_and_the_rest_stays(
    sample: tuple[str, bytes], label: Label
) -> None:
    name, data = sample
    out = write(data, label, name)
    assert held(out, name) == [gb45438.fields(label)]
    assert texts(out).count(gb45438.to_json(label)) == 1
    assert "elsewhere" not in texts(out)
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(io.BytesIO(out)) as new:
        assert new.comment == old.comment
        assert new.namelist()[: len(old.namelist())] == old.namelist()
        for item in old.infolist():
            assert new.getinfo(item.filename).date_time == item.date_time
            if item.filename not in EDITED:
                assert new.read(item.filename) == old.read(item.filename)
                assert new.getinfo(item.filename).CRC == item.CRC


def test_twice_changes_nothing_and_a_propagator_keeps_the_producer(
    sample: tuple[str, bytes], label: Label
) -> None:
    name, data = sample
    once = write(data, label, name)
    assert write(once, label, name) == once
    platform = Label("", propagator="p", propagate_id="9")
    second = write(once, gb45438.propagated(platform, read(once, name).found[0]), name)
    (members,) = held(second, name)
    assert (members["ContentProducer"], members["ContentPropagator"]) == (label.producer, "p")


@pytest.mark.parametrize("kind", ["labelled", "odf-labelled", "epub-labelled"])
def test_labels_of_others_are_read(kind: str) -> None:
    name, data = SAMPLES[kind]
    assert held(data, name) == [gb45438.fields(OTHER)] * (2 if kind == "labelled" else 1)


def test_other_properties_and_their_numbers_stay(label: Label) -> None:
    name, data = SAMPLES["custom"]
    with zipfile.ZipFile(io.BytesIO(write(data, label, name))) as archive:
        root = ElementTree.fromstring(archive.read("docProps/custom.xml"))
    assert [(p.get("name"), p.get("pid")) for p in root] == [("客户", "7"), ("AIGC", "8")]


def test_exiftool_reads_the_property(
    label: Label, exiftool: Callable[[bytes, str], dict[str, Any]]
) -> None:
    tags = exiftool(write(SAMPLES["plain"][1], label, "x.docx"), "docx")
    values = [v for v in tags.values() if isinstance(v, str) and "ContentProducer" in v]
    assert [json.loads(v) for v in values] == [gb45438.fields(label)]


def test_an_odd_package_is_refused(label: Label) -> None:
    with pytest.raises(InputError, match="not a package"):
        write(packed({"a": "b"}), label, "x.docx")
    with pytest.raises(LabelError, match="no place"):
        write(packed(EPUB | {"OEBPS/a.opf": "<package/>"}), label, "x.epub")


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_a_cut_package_is_refused(kind: str, data: st.DataObject) -> None:
    whole = SAMPLES[kind][1]
    cut = whole[: data.draw(st.integers(4, len(whole) - 10))]
    assert documents.read_labels(cut).damage
    with pytest.raises(GuardError):
        documents.write_label(cut, OTHER)


@settings(max_examples=200)
@given(st.sampled_from(["plain", "custom", "odf", "epub", "streamed"]), st.data())
def test_mutated_packages_raise_nothing_and_invent_nothing(kind: str, data: st.DataObject) -> None:
    name, whole = SAMPLES[kind][0], bytearray(SAMPLES[kind][1])
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert not documents.read_labels(bytes(whole)).found
    try:
        out = formats.write_label(bytes(whole), formats.require(bytes(whole), name), OTHER)
    except GuardError:
        return
    assert len(held(out, name)) == 1


def test_hostile_xml_is_read_in_no_time() -> None:
    """Opening tags without an end: a search from each of them would never be done."""
    bad = '<meta name="AIGC">' * 200_000
    data = packed(EPUB | {"OEBPS/a.opf": bad})
    assert documents.read_labels(data).found == ()
    data = packed(EPUB | {"OEBPS/a.opf": "<meta " * 600_000})
    assert documents.read_labels(data).found == ()
