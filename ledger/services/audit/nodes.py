"""Walks state tries in a store of nodes: what each block adds to the state, and the leaves below one root.

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
    Account,
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
MAX_DECODED = 256  # nodes kept decoded: the upper part of every trie comes again with the next block
_BRANCH = b"\xa0" * 16 + b"\x80"  # every thirty-third byte of such an encoding
_EMPTY: list[Item] = [b""] * 17


class Growth:
    """What is reached from a state's root and not from the one before it, by walking both beside each other.

    Whatever both share is left out, so that one block costs what it changed and blocks can be walked in any order: the
    union over all blocks, the first against the empty trie, is everything that belongs to some state.
    """

    def __init__(self, fetch: Fetch, report: Report) -> None:
        self._fetch = fetch
        self._report = report
        self._decoded: dict[bytes, list[Item]] = {}
        self._older: dict[bytes, list[Item]] = {}  # those that came before the last MAX_DECODED
        self.reached: set[bytes] = set()

    def visit_state(self, root: bytes, before: bytes) -> None:
        """The state trie of a block, and the storage and code of each account that changed in it."""
        for path, value, old in self._grow(root, before):
            try:
                account = parse_account(value)
            except Malformed as error:
                self._report(root, f"an account cannot be parsed: {error.message}")
                continue
            known = self._earlier(before, path, old)
            if account.code_hash != EMPTY_CODE and (known is None or known.code_hash != account.code_hash):
                self.reached.add(account.code_hash)
                if self._fetch(account.code_hash) is None:
                    self._report(account.code_hash, "contract code is missing")
            for _ in self._grow(account.storage_root, EMPTY_ROOT if known is None else known.storage_root):
                pass

    def _earlier(self, before: bytes, path: bytes, old: bytes | None) -> Account | None:
        """The account as it was, when it was there and can be read."""
        try:
            if old is None and len(path) == 64:
                old = lookup(before, _key(path), self._fetch)
            return None if old is None else parse_account(old)
        except Malformed:
            return None  # reported with the block that made it

    def _grow(self, root: bytes, before: bytes) -> Iterator[tuple[bytes, bytes, bytes | None]]:
        """(path, value, value before at the same node) of leaves that are in new nodes."""
        if root in (EMPTY_ROOT, before):
            return
        shared: set[bytes] = set()  # references of nodes below `before` that were looked at
        stack: list[tuple[Item, Item | None, bytes]] = [(root, None if before == EMPTY_ROOT else before, b"")]
        while stack:
            reference, twin, path = stack.pop()
            if isinstance(reference, bytes):
                if reference in shared or reference in self.reached:  # also ends a walk through altered nodes
                    continue
                self.reached.add(reference)
            node = self._node(reference, report=True)
            old = None if twin is None else self._node(twin, report=False)
            if node is None:
                continue
            try:
                yield from self._step(node, old, path, stack, shared)
            except Malformed as error:
                self._report(root, error.message)

    def _step(
        self, node: list[Item], old: list[Item] | None, path: bytes, stack: list[tuple[Item, Item | None, bytes]],
        shared: set[bytes],
    ) -> Iterator[tuple[bytes, bytes, bytes | None]]:  # fmt: skip
        if len(node) == 17:
            twins: list[Item] = old if old is not None and len(old) == 17 else _EMPTY
            if old is not None and len(old) != 17:
                shared.update(item for item in old[1:] if isinstance(item, bytes) and len(item) == 32)
            for nibble in range(16):
                child = node[nibble]
                if child == twins[nibble] or child == b"":
                    continue
                stack.append((check_reference(child, "node"), twins[nibble] or None, path + bytes((nibble,))))
            return
        is_leaf, more = leaf_or_extension(node, "node")
        same = old is not None and len(old) == 2 and old[0] == node[0]
        if is_leaf:
            before = old[1] if same and old is not None else None
            yield path + more, as_bytes(node[1], "node"), before if isinstance(before, bytes) else None
        elif same and old is not None:
            if node[1] != old[1]:
                stack.append((check_reference(node[1], "node"), check_reference(old[1], "node"), path + more))
        else:
            if old is not None:
                shared.update(item for item in old if isinstance(item, bytes) and len(item) == 32)
            stack.append((check_reference(node[1], "node"), None, path + more))

    def _node(self, reference: Item, *, report: bool) -> list[Item] | None:
        if not isinstance(reference, bytes):
            return reference
        known = self._decoded.get(reference)
        if known is not None:
            return known
        known = self._older.get(reference)
        if known is not None:
            self._decoded[reference] = known
            return known
        raw = self._fetch(reference)
        try:
            if raw is None:
                raise Malformed("a state node is missing", field="node")
            node = _full_branch(raw) or decode_list(raw, "node")
            if len(node) not in (2, 17):
                raise Malformed("a node has 2 or 17 items", field="node")
        except Malformed as error:
            if report:
                self._report(reference, error.message)
            return None
        if len(self._decoded) >= MAX_DECODED:
            self._older, self._decoded = self._decoded, {}
        self._decoded[reference] = node
        return node


def _full_branch(raw: bytes) -> list[Item] | None:
    """The items of a branch with sixteen hashed children and no value, which has one encoding; None for any other."""
    if len(raw) != 532 or raw[:3] != b"\xf9\x02\x11" or raw[3::33] != _BRANCH:
        return None
    items: list[Item] = [raw[at : at + 32] for at in range(4, 532, 33)]
    items.append(b"")
    return items


def leaves(root: bytes, fetch: Fetch) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of every leaf under `root` by ascending key of 32 bytes. Raises Malformed where it is broken."""
    stack: list[tuple[Item, bytes]] = [] if root == EMPTY_ROOT else [(root, b"")]
    while stack:
        reference, path = stack.pop()
        if len(path) > 64:  # an altered node may lead back to itself
            raise Malformed("the trie is deeper than its keys are long", field="node")
        if isinstance(reference, bytes):
            raw = fetch(reference)
            if raw is None:
                raise Malformed(f"node {reference.hex()} is missing", field="node")
            node = decode_list(raw, "node")
        else:
            node = reference
        if len(node) == 17:
            for nibble in range(15, -1, -1):
                child = node[nibble]
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
        yield _key(path), as_bytes(node[1], "node")


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


def _key(path: bytes) -> bytes:
    return bytes(high << 4 | low for high, low in zip(path[::2], path[1::2], strict=True))
