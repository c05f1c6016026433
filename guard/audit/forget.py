"""Keys for any number of subjects out of one seed, each of which can be destroyed for good.

A puncturable pseudo-random function (the tree of Goldreich, Goldwasser and Micali, 1986): the
seed at the root of a binary tree of depth 64 yields the keys at its leaves. Destroying one key
replaces the seeds above it by those of the subtrees beside its path, from which every other key
still follows and that one no longer does. So a new subject costs no storage and no fsync, a
forgotten one at most 2 KB; a table of random keys would cost both for every subject ever seen.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac

DEPTH = 64

#: (depth, the first ``depth`` bits of the tags below) -> seed of that subtree.
Seeds = dict[tuple[int, int], bytes]


def _child(seed: bytes, bit: int) -> bytes:
    return sha256(b"aigc-guard subject tree" + bytes([bit]) + seed).digest()


@dataclass(frozen=True, slots=True)
class SubjectTree:
    """What is left of the tree: the seeds of subtrees that hold no destroyed key."""

    seeds: Seeds

    @classmethod
    def new(cls) -> SubjectTree:
        return cls({(0, 0): os.urandom(32)})

    def _cover(self, tag: int) -> tuple[int, bytes] | None:
        for depth in range(DEPTH + 1):
            seed = self.seeds.get((depth, tag >> (DEPTH - depth)))
            if seed is not None:
                return depth, seed
        return None

    def key(self, tag: int) -> bytes | None:
        """The key of a 64-bit tag, or None if it was destroyed."""
        cover = self._cover(tag)
        if cover is None:
            return None
        depth, seed = cover
        for shift in reversed(range(DEPTH - depth)):
            seed = _child(seed, tag >> shift & 1)
        return seed

    def without(self, tag: int) -> SubjectTree:
        """The tree from which the key of ``tag`` can no longer be had; all others still can."""
        cover = self._cover(tag)
        if cover is None:
            return self
        depth, seed = cover
        seeds = dict(self.seeds)
        del seeds[depth, tag >> (DEPTH - depth)]
        for shift in reversed(range(DEPTH - depth)):
            path = tag >> shift
            seeds[DEPTH - shift, path ^ 1] = _child(seed, path & 1 ^ 1)
            seed = _child(seed, path & 1)
        return SubjectTree(seeds)

    def dump(self, mac_key: bytes) -> bytes:
        """Text form, one seed a line, sealed with a MAC so that no byte can change unseen."""
        rows = sorted(self.seeds.items())
        text = "".join(f"{depth} {path:016x} {seed.hex()}\n" for (depth, path), seed in rows)
        return text.encode() + hmac(mac_key, text.encode(), "sha256").hex().encode() + b"\n"

    @classmethod
    def load(cls, data: bytes, mac_key: bytes) -> SubjectTree:
        """The tree from :meth:`dump`; ``ValueError`` if a byte of it changed."""
        body, mac = data[:-65], data[-65:]
        if not compare_digest(mac, hmac(mac_key, body, "sha256").hex().encode() + b"\n"):
            raise ValueError("the MAC does not verify")
        seeds: Seeds = {}
        for line in body.decode().splitlines():
            depth, path, seed = line.split(" ")
            seeds[int(depth), int(path, 16)] = bytes.fromhex(seed)
        return cls(seeds)
