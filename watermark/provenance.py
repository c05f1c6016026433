"""C2PA content credentials: signed last, since any later change of a byte makes them invalid.

Offline by construction: no remote manifests, no time-stamp server, no OCSP. The seven fields of the
label go into the manifest as assertion ``cn.gb45438.aigc``, so that the label itself is signed.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from guard.errors import InputError, LabelError
from guard.watermark import localca

#: The label's fields as assertion of a manifest.
ASSERTION: Final = "cn.gb45438.aigc"
SOFT_BINDING: Final = "c2pa.soft-binding"
#: The marks of this library (``watermark/invisible.py``), by a name of our own.
MARK_ALGORITHM: Final = "aigc-guard.mark.1"
#: IPTC digital source types that say "made by AI", by the last part of their address.
_AI_SOURCES: Final = (
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "algorithmicMedia",
)
_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_OFFLINE: Final[dict[str, Any]] = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
#: What the states of C2PA mean, for people.
MEANING: Final = {
    "Trusted": "signed by a trusted certificate, unchanged since | 签名可信，签后未改动",
    "Valid": "unchanged since it was signed, signer not proved | 签后未改动，签名者未证实",
    "Invalid": "changed since it was signed, or badly signed | 签后被改动，或签名有误",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signs: the certificate chain in PEM (leaf first) and the private key, or its keeper.

    ``key`` is the PEM text of the private key. Where the key stays in a KMS or HSM, ``call`` signs
    instead: it gets the bytes to be signed and returns the signature (ECDSA as r and s, 32, 48 or
    66 bytes each), and ``algorithm`` names it: es256, es384, es512, ps256, ps384, ps512, ed25519.
    ``timestamp`` is the address of an RFC 3161 service; it is the only one that is ever called, and
    none is by default.
    """

    chain: bytes
    key: bytes = b""
    call: Callable[[bytes], bytes] | None = None
    algorithm: str = ""
    timestamp: str | None = None


def load_identity(chain: Path, key: Path) -> Identity:
    """Read a signer from two PEM files. Raises :class:`InputError` naming the one that is none."""
    pems = []
    for path, mark in ((chain, b"CERTIFICATE"), (key, b"PRIVATE KEY")):
        pem = path.read_bytes()
        if mark not in pem:
            raise InputError(f"{path}: no PEM {mark.decode().lower()}", "name the right file")
        pems.append(pem)
    return Identity(pems[0], pems[1])


def load_anchors(path: Path) -> bytes:
    """Trust anchors from a PEM file. Raises :class:`InputError` when it holds no certificate."""
    pem = path.read_bytes()
    if b"CERTIFICATE" not in pem:
        raise InputError(f"{path}: no PEM certificate", "give the anchors as PEM")
    return pem


def local_identity(folder: Path) -> Identity:
    """The signer of a folder made with ``guard label --init-ca``."""
    return load_identity(folder / localca.CHAIN, folder / localca.KEY)


def sign(
    data: bytes,
    mime: str,
    identity: Identity,
    fields: Mapping[str, str],
    *,
    original: bytes,
    created: bool,
    mark: str = "",
) -> bytes:
    """``data`` with a manifest that says "made by AI" and carries the label's ``fields``.

    ``mark`` is the number of the invisible mark in the file, if it has one: it becomes a soft
    binding, by which the manifest is found again for a copy that has lost it.

    ``original`` is the file as it came to us. When it has a manifest, or when we did not create
    the content (``created=False``), it becomes the parent ingredient: signing over a manifest
    without that would lose its history.

    Raises:
        LabelError: the certificate or the file was refused, with C2PA's own words.
    """
    import c2pa

    parent = not created or _manifest(original, mime) is not None
    manifest = {
        "claim_generator_info": [{"name": "aigc-guard"}],
        "assertions": [{"label": ASSERTION, "data": dict(fields)}, *_bound(mark)],
    }
    out = io.BytesIO()
    try:
        with (
            c2pa.Context.from_dict(_OFFLINE) as context,
            c2pa.Builder(manifest, context=context) as builder,
            _signer(identity) as signer,
        ):
            _intend(builder, mime, original, parent)
            builder.sign(signer, mime, io.BytesIO(data), out)
    except c2pa.C2paError as error:
        raise LabelError(
            f"C2PA refused to sign: {error}",
            "check certificate chain and key; `guard label --init-ca DIR` makes a pair that works",
        ) from None
    return out.getvalue()


def _bound(mark: str) -> list[dict[str, Any]]:
    """The soft binding of a mark (C2PA 2.2, 18.10), none without one."""
    if not mark:
        return []
    blocks = [{"scope": {}, "value": mark}]
    return [{"label": SOFT_BINDING, "data": {"alg": MARK_ALGORITHM, "blocks": blocks}}]


def read(data: bytes, mime: str, trust: bytes | None = None) -> dict[str, Any] | None:
    """What the embedded manifest says and whether it holds; ``None`` without a manifest.

    The object has ``state`` (Trusted, Valid, Invalid), ``meaning``, ``signer``, ``time``, ``ai``
    (whether it, or an ingredient of it, claims AI origin), ``label`` (the signed fields or None),
    ``soft_binding`` (the number of the invisible mark that it names),
    ``codes`` (failure codes) and ``ingredients`` (their number). Trusted needs
    ``trust``: PEM anchors.
    """
    import c2pa

    try:
        store = _manifest(data, mime, trust)
    except c2pa.C2paError as error:
        return _unreadable(str(error))
    if store is None:
        return None
    active = store.get("manifests", {}).get(store.get("active_manifest"), {})
    signature = active.get("signature_info") or {}
    state = str(store.get("validation_state") or "Invalid")
    return {
        "state": state,
        "meaning": MEANING.get(state, ""),
        "signer": signature.get("issuer") or signature.get("common_name"),
        "time": signature.get("time"),
        "ai": any(_claims_ai(item) for item in store.get("manifests", {}).values()),
        "label": _assertion(active, ASSERTION),
        "soft_binding": _mark(active),
        "codes": _codes(store),
        "ingredients": len(active.get("ingredients") or ()),
    }


def _unreadable(reason: str) -> dict[str, Any]:
    empty = {"signer": None, "time": None, "ai": False, "label": None, "soft_binding": None}
    head = {"state": "Invalid", "meaning": MEANING["Invalid"]}
    return {**head, **empty, "codes": [reason], "ingredients": 0}


def _manifest(data: bytes, mime: str, trust: bytes | None = None) -> dict[str, Any] | None:
    """The manifest store as JSON, or ``None``. Raises ``C2paError`` for one that cannot be read."""
    import c2pa

    anchors = {"trust": {"user_anchors": trust.decode("utf-8", "replace")}} if trust else {}
    with c2pa.Context.from_dict({**_OFFLINE, **anchors}) as context:
        reader = c2pa.Reader.try_create(mime, io.BytesIO(data), context=context)
        if reader is None:
            return None
        with reader:
            store: dict[str, Any] = json.loads(reader.json())
    return store


def _signer(identity: Identity) -> Any:
    import c2pa

    if identity.call is not None:
        name = identity.algorithm.upper()
        if name not in c2pa.C2paSigningAlg.__members__:
            raise InputError(
                f"C2PA does not know the algorithm {identity.algorithm!r}", "es256, ed25519, ..."
            )
        return c2pa.Signer.from_callback(
            identity.call,
            c2pa.C2paSigningAlg[name],
            identity.chain.decode("ascii", "replace"),
            identity.timestamp,
        )
    return c2pa.Signer.from_info(
        c2pa.C2paSignerInfo(
            alg=_algorithm(identity.key),
            sign_cert=identity.chain,
            private_key=identity.key,
            # None for no service: an empty string makes every signing fail.
            ta_url=identity.timestamp.encode() if identity.timestamp else None,
        )
    )


def _algorithm(key: bytes) -> bytes:
    """The COSE algorithm that fits a private key. Raises :class:`InputError` for other keys."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"the C2PA key cannot be read ({error})", "give an unencrypted PEM"
        ) from None
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return {256: b"es256", 384: b"es384", 521: b"es512"}.get(private.curve.key_size, b"es256")
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return b"ed25519"
    if isinstance(private, rsa.RSAPrivateKey):
        return b"ps256"
    raise InputError("the C2PA key is of a kind that C2PA does not know", "use EC, Ed25519 or RSA")


def _intend(builder: Any, mime: str, original: bytes, parent: bool) -> None:
    """Created by AI, or opened from a parent and edited."""
    import c2pa

    if not parent:
        builder.set_intent(
            c2pa.C2paBuilderIntent.CREATE,
            c2pa.C2paDigitalSourceType.TRAINED_ALGORITHMIC_MEDIA,
        )
        return
    builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
    ingredient = {"title": "source", "relationship": "parentOf"}
    builder.add_ingredient(ingredient, mime, io.BytesIO(original))
    builder.add_action({"action": "c2pa.edited", "digitalSourceType": _SOURCE})


def _assertion(manifest: Mapping[str, Any], label: str) -> Any:
    items = manifest.get("assertions") or ()
    return next((item.get("data") for item in items if item.get("label") == label), None)


def _mark(manifest: Mapping[str, Any]) -> str | None:
    """The number of the invisible mark that a manifest names."""
    binding = _assertion(manifest, SOFT_BINDING) or {}
    if binding.get("alg") != MARK_ALGORITHM:
        return None
    return next((block.get("value") for block in binding.get("blocks") or ()), None)


def _claims_ai(manifest: Mapping[str, Any]) -> bool:
    actions = [
        action
        for item in manifest.get("assertions") or ()
        if str(item.get("label", "")).startswith("c2pa.actions")
        for action in (item.get("data") or {}).get("actions") or ()
    ]
    return any(str(action.get("digitalSourceType", "")).endswith(_AI_SOURCES) for action in actions)


def _codes(store: Mapping[str, Any]) -> list[str]:
    active = (store.get("validation_results") or {}).get("activeManifest") or {}
    return sorted({str(item.get("code")) for item in active.get("failure") or ()})
