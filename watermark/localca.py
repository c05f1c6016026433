"""A local test chain for C2PA: root, intermediate, leaf (ES256). For trying out, not for trust.

C2PA refuses self-signed leaves, and wants ``O`` in the subject, ``digitalSignature`` as key usage
and ``emailProtection`` as extended key usage (C2PA 2.2, clause 14.5).
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from guard.errors import InputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, CertificateBuilder

#: The files of a chain: anchor for readers, leaf with intermediate for the signer, its key.
ROOT: Final = "root.pem"
CHAIN: Final = "chain.pem"
KEY: Final = "key.pem"
_YEARS: Final = {"root": 10, "intermediate": 5, "leaf": 2}


def create(folder: Path) -> tuple[Path, ...]:
    """Make a chain in ``folder``. The key file is readable by its owner only.

    Raises:
        InputError: one of the files is there; a key is never overwritten.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    paths = tuple(folder / name for name in (ROOT, CHAIN, KEY))
    there = next((path for path in paths if path.exists()), None)
    if there:
        raise InputError(f"{there} exists and is not overwritten", "name another folder")
    root_key, middle_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root = _issue("root", root_key, None, root_key)
    middle = _issue("intermediate", middle_key, root, root_key)
    leaf = _issue("leaf", leaf_key, middle, middle_key)
    pem = [item.public_bytes(Encoding.PEM) for item in (root, middle, leaf)]
    key = leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    folder.mkdir(parents=True, exist_ok=True)
    for path, data, mode in zip(
        paths, (pem[0], pem[2] + pem[1], key), (0o644, 0o644, 0o600), strict=True
    ):
        _create(path, data, mode)
    return paths


def _issue(
    role: str,
    key: EllipticCurvePrivateKey,
    issuer: Certificate | None,
    issuer_key: EllipticCurvePrivateKey,
) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import NameOID

    now = dt.datetime.now(dt.UTC)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "AIGC Guard local test"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"AIGC Guard local test {role}"),
        ]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))  # clocks of readers may be behind
        .not_valid_after(now + dt.timedelta(days=365 * _YEARS[role]))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = builder.add_extension(authority, False)
    return _usage(builder, role).sign(issuer_key, SHA256())


def _usage(builder: CertificateBuilder, role: str) -> CertificateBuilder:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    leaf = role == "leaf"
    depth = {"root": 1, "intermediate": 0}.get(role)
    usage = x509.KeyUsage(
        digital_signature=leaf,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not leaf,
        crl_sign=not leaf,
        encipher_only=False,
        decipher_only=False,
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=not leaf, path_length=depth), True)
    builder = builder.add_extension(usage, True)
    if leaf:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purpose, False)
    return builder


def _create(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)  # whatever the umask
        file.write(data)
        os.fsync(descriptor)
