"""Builds the tries of a block's transactions and receipts, to recompute their roots and to make proofs.

Only small ordered lists; the state trie is the engine's. Apart from the verifier (ledger.proof.trie), which never
imports this. Standard: Ethereum Yellow Paper, appendix D and section 4.3.2.
"""

from __future__ import annotations

from ledger.crypto.keccak import keccak256
from ledger.proof.rlp import decode_list, encode
from ledger.proof.trie import EMPTY_ROOT, leaf_or_extension, to_nibbles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.proof.rlp import Item

_Entry = tuple[bytes, bytes]  # path in nibbles, value


def ordered_root(values: Sequence[bytes]) -> bytes:
    """The root of the trie that maps rlp(0), rlp(1), … to `values` (each as stored: raw transaction or receipt)."""
    return OrderedTrie(values).root


class OrderedTrie:
    """The trie of a block's transactions or receipts: `root`, and `proof(index)` for each of its values."""

    def __init__(self, values: Sequence[bytes]) -> None:
        self._nodes: dict[bytes, bytes] = {}
        self._size = len(values)
        entries = sorted((to_nibbles(encode(index)), value) for index, value in enumerate(values))
        self.root = EMPTY_ROOT
        if entries:
            raw = encode(self._build(entries, 0))
            self.root = keccak256(raw)
            self._nodes[self.root] = raw

    def proof(self, index: int) -> list[bytes]:
        """The nodes from the root to value number `index`, in order, without those written inside their parent."""
        if not 0 <= index < self._size:
            raise IndexError(index)
        nibbles = to_nibbles(encode(index))
        nodes: list[bytes] = []
        reference: Item = self.root
        while True:
            if isinstance(reference, bytes):
                nodes.append(self._nodes[reference])
                reference = decode_list(nodes[-1])
            if len(reference) == 17:
                if not nibbles:
                    return nodes
                reference, nibbles = reference[nibbles[0]], nibbles[1:]
                continue
            is_leaf, path = leaf_or_extension(reference, "trie")
            if is_leaf:
                return nodes
            reference, nibbles = reference[1], nibbles[len(path) :]

    def _build(self, entries: list[_Entry], depth: int) -> list[Item]:
        if len(entries) == 1:
            path, value = entries[0]
            return [_pack(path[depth:], leaf=True), value]
        first, last = entries[0][0], entries[-1][0]
        shared = depth
        while shared < min(len(first), len(last)) and first[shared] == last[shared]:
            shared += 1
        if shared > depth:
            return [_pack(first[depth:shared], leaf=False), self._reference(self._build(entries, shared))]
        children: list[Item] = [b""] * 17
        groups: dict[int, list[_Entry]] = {}
        for entry in entries:
            if len(entry[0]) == depth:
                children[16] = entry[1]
            else:
                groups.setdefault(entry[0][depth], []).append(entry)
        for nibble, group in groups.items():
            children[nibble] = self._reference(self._build(group, depth + 1))
        return children

    def _reference(self, node: list[Item]) -> Item:
        raw = encode(node)
        if len(raw) < 32:
            return node
        key = keccak256(raw)
        self._nodes[key] = raw
        return key


def _pack(nibbles: bytes, *, leaf: bool) -> bytes:
    flag = 2 if leaf else 0
    odd = len(nibbles) & 1
    digits = bytes((flag + 1,)) + nibbles if odd else bytes((flag, 0)) + nibbles
    return bytes(high << 4 | low for high, low in zip(digits[::2], digits[1::2], strict=True))
