"""C2PA: what is signed is trusted, what is touched is invalid, what was there before stays."""

from __future__ import annotations

import socket
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from guard.errors import InputError, LabelError
from guard.model import Label
from guard.stages.stage4_label_writer import label_bytes, write_label
from guard.watermark import gb45438, localca, provenance

from .conftest import encode, scene


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ca") / "new"
    localca.create(folder)
    return folder


@pytest.fixture
def signer(chain: Path) -> provenance.Identity:
    return provenance.local_identity(chain)


def test_the_key_is_for_its_owner_only_and_never_overwritten(chain: Path) -> None:
    assert stat.S_IMODE((chain / "key.pem").stat().st_mode) == 0o600
    with pytest.raises(InputError, match="not overwritten"):
        localca.create(chain)


def test_states(kind: str, label: Label, chain: Path, signer: provenance.Identity) -> None:
    data = encode(scene(), kind)
    out, written = label_bytes(data, "x", label, c2pa=signer)
    mime = f"image/{kind.lower()}"
    trusted = provenance.read(out, mime, (chain / "root.pem").read_bytes())
    assert trusted is not None
    assert (trusted["state"], trusted["ai"], trusted["codes"]) == ("Trusted", True, [])
    assert trusted["label"] == gb45438.fields(label)
    assert written.c2pa
    unknown = provenance.read(out, mime)
    assert unknown is not None
    assert unknown["state"] == "Valid"
    assert provenance.read(data, mime) is None
    for at in (len(out) - 40, out.index(b"TC260:AIGC") + 40):
        touched = bytearray(out)
        touched[at] ^= 1
        state = provenance.read(bytes(touched), mime, (chain / "root.pem").read_bytes())
        assert state is not None
        assert state["state"] == "Invalid"


def test_signing_again_keeps_the_first_manifest(
    kind: str, label: Label, chain: Path, signer: provenance.Identity
) -> None:
    first, _ = label_bytes(encode(scene(), kind), "x", label, c2pa=signer)
    platform = Label("", propagator="platform", propagate_id="9")
    second, _ = label_bytes(first, "x", platform, c2pa=signer)
    read = provenance.read(second, f"image/{kind.lower()}", (chain / "root.pem").read_bytes())
    assert read is not None
    assert (read["state"], read["ingredients"], read["ai"]) == ("Trusted", 1, True)
    assert read["label"]["ContentPropagator"] == "platform"


def test_a_broken_signature_is_said(kind: str, label: Label, signer: provenance.Identity) -> None:
    first, _ = label_bytes(encode(scene(), kind), "x", label, c2pa=signer)
    out, written = label_bytes(first, "x", Label("", propagator="platform"))
    assert written.c2pa_invalidated
    read = provenance.read(out, f"image/{kind.lower()}")
    assert read is not None
    assert read["state"] == "Invalid"
    again, same = label_bytes(first, "x", label, visible=False)
    assert again == first
    assert not same.c2pa_invalidated


def test_a_key_that_does_not_fit_is_refused(tmp_path: Path, label: Label, chain: Path) -> None:
    localca.create(tmp_path / "other")
    mixed = provenance.load_identity(chain / "chain.pem", tmp_path / "other" / "key.pem")
    with pytest.raises(LabelError, match="C2PA"):
        label_bytes(encode(scene(), "PNG"), "x", label, c2pa=mixed)
    with pytest.raises(InputError, match="no PEM private key"):
        provenance.load_identity(chain / "chain.pem", chain / "root.pem")


def test_texts_cannot_be_signed(tmp_path: Path, label: Label, chain: Path) -> None:
    (tmp_path / "a.md").write_text("# x\n")
    with pytest.raises(LabelError, match="cannot be embedded"):
        write_label(tmp_path / "a.md", tmp_path / "b.md", label, c2pa=chain)
    assert not (tmp_path / "b.md").exists()


def test_no_socket_is_opened(
    kind: str,
    label: Label,
    chain: Path,
    signer: provenance.Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    out, _ = label_bytes(encode(scene(), kind), "x", label, c2pa=signer)
    assert provenance.read(out, f"image/{kind.lower()}") is not None


def test_a_key_that_never_leaves_its_keeper_signs_as_well(
    label: Label, chain: Path, signer: provenance.Identity
) -> None:
    """A KMS or HSM gets the bytes and gives the signature."""
    key = load_pem_private_key(signer.key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    asked: list[int] = []

    def keeper(message: bytes) -> bytes:
        asked.append(len(message))
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    remote = provenance.Identity(signer.chain, call=keeper, algorithm="es256")
    out, _ = label_bytes(encode(scene(), "PNG"), "x", label, c2pa=remote)
    seen = provenance.read(out, "image/png", (chain / "root.pem").read_bytes())
    assert seen is not None
    assert seen["state"] == "Trusted"
    assert asked
    wrong = provenance.Identity(signer.chain, call=keeper, algorithm="sm2")
    with pytest.raises(InputError, match="sm2"):
        label_bytes(encode(scene(), "PNG"), "x", label, c2pa=wrong)


def test_a_timestamp_service_is_asked_only_when_named(
    label: Label, signer: provenance.Identity
) -> None:
    bound = socket.create_server(("127.0.0.1", 0))
    bound.settimeout(20)
    requests: list[bytes] = []

    def answer() -> None:
        caller, _ = bound.accept()
        with caller:
            requests.append(caller.recv(200))
            caller.sendall(
                b"HTTP/1.1 503 Busy\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n"
            )

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    named = replace(signer, timestamp=f"http://127.0.0.1:{bound.getsockname()[1]}/tsa")
    with pytest.raises(LabelError, match="C2PA refused to sign"):
        label_bytes(encode(scene(), "PNG"), "x", label, c2pa=named)
    thread.join(timeout=20)
    bound.close()
    assert requests
    assert requests[0].startswith(b"POST /tsa")


def test_the_number_of_the_invisible_mark_is_signed_too(
    tmp_path: Path, label: Label, chain: Path, signer: provenance.Identity
) -> None:
    pytest.importorskip("numpy")
    key = tmp_path / "mark.key"
    key.write_bytes(bytes(range(32)))
    data = encode(scene(512, 512), "PNG")
    out, written = label_bytes(data, "x", label, c2pa=signer, watermark_key=key)
    seen = provenance.read(out, "image/png", (chain / "root.pem").read_bytes())
    assert seen is not None
    assert written.watermark
    assert (seen["state"], seen["soft_binding"]) == ("Trusted", written.watermark["payload"])
