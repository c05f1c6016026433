"""RFC 6962 Merkle tree over SHA-256: compact frontier, inclusion and consistency proofs.

The tree is never held in memory. Appending needs only the frontier (at most 64 hashes); proofs
read hashes of complete subtrees through a :data:`Reader`, which serves every eighth level, the
layout of C2SP tlog-tiles (a tile is 256 hashes, one hash of a level is one full tile below).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

HASH_SIZE: Final = 32
TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT

#: MTH of the empty tree (RFC 6962 section 2.1).
EMPTY_ROOT: Final = sha256(b"").digest()

#: ``read(tile_level, start, count)``: hashes of complete subtrees of ``256**tile_level`` leaves.
Reader = Callable[[int, int, int], Sequence[bytes]]


def leaf_hash(entry: bytes) -> bytes:
    """Hash of an entry; the prefix keeps leaves and inner nodes apart (RFC 6962 section 2.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Node:
    """Hash of the ``index``-th complete subtree of ``256**level`` leaves, level >= 1."""

    level: int
    index: int
    hash: bytes


@dataclass(slots=True)
class Frontier:
    """The right edge of a tree: the roots of its complete subtrees, widest first.

    A tree of ``size`` leaves has one peak per set bit of ``size``.
    """

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    @classmethod
    def unpack(cls, size: int, packed: bytes) -> Frontier:
        """The frontier from its stored form; ``ValueError`` if the lengths do not fit."""
        if size < 0 or len(packed) != size.bit_count() * HASH_SIZE:
            raise ValueError(f"a tree of {size} leaves does not have {len(packed)} bytes of peaks")
        cuts = range(0, len(packed), HASH_SIZE)
        return cls(size, [packed[at : at + HASH_SIZE] for at in cuts])

    @classmethod
    def at(cls, read: Reader, size: int) -> Frontier:
        """The frontier of the first ``size`` leaves of a stored tree."""
        peaks, start = [], 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                peaks.append(_complete(read, level, start >> level))
                start += 1 << level
        return cls(size, peaks)

    def pack(self) -> bytes:
        return b"".join(self.peaks)

    def append(self, leaf: bytes) -> list[Node]:
        """Add a leaf; the subtrees it completes at tile levels, lowest first."""
        made, level, carry = [], 0, self.size
        while carry & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            carry >>= 1
            level += 1
            if level % TILE_HEIGHT == 0:
                made.append(Node(level // TILE_HEIGHT, carry, leaf))
        self.peaks.append(leaf)
        self.size += 1
        return made

    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def _complete(read: Reader, level: int, index: int) -> bytes:
    """Root of the ``index``-th complete subtree of ``2**level`` leaves."""
    tile_level, rest = divmod(level, TILE_HEIGHT)
    row = list(read(tile_level, index << rest, 1 << rest))
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def _split(width: int) -> int:
    """The largest power of two smaller than ``width`` (k of RFC 6962 section 2.1), width >= 2."""
    return 1 << ((width - 1).bit_length() - 1)


def _subtree(read: Reader, start: int, end: int) -> bytes:
    """MTH(D[start:end]) where start is a multiple of a power of two >= end - start."""
    width = end - start
    if width & (width - 1) == 0:
        return _complete(read, width.bit_length() - 1, start // width)
    middle = start + _split(width)
    return node_hash(_subtree(read, start, middle), _subtree(read, middle, end))


def inclusion_proof(read: Reader, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962 section 2.1.1, from the leaf's sibling up."""
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_subtree(read, middle, end))
            end = middle
        else:
            path.append(_subtree(read, start, middle))
            start = middle
    return path[::-1]


def consistency_proof(read: Reader, old: int, new: int) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 6962 section 2.1.2, ``0 < old <= new``."""
    path, start, end, whole = [], 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_subtree(read, middle, end))
            end = middle
        else:
            path.append(_subtree(read, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(_subtree(read, start, end))
    return path[::-1]


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Iterable[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to (RFC 9162 section 2.1.3.2); None if malformed."""
    if not 0 <= index < size:
        return None
    at, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            root = node_hash(sibling, root)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        at, last = at >> 1, last >> 1
    return root if last == 0 else None


def is_consistent(
    old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether the tree of ``old`` leaves is a prefix of that of ``new`` (RFC 9162 2.1.4.2)."""
    if old == new or old == 0:
        return not path and (old_root == new_root if old == new else old_root == EMPTY_ROOT)
    if not 0 < old < new or not path:
        return False
    nodes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root
