"""The secrets of a log, in a folder of their own (0700, files 0600).

``sign.pem``      Ed25519 key that signs checkpoints,
``digest.key``    HMAC key of content digests and pseudonyms,
``subjects.key``  per-subject keys as a puncturable tree (:mod:`guard.audit.forget`).

A plain hash of a phone number or a short prompt is guessed in seconds; a keyed one is not, as
long as the key is kept apart from the log.
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from hmac import digest as hmac
from pathlib import Path
from typing import TYPE_CHECKING, Final

from guard.audit.files import locked, sync_folder, write_whole
from guard.audit.forget import SubjectTree
from guard.audit.note import VerifierKey
from guard.errors import CannotFinish, EvidenceError, InputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_CHECK: Final = b"aigc-guard digest key"
_CACHE: Final = 65_536
_REMEDY: Final = "restore the keys folder from its backup"


def _mac(key: bytes, *parts: str) -> bytes:
    return hmac(key, "\0".join(parts).encode("utf-8", "surrogatepass"), "sha256")


def create(folder: Path) -> None:
    """Make fresh keys. Nothing is overwritten: an existing key file is kept and used."""
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sign, digest, subjects = (folder / n for n in ("sign.pem", "digest.key", "subjects.key"))
    if not sign.exists():
        form = (s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
        write_whole(sign, Ed25519PrivateKey.generate().private_bytes(*form), mode=0o600)
    if not digest.exists():
        key = os.urandom(32)
        check = hmac(key, _CHECK, "sha256")
        write_whole(digest, f"{key.hex()}\n{check.hex()}\n".encode(), mode=0o600)
    if not subjects.exists():
        write_whole(subjects, SubjectTree.new().dump(_digest_key(digest)), mode=0o600)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: the log's key is not there", "give --keys DIR") from None
    except OSError as error:
        text = f"{path}: {os.strerror(error.errno or 0).lower()}"
        raise CannotFinish(text, "run as the user that owns the keys") from error


def _digest_key(path: Path) -> bytes:
    data = _read(path)
    try:
        key = bytes.fromhex(data[:64].decode("ascii"))
    except ValueError:
        key = b""
    if data != f"{key.hex()}\n{hmac(key, _CHECK, 'sha256').hex()}\n".encode():
        raise EvidenceError(f"{path}: the key file is damaged", _REMEDY)
    return key


def _signing_key(path: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    data = _read(path)
    try:
        key = s.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise EvidenceError(f"{path}: the key file is damaged", _REMEDY) from error
    form = (s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
    # PEM has many spellings of one key; only ours, so that a changed byte is a changed key.
    if not isinstance(key, Ed25519PrivateKey) or key.private_bytes(*form) != data:
        raise EvidenceError(f"{path}: the key file is damaged", _REMEDY)
    return key


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject's key, and the pseudonym that follows from it."""

    name: str
    key: bytes

    def bind(self, digest: str) -> str:
        """A content digest re-keyed with this key, so that it is shredded with it."""
        return _mac(self.key, "digest", digest).hex()


class Keys:
    """The keys of one log, read when first needed. Safe among threads; holds no open file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._signing: Ed25519PrivateKey | None = None
        self._digest: bytes | None = None
        self._tree: SubjectTree | None = None
        self._tree_state: tuple[int, ...] = ()
        self._cache: dict[str, Subject] = {}
        self._subjects = str(folder / "subjects.key")

    def after_fork(self) -> None:
        """Replace the lock, which another thread may have held at the fork."""
        self._lock = threading.Lock()

    @property
    def signing(self) -> Ed25519PrivateKey:
        if self._signing is None:
            self._signing = _signing_key(self.folder / "sign.pem")
        return self._signing

    @property
    def digest_key(self) -> bytes:
        if self._digest is None:
            self._digest = _digest_key(self.folder / "digest.key")
        return self._digest

    def verifier(self, origin: str) -> VerifierKey:
        return VerifierKey(origin, self.signing.public_key().public_bytes_raw())

    def digest(self, data: str | bytes) -> str:
        """HMAC-SHA-256 of the data, hex; text as UTF-8."""
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        return hmac(self.digest_key, raw, "sha256").hex()

    def pseudonym(self, subject: str) -> str:
        """How a subject is called in the log: 32 hex digits, unlinkable once shredded."""
        return self.subject(subject).name

    def subject(self, subject: str) -> Subject:
        """The current key of a subject. One that was shredded and comes back gets a new one."""
        with self._lock:
            tree = self._fresh_tree()
            found = self._cache.get(subject)
            if found is None:
                if len(self._cache) >= _CACHE:
                    self._cache.clear()
                key = self._find(tree, subject)[1]
                found = self._cache[subject] = Subject(_mac(key, "pseudonym").hex()[:32], key)
            return found

    def _find(self, tree: SubjectTree, subject: str) -> tuple[int, bytes]:
        life = 0
        while True:
            tag = int.from_bytes(_mac(self.digest_key, "subject", str(life), subject)[:8])
            key = tree.key(tag)
            if key is not None:
                return tag, key
            life += 1

    def _fresh_tree(self) -> SubjectTree:
        """The tree as the file has it now: another process may have shredded a subject."""
        state: tuple[int, ...] = ()
        with contextlib.suppress(OSError):  # reading it, below, tells why
            stat = os.stat(self._subjects)  # noqa: PTH116 (on every record: no Path object)
            state = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if self._tree is None or state != self._tree_state:
            try:
                self._tree = SubjectTree.load(_read(Path(self._subjects)), self.digest_key)
            except ValueError as error:
                text = f"{self._subjects}: the key file is damaged"
                raise EvidenceError(text, _REMEDY) from error
            self._tree_state = state
            self._cache.clear()
        return self._tree

    def shred(self, subject: str) -> None:
        """Destroy the subject's key: the old file is overwritten before its blocks are freed.

        What the disk itself keeps (flash wear levelling, snapshots, backups) is out of our reach.
        """
        path = self.folder / "subjects.key"
        with self._lock, locked(self.folder / "keys.lock", wait_s=10):
            self._tree = None
            tree = self._fresh_tree()
            tag, _ = self._find(tree, subject)
            with path.open("r+b") as old:
                write_whole(path, tree.without(tag).dump(self.digest_key), mode=0o600)
                old.write(b"\0" * os.fstat(old.fileno()).st_size)
                old.flush()
                os.fsync(old.fileno())
            sync_folder(self.folder)
            self._tree = None

    def check(self, vkey: VerifierKey) -> None:
        """Raise :class:`EvidenceError` unless every key file is whole and belongs to the log."""
        if self.verifier(vkey.name) != vkey:
            text = f"{self.folder / 'sign.pem'}: not the key that signs this log"
            raise EvidenceError(text, _REMEDY)
        with self._lock:
            self._tree = None
            self._fresh_tree()
