"""Keys of the text mark: one secret per deployment, one key per key id, all integers from it.

A key id names an epoch ("2026-11"): a new id every month or quarter is a rotation, the secret file
stays. Whoever learns the key of one epoch learns nothing about the others (HKDF, RFC 5869).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from guard.errors import InputError

#: Fewest bytes of a secret: 128 bits, as for the image mark.
LEAST_SECRET: Final = 16
#: Layers of the tournament: SynthID-Text's own number (doi 10.1038/s41586-024-08025-4).
LAYERS: Final = 30
_MOST_ID: Final = 64
_SALT: Final = b"aigc-guard text mark 1"
_WORD: Final = 8


@dataclass(frozen=True, slots=True)
class TextKey:
    """What a secret and a key id stand for; ``repr`` shows the id alone.

    ``words``: 32 bytes, the key of our own draws. ``hashing_key``: for the ``WatermarkingConfig``
    of transformers, odd, below 2**62. ``layer_keys`` (30 numbers below 2**62) and ``table_seed``
    (below 2**32): for its ``SynthIDTextWatermarkingConfig``.
    """

    key_id: str
    words: bytes = field(repr=False)
    hashing_key: int = field(repr=False)
    layer_keys: tuple[int, ...] = field(repr=False)
    table_seed: int = field(repr=False)


def load_secret(path: str | Path) -> bytes:
    """The bytes of a secret file, all of them. Raises :class:`InputError` when too few."""
    try:
        secret = Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            f"the text mark's secret {path} cannot be read: {error.strerror}"
        ) from None
    _check_secret(secret)
    return secret


@lru_cache(maxsize=64)
def derive(secret: bytes, key_id: str) -> TextKey:
    """The key of one epoch.

    Args:
        secret: at least 16 random bytes, the same in every process of the deployment.
        key_id: 1 to 64 printable ASCII characters without spaces, such as ``2026-11``.

    Raises:
        InputError: the secret is short, or the key id is not of that form.
    """
    _check_secret(secret)
    if not (0 < len(key_id) <= _MOST_ID and all("!" <= sign <= "~" for sign in key_id)):
        raise InputError(
            f"the key id {key_id!r} is not 1 to {_MOST_ID} printable ASCII characters",
            "name epochs like 2026-11",
        )
    stream = _stretched(secret, key_id.encode(), 32 + _WORD * (LAYERS + 2))
    words, rest = stream[:32], stream[32:]
    numbers = [int.from_bytes(rest[at : at + _WORD]) >> 2 for at in range(0, len(rest), _WORD)]
    return TextKey(key_id, words, numbers[0] | 1, tuple(numbers[2:]), numbers[1] >> 30)


def _check_secret(secret: bytes) -> None:
    if len(secret) < LEAST_SECRET:
        raise InputError(
            f"the text mark's secret has {len(secret)} bytes, it needs {LEAST_SECRET}",
            "make one with `head -c 32 /dev/urandom > text.key`",
        )


def _stretched(secret: bytes, info: bytes, size: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=size, salt=_SALT, info=info).derive(secret)
