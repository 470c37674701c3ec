"""A small real ledger: embedded chain, payload store, checkpoints. For the tests of proofs, bundles and audits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ledger.chain.contracts import Deployment, GenesisAuthority, deploy
from ledger.chain.embedded.engine import EmbeddedEngine
from ledger.chain.embedded.genesis import GenesisParams
from ledger.chain.reader import ChainReader
from ledger.chain.relayer import Relayer
from ledger.crypto.sm2 import PrivateKey
from ledger.documents.submission import CheckedSubmission, check
from ledger.domain.action import encode_submit_calldata
from ledger.domain.members import member_id
from ledger.proof import checkpoint as checkpoints
from ledger.proof.anchors import Anchors, Authority, CheckpointKey, ContractAnchor
from ledger.proof.header import parse_header
from ledger.proof.transaction import parse_receipt
from ledger.services.bundles import BundleBuilder
from ledger.services.compose import Composer, Network, Part
from ledger.services.demo import payloads
from ledger.services.demo.actors import AUTHORITIES, BY_SLUG
from ledger.services.demo.lots import BY_LOT
from ledger.services.public_records import VaultRecords
from ledger.vault import Vault, open_engine

START = 1_764_000_000
MASTER = bytes(range(16))
ORCHARD, FARM, PACKHOUSE, LAB = "gaozhou-lychee", "fenjie-longan", "maoming-packhouse", "maoming-lab"
LYCHEE, LONGAN, PACKED = "GZ-FZX-0901", "FJ-CL-0087", "P-FZX-240A"


class Clock:
    """Unix seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = float(START)

    def __call__(self) -> float:
        return self.now


class Signer:
    def __init__(self, key: PrivateKey, custodial: bool = False) -> None:
        self._key, self.public, self.custodial = key, key.public, custodial

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


@dataclass
class World:
    """An open ledger. `submit` is what intake, outbox and sealer do, without the waiting."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    signers: dict[str, Signer] = field(default_factory=dict)
    nonce: int = 0

    def __post_init__(self) -> None:
        self.relayer = Relayer.from_secret(b"\x07" * 32)
        self.operator = Signer(PrivateKey.generate())
        self.engine = EmbeddedEngine.open(
            self.folder / "chain.sqlite", GenesisParams(START - 60, b"proof tests"), clock=self.clock
        )
        for actor in BY_SLUG.values():
            self.signers[actor.slug] = Signer(PrivateKey.generate(), actor.custodial)
        authorities = [
            GenesisAuthority(member_id(a.uscc), a.zone, self.signers[a.slug].public.x, self.signers[a.slug].public.y)
            for a in AUTHORITIES
        ]
        self.deployment: Deployment = deploy(self.engine, self.relayer, authorities)
        self.nonce = int(self.engine.request("eth_getTransactionCount", [f"0x{self.relayer.address.hex()}"]), 16)
        self.chain = ChainReader(self.engine, self.deployment)
        self.network = Network(self.engine.chain_id, f"0x{self.deployment.address('Submissions').hex()}")
        self.vault = Vault(open_engine(self.folder / "ledger.sqlite"), MASTER)

    def close(self) -> None:
        self.engine.close()
        self.vault.engine.dispose()

    def composer(self, slug: str) -> Composer:
        return Composer(self.network, member_id(BY_SLUG[slug].uscc), self.signers[slug], self.clock)

    def submit(self, slug: str, parts: list[Part]) -> CheckedSubmission:
        """Compose, check, store and seal one submission in a block of its own."""
        return self.submit_all([(slug, parts)])[0]

    def submit_all(self, wanted: list[tuple[str, list[Part]]]) -> list[CheckedSubmission]:
        """Several submissions in one block."""
        done, raws = [], []
        for slug, parts in wanted:
            signed = self.composer(slug).compose(parts)
            checked = check(signed, self.network.domain, self.signers[slug].public, member_id(BY_SLUG[slug].uscc))
            signature = checked.signature
            data = encode_submit_calldata(checked.key_id, checked.action, checked.meta, signature[:32], signature[32:])
            raws.append(self.transaction(data))
            done.append(checked)
        with self.vault.transaction() as connection:
            self.vault.store_many(connection, done, int(self.clock()))
        outcomes = self.engine.seal(raws)
        assert all(outcome.error is None for outcome in outcomes), outcomes
        assert all(parse_receipt(raw).status == 1 for raw in self.chain.raw_receipts(self.chain.height()))
        self.clock.now += 60
        return done

    def transaction(self, data: bytes) -> bytes:
        raw = self.relayer.sign(
            nonce=self.nonce,
            to=self.deployment.address("Submissions"),
            data=data,
            gas=20_000_000,
            gas_price=0,
            chain_id=self.engine.chain_id,
        ).raw
        self.nonce += 1
        return raw

    # ---- what happens on it

    def admit(self, *slugs: str) -> None:
        by_zone = {a.zone: a.slug for a in AUTHORITIES}
        for slug in slugs:
            actor = BY_SLUG[slug]
            authority = by_zone[actor.zone]
            profile = payloads.profile(actor, self.signers[slug].public.point)
            self.submit(authority, [self.composer(authority).part("member.profile", profile)])

    def origin(self, lot: str) -> Part:
        made = BY_LOT[lot]
        return self.composer(made.owner).part("lot.origin", payloads.origin(made, self.clock()))

    def event(self, slug: str, payload: dict) -> Part:
        return self.composer(slug).part("epcis.event", payload)

    def notice(self, slug: str, lot: str, change: str, to: str | None = None) -> Part:
        said = {"gtin": BY_LOT[lot].gtin, "lot": lot, "change": change, "reason_zh": "测试", "reason_en": "test"}
        return self.composer(slug).part("lot.notice", said | ({"to": BY_SLUG[to].uscc} if to else {}))

    # ---- checkpoints, anchors, bundles

    def checkpoint(self, height: int, signer: Signer | None = None) -> checkpoints.SignedCheckpoint:
        header = parse_header(self.chain.raw_header(height))
        point = checkpoints.Checkpoint(
            self.engine.chain_id, self.deployment.genesis, height, header.hash, header.state_root, header.time
        )
        return checkpoints.sign(point, signer or self.operator)

    def anchors(self) -> Anchors:
        key = self.operator.public
        return Anchors(
            self.engine.chain_id,
            self.deployment.genesis,
            {c.name: ContractAnchor(c.address, c.code_hash) for c in self.deployment.contracts},
            {key.key_id: CheckpointKey(key.key_id, key, "operator")},
            tuple(Authority(a.zone, member_id(a.uscc), a.zh, a.en) for a in AUTHORITIES),
            {},
            0,
        )

    def bundle(self, lot: str, **options) -> dict:
        builder = BundleBuilder(self.chain, VaultRecords(self.vault), self.checkpoint, [self.operator.public])
        return builder.build(BY_LOT[lot].gtin, lot, **options)


def seeded(folder: Path) -> World:
    """Members, three lots with a parent and a child, events by four signers, several submissions in one block."""
    world = World(folder)
    world.admit(ORCHARD, FARM, PACKHOUSE, LAB)
    lychee, longan, packed = BY_LOT[LYCHEE], BY_LOT[LONGAN], BY_LOT[PACKED]
    now = world.clock()
    world.submit(ORCHARD, [world.origin(LYCHEE), world.event(ORCHARD, payloads.harvested(lychee, now))])
    others = [name for name, _ in packed.parents if name != LYCHEE]
    for name in others:
        world.submit(BY_LOT[name].owner, [world.origin(name)])
    world.submit_all(
        [
            (FARM, [world.origin(LONGAN), world.event(FARM, payloads.harvested(longan, now))]),
            (
                LAB,
                [world.event(LAB, {**payloads.harvested(lychee, now), "action": "OBSERVE", "bizStep": "inspecting"})],
            ),
        ]
    )
    for name, _ in packed.parents:
        world.submit(BY_LOT[name].owner, [world.notice(BY_LOT[name].owner, name, "transfer", to=PACKHOUSE)])
    world.submit(PACKHOUSE, [world.origin(PACKED), world.event(PACKHOUSE, payloads.packed(packed, now))])
    world.submit(
        LAB, [world.event(LAB, payloads.inspected(packed, now)), world.event(LAB, payloads.inspected(longan, now))]
    )
    return world
