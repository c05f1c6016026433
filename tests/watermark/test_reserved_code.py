"""ReservedCode1 as a signature: only the key's holder issues labels in a producer's name."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from guard.cli import main
from guard.label import inspect_file, transplant
from guard.model import Label
from guard.watermark import gb45438, reserved_code

from .conftest import CODE, scene
from .containers import program

KEY = Ed25519PrivateKey.generate()
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x5B), min_size=1, max_size=30)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    words = [program("openssl"), "genpkey", "-algorithm", "ed25519", "-out", str(path)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    return path


def test_a_signed_label_is_known_by_its_key_and_survives_propagation(
    key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "a.png"
    scene(64, 64).save(source)
    words = ["label", str(source), "--out", str(tmp_path / "out"), "--producer", CODE]
    assert main([*words, "--no-visible", "--sign-key", str(key)]) == 0
    passed = ["label", str(tmp_path / "out/a.png"), "--out", str(tmp_path / "on")]
    assert main([*passed, "--propagator", "platform"]) == 0
    scene(64, 64).save(tmp_path / "anew.webp")
    transplant(tmp_path / "on/a.png", tmp_path / "anew.webp")
    capsys.readouterr()
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    for path in (tmp_path / "out/a.png", tmp_path / "on/a.png", tmp_path / "anew.webp"):
        assert main(["inspect", str(path), "--label-key", str(key), "--json"]) == 0
        seen = json.loads(capsys.readouterr().out)
        assert (seen["signature"]["state"], seen["signature"]["sha256"]) == ("valid", sha256)
        assert seen["standard"]["status"] == "compliant"
    unknown = inspect_file(tmp_path / "on/a.png").signature
    assert unknown
    assert unknown["state"] == "unknown key"


@given(VALUES, VALUES, st.sampled_from("123"))
def test_a_changed_field_breaks_the_signature(producer: str, number: str, attribute: str) -> None:
    fields = gb45438.fields(Label(producer, number))
    code = reserved_code.issue(fields, "0" * 64, KEY)
    gb45438.check(Label(producer, number, reserved1=code))
    signed = {**fields, "ReservedCode1": code}
    told = reserved_code.read(signed, KEY.public_key())
    assert told
    assert told["state"] == "valid"
    for name, value in (("ProduceID", number + "!"), ("ContentProducer", "x" + producer)):
        changed = reserved_code.read({**signed, name: value}, KEY.public_key())
        assert changed
        assert changed["state"] == "invalid"
    other = reserved_code.read({**signed, "Label": attribute}, KEY.public_key())
    assert other
    assert (other["state"] == "valid") == (attribute == "1")


@given(st.text(max_size=200))
def test_codes_of_other_schemes_are_none_of_ours(text: str) -> None:
    assert reserved_code.read({"ReservedCode1": text}, KEY.public_key()) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--propagator", "platform"), "only producers sign"),
        (("--producer", CODE, "--sign-key", "none.pem"), "none.pem"),
    ],
)
def test_wrong_use_is_one_line(
    words: tuple[str, ...],
    message: str,
    key: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scene(64, 64).save(tmp_path / "a.png")
    command = ["label", str(tmp_path / "a.png"), "--out", str(tmp_path / "out"), "--no-visible"]
    assert main([*command, "--sign-key", str(key), *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list((tmp_path / "out").glob("*"))
