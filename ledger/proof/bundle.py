"""Proof bundles: one lot's complete history with everything needed to check it offline, read strictly.

`parse_bundle` turns the JSON (format `originseal-bundle/v1`, docs/proof-bundle.md) into frozen values. It checks
forms and bounds, and that nothing unknown is carried along; whether any of it is true is the verifier's argument
(ledger.proof.verifier). Raises only Malformed, naming the member as a JSON Pointer.
"""

from __future__ import annotations

from ledger.domain.action import Action, LotEntry, Operation
from ledger.errors import Malformed
from ledger.merkle.proof import InclusionProof
from ledger.proof.anchors import CONTRACTS, CheckpointKey, parse_public_key
from ledger.proof.checkpoint import SignedCheckpoint, parse_signed
from ledger.proof.cosignature import Cosignature, parse_cosignatures
from ledger.proof.text import boolean, constant, digest, hexadecimal, integer, items, load_json, members, string
from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMAT = "originseal-bundle/v1"

# Bounds on hostile input; each is far above what the contracts or the canonical form allow.
MAX_SUBMISSIONS = 10_000  # that ever named one lot
MAX_RECORDS = 10_000  # of one lot in one submission
MAX_FIELDS = 4096  # leaves of one payload (ledger.documents.canonical)
MAX_LOTS = 4096  # named by one record (ledger.documents.statement); an action names at most 256
MAX_OPERATIONS = 1024
MAX_DEPTH = 32  # segments of a field's path
MAX_SLOTS = 4 * MAX_SUBMISSIONS
MAX_PROOF_NODES = 65
MAX_TRANSACTION_BYTES = 2 * 1024 * 1024
MAX_TREE = 1 << 32  # records of one submission are counted in 32 bits


@dataclass(frozen=True, slots=True)
class Lot:
    """The lot that the bundle is about; `id` is what the chain knows."""

    gtin: str
    lot: str
    id: bytes


@dataclass(frozen=True, slots=True)
class Field:
    """One leaf of a payload: shown with its salt, or only as its commitment."""

    path: tuple[str | int, ...] | None
    salt: bytes
    value: object
    commitment: bytes | None


@dataclass(frozen=True, slots=True)
class BundledRecord:
    """One record about the lot. Of an erased one only the digest is left: `fields` and `lots` are then empty."""

    digest: bytes
    kind: str
    author: bytes
    lots: tuple[bytes, ...]
    fields: tuple[Field, ...]
    inclusion: InclusionProof

    @property
    def erased(self) -> bool:
        """Whether payload and salts were erased, so that nothing but the digest can be shown."""
        return not self.fields


@dataclass(frozen=True, slots=True)
class Indexed:
    """A transaction or receipt as the block's trie holds it, and the nodes that lead to it."""

    raw: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class BundledSubmission:
    """One submission that named the lot, with the block that took it."""

    id: bytes
    key: CheckpointKey
    member_id: bytes
    custodial: bool
    action: Action
    meta: bytes
    signature: bytes
    records: tuple[BundledRecord, ...]
    transaction: Indexed
    index: int
    receipt: Indexed
    header: bytes
    checkpoint: SignedCheckpoint

    @property
    def nonce(self) -> int:
        """The nonce in the signed meta."""
        return int.from_bytes(self.meta[1:9], "big")


@dataclass(frozen=True, slots=True)
class SlotProof:
    """The value that a contract holds in one slot, and the nodes that lead to it."""

    slot: int
    value: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AccountProof:
    """A contract under the state root, and some of its slots."""

    address: bytes
    proof: tuple[bytes, ...]
    storage: tuple[SlotProof, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A parsed bundle: well-formed, unproven."""

    lot: Lot
    chain_id: int
    contracts: dict[str, bytes]
    checkpoint_keys: dict[bytes, CheckpointKey]
    submissions: tuple[BundledSubmission, ...]
    checkpoint: SignedCheckpoint
    cosignatures: tuple[Cosignature, ...]
    header: bytes
    accounts: dict[str, AccountProof]


def parse_bundle(data: bytes | str | dict[str, Any]) -> Bundle:
    """The bundle in `data` (a file's content, or its JSON value). Raises Malformed."""
    value = data if isinstance(data, dict) else load_json(data)
    top = members(value, "", ("format", "lot", "chainId", "contracts", "checkpointKeys", "submissions", "state"))
    constant(top["format"], "/format", FORMAT)
    lot = members(top["lot"], "/lot", ("gtin", "lot", "id"))
    contracts = members(top["contracts"], "/contracts", CONTRACTS)
    # Bundles from before there were witnesses have no co-signatures.
    state = members(top["state"], "/state", ("checkpoint", "header", "accounts"), ("cosignatures",))
    accounts = members(state["accounts"], "/state/accounts", CONTRACTS)
    submissions = items(top["submissions"], "/submissions", MAX_SUBMISSIONS)
    return Bundle(
        lot=Lot(string(lot["gtin"], "/lot/gtin", 14), string(lot["lot"], "/lot/lot", 20), digest(lot["id"], "/lot/id")),
        chain_id=integer(top["chainId"], "/chainId"),
        contracts={name: _address(contracts[name], f"/contracts/{name}") for name in CONTRACTS},
        checkpoint_keys=_keys(top["checkpointKeys"], "/checkpointKeys"),
        submissions=tuple(_submission(item, f"/submissions/{at}") for at, item in enumerate(submissions)),
        checkpoint=parse_signed(state["checkpoint"], "/state/checkpoint"),
        cosignatures=parse_cosignatures(state.get("cosignatures", []), "/state/cosignatures"),
        header=hexadecimal(state["header"], "/state/header", prefix="0x"),
        accounts={name: _account(accounts[name], f"/state/accounts/{name}") for name in CONTRACTS},
    )


def _address(value: Any, field: str) -> bytes:
    return hexadecimal(value, field, 20, prefix="0x")


def _nodes(value: Any, field: str) -> tuple[bytes, ...]:
    nodes = items(value, field, MAX_PROOF_NODES, empty=True)
    return tuple(hexadecimal(node, f"{field}/{at}", prefix="0x") for at, node in enumerate(nodes))


def _keys(value: Any, field: str) -> dict[bytes, CheckpointKey]:
    result: dict[bytes, CheckpointKey] = {}
    for at, item in enumerate(items(value, field, 64)):
        entry = members(item, f"{field}/{at}", ("keyId", "publicKey"))
        key = parse_public_key(entry["publicKey"], entry["keyId"], f"{field}/{at}")
        if key.key_id in result:
            raise Malformed("a key is listed twice", field=f"{field}/{at}/keyId")
        result[key.key_id] = key
    return result


def _submission(value: Any, field: str) -> BundledSubmission:
    entry = members(
        value,
        field,
        (
            "id", "key", "nonce", "expiry", "count", "action", "meta", "signature", "records",
            "transaction", "receipt", "header", "checkpoint",
        ),
    )  # fmt: skip
    key = members(entry["key"], f"{field}/key", ("keyId", "publicKey", "memberId", "custodial"))
    transaction = members(entry["transaction"], f"{field}/transaction", ("raw", "index", "proof"))
    receipt = members(entry["receipt"], f"{field}/receipt", ("raw", "proof"))
    meta = hexadecimal(entry["meta"], f"{field}/meta", 23)
    _check_meta(meta, entry, field)
    records = items(entry["records"], f"{field}/records", MAX_RECORDS)
    return BundledSubmission(
        id=digest(entry["id"], f"{field}/id", "keccak256"),
        key=parse_public_key(key["publicKey"], key["keyId"], f"{field}/key"),
        member_id=digest(key["memberId"], f"{field}/key/memberId"),
        custodial=boolean(key["custodial"], f"{field}/key/custodial"),
        action=_action(entry["action"], f"{field}/action"),
        meta=meta,
        signature=hexadecimal(entry["signature"], f"{field}/signature", 64),
        records=tuple(_record(item, f"{field}/records/{at}") for at, item in enumerate(records)),
        transaction=_indexed(transaction, f"{field}/transaction"),
        index=integer(transaction["index"], f"{field}/transaction/index", 32),
        receipt=_indexed(receipt, f"{field}/receipt"),
        header=hexadecimal(entry["header"], f"{field}/header", prefix="0x"),
        checkpoint=parse_signed(entry["checkpoint"], f"{field}/checkpoint"),
    )


def _check_meta(meta: bytes, entry: dict[str, Any], field: str) -> None:
    """`nonce`, `expiry` and `count` repeat what meta says, for readers; they must say the same."""
    if entry["nonce"] != str(int.from_bytes(meta[1:9], "big")):  # text: JSON readers round numbers of this size
        raise Malformed("this is not what the signed meta says", field=f"{field}/nonce")
    for name, start, stop, bits in (("expiry", 9, 17, 64), ("count", 17, 21, 32)):
        if integer(entry[name], f"{field}/{name}", bits) != int.from_bytes(meta[start:stop], "big"):
            raise Malformed("this is not what the signed meta says", field=f"{field}/{name}")


def _indexed(entry: dict[str, Any], field: str) -> Indexed:
    return Indexed(
        hexadecimal(entry["raw"], f"{field}/raw", prefix="0x", limit=MAX_TRANSACTION_BYTES),
        _nodes(entry["proof"], f"{field}/proof"),
    )


def _action(value: Any, field: str) -> Action:
    entry = members(value, field, ("root", "count", "lots", "operations"))
    lots = []
    for at, item in enumerate(items(entry["lots"], f"{field}/lots", MAX_LOTS)):
        lot = members(item, f"{field}/lots/{at}", ("lotId", "root", "count"))
        lots.append(
            LotEntry(
                digest(lot["lotId"], f"{field}/lots/{at}/lotId"),
                digest(lot["root"], f"{field}/lots/{at}/root"),
                integer(lot["count"], f"{field}/lots/{at}/count", 32),
            )
        )
    operations = []
    for at, item in enumerate(items(entry["operations"], f"{field}/operations", MAX_OPERATIONS, empty=True)):
        operation = members(item, f"{field}/operations/{at}", ("kind", "data"))
        operations.append(
            Operation(
                integer(operation["kind"], f"{field}/operations/{at}/kind", 8),
                hexadecimal(operation["data"], f"{field}/operations/{at}/data", prefix="0x"),
            )
        )
    return Action(
        digest(entry["root"], f"{field}/root"),
        integer(entry["count"], f"{field}/count", 32),
        tuple(lots),
        tuple(operations),
    )


def _record(value: Any, field: str) -> BundledRecord:
    if isinstance(value, dict) and "erased" in value:
        entry = members(value, field, ("digest", "erased", "inclusion"))
        if entry["erased"] is not True:
            raise Malformed("only the value true has a meaning here", field=f"{field}/erased")
        inclusion = _inclusion(entry["inclusion"], f"{field}/inclusion")
        return BundledRecord(digest(entry["digest"], f"{field}/digest"), "", b"", (), (), inclusion)
    entry = members(value, field, ("digest", "kind", "author", "lots", "leafCount", "fields", "inclusion"))
    lots = items(entry["lots"], f"{field}/lots", MAX_LOTS)
    fields = items(entry["fields"], f"{field}/fields", MAX_FIELDS)
    if integer(entry["leafCount"], f"{field}/leafCount", 32) != len(fields):
        raise Malformed(f"{len(fields)} fields are listed", field=f"{field}/leafCount")
    return BundledRecord(
        digest=digest(entry["digest"], f"{field}/digest"),
        kind=string(entry["kind"], f"{field}/kind", 64),
        author=digest(entry["author"], f"{field}/author"),
        lots=tuple(digest(lot, f"{field}/lots/{at}") for at, lot in enumerate(lots)),
        fields=tuple(_field(item, f"{field}/fields/{at}") for at, item in enumerate(fields)),
        inclusion=_inclusion(entry["inclusion"], f"{field}/inclusion"),
    )


def _inclusion(value: Any, field: str) -> InclusionProof:
    entry = members(value, field, ("index", "size", "path"))
    path = items(entry["path"], f"{field}/path", MAX_TREE.bit_length(), empty=True)
    return InclusionProof(
        integer(entry["index"], f"{field}/index", 32),
        integer(entry["size"], f"{field}/size", 32),
        tuple(digest(node, f"{field}/path/{at}") for at, node in enumerate(path)),
    )


def _field(value: Any, field: str) -> Field:
    if isinstance(value, dict) and "commitment" in value:
        entry = members(value, field, ("commitment",))
        return Field(None, b"", None, digest(entry["commitment"], f"{field}/commitment"))
    entry = members(value, field, ("path", "salt", "value"))
    leaf = entry["value"]
    if isinstance(leaf, (dict, list)) and leaf:
        raise Malformed("a field is a scalar or an empty container", field=f"{field}/value")
    segments = items(entry["path"], f"{field}/path", MAX_DEPTH)
    for at, segment in enumerate(segments):
        if type(segment) is int:
            integer(segment, f"{field}/path/{at}", 32)
        else:
            string(segment, f"{field}/path/{at}", 65_536)
    return Field(tuple(segments), hexadecimal(entry["salt"], f"{field}/salt", 16), leaf, None)


def _account(value: Any, field: str) -> AccountProof:
    entry = members(value, field, ("address", "proof", "storage"))
    storage = []
    for at, item in enumerate(items(entry["storage"], f"{field}/storage", MAX_SLOTS, empty=True)):
        slot = members(item, f"{field}/storage/{at}", ("slot", "value", "proof"))
        storage.append(
            SlotProof(
                _word(slot["slot"], f"{field}/storage/{at}/slot"),
                _word(slot["value"], f"{field}/storage/{at}/value"),
                _nodes(slot["proof"], f"{field}/storage/{at}/proof"),
            )
        )
    return AccountProof(
        _address(entry["address"], f"{field}/address"), _nodes(entry["proof"], f"{field}/proof"), tuple(storage)
    )


def _word(value: Any, field: str) -> int:
    return int.from_bytes(hexadecimal(value, field, 32, prefix="0x"), "big")
