"""ReservedCode1 as a signature: who issued this label, and for which content (GB 45438 annex E).

The standard leaves the code to the producer, for "information of content security". This is a
scheme of our own, and says so in its first member; a reader that does not know it loses nothing.
It signs the producer's three fields and the SHA-256 of the content as the producer had it, before
any label: so it survives propagators, re-encoding and ``transplant``. Whether a file at hand still
*is* that content can be told only beside the original; for files, C2PA does that.

Ed25519 (RFC 8032). The national algorithm SM2 with SM3 needs a library that is kept well; none of
those installed here has it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from guard.errors import InputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

SCHEME: Final = "aigc-guard/1"
_SIGNED: Final = ("Label", "ContentProducer", "ProduceID")


def load_key(path: Path) -> Ed25519PrivateKey:
    """An Ed25519 private key from a PEM file. Raises :class:`InputError` for anything else."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: no private key in PEM ({error})", _REMEDY) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path}: not an Ed25519 key", _REMEDY)
    return key


_REMEDY: Final = "make one with `openssl genpkey -algorithm ed25519 -out key.pem`"


def load_public(path: Path) -> Ed25519PublicKey:
    """The public key of a PEM file, which may hold the private one. Raises as :func:`load_key`."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    pem = path.read_bytes()
    if b"PRIVATE" in pem:
        return load_key(path).public_key()
    try:
        key = load_pem_public_key(pem)
    except ValueError as error:
        raise InputError(f"{path}: no public key in PEM ({error})", _REMEDY) from None
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path}: not an Ed25519 key", _REMEDY)
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """Sixteen hex digits by which a key is named: of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def issue(fields: Mapping[str, str], sha256: str, key: Ed25519PrivateKey) -> str:
    """The code for a label's fields and a content: within annex E's characters, about 300 long."""
    signature = key.sign(_message(fields, sha256))
    code = {
        "scheme": SCHEME,
        "key": key_id(key.public_key()),
        "sha256": sha256,
        "signature": base64.b64encode(signature).decode(),
    }
    packed = json.dumps(code, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read(fields: Mapping[str, str], key: Ed25519PublicKey | None = None) -> dict[str, Any] | None:
    """What ReservedCode1 of a label says; ``None`` when it is no code of this scheme.

    The object has ``state`` (``valid``, ``invalid``, or ``unknown key`` without the key that made
    it), ``key``, and ``sha256``: of the content before it was labelled.
    """
    code = _parsed(fields.get("ReservedCode1", ""))
    if code is None:
        return None
    told = {"key": code["key"], "sha256": code["sha256"]}
    if key is None or key_id(key) != code["key"]:
        return {"state": "unknown key", **told}
    return {"state": "valid" if _holds(fields, code, key) else "invalid", **told}


def _parsed(text: str) -> dict[str, str] | None:
    try:
        code = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return None
    members = ("scheme", "key", "sha256", "signature")
    if not isinstance(code, dict) or not all(isinstance(code.get(m), str) for m in members):
        return None
    return code if code["scheme"] == SCHEME else None


def _holds(fields: Mapping[str, str], code: Mapping[str, str], key: Ed25519PublicKey) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        signature = base64.b64decode(code["signature"], validate=True)
        key.verify(signature, _message(fields, code["sha256"]))
    except (InvalidSignature, ValueError):
        return False
    return True


def _message(fields: Mapping[str, str], sha256: str) -> bytes:
    """What is signed: a list, so that no two sets of fields give the same bytes."""
    return json.dumps([SCHEME, *(fields[name] for name in _SIGNED), sha256]).encode()
