"""A real chain with every kind of operation and several refusals on it, for tests of the explorer.

Submissions are signed and sealed directly, past intake and outbox: the explorer must show what a chain holds, also what
this server would never have passed on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.chain.contracts import creation_code
from ledger.chain.reader import ChainReader
from ledger.chain.relayer import Relayer
from ledger.crypto.sm2 import PrivateKey
from ledger.domain import action as act
from ledger.domain.action import LotEntry, Operation
from ledger.domain.codes import BaseUnit, DocumentKind, LotState, Standing, Verdict
from ledger.domain.ids import lot_id
from ledger.domain.members import Role, member_id
from ledger.services.explorer import Explorer, LotName, Name
from tests.small_ledger import AUTHORITY, PRODUCER, SmallLedger, found_small

ROOT = b"\x55" * 32
EVERYBODY = b"\x21" * 32  # a member with every role
LABEL = LotName("09521002000115", "A-1")
LOT, CHILD = lot_id(LABEL.gtin, LABEL.lot), b"\x12" * 32
TRADE, RESULT = b"\x77" * 32, b"\x78" * 32
DOCUMENTS = (b"\x31" * 32, b"\x32" * 32, b"\x33" * 32, b"\x34" * 32)
GAS = 5_000_000
NAMES = {EVERYBODY: Name("万事通<b>", "Jack & all trades")}
LOTS = {LOT: LABEL}


@dataclass
class World:
    """`sent` holds the transactions by a name; `keys` the signing keys."""

    small: SmallLedger
    keys: dict[str, PrivateKey]
    relayer: Relayer = field(default_factory=lambda: Relayer.from_secret(b"\x01" * 32))
    turn: int = 0
    sent: dict[str, bytes] = field(default_factory=dict)

    @property
    def chain(self) -> ChainReader:
        return self.small.ledger.gateway

    def explorer(self) -> Explorer:
        return Explorer(self.chain, NAMES.get, LOTS.get)

    def call(
        self,
        key: PrivateKey,
        operations: Sequence[Operation] = (),
        lots: Sequence[bytes] = (),
        *,
        nonce: int,
        expiry: int | None = None,
        signature: bytes | None = None,
    ) -> bytes:
        """Calldata of `submit`, signed by `key` unless another signature is given."""
        entries = tuple(LotEntry(lot, ROOT, 1) for lot in sorted(lots))
        action = act.Action(ROOT, 1, entries, tuple(operations))
        meta = act.Meta(nonce, expiry or int(time.time()) + 600, 1)
        domain = self.small.ledger.network.domain
        signed = signature or key.sign(act.message(domain, action.digest, meta))
        return act.encode_submit_calldata(key.public.key_id, action, meta, signed[:32], signed[32:])

    def seal(self, creation: bytes = b"", **calls: bytes) -> None:
        """Seal calldata to Submissions as one block, remembered by name; behind it the creation of a contract."""
        door = self.small.ledger.deployment.address("Submissions")
        raws = []
        sent = [(name, door, data) for name, data in calls.items()]
        for name, to, data in [*sent, ("creation", b"", creation)] if creation else sent:
            tx = self.relayer.sign(
                nonce=self.turn, to=to, data=data, gas=GAS, gas_price=0, chain_id=self.small.ledger.engine.chain_id
            )
            self.turn += 1
            self.sent[name] = tx.hash
            raws.append(tx.raw)
        engine: Any = self.small.ledger.engine
        assert [outcome.error for outcome in engine.seal(raws)] == [None] * len(raws)

    def hash(self, name: str) -> str:
        return "0x" + self.sent[name].hex()


def build(folder: Path) -> World:
    """Every operation once, then refusals."""
    small = found_small(folder / "data")
    keys = {"authority": small.keys[AUTHORITY.slug], "all": PrivateKey.generate(), "second": PrivateKey.generate()}
    world = World(small, keys)
    boss, everybody, second = keys["authority"], keys["all"], keys["second"]
    point, other = everybody.public, second.public
    every_role = sum(int(role) for role in Role)
    world.seal(admit=world.call(boss, [act.admit_member(EVERYBODY, every_role, 6, point.x, point.y, True)], nonce=1))
    world.seal(register=world.call(everybody, [act.register_lot(LOT, ROOT, 5_000_000, BaseUnit.GRAM)], [LOT], nonce=1))
    world.seal(
        child=world.call(
            everybody,
            [act.register_lot(CHILD, ROOT, 1_500_000, BaseUnit.GRAM, [(LOT, 2_000_000)])],
            [LOT, CHILD],
            nonce=2,
        ),
        trade=world.call(
            everybody,
            [
                *(act.seal_document(kind, DOCUMENTS[kind - 1]) for kind in DocumentKind),
                act.record_match(TRADE, DOCUMENTS, Verdict.MATCHED, 1, RESULT, [(LOT, 1_000_000)]),
            ],
            nonce=3,
        ),
    )
    world.seal(
        creation_code("Lots", ["0x" + "aa" * 20]),  # somebody's own Lots, which is none of the ledger's
        custody=world.call(
            everybody,
            [act.transfer_lot(CHILD, member_id(PRODUCER.uscc)), act.set_lot_state(LOT, LotState.HELD)],
            nonce=4,
        ),
    )
    world.seal(
        office=world.call(everybody, [act.accept_office(EVERYBODY)], nonce=20),
        raised=world.call(boss, [act.set_threshold(2)], nonce=20),
        decided=world.call(everybody, [act.set_threshold(2)], nonce=21),
        lowered=world.call(boss, [act.set_threshold(1)], nonce=21),
        alone=world.call(everybody, [act.set_threshold(1)], nonce=22),
    )
    world.seal(
        govern=world.call(
            boss,
            [
                act.set_roles(EVERYBODY, int(Role.PRODUCER | Role.MATCHER)),
                act.add_key(EVERYBODY, other.x, other.y, False),
                act.revoke_key(point.key_id),
                act.suspend_now(EVERYBODY),
                act.set_standing(EVERYBODY, Standing.SUSPENDED),
            ],
            nonce=2,
        )
    )
    world.seal(
        first=world.call(boss, nonce=9),
        again=world.call(boss, nonce=9),  # refused only because of the one in front of it
        suspended=world.call(second, nonce=1),
        forged=world.call(boss, nonce=10, signature=everybody.sign(b"something else")),
        garbage=b"\xde\xad\xbe\xef",
        junk=world.call(boss, [Operation(99, b"junk")], nonce=11),
    )
    return world
