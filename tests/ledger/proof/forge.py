"""A forger who holds every key: a bundle built anew, so that exactly one check of the verifier stands in its way.

The forger signs checkpoints with the trusted key and submissions with the members' keys, and makes up state, blocks,
transactions and receipts to fit. What is not changed on purpose is therefore consistent, down to the roots.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from proof_world import World
from trie import HexaryTrie

from ledger.crypto.keccak import keccak256
from ledger.domain import action as actions
from ledger.domain.action import Action, LotEntry, Operation
from ledger.domain.operations import register_lot
from ledger.merkle.tree import Tree, merkle_root
from ledger.proof import checkpoint as checkpoints
from ledger.proof import slots
from ledger.proof.anchors import CONTRACTS
from ledger.proof.bundle import Lot, parse_bundle
from ledger.proof.header import parse_header
from ledger.proof.records import _commitment, record_digest
from ledger.proof.rlp import decode_list, encode
from ledger.proof.trie_build import OrderedTrie
from ledger.proof.verifier import ACCEPTED

STRANGE = bytes.fromhex("5e") * 32  # 32 bytes that mean nothing to anybody


def _text(prefix: str, data: bytes) -> str:
    return f"{prefix}{data.hex()}"


def _nodes(tree: HexaryTrie, key: bytes) -> list[str]:
    raws = [encode(_plain(node)) for node in tree.get_proof(key)]
    return [_text("0x", raw) for at, raw in enumerate(raws) if at == 0 or len(raw) >= 32]


def _plain(node: Any) -> Any:
    return [_plain(item) for item in node] if isinstance(node, (list, tuple)) else bytes(node)


@dataclass
class Entry:
    """One submission; a None is derived from the rest, anything else is said as it is."""

    signer: Any
    member: bytes
    custodial: bool
    nonce: int
    expiry: int
    records: list[dict[str, Any]]
    operations: list[Operation]
    header: list[Any]
    number: int
    time: int
    index: int
    others: list[bytes] = field(default_factory=list)  # records of the submission that do not name the lot
    places: list[int] | None = None  # where each record stands in the submission
    lots: list[LotEntry] | None = None
    size: int | None = None  # of the action
    shown_size: int | None = None  # of the inclusion proofs
    id: bytes | None = None
    signature: bytes | None = None
    used: bytes | None = None  # what the chain holds under key and nonce
    to: bytes | None = None
    call: dict[str, Any] = field(default_factory=dict)  # what the transaction says instead
    status: int = 1
    logs: list[Any] | None = None
    said: dict[int, bytes] = field(default_factory=dict)  # word of the event: what it says instead
    shown: dict[str, bytes] = field(default_factory=dict)  # "transaction", "receipt", "header": shown instead
    genesis: bytes | None = None
    chain_id: int | None = None
    operator: Any = None
    folded: bytes | None = None  # the id in the lot's head


class Forge:
    """A real bundle taken apart; `bundle()` puts it together again with whatever was changed."""

    def __init__(self, world: World, value: dict[str, Any]) -> None:
        self.world, self.value = world, copy.deepcopy(value)
        parsed = parse_bundle(self.value)
        self.lot: Lot = parsed.lot
        self.chain_id, self.genesis, self.operator = parsed.chain_id, world.deployment.genesis, world.operator
        self.contracts = dict(parsed.contracts)
        self.account_at = dict(parsed.contracts)  # the addresses whose accounts are shown
        self.code = {contract.name: contract.code_hash for contract in world.deployment.contracts}
        self.header = decode_list(parsed.header)
        self.number, self.time = parse_header(parsed.header).number, parse_header(parsed.header).time
        self.state_genesis: bytes | None = None
        self.shown_header: bytes | None = None
        known = {slot.slot: slot.value for slot in parsed.accounts["Members"].storage}
        self.members = {s.member_id: [known[at] for at in slots.member_slots(s.member_id)] for s in parsed.submissions}
        self.keys = {
            s.key.key_id: [known.get(at, 0) for at in slots.key_slots(s.key.key_id)] for s in parsed.submissions
        }
        self.words = [slot.value for slot in parsed.accounts["Lots"].storage]
        self.totals: dict[str, Any] = {}  # "head", "total", "entries", "registered_at": held instead
        signers = {signer.public.key_id: signer for signer in world.signers.values()}
        self.entries = [
            Entry(
                signers[s.key.key_id], s.member_id, s.custodial, s.nonce, int.from_bytes(s.meta[9:17], "big"),
                copy.deepcopy(self.value["submissions"][at]["records"]), list(s.action.operations),
                decode_list(s.header), parse_header(s.header).number, parse_header(s.header).time, s.index,
            )
            for at, s in enumerate(parsed.submissions)
        ]  # fmt: skip

    # ---- one submission

    def seal_record(self, record: dict[str, Any]) -> bytes:
        """The record's digest, recomputed from what it shows now."""
        if "erased" not in record:
            read = parse_bundle({**self.value, "submissions": [{**self.value["submissions"][0], "records": [record]}]})
            parsed = read.submissions[0].records[0]
            leaves = [_commitment(one, "") for one in parsed.fields]
            record["digest"] = _text("sm3:", record_digest(parsed.kind, parsed.author, parsed.lots, leaves))
        return bytes.fromhex(record["digest"][4:])

    def digests(self, entry: Entry) -> list[bytes]:
        return [bytes.fromhex(record["digest"][4:]) for record in entry.records]

    def _build(self, entry: Entry) -> tuple[dict[str, Any], bytes, LotEntry | None]:
        digests = [*self.digests(entry), *entry.others]
        places = entry.places or list(range(len(digests)))
        tree = Tree([digests[places.index(place) if place in places else place] for place in range(len(digests))])
        lots = entry.lots
        if lots is None:
            lots = [LotEntry(self.lot.id, merkle_root(self.digests(entry)), len(entry.records))]
        count = len(digests) if entry.size is None else entry.size
        action = Action(tree.root, count, tuple(lots), tuple(entry.operations))
        meta = actions.Meta(entry.nonce, entry.expiry, count).encode()
        key_id = entry.signer.public.key_id
        id_ = entry.id or actions.submission_id(key_id, entry.nonce, action.digest)
        domain = actions.domain(self.chain_id, self.contracts["Submissions"])
        signature = entry.signature or entry.signer.sign(actions.message(domain, action.digest, meta))
        said = {"key_id": key_id, "action": action, "meta": meta, "signature": signature} | entry.call
        data = actions.encode_submit_calldata(
            said["key_id"], said["action"], said["meta"], said["signature"][:32], said["signature"][32:]
        )
        raw = encode([0, 0, 10**6, entry.to or self.contracts["Submissions"], 0, data, 27, 1, 1])
        words = [id_, entry.member, key_id, action.root, count, entry.nonce, action.digest]
        words = [word if isinstance(word, bytes) else word.to_bytes(32, "big") for word in words]
        words = [entry.said.get(at, word) for at, word in enumerate(words)]
        log = [self.contracts["Submissions"], [ACCEPTED, *words[:3]], b"".join(words[3:])]
        logs = [log] if entry.logs is None else [log if one == "log" else one for one in entry.logs]
        receipt = encode([entry.status, 10**5, bytes(256), logs])
        sent = OrderedTrie([b"\x01" * 40] * entry.index + [raw])
        got = OrderedTrie([b"\x02" * 40] * entry.index + [receipt])
        header = list(entry.header)
        header[4], header[5] = sent.root, got.root
        header[8], header[11] = _number(entry.number), _number(entry.time)
        block = encode(header)
        for at, record in enumerate(entry.records):
            proof = tree.inclusion_proof(places[at])
            record["inclusion"] = proof.to_json() | ({"size": entry.shown_size} if entry.shown_size else {})
        shown = {"transaction": raw, "receipt": receipt, "header": block} | entry.shown
        return (
            {
                "id": _text("keccak256:", id_),
                "key": {
                    "keyId": _text("sm3:", key_id),
                    "publicKey": entry.signer.public.point.hex(),
                    "memberId": _text("sm3:", entry.member),
                    "custodial": entry.custodial,
                },
                "nonce": str(entry.nonce), "expiry": entry.expiry, "count": count,
                "action": {
                    "root": _text("sm3:", action.root), "count": count,
                    "lots": [
                        {"lotId": _text("sm3:", e.lot_id), "root": _text("sm3:", e.root), "count": e.count}
                        for e in action.lots
                    ],
                    "operations": [{"kind": o.kind, "data": _text("0x", o.data)} for o in action.operations],
                },
                "meta": meta.hex(), "signature": signature.hex(), "records": entry.records,
                "transaction": {
                    "raw": _text("0x", shown["transaction"]), "index": entry.index,
                    "proof": [_text("0x", node) for node in sent.proof(entry.index)],
                },
                "receipt": {
                    "raw": _text("0x", shown["receipt"]),
                    "proof": [_text("0x", node) for node in got.proof(entry.index)],
                },
                "header": _text("0x", shown["header"]),
                "checkpoint": self._sign(block, entry.chain_id, entry.genesis, entry.operator),
            },
            entry.folded or id_,
            next((e for e in lots if e.lot_id == self.lot.id), None),
        )  # fmt: skip

    def _sign(self, raw: bytes, chain_id: int | None, genesis: bytes | None, operator: Any) -> dict[str, str]:
        header = parse_header(raw)
        point = checkpoints.Checkpoint(
            self.chain_id if chain_id is None else chain_id, genesis or self.genesis, header.number, header.hash,
            header.state_root, header.time,
        )  # fmt: skip
        return checkpoints.sign(point, operator or self.operator).to_dict()

    # ---- everything

    def bundle(self) -> dict[str, Any]:
        built = [self._build(entry) for entry in self.entries]
        head, total = bytes(32), 0
        for _, id_, entry in built:
            if entry is not None:
                head, total = actions.fold(head, entry.root, entry.count, id_), total + entry.count
        held = {"head": head, "total": total, "entries": len(built), "registered_at": self.entries[0].time}
        held |= self.totals
        words = list(self.words)
        words[3] = int.from_bytes(held["head"], "big")
        rest = words[4] >> 192 << 192
        words[4] = rest | held["registered_at"] << 128 | held["entries"] << 64 | held["total"]
        lots = dict(zip(slots.lot_slots(self.lot.id), words, strict=True))
        members = {
            slot: word
            for member in dict.fromkeys(entry.member for entry in self.entries)
            for slot, word in zip(slots.member_slots(member), self.members[member], strict=True)
        }
        for key_id in dict.fromkeys(entry.signer.public.key_id for entry in self.entries):
            for at, (slot, word) in enumerate(zip(slots.key_slots(key_id), self.keys[key_id], strict=True)):
                if at != slots.KEY_MIDSTATE_WORD:
                    members[slot] = word
        used = [
            (
                slots.submission_slot(entry.signer.public.key_id, entry.nonce),
                int.from_bytes(entry.used or bytes.fromhex(made["id"][10:]), "big"),
            )
            for entry, (made, _, _) in zip(self.entries, built, strict=True)
        ]
        storage = {name: [] for name in CONTRACTS} | {
            "Lots": list(lots.items()), "Members": list(members.items()), "Submissions": used
        }  # fmt: skip
        tries, state = {}, HexaryTrie({})
        for name in CONTRACTS:
            tries[name] = HexaryTrie({})
            for slot, word in storage[name]:
                if word:
                    tries[name][keccak256(slot.to_bytes(32, "big"))] = encode(word)
            for address in {self.contracts[name], self.account_at[name]}:
                state[keccak256(address)] = encode([1, 0, tries[name].root_hash, self.code[name]])
        header = list(self.header)
        header[3], header[8], header[11] = state.root_hash, _number(self.number), _number(self.time)
        raw = encode(header)
        return {
            **self.value,
            "lot": {"gtin": self.lot.gtin, "lot": self.lot.lot, "id": _text("sm3:", self.lot.id)},
            "chainId": self.chain_id,
            "contracts": {name: _text("0x", address) for name, address in self.contracts.items()},
            "submissions": [made for made, _, _ in built],
            "state": {
                "checkpoint": self._sign(raw, None, self.state_genesis, None),
                "header": _text("0x", self.shown_header or raw),
                "accounts": {
                    name: {
                        "address": _text("0x", self.account_at[name]),
                        "proof": _nodes(state, keccak256(self.account_at[name])),
                        "storage": [
                            {
                                "slot": f"0x{slot:064x}",
                                "value": f"0x{word:064x}",
                                "proof": _nodes(tries[name], keccak256(slot.to_bytes(32, "big")))
                                if storage[name]
                                else [],
                            }
                            for slot, word in storage[name]
                        ],
                    }
                    for name in CONTRACTS
                },
            },
        }

    # ---- what forgeries have in common

    def register(self, **changes: Any) -> Operation:
        """The operation that registers the lot, with something else in it."""
        lot = slots.read_lot(self.words)
        said = {"lot_id": self.lot.id, "origin_digest": lot.origin_digest, "quantity": lot.quantity, "unit": lot.unit}
        return register_lot(**(said | changes))

    def reseal(self, at: int, which: int) -> None:
        """Recompute one record's digest; when it is the origin record, the chain and the registration follow."""
        entry = self.entries[at]
        was = bytes.fromhex(entry.records[which]["digest"][4:])
        now = self.seal_record(entry.records[which])
        if at == 0 and self.words[1] == int.from_bytes(was, "big"):
            self.words[1] = int.from_bytes(now, "big")
            entry.operations = [self.register()]


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
