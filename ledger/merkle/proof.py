"""Verifies inclusion and consistency proofs (RFC 9162 sections 2.1.3.2 and 2.1.4.2, the shape of RFC 6962; SM3).

Shares no code with the builder in `tree`, so that a fault there cannot hide here. A proof always carries the leaf's
index and the tree's size, and exactly the hashes those two call for: a longer or shorter path fails.
"""

from __future__ import annotations

import hashlib

from ledger.crypto.digest import DIGEST_BYTES, parse_sm3, sm3_text
from ledger.errors import Malformed, VerificationFailed
from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_TREE_SIZE = 2**40  # far above any real tree; bounds paths to 40 and 80 hashes


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """The sibling hashes from leaf `index` of a tree of `size` leaves up to its root."""

    index: int
    size: int
    path: tuple[bytes, ...]

    def to_json(self) -> dict[str, Any]:
        """{"index": n, "size": n, "path": ["sm3:…", …]}."""
        return {"index": self.index, "size": self.size, "path": [sm3_text(node) for node in self.path]}

    @classmethod
    def from_json(cls, value: object, *, field: str = "inclusion") -> InclusionProof:
        """Read what `to_json` writes; raises Malformed, naming `field`."""
        if not isinstance(value, dict) or set(value) != {"index", "size", "path"}:
            raise Malformed("an inclusion proof has exactly index, size and path", field=field)
        path = value["path"]
        if not isinstance(path, list) or len(path) > MAX_TREE_SIZE.bit_length():
            raise Malformed("an inclusion path is a short list of digests", field=f"{field}.path")
        size = _count(value["size"], f"{field}.size")
        nodes = tuple(parse_sm3(node, field=f"{field}.path[{at}]") for at, node in enumerate(path))
        return cls(_count(value["index"], f"{field}.index"), size, nodes)


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """The hashes that show a tree of `old_size` leaves to be the beginning of one of `new_size`."""

    old_size: int
    new_size: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Included:
    """Evidence: the leaf stands at `index` of the tree of `size` leaves with this root."""

    leaf: bytes
    index: int
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Extended:
    """Evidence: the tree behind `new_root` begins with all leaves, in order, of the one behind `old_root`."""

    old_size: int
    old_root: bytes
    new_size: int
    new_root: bytes


def verify_inclusion(leaf: bytes, proof: InclusionProof, root: bytes) -> Included:
    """Recompute the root from the leaf (RFC 9162 2.1.3.2); raises VerificationFailed when it is another."""
    index, size, path = proof.index, proof.size, proof.path
    if not 0 <= index < size <= MAX_TREE_SIZE:
        raise VerificationFailed(f"leaf {index} cannot be in a tree of {size}", step="inclusion")
    if any(len(node) != DIGEST_BYTES for node in path):
        raise VerificationFailed("a proof's hashes have 32 bytes each", step="inclusion")
    at, last = index, size - 1
    node = hashlib.new("sm3", b"\x00" + leaf).digest()
    for sibling in path:
        if last == 0:
            raise VerificationFailed("the inclusion path is longer than its tree is deep", step="inclusion")
        if at & 1 or at == last:
            node = hashlib.new("sm3", b"\x01" + sibling + node).digest()
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            node = hashlib.new("sm3", b"\x01" + node + sibling).digest()
        at >>= 1
        last >>= 1
    if last:
        raise VerificationFailed("the inclusion path is shorter than its tree is deep", step="inclusion")
    if node != root:
        raise VerificationFailed("the leaf does not lead to the root", step="inclusion", index=index, size=size)
    return Included(leaf, index, size, root)


def verify_consistency(proof: ConsistencyProof, old_root: bytes, new_root: bytes) -> Extended:
    """Recompute both roots from the proof (RFC 9162 2.1.4.2); raises VerificationFailed when either is another."""
    old, new, path = proof.old_size, proof.new_size, list(proof.path)
    if not 1 <= old <= new <= MAX_TREE_SIZE:
        raise VerificationFailed(f"a tree of {old} leaves cannot grow to {new}", step="consistency")
    if any(len(node) != DIGEST_BYTES for node in path):
        raise VerificationFailed("a proof's hashes have 32 bytes each", step="consistency")
    if old == new:
        if path or old_root != new_root:
            raise VerificationFailed("trees of one size must be the same tree", step="consistency")
        return Extended(old, old_root, new, new_root)
    if old & (old - 1) == 0:  # a power of two: the old root itself is the first node
        path.insert(0, old_root)
    if not path:
        raise VerificationFailed("the consistency proof is empty", step="consistency")
    at, last = old - 1, new - 1
    while at & 1:
        at >>= 1
        last >>= 1
    before = after = path[0]
    for node in path[1:]:
        if last == 0:
            raise VerificationFailed("the consistency proof is too long", step="consistency")
        if at & 1 or at == last:
            before = hashlib.new("sm3", b"\x01" + node + before).digest()
            after = hashlib.new("sm3", b"\x01" + node + after).digest()
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            after = hashlib.new("sm3", b"\x01" + after + node).digest()
        at >>= 1
        last >>= 1
    if last:
        raise VerificationFailed("the consistency proof is too short", step="consistency")
    if before != old_root or after != new_root:
        raise VerificationFailed("the new tree does not begin with the old one", step="consistency")
    return Extended(old, old_root, new, new_root)


def _count(value: object, field: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_TREE_SIZE:
        raise Malformed("expected a whole number that a tree can have", field=field)
    return value
