"""Signed packs: a detached Ed25519 signature (RFC 8032) over a pack's digest, in ``pack.sig``.

The digest covers the name and the bytes of every file of the folder that is read for rules, so
that a word added, taken away or moved to another file breaks the signature. Keys are raw 32-byte
public keys in base64; a private key is a PKCS #8 PEM file without a password.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from guard.errors import InputError, PolicyError

SIGNATURE: Final = "pack.sig"
SUFFIXES: Final = (".yaml", ".yml", ".tsv")
#: Binds a signature to its purpose: nothing else that the key signs can be taken for a pack.
_CONTEXT: Final = b"aigc-guard rule pack v1\n"


def pack_files(folder: Path) -> list[Path]:
    """The files of a pack that are read for rules, sorted by name."""
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)


def pack_digest(folder: Path) -> bytes:
    """SHA-256 over names and contents of the pack's files (32 bytes)."""
    total = hashlib.sha256()
    for path in pack_files(folder):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.name}\0{content}\n".encode())
    return total.digest()


def sign_pack(folder: Path, key: Path, trusted: Collection[str] = ()) -> str:
    """Write ``pack.sig`` into a pack folder; the public key, as ``trusted_keys`` names it.

    Args:
        trusted: public keys; if there are any, the key must be one of them, or the signature
            would be good for nothing.

    Raises:
        InputError: no pack, no Ed25519 private key in PEM, or one that is not trusted.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if not (folder / "pack.yaml").is_file():
        raise InputError(f"{folder}: has no pack.yaml", "give the folder of a rule pack")
    try:
        private = load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{key}: not a readable PEM private key ({error})",
            "make one: openssl genpkey -algorithm ed25519 -out key.pem",
        ) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise InputError(f"{key}: not an Ed25519 key", "openssl genpkey -algorithm ed25519")
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    if trusted and public not in trusted:
        raise InputError(
            f"{key}: its public key {public} is not among trusted_keys", "add it there"
        )
    signature = base64.b64encode(private.sign(_CONTEXT + pack_digest(folder))).decode()
    _write(folder / SIGNATURE, f"{public} {signature}\n")
    return public


def _write(path: Path, text: str) -> None:
    """Replace a file, durably: afterwards it is the new one whole, or the old one."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".sig", delete=False) as file:
        draft = Path(file.name)
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            draft.chmod(0o644)
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def check_keys(keys: Sequence[str]) -> None:
    """Raise InputError for a trusted key that is not 32 bytes in base64."""
    for key in keys:
        try:
            sound = len(base64.b64decode(key, validate=True)) == 32
        except binascii.Error:
            sound = False
        if not sound:
            raise InputError(
                f"trusted key {key!r:.60}: not 32 bytes in base64", "`guard policy sign` prints it"
            )


def verify_pack(folder: Path, trusted: Collection[str]) -> None:
    """Raise PolicyError unless a trusted key has signed the pack as it lies there."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    path = folder / SIGNATURE
    remedy = "have it signed (`guard policy sign`) by a key of `trusted_keys`"
    try:
        public, signature = path.read_text(encoding="ascii").split()
        raw = base64.b64decode(signature, validate=True)
    except FileNotFoundError:
        raise PolicyError(f"{folder}: the pack is not signed", remedy) from None
    except (OSError, ValueError):
        raise PolicyError(f"{path}: not a signature", remedy) from None
    if public not in trusted:
        raise PolicyError(f"{path}: signed by {public:.60}, which is not trusted", remedy)
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public))
        key.verify(raw, _CONTEXT + pack_digest(folder))
    except (InvalidSignature, ValueError):
        raise PolicyError(
            f"{path}: the signature is not of these files", "they were changed since; sign again"
        ) from None
