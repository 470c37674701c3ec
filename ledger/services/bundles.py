"""Builds proof bundles: one lot's complete history, with everything that `originseal verify` needs.

Reads a chain and public records, an operator's or a replica's own, and proves nothing itself: whoever gets the bundle
checks it with ledger.proof. Format: docs/proof-bundle.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ledger.chain.reader import AccountProof, ChainReader
from ledger.crypto.keccak import keccak256
from ledger.crypto.sm2 import PublicKey
from ledger.domain.action import Action, Meta, SubmitCall, decode_submit_calldata
from ledger.domain.ids import lot_id
from ledger.errors import EngineUnavailable, NotFound
from ledger.merkle.tree import Tree
from ledger.proof import slots
from ledger.proof.anchors import CONTRACTS
from ledger.proof.bundle import FORMAT
from ledger.proof.checkpoint import SignedCheckpoint
from ledger.proof.transaction import parse_transaction
from ledger.proof.trie_build import OrderedTrie
from ledger.services.public_records import Records
from ledger.services.vouched import Feed, state_height

CheckpointAt = Callable[[int], SignedCheckpoint]  # the operator's checkpoint of exactly this block

LOT_EXTENDED = keccak256(b"LotExtended(bytes32,bytes32,bytes32,uint32,bytes32,uint64)")


@dataclass(frozen=True, slots=True)
class _Extension:
    """One entry of a lot's accumulator: which submission, and where it is on chain."""

    submission_id: bytes
    block: int
    index: int


class BundleBuilder:
    """Builds bundles from one chain and the public records of its submissions.

    `checkpoint_at` returns the signed checkpoint of a given height, signing it if need be (a replica: one that it
    kept); `checkpoint_keys` are the public keys it may have used, for readers without anchors; `feed` has the
    co-signatures (None: bundles carry none).
    """

    def __init__(
        self,
        chain: ChainReader,
        records: Records,
        checkpoint_at: CheckpointAt,
        checkpoint_keys: Iterable[PublicKey],
        feed: Feed | None = None,
    ) -> None:
        self._chain = chain
        self._feed = feed
        self._public = records
        self._checkpoint_at = checkpoint_at
        self._checkpoint_keys = tuple(checkpoint_keys)

    def build(self, gtin: str, lot: str, *, height: int | None = None) -> dict[str, Any]:
        """The bundle of a lot as of block `height`.

        By default of the block that most agencies co-signed where that is still the lot's present, else of the newest
        final block (ledger.services.vouched).

        Raises NotFound for a lot that the chain does not know at that height, StorageUnavailable when the records of
        a submission are not there.
        """
        last = self._chain.final_height() if height is None else height
        identity = lot_id(gtin, lot)
        extensions = self._extensions(identity, last)
        if not extensions:
            raise NotFound(f"no lot {lot} of GTIN {gtin} on this ledger", field="/lot")
        blocks: dict[int, _BlockProofs] = {}
        entries = []
        for extension in extensions:
            if extension.block not in blocks:
                blocks[extension.block] = self._block(extension.block)
            entries.append((extension, blocks[extension.block], blocks[extension.block].call(extension.index)))
        if height is None:
            height = self._state_height(identity, [call.key_id for _, _, call in entries], last)
        accounts = self._accounts(identity, [call for _, _, call in entries], height)
        keys = _keys(accounts["Members"], [call.key_id for _, _, call in entries])
        return {
            "format": FORMAT,
            "lot": {"gtin": gtin, "lot": lot, "id": _sm3(identity)},
            "chainId": self._chain.deployment.chain_id,
            "contracts": {name: _hex(self._chain.deployment.address(name)) for name in CONTRACTS},
            "checkpointKeys": [
                {"keyId": _sm3(key.key_id), "publicKey": key.point.hex()} for key in self._checkpoint_keys
            ],
            "submissions": [
                self._submission(identity, extension, block, call, keys[call.key_id])
                for extension, block, call in entries
            ],
            "state": {
                "checkpoint": self._checkpoint_at(height).to_dict(),
                "cosignatures": self._cosignatures(height),
                "header": _hex(self._chain.raw_header(height)),
                "accounts": {name: _account(proof) for name, proof in accounts.items()},
            },
        }

    def member_of(self, key_id: bytes) -> bytes:
        """Whose a key is; a key never changes its member."""
        member: bytes = self._chain.call("Members", "key", key_id)["memberId"]
        return member

    def _state_height(self, identity: bytes, key_ids: list[bytes], final: int) -> int:
        if self._feed is None:
            return final
        return state_height(self._chain, self._feed, identity, key_ids, self.member_of, final)

    def _cosignatures(self, height: int) -> list[dict[str, str | int]]:
        return [] if self._feed is None else [one.to_dict() for one in self._feed.note(height).cosignatures]

    def _extensions(self, identity: bytes, height: int) -> list[_Extension]:
        topics = [_hex(LOT_EXTENDED), _hex(identity)]
        return [
            _Extension(event.args["submissionId"], event.block, event.transaction_index)
            for event in self._chain.iter_events(self._chain.deployment.block, height, topics)
            if event.contract == "Lots"
        ]

    def _block(self, number: int) -> _BlockProofs:
        return _BlockProofs(
            _hex(self._chain.raw_header(number)),
            self._checkpoint_at(number).to_dict(),
            self._chain.raw_transactions(number),
            self._chain.raw_receipts(number),
        )

    def _accounts(self, identity: bytes, calls: list[SubmitCall], height: int) -> dict[str, AccountProof]:
        """State proofs of exactly the slots that the argument needs. Members first: it says whose the keys are."""
        deployment = self._chain.deployment
        key_ids = list(dict.fromkeys(call.key_id for call in calls))
        of_keys = [
            slot
            for key_id in key_ids
            for word, slot in enumerate(slots.key_slots(key_id))
            if word != slots.KEY_MIDSTATE_WORD
        ]
        owners = self._chain.proof(deployment.address("Members"), of_keys, height)
        first_words = {slots.key_slots(key_id)[0] for key_id in key_ids}
        members = dict.fromkeys(p.value.to_bytes(32, "big") for p in owners.slots if p.slot in first_words)
        of_members = [slot for member in members for slot in slots.member_slots(member)]
        needed: dict[str, list[int]] = {
            "Members": of_members + of_keys,
            "Lots": list(slots.lot_slots(identity)),
            "Submissions": [slots.submission_slot(call.key_id, Meta.decode(call.meta).nonce) for call in calls],
        }
        return {name: self._chain.proof(deployment.address(name), needed.get(name, []), height) for name in CONTRACTS}

    def _submission(
        self,
        identity: bytes,
        extension: _Extension,
        block: _BlockProofs,
        call: SubmitCall,
        key: slots.KeyState,
    ) -> dict[str, Any]:
        meta, index = Meta.decode(call.meta), extension.index
        return {
            "id": f"keccak256:{extension.submission_id.hex()}",
            "key": {
                "keyId": _sm3(call.key_id),
                "publicKey": PublicKey(key.x, key.y).point.hex(),
                "memberId": _sm3(key.member_id),
                "custodial": key.custodial,
            },
            "nonce": str(meta.nonce),  # beyond what every JSON reader holds exactly
            "expiry": meta.expiry,
            "count": meta.count,
            "action": _action(call.action),
            "meta": call.meta.hex(),
            "signature": call.signature.hex(),
            "records": self._records(identity, extension.submission_id),
            "transaction": {
                "raw": _hex(block.transactions[index]),
                "index": index,
                "proof": _hexes(block.transaction_trie.proof(index)),
            },
            "receipt": {"raw": _hex(block.receipts[index]), "proof": _hexes(block.receipt_trie.proof(index))},
            "header": block.header,
            "checkpoint": block.checkpoint,
        }

    def _records(self, identity: bytes, submission_id: bytes) -> list[dict[str, Any]]:
        records = self._public.of(submission_id)
        tree = Tree([record.digest for record in records])
        return [
            {**record.bundled(), "inclusion": tree.inclusion_proof(at).to_json()}
            for at, record in enumerate(records)
            if identity in record.lots
        ]


class _BlockProofs:
    """One block's header and checkpoint, and proofs of its transactions and receipts."""

    def __init__(
        self, header: str, checkpoint: dict[str, str], transactions: list[bytes], receipts: list[bytes]
    ) -> None:
        self.header = header
        self.checkpoint = checkpoint
        self.transactions = transactions
        self.receipts = receipts
        self.transaction_trie = OrderedTrie(transactions)
        self.receipt_trie = OrderedTrie(receipts)

    def call(self, index: int) -> SubmitCall:
        """The submission that transaction number `index` carries."""
        if index >= len(self.transactions):
            raise EngineUnavailable("the engine's block lacks a transaction that its logs name")
        return decode_submit_calldata(parse_transaction(self.transactions[index]).data)


def _keys(members: AccountProof, key_ids: Iterable[bytes]) -> dict[bytes, slots.KeyState]:
    """The keys in a proof of Members."""
    values = {proof.slot: proof.value for proof in members.slots}
    return {
        key_id: slots.read_key([values.get(slot, 0) for slot in slots.key_slots(key_id)]) for key_id in set(key_ids)
    }


def _action(action: Action) -> dict[str, Any]:
    return {
        "root": _sm3(action.root),
        "count": action.count,
        "lots": [{"lotId": _sm3(e.lot_id), "root": _sm3(e.root), "count": e.count} for e in action.lots],
        "operations": [{"kind": o.kind, "data": _hex(o.data)} for o in action.operations],
    }


def _account(proof: AccountProof) -> dict[str, Any]:
    return {
        "address": _hex(proof.address),
        "proof": _hexes(_outer(proof.nodes)),
        "storage": [
            {"slot": _word(slot.slot), "value": _word(slot.value), "proof": _hexes(_outer(slot.nodes))}
            for slot in proof.slots
        ],
    }


def _outer(nodes: Iterable[bytes]) -> list[bytes]:
    """Without the nodes that are written inside their parent: some engines list those as well."""
    return [node for at, node in enumerate(nodes) if at == 0 or len(node) >= 32]


def _sm3(value: bytes) -> str:
    return f"sm3:{value.hex()}"


def _hex(value: bytes) -> str:
    return f"0x{value.hex()}"


def _hexes(values: Iterable[bytes]) -> list[str]:
    return [_hex(value) for value in values]


def _word(value: int) -> str:
    return f"0x{value:064x}"
