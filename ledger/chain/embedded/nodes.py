"""State nodes for py-evm: reads go through a buffer and a cache to the store, writes stay in the buffer.

The buffer belongs to one block under construction and is handed to the store in the block's own transaction. Every
key is the keccak256 of its value, so a cached node is never stale and a node is never deleted: that is what keeps
every old state readable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from eth.db.atomic import AtomicDBWriteBatch
from eth.db.backends.base import BaseAtomicDB

CACHE_NODES = 60_000  # per generation, two generations; about 150 bytes each


class Nodes(Protocol):
    """Where state nodes are read from."""

    def get(self, key: bytes) -> bytes | None:
        """The node, None when there is none."""


class NodeCache:
    """A two-generation cache. Its single dict operations are atomic, so readers and the writer share it unlocked."""

    def __init__(self, load: Callable[[bytes], bytes | None], limit: int = CACHE_NODES) -> None:
        self._load = load
        self._limit = limit
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """The node, from memory or from the store."""
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is None:
                value = self._load(key)
                if value is None:
                    return None
            self.put(key, value)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Remember a node that is on disk."""
        if len(self._young) >= self._limit:
            self._old, self._young = self._young, {}
        self._young[key] = value


class NodeDB(BaseAtomicDB):  # type: ignore[misc]  # py-evm ships no types
    """py-evm's database over the cache. One instance per block being built, or per call (then simply dropped)."""

    def __init__(self, cache: Nodes) -> None:
        self._cache = cache
        self.buffer: dict[bytes, bytes] = {}

    def __getitem__(self, key: bytes) -> bytes:
        value = self.buffer.get(key)
        if value is None:
            value = self._cache.get(key)
            if value is None:
                raise KeyError(key)
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.buffer[key] = value

    def __delitem__(self, key: bytes) -> None:
        self.buffer.pop(key, None)  # stored nodes stay: they belong to older states

    def _exists(self, key: bytes) -> bool:
        return key in self.buffer or self._cache.get(key) is not None

    @contextmanager
    def atomic_batch(self) -> Iterator[Any]:
        """py-evm's write batch into the buffer."""
        with AtomicDBWriteBatch._commit_unless_raises(self) as batch:
            yield batch
