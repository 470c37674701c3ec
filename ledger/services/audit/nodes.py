"""Walks state tries in a store of nodes: everything a root reaches, each node once, and the leaves below one root.

Nodes are keyed by their Keccak hash. Missing and malformed nodes are reported to the caller, who goes on. Standard:
Ethereum Yellow Paper, appendix D.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ledger.errors import Malformed
from ledger.proof.rlp import as_bytes, decode_list
from ledger.proof.trie import (
    EMPTY_CODE,
    EMPTY_ROOT,
    Value,
    check_reference,
    descend,
    leaf_or_extension,
    parse_account,
    to_nibbles,
)

if TYPE_CHECKING:
    from ledger.proof.rlp import Item

Fetch = Callable[[bytes], bytes | None]
Report = Callable[[bytes, str], None]  # (hash, what is wrong)


class Walker:
    """Visits what state roots reach. `reached` grows to every node and code hash that belongs to some state."""

    def __init__(self, fetch: Fetch, report: Report) -> None:
        self._fetch = fetch
        self._report = report
        self.reached: set[bytes] = set()

    def visit_state(self, root: bytes) -> None:
        """The state trie of a block, and the storage and code of each account in it."""
        for value in self._visit(root):
            try:
                account = parse_account(value)
            except Malformed as error:
                self._report(root, f"an account cannot be parsed: {error.message}")
                continue
            if account.code_hash != EMPTY_CODE and account.code_hash not in self.reached:
                self.reached.add(account.code_hash)
                if self._fetch(account.code_hash) is None:
                    self._report(account.code_hash, "contract code is missing")
            for _ in self._visit(account.storage_root):
                pass

    def _visit(self, root: bytes) -> Iterator[bytes]:
        """The values of leaves under `root` that were not visited before."""
        stack: list[Item] = [] if root == EMPTY_ROOT else [root]
        while stack:
            reference = stack.pop()
            if isinstance(reference, bytes):
                if reference in self.reached:
                    continue
                self.reached.add(reference)
                raw = self._fetch(reference)
                if raw is None:
                    self._report(reference, "a state node is missing")
                    continue
                try:
                    node = decode_list(raw, "node")
                except Malformed as error:
                    self._report(reference, error.message)
                    continue
            else:
                node = reference
            try:
                if len(node) == 17:
                    stack.extend(check_reference(child, "node") for child in node[:16] if child != b"")
                    continue
                is_leaf, _ = leaf_or_extension(node, "node")
                if is_leaf:
                    yield as_bytes(node[1], "node")
                else:
                    stack.append(check_reference(node[1], "node"))
            except Malformed as error:
                self._report(root, error.message)


def leaves(root: bytes, fetch: Fetch) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of every leaf under `root`, keys of 32 bytes. Raises Malformed where the trie is broken."""
    stack: list[tuple[Item, bytes]] = [] if root == EMPTY_ROOT else [(root, b"")]
    while stack:
        reference, path = stack.pop()
        if isinstance(reference, bytes):
            raw = fetch(reference)
            if raw is None:
                raise Malformed(f"node {reference.hex()} is missing", field="node")
            node = decode_list(raw, "node")
        else:
            node = reference
        if len(node) == 17:
            for nibble, child in enumerate(node[:16]):
                if child != b"":
                    stack.append((check_reference(child, "node"), path + bytes((nibble,))))
            continue
        is_leaf, more = leaf_or_extension(node, "node")
        path += more
        if not is_leaf:
            stack.append((check_reference(node[1], "node"), path))
            continue
        if len(path) != 64:
            raise Malformed("a leaf does not lie 64 nibbles deep", field="node")
        key = bytes(high << 4 | low for high, low in zip(path[::2], path[1::2], strict=True))
        yield key, as_bytes(node[1], "node")


def lookup(root: bytes, key: bytes, fetch: Fetch) -> bytes | None:
    """The value at `key` under `root`, None when there is none. Raises Malformed where the trie is broken."""
    if root == EMPTY_ROOT:
        return None
    reference: Item | Value = root
    nibbles = to_nibbles(key)
    while not isinstance(reference, Value):
        if isinstance(reference, bytes):
            raw = fetch(reference)
            if raw is None:
                raise Malformed(f"node {reference.hex()} is missing", field="node")
            reference = decode_list(raw, "node")
        reference, nibbles = descend(reference, nibbles, "node")
    return reference.data
