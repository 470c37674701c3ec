"""Builds Merkle trees and proofs: the shape of RFC 6962 section 2.1, hashed with SM3.

    leaf hash = SM3(0x00 ‖ leaf)      node hash = SM3(0x01 ‖ left ‖ right)
    a tree of n > 1 leaves splits at the largest power of two below n; an empty tree is refused

Does not verify (see `proof`, which shares no code with this module) and does not know what a leaf means.
"""

from __future__ import annotations

from ledger.crypto import sm3
from ledger.merkle.proof import ConsistencyProof, InclusionProof

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_leaf_context = sm3.new(b"\x00").copy
_node_context = sm3.new(b"\x01").copy


def leaf_hash(leaf: bytes) -> bytes:
    """SM3(0x00 ‖ leaf)."""
    context = _leaf_context()
    context.update(leaf)
    return context.digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SM3(0x01 ‖ left ‖ right)."""
    context = _node_context()
    context.update(left + right)
    return context.digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over `leaves` in their order, keeping only one level at a time; ValueError when there are none."""
    if not leaves:
        raise ValueError("a tree has at least one leaf")
    start, node = _leaf_context, _node_context
    level = []
    for leaf in leaves:
        context = start()
        context.update(leaf)
        level.append(context.digest())
    while len(level) > 1:
        above = []
        for at in range(1, len(level), 2):
            context = node()
            context.update(level[at - 1] + level[at])
            above.append(context.digest())
        if len(level) & 1:
            above.append(level[-1])
        level = above
    return level[0]


class Tree:
    """All hashes of one tree, for making proofs: about 64 bytes of digests for each leaf."""

    __slots__ = ("_levels",)

    def __init__(self, leaves: Sequence[bytes]) -> None:
        if not leaves:
            raise ValueError("a tree has at least one leaf")
        # Pairing neighbours and carrying an odd last one up gives the same tree as splitting at powers of two.
        level = [leaf_hash(leaf) for leaf in leaves]
        self._levels = [level]
        while len(level) > 1:
            above = [node_hash(level[at - 1], level[at]) for at in range(1, len(level), 2)]
            if len(level) & 1:
                above.append(level[-1])
            self._levels.append(above)
            level = above

    @property
    def root(self) -> bytes:
        """The root hash, 32 bytes."""
        return self._levels[-1][0]

    @property
    def size(self) -> int:
        """How many leaves."""
        return len(self._levels[0])

    def inclusion_proof(self, index: int) -> InclusionProof:
        """The audit path of leaf `index` (RFC 6962 2.1.1); IndexError outside the tree."""
        if not 0 <= index < self.size:
            raise IndexError(f"leaf {index} is not in a tree of {self.size}")
        path = []
        at = index
        for level in self._levels[:-1]:
            sibling = at ^ 1
            if sibling < len(level):  # an odd last node has none on this level and is carried up
                path.append(level[sibling])
            at >>= 1
        return InclusionProof(index, self.size, tuple(path))

    def consistency_proof(self, old_size: int) -> ConsistencyProof:
        """Proof that the first `old_size` leaves were this tree once (RFC 6962 2.1.2); ValueError if it has fewer."""
        if not 1 <= old_size <= self.size:
            raise ValueError(f"no earlier tree of {old_size} leaves in one of {self.size}")
        path: list[bytes] = []
        if old_size != self.size:
            self._subproof(old_size, 0, self.size, True, path)
        return ConsistencyProof(old_size, self.size, tuple(path))

    def _subproof(self, m: int, low: int, high: int, complete: bool, path: list[bytes]) -> None:
        """SUBPROOF(m, D[low:high], complete) of RFC 6962 2.1.2, appended to `path`."""
        n = high - low
        if m == n:
            if not complete:
                path.append(self._range_root(low, high))
            return
        k = 1 << (n - 1).bit_length() - 1
        if m <= k:
            self._subproof(m, low, low + k, complete, path)
            path.append(self._range_root(low + k, high))
        else:
            self._subproof(m - k, low + k, high, False, path)
            path.append(self._range_root(low, low + k))

    def _range_root(self, low: int, high: int) -> bytes:
        """The root over leaves [low, high), a subtree of this tree."""
        n = high - low
        level = (n - 1).bit_length()
        if n == 1 << level or high == self.size:
            return self._levels[level][low >> level]
        raise AssertionError(f"[{low}, {high}) is no subtree")
