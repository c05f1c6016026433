"""Exact and near duplicates in a stream of texts.

Not a :class:`guard.model.Detector`: a duplicate is a fact about a set, not about one text. Near
duplicates are found by MinHash with locality-sensitive hashing (Broder 1997; Leskovec, Rajaraman,
Ullman, "Mining of Massive Datasets" ch. 3) on character 5-grams, which need no word splitting and
so serve Chinese. Hashing only proposes: every pair that is reported was verified on the exact sets.
"""

from __future__ import annotations

import hashlib
import heapq
import io
import unicodedata
from array import array
from collections.abc import Iterator
from typing import BinaryIO, Final, Generic, NamedTuple, TypeVar

from rensa import RMinHash, RMinHashLSH

NAME: Final = "duplicates"
VERSION: Final = "1"

GRAM: Final = 5
PERMUTATIONS: Final = 128
#: 16 bands of 8 rows: a pair at Jaccard 0.8 is proposed with probability 0.95, at 0.9 with 0.9999.
BANDS: Final = 16
THRESHOLD: Final = 0.8
#: Below this many characters one changed word moves the Jaccard too far: only exact comparison.
SHORTEST: Final = 20
#: Above this many characters the 5-gram sets cost hundreds of megabytes: only exact comparison.
LONGEST: Final = 200_000
#: Candidates verified per text, the most similar by estimate first. Bounds the cost of hostile or
#: templated corpora, in which thousands of texts lie just below the threshold of one another.
CHECKS: Final = 32
SEED: Final = 20230815

K = TypeVar("K")


class Duplicate(NamedTuple, Generic[K]):
    """The earlier text that this one repeats, and their Jaccard similarity (0..1).

    ``exact`` says that the texts are identical in :func:`normal` form; two different texts may
    share all their 5-grams, too, and then are near duplicates at 1.0.
    """

    of: K
    jaccard: float
    exact: bool


def normal(text: str) -> str:
    """The form in which texts are compared: Unicode NFC, outer white space off.

    Lone surrogates, which no UTF-8 carries, become question marks.
    """
    text = unicodedata.normalize("NFC", text).strip()
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text


def grams(text: str) -> set[str]:
    """The set of character 5-grams of ``text``; a shorter text is its own single gram."""
    return {text[i : i + GRAM] for i in range(max(1, len(text) - GRAM + 1))}


def jaccard(a: set[str], b: set[str]) -> float:
    """|a ∩ b| / |a ∪ b|, 0..1."""
    common = len(a & b)
    return common / (len(a) + len(b) - common) if common else 0.0


class DuplicateIndex(Generic[K]):
    """Texts seen so far. The first of a group survives; later ones are told which it was.

    Only survivors are indexed, so no two of them are verified duplicates of each other and the
    outcome depends on the order of the texts alone. Costs about 2.5 KB of memory per survivor, and
    the survivors' texts in ``store``.

    Args:
        threshold: least Jaccard similarity of a near duplicate, 0..1.
        store: an empty binary file, open for reading and writing, that holds the survivors'
            texts for verification; in memory when absent.
    """

    name = NAME
    version = VERSION

    def __init__(self, threshold: float = THRESHOLD, store: BinaryIO | None = None) -> None:
        if not 0.0 < threshold <= 1.0:
            raise ValueError(f"threshold {threshold} is not in (0, 1]")
        self.threshold = threshold
        self._exact: dict[bytes, K] = {}
        self._keys: list[K] = []
        self._hashes: list[RMinHash] = []
        self._sizes = array("L")
        self._ends = array("Q", [0])
        self._store: BinaryIO = store if store is not None else io.BytesIO()
        self._lsh = RMinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, num_bands=BANDS)

    def add(self, key: K, text: str) -> Duplicate[K] | None:
        """The earlier text that ``text`` repeats, or None, and then ``key`` is a survivor."""
        text = normal(text)
        digest = hashlib.sha256(text.encode()).digest()
        if digest in self._exact:
            return Duplicate(self._exact[digest], 1.0, exact=True)
        if SHORTEST <= len(text) <= LONGEST:
            found = self._near(key, text)
            if found is not None:
                return found
        self._exact[digest] = key
        return None

    def _near(self, key: K, text: str) -> Duplicate[K] | None:
        mine = grams(text)
        sketch = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
        sketch.update(list(mine))
        for index in self._candidates(sketch, len(mine)):
            similarity = jaccard(mine, grams(self._text(index)))
            if similarity >= self.threshold:
                return Duplicate(self._keys[index], similarity, exact=False)
        self._insert(key, text, sketch, len(mine))
        return None

    def _candidates(self, sketch: RMinHash, size: int) -> Iterator[int]:
        """Indexes worth verifying, first seen first.

        Sets whose sizes differ by more than the threshold cannot reach it.
        """
        sizes, least = self._sizes, self.threshold
        near = [
            index
            for index in self._lsh.query(sketch)
            if min(size, sizes[index]) >= least * max(size, sizes[index])
        ]
        if len(near) > CHECKS:
            near = heapq.nsmallest(
                CHECKS, near, key=lambda index: (-sketch.jaccard(self._hashes[index]), index)
            )
        return iter(sorted(near))

    def _insert(self, key: K, text: str, sketch: RMinHash, size: int) -> None:
        self._lsh.insert(len(self._keys), sketch)
        self._keys.append(key)
        self._hashes.append(sketch)
        self._sizes.append(size)
        data = text.encode()
        self._store.seek(self._ends[-1])
        self._store.write(data)
        self._ends.append(self._ends[-1] + len(data))

    def _text(self, index: int) -> str:
        start, end = self._ends[index], self._ends[index + 1]
        self._store.seek(start)
        return self._store.read(end - start).decode()
