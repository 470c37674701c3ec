"""The smallest real ledger: one zone authority, one producer, keys in memory. Used by tests of services and faults."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.crypto.keyfile import FileSigner
from ledger.crypto.sm2 import PrivateKey
from ledger.domain.members import Role, member_id
from ledger.proof.anchors import Witness
from ledger.services.compose import Composer
from ledger.services.config import Config
from ledger.services.consortium import Founder, found
from ledger.services.demo import payloads
from ledger.services.demo.actors import AUTHORITIES, BY_SLUG, Actor
from ledger.services.demo.lots import BY_LOT
from ledger.services.ledger import Ledger

PASSPHRASE = "a passphrase for tests only"
AUTHORITY = next(a for a in AUTHORITIES if a.zone == 6)
PRODUCER = BY_SLUG["gaozhou-lychee"]
LOT = BY_LOT["GZ-FZX-0901"]


@dataclass(frozen=True, slots=True)
class SmallLedger:
    """An open ledger and the composers of its two members."""

    data: Path
    ledger: Ledger
    keys: dict[str, PrivateKey]

    def composer(self, actor: Actor) -> Composer:
        return Composer(self.ledger.network, member_id(actor.uscc), FileSigner(self.keys[actor.slug]))

    @property
    def authority(self) -> Composer:
        return self.composer(AUTHORITY)

    @property
    def producer(self) -> Composer:
        return self.composer(PRODUCER)

    def admit(self, actor: Actor) -> Composer:
        """Admit another member of zone 6, with a new key."""
        self.keys[actor.slug] = PrivateKey.generate()
        profile = payloads.profile(actor, self.keys[actor.slug].public.point)
        self.ledger.submit(self.authority.compose([self.authority.part("member.profile", profile)]).to_wire())
        return self.composer(actor)

    def register_lot(self) -> None:
        """The producer registers LOT."""
        part = self.producer.part("lot.origin", payloads.origin(LOT, time.time()))
        self.ledger.submit(self.producer.compose([part]).to_wire())

    def event_wire(self, **changes: Any) -> dict[str, Any]:
        """A signed submission of one event about LOT."""
        event = {**payloads.harvested(LOT, time.time()), **changes}
        return self.producer.compose([self.producer.part("epcis.event", event)]).to_wire()


def found_small(
    data: Path, config: Config | None = None, witnesses: Sequence[Witness] = (), quorum: int = 0
) -> SmallLedger:
    """Found a ledger in `data`, admit the producer, and leave it open."""
    keys = {AUTHORITY.slug: PrivateKey.generate(), PRODUCER.slug: PrivateKey.generate()}
    founder = Founder(AUTHORITY.uscc, AUTHORITY.zone, AUTHORITY.zh, AUTHORITY.en, keys[AUTHORITY.slug].public)
    config = config or Config(operator={"zh": "测试", "en": "test"})
    found(data, [founder], config, PASSPHRASE, "test operator", witnesses, quorum)
    ledger = Ledger.open(data, passphrase=PASSPHRASE)
    small = SmallLedger(data, ledger, keys)
    profile = payloads.profile(PRODUCER, keys[PRODUCER.slug].public.point)
    ledger.submit(small.authority.compose([small.authority.part("member.profile", profile)]).to_wire())
    assert Role.PRODUCER in PRODUCER.roles
    return small
