"""The Merkle tree against the textbook recursion of RFC 6962, written anew here."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.audit import tree


def h(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def mth(d: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not d:
        return h(b"")
    if len(d) == 1:
        return h(b"\x00" + d[0])
    k = split(len(d))
    return h(b"\x01" + mth(d[:k]) + mth(d[k:]))


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def path(m: int, d: list[bytes]) -> list[bytes]:
    """RFC 6962 section 2.1.1."""
    if len(d) == 1:
        return []
    k = split(len(d))
    if m < k:
        return [*path(m, d[:k]), mth(d[k:])]
    return [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: list[bytes], whole: bool) -> list[bytes]:
    """RFC 6962 section 2.1.2."""
    if m == len(d):
        return [] if whole else [mth(d)]
    k = split(len(d))
    if m <= k:
        return [*subproof(m, d[:k], whole), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


class Stored:
    """A tree with the stored levels a log has."""

    def __init__(self, entries: list[bytes]) -> None:
        self.frontier = tree.Frontier()
        self.rows: dict[int, list[bytes]] = {0: []}
        for entry in entries:
            leaf = tree.leaf_hash(entry)
            self.rows[0].append(leaf)
            for node in self.frontier.append(leaf):
                row = self.rows.setdefault(node.level, [])
                assert len(row) == node.index
                row.append(node.hash)

    def read(self, level: int, start: int, count: int) -> list[bytes]:
        found = self.rows[level][start : start + count]
        assert len(found) == count <= 256
        return found


MOST = 130
ENTRIES = [b"entry %d" % i for i in range(MOST)]
STORED = Stored(ENTRIES)


def test_known_answers() -> None:
    # Roots of the empty tree and of one empty entry, as published with RFC 6962's test data.
    assert tree.EMPTY_ROOT.hex() == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    assert tree.leaf_hash(b"").hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_frontier_is_the_textbook_tree(entries: list[bytes]) -> None:
    frontier = tree.Frontier()
    for entry in entries:
        frontier.append(tree.leaf_hash(entry))
    assert frontier.root() == mth(entries)
    assert tree.Frontier.unpack(frontier.size, frontier.pack()) == frontier


def test_frontier_from_a_stored_tree_of_several_tile_levels() -> None:
    size = 70_000  # two full levels of 256 and a rest
    stored = Stored([b"%d" % i for i in range(size)])
    assert tree.Frontier.at(stored.read, size) == stored.frontier
    assert [len(stored.rows[level]) for level in (0, 1, 2)] == [70_000, 273, 1]
    for index in (0, 255, 256, 65_535, 65_536, 69_999):
        proof = tree.inclusion_proof(stored.read, index, size)
        leaf = stored.rows[0][index]
        assert tree.root_from_inclusion(leaf, index, size, proof) == stored.frontier.root()


def test_every_inclusion_proof() -> None:
    for size in range(1, MOST + 1):
        root = mth(ENTRIES[:size])
        for index in range(size):
            proof = tree.inclusion_proof(STORED.read, index, size)
            leaf = tree.leaf_hash(ENTRIES[index])
            assert tree.root_from_inclusion(leaf, index, size, proof) == root
            if size % 10 == 3:
                assert proof == path(index, ENTRIES[:size])


def test_every_consistency_proof() -> None:
    roots = [mth(ENTRIES[:size]) for size in range(MOST + 1)]
    for new in range(1, MOST + 1):
        for old in range(1, new + 1):
            proof = tree.consistency_proof(STORED.read, old, new)
            assert tree.is_consistent(old, new, roots[old], roots[new], proof)
            if new % 20 == 7:
                assert proof == subproof(old, ENTRIES[:new], True)


@given(st.data())
@settings(max_examples=200)
def test_a_changed_proof_proves_nothing(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, MOST))
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion_proof(STORED.read, index, size)
    at = data.draw(st.integers(0, len(proof) - 1))
    changed = data.draw(
        st.sampled_from(
            [
                proof[:at] + proof[at + 1 :],
                [*proof, proof[at]],
                [*proof[:at], h(proof[at]), *proof[at + 1 :]],
            ]
        )
    )
    leaf, root = tree.leaf_hash(ENTRIES[index]), mth(ENTRIES[:size])
    assert tree.root_from_inclusion(leaf, index, size, changed) != root
    other = data.draw(st.integers(0, size - 1).filter(lambda i: i != index))
    assert tree.root_from_inclusion(leaf, other, size, proof) != root


@given(st.data())
@settings(max_examples=200)
def test_a_fork_is_never_consistent(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, MOST))
    old = data.draw(st.integers(1, new - 1))
    proof = tree.consistency_proof(STORED.read, old, new)
    forked = mth([b"another", *ENTRIES[1:old]])
    root = mth(ENTRIES[:new])
    assert not tree.is_consistent(old, new, forked, root, proof)
    assert not tree.is_consistent(old, new, mth(ENTRIES[:old]), forked, proof)
    assert not tree.is_consistent(old, new, mth(ENTRIES[:old]), root, proof[:-1])


@pytest.mark.parametrize(("size", "packed"), [(-1, b""), (1, b""), (0, b"x" * 32), (3, b"x" * 32)])
def test_a_frontier_of_the_wrong_length_is_refused(size: int, packed: bytes) -> None:
    with pytest.raises(ValueError, match="leaves"):
        tree.Frontier.unpack(size, packed)
