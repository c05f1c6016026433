#!/usr/bin/env python3
"""Verify an exported audit log with nothing but Python 3 and the public key.

    python3 verify.py [FOLDER] [--key VKEY]        a whole export (default: this file's folder)
    python3 verify.py --proof F.tlog-proof --key VKEY   one record

VKEY is the text of the log's verifier key or a file that holds it. Without --key the log.vkey of
the folder is used: then only someone without the signing key is caught, so get the key from
elsewhere. Exit code: 0 verified, 1 not, 2 wrong use.

Formats: RFC 6962 (tree), RFC 8032 (Ed25519), C2SP signed-note, tlog-checkpoint, tlog-tiles,
tlog-proof. This file is handed out with every export and imports the standard library only.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

Point = tuple[int, int, int, int]  # X, Y, Z, T: extended coordinates

# Ed25519 (RFC 8032, section 5.1), verification only. Nothing here is secret, so plain integers do.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


class Bad(Exception):  # noqa: N818 (it is the evidence that is bad)
    """The evidence does not verify; the text says where."""


def _add(a: Point, b: Point) -> Point:
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    u, v = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = t - s, v - u, v + u, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(n: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while n:
        if n & 1:
            result = _add(result, point)
        point, n = _add(point, point), n >> 1
    return result


def _point(data: bytes) -> Point:
    """A point from its 32 bytes (section 5.1.3)."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        raise Bad("not a point of the curve")
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - square) % P or (x == 0 and sign):
        raise Bad("not a point of the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


_BASE_Y = 4 * pow(5, -1, P) % P
BASE = _point(_BASE_Y.to_bytes(32, "little"))


def ed25519_valid(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature of a message verifies (section 5.1.7)."""
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= L:
        return False
    try:
        a, r = _point(public), _point(signature[:32])
    except Bad:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    left, right = _times(s, BASE), _add(r, _times(int.from_bytes(digest, "little") % L, a))
    same_x: bool = (left[0] * right[2] - right[0] * left[2]) % P == 0
    same_y: bool = (left[1] * right[2] - right[1] * left[2]) % P == 0
    return same_x and same_y


def unb64(text: str) -> bytes:
    """Strict base64: one spelling only."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Bad("broken base64") from None
    if base64.b64encode(data).decode() != text:
        raise Bad("broken base64")
    return data


class Key:
    """A C2SP verifier key: name+id+base64(1, public key)."""

    def __init__(self, text: str) -> None:
        self.name, _, rest = text.partition("+")
        key_id, _, data = rest.partition("+")
        raw = unb64(data)
        if len(raw) != 33 or raw[0] != 1 or not self.name:
            raise Bad("log.vkey: not an Ed25519 verifier key")
        self.raw = raw[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        if self.id.hex() != key_id:
            raise Bad("log.vkey: the key id does not belong to the key")


def checkpoint(note: str, key: Key) -> tuple[int, bytes]:
    """(size, root) of a signed checkpoint."""
    text, gap, signatures = note.rpartition("\n\n")
    for line in signatures.splitlines() if gap and note.endswith("\n") else ():
        words = line.split(" ")
        if len(words) != 3 or words[0] != "\u2014" or words[1] != key.name:
            continue
        data = unb64(words[2])
        if data[:4] == key.id and ed25519_valid(key.raw, (text + "\n").encode(), data[4:]):
            lines = text.split("\n")
            if len(lines) < 3 or lines[0] != key.name or not lines[1].isdigit():
                raise Bad("checkpoint: not a checkpoint of this log")
            return int(lines[1]), unb64(lines[2])
    raise Bad("checkpoint: no signature by this key verifies")


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(leaves: Iterable[bytes]) -> bytes:
    """Root hash over leaves, or over hashes of equal complete subtrees (RFC 6962 section 2.1).

    An odd one out moves up unchanged, which comes to the split at powers of two.
    """
    hashes = list(leaves)
    if not hashes:
        return hashlib.sha256(b"").digest()
    while len(hashes) > 1:
        odd = [hashes[-1]] if len(hashes) % 2 else []
        hashes = [node_hash(*hashes[i : i + 2]) for i in range(0, len(hashes) - 1, 2)] + odd
    return hashes[0]


def tile_name(index: int) -> str:
    """C2SP tlog-tiles path of a tile: 1234067 is x001/x234/067."""
    parts = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        parts.insert(0, f"x{index % 1000:03d}")
    return "/".join(parts)


def read_tile(folder: Path, kind: str, index: int, width: int, seen: set[str]) -> tuple[str, bytes]:
    name = f"tile/{kind}/{tile_name(index)}" + (f".p/{width}" if width < 256 else "")
    seen.add(name)
    try:
        return name, (folder / name).read_bytes()
    except OSError:
        raise Bad(f"{name}: missing") from None


def split_bundle(name: str, data: bytes) -> list[bytes]:
    """The entries of a bundle: each is prefixed with its length, two bytes, big-endian."""
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise Bad(f"{name} byte {at}: an entry is cut off")
        entries.append(data[at + 2 : end])
        at = end
    return entries


def check_tiles(folder: Path, size: int, seen: set[str]) -> list[bytes]:
    """Leaf hashes of all entries, each bundle compared with its tile; then the tiles above."""
    leaves: list[bytes] = []
    for index in range(-(-size // 256)):
        width = min(256, size - index * 256)
        name, data = read_tile(folder, "entries", index, width, seen)
        entries = split_bundle(name, data)
        if len(entries) != width:
            raise Bad(f"{name}: {len(entries)} entries instead of {width}")
        hashes = [leaf_hash(entry) for entry in entries]
        tile, stored = read_tile(folder, "0", index, width, seen)
        if len(stored) != 32 * width:
            raise Bad(f"{tile}: {len(stored)} bytes instead of {32 * width}")
        for number, digest in enumerate(hashes):
            if stored[32 * number : 32 * number + 32] != digest:
                raise Bad(f"record {index * 256 + number}: its bytes do not hash to its leaf")
        leaves += hashes
    row, level = leaves, 0
    while len(row) >= 256:
        row = [fold(row[i : i + 256]) for i in range(0, len(row) - 255, 256)]
        level += 1
        for index in range(-(-len(row) // 256)):
            part = row[index * 256 : index * 256 + 256]
            tile, stored = read_tile(folder, str(level), index, len(part), seen)
            if stored != b"".join(part):
                raise Bad(f"{tile}: not the hashes of the tiles below")
    return leaves


def check_lines(path: Path, size: int) -> list[bytes]:
    """Leaf hashes of records.jsonl, one entry a line."""
    data = path.read_bytes()
    lines = data.split(b"\n")
    if lines.pop() != b"":
        raise Bad(f"{path.name}: the last line is cut off")
    if len(lines) != size:
        raise Bad(f"{path.name}: {len(lines)} records instead of {size}")
    return [leaf_hash(line) for line in lines]


def check_export(folder: Path, key: Key) -> str:
    try:
        note = (folder / "checkpoint").read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        raise Bad("checkpoint: missing or not text") from None
    size, root = checkpoint(note, key)
    seen: set[str] = set()
    if (folder / "records.jsonl").exists():
        leaves = check_lines(folder / "records.jsonl", size)
    else:
        leaves = check_tiles(folder, size, seen)
    if fold(leaves) != root:
        raise Bad(f"checkpoint: its root is not that of the {size} records here")
    for path in sorted(folder.glob("tile/**/*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in seen:
            raise Bad(f"{name}: not part of a log of {size} records")
    return f"verified: {size} records of {key.name}, root {root.hex()}"


def check_proof(text: str, key: Key) -> str:
    """One record against its checkpoint (RFC 9162 section 2.1.3.2)."""
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    if len(lines) < 3 or lines[0] != "c2sp.org/tlog-proof@v1":
        raise Bad("not a tlog-proof with the record in it")
    index = int(lines[2].removeprefix("index "))
    entry = unb64(lines[1].removeprefix("extra "))
    size, root = checkpoint(note, key)
    at, last, digest = index, size - 1, leaf_hash(entry)
    for sibling in map(unb64, lines[3:]):
        if at & 1 or at == last:
            digest = node_hash(sibling, digest)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        at, last = at >> 1, last >> 1
    if not 0 <= index < size or last != 0 or digest != root:
        raise Bad(f"record {index}: the proof does not lead to the signed root")
    return f"verified: record {index} of {size} in {key.name}\n{entry.decode(errors='replace')}"


def given_key(source: str) -> str:
    """The key's text from --key, which may name a file."""
    return Path(source).read_bytes().decode().strip() if Path(source).is_file() else source


def beside(path: Path) -> str:
    """The key's text from the export's own file: one line, nothing else."""
    text = path.read_bytes().decode() if path.is_file() else ""
    if not text.endswith("\n"):
        raise Bad("log.vkey: missing or cut off")
    return text[:-1]


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify an exported audit log.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--key", help="verifier key, or a file that holds it")
    parser.add_argument("--proof", type=Path, help="a .tlog-proof to verify instead of a folder")
    args = parser.parse_args()
    try:
        key = Key(given_key(args.key) if args.key else beside(args.folder / "log.vkey"))
        if args.proof:
            print(check_proof(args.proof.read_bytes().decode(), key))
        else:
            print(check_export(args.folder, key))
            if not args.key:
                print(
                    "note: the key was taken from the export itself; compare it with your own copy"
                )
    except (Bad, UnicodeDecodeError, ValueError) as error:
        print(f"NOT verified: {error}")
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
