"""A member's statement as salted field commitments under one record digest (docs/statement.md, normative).

    leaf        every scalar and every empty object or array, in the order of the canonical text (RFC 8785)
    salt_i      SM3("originseal/salt/v1" ‖ seed ‖ u32(i))[:16]
    c_i         SM3("originseal/field/v1" ‖ lp(path) ‖ lp(salt_i) ‖ lp(value))    path, value: their RFC 8785 bytes
    field root  Merkle root over c_0 … c_n-1
    digest      SM3("originseal/record/v1" ‖ lp(kind) ‖ lp(author) ‖ u32(#lots) ‖ lots ‖ u32(n) ‖ field root)

Does not judge what a payload says (`ledger.domain`) and signs nothing (`submission`). This loop runs for every record
that enters or is audited: hence prepared hash contexts and remembered key orders instead of clearer small objects.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from json.encoder import encode_basestring as _quote
from unicodedata import is_normalized

from ledger.crypto import sm3
from ledger.documents import canonical
from ledger.errors import Malformed
from ledger.merkle.tree import merkle_root
from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

SEED_BYTES = 32
SALT_BYTES = 16
ID_BYTES = 32
MAX_LOTS = 4096  # lots that one record may name
MAX_KIND_BYTES = 64
_KIND_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.")

SALT_TAG = b"originseal/salt/v1"
FIELD_TAG = b"originseal/field/v1"
RECORD_TAG = b"originseal/record/v1"

_field_context = sm3.new(FIELD_TAG).copy
_record_context = sm3.new(RECORD_TAG).copy
_U32 = tuple(i.to_bytes(4, "big") for i in range(canonical.MAX_LEAVES))
_SALT_LENGTH = SALT_BYTES.to_bytes(4, "big")


def lp(data: bytes) -> bytes:
    """u32 big-endian length, then the bytes: so that no two sequences of parts share their concatenation."""
    return len(data).to_bytes(4, "big") + data


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value of a payload with everything that opens its commitment."""

    index: int
    path: tuple[str | int, ...]
    value: Any
    path_bytes: bytes
    value_bytes: bytes
    salt: bytes
    commitment: bytes


class Record:
    """A payload with its commitments; made by `commit` only. `payload` and `seed` are secret until disclosed.

    `evidence` is the exact message the record was read from, if any: kept beside it, not part of its digest.
    """

    __slots__ = (
        "_paths", "_values", "author", "commitments", "digest", "evidence", "field_root", "kind", "lots", "payload",
        "seed",
    )  # fmt: skip

    def __init__(
        self,
        kind: str,
        author: bytes,
        lots: tuple[bytes, ...],
        payload: dict[str, Any],
        seed: bytes,
        paths: list[bytes],
        values: list[bytes],
        evidence: bytes | None,
    ) -> None:
        salt_context = sm3.new(SALT_TAG + seed).copy
        commitments = []
        for length, path, value in zip(_U32, paths, values, strict=False):
            context = salt_context()
            context.update(length)
            salt = context.digest()
            context = _field_context()
            context.update(path + _SALT_LENGTH + salt[:SALT_BYTES] + len(value).to_bytes(4, "big") + value)
            commitments.append(context.digest())
        self.kind = kind
        self.author = author
        self.lots = lots
        self.payload = payload
        self.seed = seed
        self.evidence = evidence
        self._paths = paths
        self._values = values
        self.commitments = tuple(commitments)
        self.field_root = merkle_root(commitments)
        self.digest = record_digest(kind, author, lots, len(commitments), self.field_root)

    def __repr__(self) -> str:
        return f"Record(sm3:{self.digest.hex()}, {self.kind}, {len(self.commitments)} fields)"

    @property
    def leaf_count(self) -> int:
        """How many leaves, and so how many commitments."""
        return len(self.commitments)

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """All leaves in order, opened: for disclosing, not for the hot path."""
        return tuple(self.leaf(index) for index in range(len(self.commitments)))

    def leaf(self, index: int) -> Leaf:
        """Leaf `index`, opened; IndexError outside the record."""
        path, value = self._paths[index][4:], self._values[index]
        segments = tuple(json.loads(path))
        salt = field_salt(self.seed, index)
        return Leaf(index, segments, json.loads(value), path, value, salt, self.commitments[index])


def commit(
    kind: str,
    author: bytes,
    lots: Iterable[bytes],
    payload: dict[str, Any],
    seed: bytes | None = None,
    *,
    evidence: bytes | None = None,
) -> Record:
    """The record of `payload`; a fresh random seed unless one is given (when recomputing).

    Lots may come in any order, each once. Raises Malformed or NotCanonical, naming the payload's path, for what
    cannot be committed to.
    """
    check_kind(kind)
    if len(author) != ID_BYTES:
        raise Malformed("an author is a member id of 32 bytes", field="author")
    seed = os.urandom(SEED_BYTES) if seed is None else seed
    if len(seed) != SEED_BYTES:
        raise Malformed("a record's seed has 32 bytes", field="seed")
    paths, values = flatten(payload)
    return Record(kind, author, sorted_lots(lots), payload, seed, paths, values, evidence)


def record_digest(kind: str, author: bytes, lots: tuple[bytes, ...], leaf_count: int, field_root: bytes) -> bytes:
    """The record digest over parts that the caller has checked."""
    name = kind.encode("ascii")
    context = _record_context()
    context.update(
        b"".join(
            (
                len(name).to_bytes(4, "big"),
                name,
                b"\0\0\0\x20",
                author,
                len(lots).to_bytes(4, "big"),
                *lots,
                leaf_count.to_bytes(4, "big"),
                field_root,
            )
        )
    )
    return context.digest()


def field_salt(seed: bytes, index: int) -> bytes:
    """The 16-byte salt of leaf `index`."""
    return sm3.sm3(SALT_TAG + seed + index.to_bytes(4, "big"))[:SALT_BYTES]


def field_commitment(path_bytes: bytes, salt: bytes, value_bytes: bytes) -> bytes:
    """c = SM3(tag ‖ lp(path) ‖ lp(salt) ‖ lp(value))."""
    return sm3.sm3(FIELD_TAG + lp(path_bytes) + lp(salt) + lp(value_bytes))


def check_kind(kind: str) -> None:
    """Raise Malformed unless `kind` is 1 to 64 characters a–z, 0–9 and full stop."""
    if not 0 < len(kind) <= MAX_KIND_BYTES or not _KIND_CHARACTERS.issuperset(kind):
        raise Malformed("a record's kind is 1 to 64 of a-z, 0-9 and full stop", field="kind")


def sorted_lots(lots: Iterable[bytes]) -> tuple[bytes, ...]:
    """Lot ids in ascending order; raises Malformed for one named twice, of another length, or too many."""
    ordered = tuple(sorted(lots))
    if len(ordered) > MAX_LOTS:
        raise Malformed(f"a record names at most {MAX_LOTS} lots", field="lots")
    if any(len(lot) != ID_BYTES for lot in ordered):
        raise Malformed("a lot id has 32 bytes", field="lots")
    if len(set(ordered)) != len(ordered):
        raise Malformed("a record names a lot once", field="lots")
    return ordered


# ------------------------------------------------------------------------------------------------------- flattening


def flatten(payload: dict[str, Any]) -> tuple[list[bytes], list[bytes]]:
    """(lp(path) of every leaf, value bytes of every leaf), in canonical order.

    Raises Malformed or NotCanonical, naming the path, for an empty payload or one without a canonical form.
    """
    if type(payload) is not dict:
        raise Malformed("a record's payload is a JSON object", field="")
    if not payload:
        raise Malformed("a record's payload is not empty", field="")
    paths: list[bytes] = []
    values: list[bytes] = []
    try:
        _flatten_object(payload, "[", canonical.MAX_DEPTH - 1, paths, values)
    except (_Unfit, Malformed, UnicodeEncodeError, TypeError) as error:
        canonical.check(payload)  # the same rules, slowly, with the path
        raise AssertionError("the fast path refused a payload that the checks accept") from error
    if len(paths) > canonical.MAX_LEAVES:
        raise Malformed(f"a record has at most {canonical.MAX_LEAVES} values", field="")
    return paths, values


class _Unfit(Exception):
    """The fast path met something that `canonical.check` will name."""


def _flatten_object(value: dict[str, Any], prefix: str, depth: int, paths: list[bytes], values: list[bytes]) -> None:
    for key, child_prefix, path in _plan(prefix, tuple(value)):
        child = value[key]
        if type(child) is str:
            if not child.isascii() and not is_normalized("NFC", child):
                raise _Unfit
            paths.append(path)
            values.append(_quote(child).encode())
        else:
            _flatten_other(child, child_prefix, path, depth, paths, values)


def _flatten_other(
    child: Any, child_prefix: str, path: bytes, depth: int, paths: list[bytes], values: list[bytes]
) -> None:
    kind = type(child)
    if kind is dict or kind is list:
        if depth == 0 or len(paths) > canonical.MAX_LEAVES:
            raise _Unfit
        if kind is dict and child:
            _flatten_object(child, child_prefix + ",", depth - 1, paths, values)
            return
        if child:
            for at, item in enumerate(child):
                item_prefix = f"{child_prefix},{at}"
                _flatten_other(item, item_prefix, _closed(item_prefix), depth - 1, paths, values)
            return
    elif kind is str and not child.isascii() and not is_normalized("NFC", child):
        raise _Unfit
    paths.append(path)
    values.append(canonical.jcs(child))


def _closed(prefix: str) -> bytes:
    return lp((prefix + "]").encode())


_MAX_PLAN_KEYS, _MAX_PLAN_CHARACTERS = 48, 1024  # bounds the cache at about 1024 × 48 × 2 KiB in the worst case


def _plan(prefix: str, keys: tuple[str, ...]) -> tuple[tuple[str, str, bytes], ...]:
    """For an object's keys, in canonical order: (key, open path text, lp(path))."""
    if len(keys) <= _MAX_PLAN_KEYS and len(prefix) + len("".join(keys)) <= _MAX_PLAN_CHARACTERS:
        return _remembered_plan(prefix, keys)
    return _new_plan(prefix, keys)


def _new_plan(prefix: str, keys: tuple[str, ...]) -> tuple[tuple[str, str, bytes], ...]:
    for key in keys:
        if not key.isascii() and not is_normalized("NFC", key):
            raise _Unfit
    children = ((key, prefix + _quote(key)) for key in canonical.sorted_keys(dict.fromkeys(keys)))
    return tuple((key, child, _closed(child)) for key, child in children)


_remembered_plan: Callable[[str, tuple[str, ...]], tuple[tuple[str, str, bytes], ...]] = lru_cache(1024)(_new_plan)
