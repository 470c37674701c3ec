"""The shadow's state in a work file: mappings that hold a bounded number of entries in memory and write back the rest.

An entry that was handed out may be changed in place, so it stays in memory until `trim` or `flush`, which are called
between submissions and never inside one. Each entry has one encoding (JSON, hexadecimal bytes): the state's digest is
what an auditor signs as the base of later audits.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, Generic, TypeVar

from ledger.crypto.sm2 import PublicKey
from ledger.services.audit.shadow import Shadow
from ledger.services.audit.shadow_goods import Document, Goods, Lot, Trade
from ledger.services.audit.shadow_governance import Governance, Proposal
from ledger.services.audit.shadow_people import Key, Member, People

K = TypeVar("K")
V = TypeVar("V")
MAX_LIVE = 2048  # entries of one mapping in memory between submissions


class Kept(MutableMapping[K, V], Generic[K, V]):
    """One mapping of the state, under `kind` in the table `state`."""

    def __init__(
        self,
        db: sqlite3.Connection,
        kind: str,
        key: tuple[Callable[[K], bytes], Callable[[bytes], K]],
        value: tuple[Callable[[V], bytes], Callable[[bytes], V]],
    ) -> None:
        self._db, self._kind = db, kind
        self._to_key, self._from_key = key
        self._to_value, self._from_value = value
        self._live: dict[K, tuple[V, bytes | None]] = {}  # the entry, and how it stands in the file

    def __getitem__(self, key: K) -> V:
        live = self._live.get(key)
        if live is not None:
            return live[0]
        row = self._db.execute(
            "SELECT value FROM state WHERE kind=? AND key=?", (self._kind, self._to_key(key))
        ).fetchone()
        if row is None:
            raise KeyError(key)
        value = self._from_value(row[0])
        self._live[key] = value, row[0]
        return value

    def __contains__(self, key: object) -> bool:
        try:
            self[key]  # type: ignore[index]  # a key of another type is in no mapping
        except (KeyError, TypeError, AttributeError):
            return False
        return True

    def __setitem__(self, key: K, value: V) -> None:
        self._live[key] = value, None

    def __delitem__(self, key: K) -> None:
        raise TypeError("a chain forgets nothing")

    def __iter__(self) -> Iterator[K]:
        self.flush()
        for (key,) in self._db.execute("SELECT key FROM state WHERE kind=? ORDER BY key", (self._kind,)):
            yield self._from_key(key)

    def __len__(self) -> int:
        self.flush()
        return int(self._db.execute("SELECT count(*) FROM state WHERE kind=?", (self._kind,)).fetchone()[0])

    def items(self) -> Iterator[tuple[K, V]]:  # type: ignore[override]  # a view would hold everything in memory
        """Every entry as it is, in the order of keys; changing one of these changes nothing."""
        self.flush()
        for key, value in self._db.cursor().execute(
            "SELECT key, value FROM state WHERE kind=? ORDER BY key", (self._kind,)
        ):
            yield self._from_key(key), self._from_value(value)

    def flush(self) -> None:
        """Write every entry that differs from the file."""
        changed = []
        for key, (value, stored) in self._live.items():
            encoded = self._to_value(value)
            if encoded != stored:
                changed.append((self._kind, self._to_key(key), encoded))
                self._live[key] = value, encoded
        self._db.executemany("INSERT OR REPLACE INTO state VALUES (?,?,?)", changed)

    def trim(self) -> None:
        """Let go of what is in memory when it has become much. Not while somebody holds an entry."""
        if len(self._live) > MAX_LIVE:
            self.flush()
            self._live.clear()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _lot(lot: Lot) -> bytes:
    parents = [[parent.hex(), amount] for parent, amount in lot.parents]
    ids = [lot.custodian.hex(), lot.origin.hex(), lot.head.hex()]
    return _json([*ids, lot.quantity, lot.remaining, lot.registered_at, lot.unit, lot.total, lot.entries, lot.state,
                  parents])  # fmt: skip


def _lot_again(raw: bytes) -> Lot:
    custodian, origin, head, quantity, remaining, since, unit, total, entries, state, parents = json.loads(raw)
    named = tuple((_hex(parent), amount) for parent, amount in parents)
    return Lot(
        _hex(custodian), _hex(origin), quantity, remaining, since, unit, _hex(head), total, entries, state, named
    )


def _document(d: Document) -> bytes:
    return _json([d.kind, d.member_id.hex(), d.key_id.hex(), d.sealed_at, d.trade.hex()])


def _document_again(raw: bytes) -> Document:
    kind, member, key, at, trade = json.loads(raw)
    return Document(kind, _hex(member), _hex(key), at, _hex(trade))


def _trade(t: Trade) -> bytes:
    documents = [digest.hex() for digest in t.documents]
    return _json([documents, t.result.hex(), t.matched_at, t.policy_version, t.verdict, t.independence])


def _trade_again(raw: bytes) -> Trade:
    documents, result, at, version, verdict, independence = json.loads(raw)
    return Trade(tuple(map(_hex, documents)), _hex(result), at, version, verdict, independence)


def _member(m: Member) -> bytes:
    return _json([m.roles, m.zone, m.custodial, m.since, m.standing, m.latest_key.hex(), m.usable_keys,
                  m.suspended_until, m.in_office])  # fmt: skip


def _member_again(raw: bytes) -> Member:
    roles, zone, custodial, since, standing, latest, usable, until, in_office = json.loads(raw)
    return Member(roles, zone, custodial, since, standing, _hex(latest), usable, until, in_office)


def _key(k: Key) -> bytes:
    return _json([k.member_id.hex(), k.public.point.hex(), k.since, k.custodial, k.revoked_at])


def _key_again(raw: bytes) -> Key:
    member, point, since, custodial, revoked = json.loads(raw)
    return Key(_hex(member), PublicKey.from_point(_hex(point)), since, custodial, revoked)


def _proposal(p: Proposal) -> bytes:
    return _json([p.deadline, p.round, [approver.hex() for approver in p.approvers]])


def _proposal_again(raw: bytes) -> Proposal:
    deadline, number, approvers = json.loads(raw)
    return Proposal(deadline, number, tuple(map(_hex, approvers)))


_hex = bytes.fromhex
_IDENTITY: Any = (bytes, bytes)
_NONCE: Any = (lambda k: k[0] + k[1].to_bytes(8, "big"), lambda raw: (raw[:32], int.from_bytes(raw[32:], "big")))
_NUMBER: Any = (lambda n: n.to_bytes(8, "big"), lambda raw: int.from_bytes(raw, "big"))


class KeptShadow:
    """A shadow over a work file. `shadow` is used as any other; call `trim` between submissions, `flush` to save."""

    def __init__(self, db: sqlite3.Connection, domain: bytes) -> None:
        def kept(kind: str, value: Any, key: Any = _IDENTITY) -> Kept[Any, Any]:
            made: Kept[Any, Any] = Kept(db, kind, key, value)
            self._parts.append(made)
            return made

        self._parts: list[Kept[Any, Any]] = []
        people = People(
            members=kept("member", (_member, _member_again)),
            keys=kept("key", (_key, _key_again)),
            authorities=kept("authorities", _NUMBER, _NUMBER),
            counts=kept("counts", _NUMBER, _NUMBER),
        )
        governance = Governance(people, kept("proposal", (_proposal, _proposal_again)))
        goods = Goods(
            lots=kept("lot", (_lot, _lot_again)),
            documents=kept("document", (_document, _document_again)),
            trades=kept("trade", (_trade, _trade_again)),
        )
        self.shadow = Shadow(domain, governance, goods, kept("nonce", _IDENTITY, _NONCE))

    def trim(self) -> None:
        for part in self._parts:
            part.trim()

    def flush(self) -> None:
        for part in self._parts:
            part.flush()
