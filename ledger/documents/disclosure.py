"""Showing some fields of a record and only the commitments of the others; and which fields anybody may see.

A disclosure leads from the shown values, their salts and the other commitments to the record digest. The wire form is
the record of a proof bundle without its inclusion proof (docs/statement.md). Does not decide who may see more than the
public, and proves nothing about where the digest is anchored.
"""

from __future__ import annotations

from itertools import pairwise

from ledger.crypto.digest import parse_sm3, sm3_text
from ledger.documents import canonical
from ledger.documents.statement import (
    MAX_LOTS,
    SALT_BYTES,
    Leaf,
    Record,
    check_kind,
    field_commitment,
    record_digest,
)
from ledger.errors import Malformed, VerificationFailed
from ledger.merkle.tree import merkle_root
from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    Path = tuple[str | int, ...]

_MAX_GAPS = canonical.MAX_DEPTH * canonical.MAX_LEAVES  # every array item holds a leaf: no document has more items
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Shown:
    """A field in the open: its path, value and salt."""

    path: Path
    value: Any
    salt: bytes


@dataclass(frozen=True, slots=True)
class Withheld:
    """A field of which only the commitment is shown; it says neither the path nor the value."""

    commitment: bytes


@dataclass(frozen=True, slots=True)
class Disclosed:
    """Evidence: the record with this digest holds these fields (path and value), and `withheld` others."""

    digest: bytes
    kind: str
    author: bytes
    lots: tuple[bytes, ...]
    fields: tuple[tuple[Path, Any], ...]
    withheld: int

    def payload(self) -> dict[str, Any]:
        """The shown part of the payload as an object (see `unflatten`)."""
        return unflatten(self.fields)


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A record with some fields withheld, as it is handed out; a claim until `verify` has held."""

    digest: bytes
    kind: str
    author: bytes
    lots: tuple[bytes, ...]
    fields: tuple[Shown | Withheld, ...]

    def verify(self) -> Disclosed:
        """Recompute the digest from the fields; raises VerificationFailed when it is another or the fields are out of
        order, Malformed or NotCanonical when one has no canonical form."""
        commitments, shown = [], []
        previous: Path | None = None
        for field in self.fields:
            if isinstance(field, Withheld):
                commitments.append(field.commitment)
                continue
            path_bytes, value_bytes = _leaf_bytes(field)
            if previous is not None and not _comes_after(field.path, previous):
                raise VerificationFailed(
                    "the fields are not in the order of one document",
                    step="fields",
                    field=canonical.pointer(field.path),
                )
            previous = field.path
            commitments.append(field_commitment(path_bytes, field.salt, value_bytes))
            shown.append((field.path, field.value))
        if not commitments:
            raise VerificationFailed("a record without fields proves nothing", step="fields")
        root = merkle_root(commitments)
        if record_digest(self.kind, self.author, self.lots, len(commitments), root) != self.digest:
            raise VerificationFailed("the fields do not lead to the record's digest", step="record")
        withheld = len(commitments) - len(shown)
        return Disclosed(self.digest, self.kind, self.author, self.lots, tuple(shown), withheld)

    def to_json(self) -> dict[str, Any]:
        """The wire form: {"digest", "kind", "author", "lots", "leafCount", "fields"}."""
        return {
            "digest": sm3_text(self.digest),
            "kind": self.kind,
            "author": sm3_text(self.author),
            "lots": [sm3_text(lot) for lot in self.lots],
            "leafCount": len(self.fields),
            "fields": [_field_to_json(field) for field in self.fields],
        }

    @classmethod
    def from_json(cls, value: object) -> Disclosure:
        """Read what `to_json` writes; raises Malformed naming the field."""
        names = {"digest", "kind", "author", "lots", "leafCount", "fields"}
        if not isinstance(value, dict) or set(value) != names:
            raise Malformed(f"a disclosed record has exactly {', '.join(sorted(names))}", field="")
        kind, lots, fields = value["kind"], value["lots"], value["fields"]
        if not isinstance(kind, str):
            raise Malformed("a record's kind is text", field="/kind")
        check_kind(kind)
        if not isinstance(lots, list) or len(lots) > MAX_LOTS:
            raise Malformed("lots is an array of lot ids", field="/lots")
        named = tuple(parse_sm3(lot, field=f"/lots/{at}") for at, lot in enumerate(lots))
        if list(named) != sorted(set(named)):
            raise Malformed("lots are in ascending order, each once", field="/lots")
        if not isinstance(fields, list) or not 0 < len(fields) <= canonical.MAX_LEAVES:
            raise Malformed("fields is an array of 1 to 4096 fields", field="/fields")
        if type(value["leafCount"]) is not int or value["leafCount"] != len(fields):
            raise Malformed("leafCount is the number of fields, shown and withheld", field="/leafCount")
        return cls(
            parse_sm3(value["digest"], field="/digest"),
            kind,
            parse_sm3(value["author"], field="/author"),
            named,
            tuple(_field_from_json(field, f"/fields/{at}") for at, field in enumerate(fields)),
        )


def disclose(record: Record, indices: Iterable[int]) -> Disclosure:
    """`record` with only the fields at these leaf indices shown; IndexError for one it does not have."""
    chosen = set(indices)
    if not chosen <= set(range(record.leaf_count)):
        raise IndexError("no such leaf in this record")
    fields = tuple(
        _shown(record.leaf(index)) if index in chosen else Withheld(commitment)
        for index, commitment in enumerate(record.commitments)
    )
    return Disclosure(record.digest, record.kind, record.author, record.lots, fields)


def unflatten(fields: Iterable[tuple[Path, Any]]) -> dict[str, Any]:
    """The object that holds these leaves, given in canonical order; withheld items leave None in an array.

    Raises Malformed for leaves that no one document holds.
    """
    top: dict[str, Any] = {}
    room = [_MAX_GAPS]
    for path, value in fields:
        if not path or not isinstance(path[0], str):
            raise Malformed("a payload's leaves begin with a key", field=canonical.pointer(path))
        here: Any = top
        for segment, following in pairwise(path):
            here = _step(here, segment, [] if isinstance(following, int) else {}, path, room)
        _step(here, path[-1], value, path, room, last=True)
    return top


# ------------------------------------------------------------------------------------------------- what is public

_ALL: tuple[tuple[str, ...], ...] = (("**",),)
# Per record kind: path patterns that anybody may see. `*` is any one segment, `**` any rest. Default: nothing.
_PUBLIC: dict[str, tuple[tuple[str, ...], ...]] = {
    "lot.origin": _ALL,
    "lot.notice": _ALL,
    "epcis.event": _ALL,
    "member.profile": _ALL,
    "member.notice": _ALL,
    # The link joins lots to an order: which order is the parties' business (ebcCode, orderNo stay withheld).
    "trade.link": (
        ("lines", "*", "gtin"),
        ("lines", "*", "lot"),
        ("lines", "*", "quantity", "**"),
        ("lines", "*", "perUnit", "**"),
    ),
    # The outcome of every rule, never the two values it compared; `trade` is an opaque tag (HMAC-SM3).
    "trade.match": (
        ("verdict",),
        ("policyVersion",),
        ("trade",),
        ("documents", "*"),
        ("lines", "*", "gtin"),
        ("lines", "*", "lot"),
        ("lines", "*", "quantity", "**"),
        ("lines", "*", "perUnit", "**"),
        ("rules", "*", "id"),
        ("rules", "*", "severity"),
        ("rules", "*", "outcome"),
        ("rules", "*", "fields"),
        ("rules", "*", "reason_zh"),
        ("rules", "*", "reason_en"),
    ),
}


def entirely_public(kind: str) -> bool:
    """Whether anybody may see every field of a record of this kind."""
    return _PUBLIC.get(kind) is _ALL


def public_leaves(kind: str, leaves: Sequence[Leaf]) -> set[int]:
    """Indices of the leaves of a record of this kind that anybody may see; none for a kind that is not listed."""
    patterns = _PUBLIC.get(kind, ())
    return {leaf.index for leaf in leaves if any(_matches(pattern, leaf.path) for pattern in patterns)}


def public_payload(kind: str, payload: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """The public fields of a payload as `public_part` shows them, and how many are withheld; commits to nothing."""
    patterns = _PUBLIC.get(kind, ())
    if patterns is _ALL:
        return payload, 0
    shown: list[tuple[Path, Any]] = []
    withheld = 0
    for path, value in _walk(payload, ()):
        if any(_matches(pattern, path) for pattern in patterns):
            shown.append((path, value))
        else:
            withheld += 1
    return unflatten(shown), withheld


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Every leaf with its path; object keys in the order given, so use it only where order does not matter."""
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _walk(child, (*path, key))
    elif isinstance(value, list) and value:
        for at, child in enumerate(value):
            yield from _walk(child, (*path, at))
    else:
        yield path, value


def public_part(record: Record) -> Disclosure:
    """`record` with only its public fields shown."""
    return disclose(record, public_leaves(record.kind, record.leaves))


def _matches(pattern: tuple[str, ...], path: Path) -> bool:
    for at, wanted in enumerate(pattern):
        if wanted == "**":
            return True
        if at >= len(path) or (wanted != "*" and wanted != path[at]):
            return False
    return len(pattern) == len(path)


# ---------------------------------------------------------------------------------------------------------- helpers


def _shown(leaf: Leaf) -> Shown:
    return Shown(leaf.path, leaf.value, leaf.salt)


def _leaf_bytes(field: Shown) -> tuple[bytes, bytes]:
    where = canonical.pointer(field.path)
    if not field.path or type(field.path[0]) is not str or len(field.path) > canonical.MAX_DEPTH:
        raise Malformed("a path begins with a key and is at most 32 long", field=where)
    if isinstance(field.value, dict | list) and field.value:
        raise Malformed("a leaf is a scalar or an empty container", field=where)
    if any(type(segment) is int and segment < 0 for segment in field.path):
        raise Malformed("an index is not negative", field=where)
    canonical.check([list(field.path), field.value])
    return canonical.jcs(list(field.path)), canonical.jcs(field.value)


def _comes_after(path: Path, previous: Path) -> bool:
    """Whether `path` can follow `previous` in one document: later at the first difference, where both agree in type."""
    for one, two in zip(previous, path, strict=False):
        if type(one) is not type(two):
            return False  # one container cannot be an array and an object
        if one != two:
            if isinstance(one, str) and isinstance(two, str):
                return canonical.utf16_key(one) < canonical.utf16_key(two)
            return one < two  # type: ignore[operator]
    return False  # equal, or one inside the other: no document has both


def _step(here: Any, segment: str | int, new: Any, path: Path, room: list[int], *, last: bool = False) -> Any:
    where = canonical.pointer(path)
    if isinstance(segment, str):
        if not isinstance(here, dict) or (last and segment in here):
            raise Malformed("two fields cannot belong to one document", field=where)
        return here.setdefault(segment, new)
    if not isinstance(here, list) or segment < 0 or (last and segment < len(here)):
        raise Malformed("two fields cannot belong to one document", field=where)
    room[0] -= max(0, segment + 1 - len(here))
    if room[0] < 0:
        raise Malformed("the arrays are longer than a document's may be", field=where)
    here.extend([None] * (segment + 1 - len(here)))
    if here[segment] is None:
        here[segment] = new
    return here[segment]


def _field_to_json(field: Shown | Withheld) -> dict[str, Any]:
    if isinstance(field, Withheld):
        return {"commitment": sm3_text(field.commitment)}
    return {"path": list(field.path), "salt": field.salt.hex(), "value": field.value}


def _field_from_json(value: object, where: str) -> Shown | Withheld:
    if isinstance(value, dict) and set(value) == {"commitment"}:
        return Withheld(parse_sm3(value["commitment"], field=f"{where}/commitment"))
    if not isinstance(value, dict) or set(value) != {"path", "salt", "value"}:
        raise Malformed("a field has path, salt and value, or a commitment", field=where)
    path, salt = value["path"], value["salt"]
    if not isinstance(path, list) or any(type(segment) not in (str, int) for segment in path):
        raise Malformed("a path is an array of keys and indices", field=f"{where}/path")
    if not isinstance(salt, str) or len(salt) != 2 * SALT_BYTES or not _HEX.issuperset(salt):
        raise Malformed(f"a salt is {2 * SALT_BYTES} lower-case hexadecimal digits", field=f"{where}/salt")
    return Shown(tuple(path), value["value"], bytes.fromhex(salt))
