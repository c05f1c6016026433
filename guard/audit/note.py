"""C2SP signed notes, verifier keys, tlog checkpoints and single-record proofs (Ed25519).

Formats: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-proof. Reading is strict:
what we wrote has exactly one spelling, so a changed byte never parses to the same meaning.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_ED25519: Final = b"\x01"  # signature type byte of c2sp.org/signed-note
_PROOF_HEAD: Final = "c2sp.org/tlog-proof@v1"


class NoteError(ValueError):
    """Text that is not a note, key, checkpoint or proof of ours. Internal: callers translate it."""


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def unb64(text: str, size: int | None = None) -> bytes:
    """Strict base64: the one canonical spelling, optionally of exactly ``size`` bytes."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise NoteError("broken base64") from error
    if b64(data) != text or (size is not None and len(data) != size):
        raise NoteError("broken base64")
    return data


def number(text: str) -> int:
    """ASCII decimal without leading zeroes."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and str(int(text)) == text):
        raise NoteError("broken number")
    return int(text)


def valid_name(name: str) -> bool:
    """Whether a key name (and so an origin) is allowed: no space, plus or control character."""
    return bool(name) and not any(c.isspace() or c == "+" or c < " " for c in name)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A log's public key: ``name`` is the log's origin, ``raw`` the 32 bytes of RFC 8032."""

    name: str
    raw: bytes

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.raw).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64(_ED25519 + self.raw)}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """The key from its C2SP vkey form, without line end. Raises :class:`NoteError`."""
        name, _, rest = text.partition("+")
        data = unb64(rest.partition("+")[2], 33)
        if not valid_name(name) or data[:1] != _ED25519:
            raise NoteError("not an Ed25519 verifier key")
        key = cls(name, data[1:])
        if str(key) != text:
            raise NoteError("the key id does not belong to the key")
        return key

    def verify(self, signature: bytes, message: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def sign_note(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """``text`` (ending in a newline) as a signed note under the key name ``name``."""
    verifier = VerifierKey(name, key.public_key().public_bytes_raw())
    signature = verifier.key_id + key.sign(text.encode())
    return f"{text}\n\N{EM DASH} {name} {b64(signature)}\n"


def open_note(note: str, key: VerifierKey) -> str:
    """The text of a note signed by ``key`` and by nobody else. Raises :class:`NoteError`."""
    text, blank, line = note.rpartition("\n\n")
    if not blank or not line.endswith("\n") or line.count("\n") != 1:
        raise NoteError("not a signed note")
    words = line[:-1].split(" ")
    if len(words) != 3 or words[0] != "\N{EM DASH}" or words[1] != key.name:
        raise NoteError("not signed by this log's key")
    signature = unb64(words[2], 68)
    if signature[:4] != key.key_id:
        raise NoteError("not signed by this log's key")
    if not key.verify(signature[4:], (text + "\n").encode()):
        raise NoteError("the signature does not verify")
    return text + "\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: the root hash of the first ``size`` records of the log ``origin``."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n"

    @classmethod
    def open(cls, note: str, key: VerifierKey) -> Checkpoint:
        """The checkpoint in a note signed by ``key``. Raises :class:`NoteError`."""
        lines = open_note(note, key).split("\n")
        if len(lines) != 4 or lines[0] != key.name:
            raise NoteError("not a checkpoint of this log")
        return cls(lines[0], number(lines[1]), unb64(lines[2], 32))


@dataclass(frozen=True, slots=True)
class Proof:
    """A record, its place, and why the signed tree contains it; ``entry`` are its exact bytes."""

    entry: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: str

    def __str__(self) -> str:
        head = [_PROOF_HEAD, f"extra {b64(self.entry)}", f"index {self.index}"]
        return "\n".join([*head, *map(b64, self.path), "", self.checkpoint])

    @classmethod
    def parse(cls, text: str) -> Proof:
        """The proof from its text; nothing is verified yet. Raises :class:`NoteError`."""
        head, _, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if len(lines) < 3 or lines[0] != _PROOF_HEAD:
            raise NoteError("not a tlog-proof")
        extra, index = lines[1].removeprefix("extra "), lines[2].removeprefix("index ")
        path = tuple(unb64(line, 32) for line in lines[3:])
        proof = cls(unb64(extra), number(index), path, checkpoint)
        if str(proof) != text:
            raise NoteError("not a tlog-proof")
        return proof
