"""Labelling measures art. 6 and 9: what a platform does with an upload, and copies on request."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from guard.cli import main
from guard.duties.platform import NOTICES, receive
from guard.duties.unlabelled import keep_until, supply_unlabelled
from guard.errors import InputError
from guard.label import inspect_file, label_file
from guard.model import Label
from guard.testing import recording_guard

AI_SOURCE = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    ' xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" i:DigitalSourceType='
    '"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/></rdf:RDF></x:xmpmeta>'
)


def picture_file(path: Path, packet: str = "") -> Path:
    info = PngImagePlugin.PngInfo()
    if packet:
        info.add_itxt("XML:com.adobe.xmp", packet)
    Image.effect_noise((80, 60), 40).save(path, pnginfo=info)
    return path


def test_a_labelled_upload_is_confirmed_and_keeps_its_producer(tmp_path: Path) -> None:
    label_file(picture_file(tmp_path / "a.png"), tmp_path / "l.png", Label("maker"), visible=False)
    got = receive(tmp_path / "l.png", tmp_path / "out/l.png", propagator="platform")
    assert got.case == "confirmed"
    assert got.notice_zh == NOTICES["confirmed"][0]
    label = inspect_file(tmp_path / "out/l.png").label
    assert label
    assert (label["ContentProducer"], label["ContentPropagator"]) == ("maker", "platform")
    assert label["Label"] == "1"


@pytest.mark.parametrize(
    ("declared", "packet", "case", "attribute"),
    [(True, "", "possible", "2"), (False, AI_SOURCE, "suspected", "3")],
)
def test_an_unlabelled_upload_gets_the_platforms_own_label(
    tmp_path: Path, declared: bool, packet: str, case: str, attribute: str
) -> None:
    source = picture_file(tmp_path / "a.png", packet)
    target = tmp_path / "out" / "a.png"
    got = receive(source, target, propagator="platform", propagate_id="9", declared=declared)
    seen = inspect_file(target)
    assert (got.case, seen.verdict, seen.standard.status) == (case, case, "compliant")
    assert seen.label
    assert (seen.label["Label"], seen.label["ContentProducer"]) == (attribute, "")
    assert (seen.label["ContentPropagator"], seen.label["PropagateID"]) == ("platform", "9")


def test_an_upload_without_marks_passes_as_it_came(tmp_path: Path) -> None:
    source = picture_file(tmp_path / "a.png")
    got = receive(source, tmp_path / "b.png", propagator="platform")
    assert (got.case, got.notice_zh, got.written) == ("none", "", None)
    assert (tmp_path / "b.png").read_bytes() == source.read_bytes()


def test_a_file_that_takes_no_metadata_still_gets_its_notice(tmp_path: Path) -> None:
    Image.effect_noise((80, 60), 40).save(tmp_path / "a.bmp")
    got = receive(tmp_path / "a.bmp", tmp_path / "b.bmp", propagator="platform", declared=True)
    assert got.case == "possible"
    assert got.notice_zh
    assert "BMP" in got.problem
    assert (tmp_path / "b.bmp").read_bytes() == (tmp_path / "a.bmp").read_bytes()


def test_a_declaration_is_on_record_under_a_pseudonym(tmp_path: Path) -> None:
    guard = recording_guard()
    assert guard.sink
    receive(
        picture_file(tmp_path / "a.png"),
        tmp_path / "b.png",
        propagator="platform",
        declared=True,
        subject="user-1",
        sink=guard.sink,
    )
    kinds = [record.kind for record in guard.sink.records]
    assert kinds == ["upload", "label"]
    assert guard.sink.records[0].body["declared"] is True


def test_a_copy_without_a_visible_label_keeps_its_metadata_and_leaves_a_record(
    tmp_path: Path,
) -> None:
    guard = recording_guard()
    assert guard.sink
    source = picture_file(tmp_path / "a.png")
    written = supply_unlabelled(
        source,
        tmp_path / "b.png",
        Label("maker"),
        agreement="terms-2026-03",
        subject="user-1",
        reason="print",
        sink=guard.sink,
        today=dt.date(2026, 8, 31),
    )
    supply, label = guard.sink.records
    assert supply.kind == "unlabelled_supply"
    assert supply.body["keep_until"] == "2027-02-28"
    assert supply.body["produce_id"] == label.body["produce_id"] == written.label["ProduceID"]
    assert inspect_file(tmp_path / "b.png").verdict == "confirmed"
    with Image.open(tmp_path / "b.png") as copy, Image.open(source) as before:
        assert copy.tobytes() == before.tobytes()


@pytest.mark.parametrize("missing", ["agreement", "subject", "reason"])
def test_no_copy_without_agreement_user_and_reason(tmp_path: Path, missing: str) -> None:
    guard = recording_guard()
    assert guard.sink
    given_ = {"agreement": "t", "subject": "u", "reason": "r"} | {missing: " "}
    with pytest.raises(InputError, match=missing):
        supply_unlabelled(
            picture_file(tmp_path / "a.png"),
            tmp_path / "b.png",
            Label("maker"),
            sink=guard.sink,
            **given_,
        )
    assert not (tmp_path / "b.png").exists()
    assert guard.sink.records == []


@given(st.dates(dt.date(2025, 1, 1), dt.date(2100, 1, 1)))
def test_six_months_are_never_fewer_than_the_calendar_says(day: dt.date) -> None:
    end = keep_until(day)
    months = (end.year - day.year) * 12 + end.month - day.month
    assert months == 6
    assert end.day == day.day or (end + dt.timedelta(1)).day == 1
    assert (end - day).days >= 180


def test_the_command_wants_a_log_and_the_log_finds_the_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = picture_file(tmp_path / "a.png")
    words = ["label", str(source), "--out", str(tmp_path / "out"), "--producer", "maker", "--json"]
    words += ["--agreement", "terms-2", "--subject", "user-1", "--reason", "print"]
    assert main(words) == 2
    assert "--audit" in capsys.readouterr().err
    assert main([*words, "--audit", str(tmp_path / "log")]) == 0
    number = json.loads(capsys.readouterr().out)["label"]["ProduceID"]
    search = ["audit", "search", "--audit", str(tmp_path / "log"), "--produce-id", number, "--json"]
    assert main(search) == 0
    shown = capsys.readouterr().out
    assert "unlabelled_supply" in shown
    assert "user-1" not in shown


def test_a_platform_labels_a_declared_file_by_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = picture_file(tmp_path / "a.png")
    words = ["label", str(source), "--out", str(tmp_path / "out"), "--propagator", "platform"]
    assert main(words) == 2
    assert "--label 2" in capsys.readouterr().err
    assert main([*words, "--label", "2"]) == 0
    capsys.readouterr()
    assert inspect_file(tmp_path / "out" / "a.png").verdict == "possible"
