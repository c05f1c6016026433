"""Signed notes, keys and proofs: what is written parses, anything else does not."""

import base64
import hashlib
import os

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.audit import standalone
from guard.audit.forget import SubjectTree
from guard.audit.note import Checkpoint, NoteError, Proof, VerifierKey, open_note, sign_note

# RFC 8032 section 7.1, test 1: secret key, public key, signature of the empty message.
SECRET = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
SIGNED = (
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
    "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
)
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SECRET))
KEY = VerifierKey("example.org/log", bytes.fromhex(PUBLIC))


def test_the_key_id_is_that_of_c2sp() -> None:
    raw = bytes.fromhex(PUBLIC)
    digest = hashlib.sha256(b"example.org/log\n\x01" + raw).hexdigest()
    spelled = base64.b64encode(b"\x01" + raw).decode()
    assert str(KEY) == f"example.org/log+{digest[:8]}+{spelled}"
    assert VerifierKey.parse(str(KEY)) == KEY


def test_a_note_of_another_implementation_verifies() -> None:
    """A note put together from RFC 8032 alone."""
    text = "example.org/log\n5\n" + base64.b64encode(b"r" * 32).decode() + "\n"
    line = base64.b64encode(KEY.key_id + SIGNER.sign(text.encode())).decode()
    head = Checkpoint.open(f"{text}\n\u2014 example.org/log {line}\n", KEY)
    assert head == Checkpoint("example.org/log", 5, b"r" * 32)


def test_pure_python_ed25519_meets_the_rfc() -> None:
    public, signature = bytes.fromhex(PUBLIC), bytes.fromhex(SIGNED)
    assert standalone.ed25519_valid(public, b"", signature)
    assert not standalone.ed25519_valid(public, b"x", signature)
    # S + L is the malleable twin of S: refused (section 5.1.7).
    twin = (int.from_bytes(signature[32:], "little") + standalone.L).to_bytes(32, "little")
    assert not standalone.ed25519_valid(public, b"", signature[:32] + twin)


@given(st.binary(max_size=40), st.integers(0, 511))
@settings(max_examples=15, deadline=None)
def test_pure_python_ed25519_agrees_with_openssl(message: bytes, bit: int) -> None:
    signature = SIGNER.sign(message)
    assert standalone.ed25519_valid(KEY.raw, message, signature)
    broken = bytearray(signature)
    broken[bit // 8] ^= 1 << bit % 8
    assert standalone.ed25519_valid(KEY.raw, message, bytes(broken)) is False


NOTE = Checkpoint(KEY.name, 7, b"r" * 32).text()
SIGNED_NOTE = sign_note(NOTE, KEY.name, SIGNER)


def test_every_bit_of_a_note_counts() -> None:
    data = SIGNED_NOTE.encode()
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((NoteError, UnicodeDecodeError)):
            open_note(bytes(changed).decode(), KEY)
    for at in range(len(data)):
        with pytest.raises((NoteError, UnicodeDecodeError)):
            open_note((data[:at] + data[at + 1 :]).decode(), KEY)
    assert open_note(SIGNED_NOTE, KEY) == NOTE


@given(st.text(max_size=60))
def test_garbage_is_refused(text: str) -> None:
    for parse in (
        lambda: open_note(text, KEY),
        lambda: Checkpoint.open(text, KEY),
        lambda: VerifierKey.parse(text),
        lambda: Proof.parse(text),
    ):
        with pytest.raises(NoteError):
            parse()


@given(st.binary(max_size=50), st.integers(0, 2**40), st.lists(st.binary(min_size=32, max_size=32)))
def test_a_proof_reads_back(entry: bytes, index: int, path: list[bytes]) -> None:
    proof = Proof(entry, index, tuple(path), SIGNED_NOTE)
    assert Proof.parse(str(proof)) == proof


TAGS = st.integers(0, 2**64 - 1)


@given(st.lists(TAGS, max_size=4, unique=True), st.lists(TAGS, max_size=4, unique=True))
@settings(max_examples=25)
def test_only_destroyed_keys_are_gone(dead: list[int], others: list[int]) -> None:
    tree = whole = SubjectTree.new()
    for tag in dead:
        tree = tree.without(tag)
    # Neighbours share all of the path but the last step.
    for tag in [*others, *(tag ^ 1 for tag in dead)]:
        if tag not in dead:
            assert tree.key(tag) == whole.key(tag)
    assert all(tree.key(tag) is None for tag in dead)
    assert all(whole.key(tag) not in tree.seeds.values() for tag in dead)
    again = SubjectTree.load(tree.dump(b"k"), b"k")
    assert again.seeds == tree.seeds


def test_destroying_leaves_no_ancestor_of_the_key() -> None:
    """The seeds that are left must not include one the key could be derived from."""
    tag = int.from_bytes(os.urandom(8))
    left = SubjectTree.new().without(tag)
    assert len(left.seeds) == 64
    assert all(tag >> (64 - depth) != path for depth, path in left.seeds)
