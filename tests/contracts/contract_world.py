"""A small consortium on a throw-away chain: the six contracts, some members, and a way to sign and submit.

Everything is encoded here with eth_abi and signed with ledger.crypto.sm2, independently of ledger.domain.action, so
that the contract's digests are checked against two writers. Times are block times; the chain's clock is moved by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

from eth.vm.spoof import SpoofTransaction
from eth_abi import decode, encode
from eth_utils import keccak, to_checksum_address
from rlp import encode as rlp_encode

from contracts import artifact
from ledger.crypto.sm2 import PrivateKey
from ledger.crypto.sm3 import sm3

GAS_LIMIT = 30_000_000
CORE = ("Members", "Lots", "Trades", "Submissions")
ORDER_OF_DEPLOYMENT = ("SM3Hasher", "SM2Verifier", *CORE)

PRODUCER, PACKHOUSE, ECOMMERCE, PAYMENT, LOGISTICS, LABORATORY, SITE_OPERATOR, DECLARANT, BANK, CUSTOMS = (
    1 << i for i in range(10)
)
AGRICULTURE, AUTHORITY, MATCHER, AUDITOR = 1 << 13, 1 << 17, 1 << 18, 1 << 19
ACTIVE, SUSPENDED, RETIRED = 1, 2, 3
HELD, RECALLED = 2, 3
GRAM, PIECE, MILLILITRE = 1, 2, 3
MATCHED, MISMATCHED, INCOMPLETE = 1, 2, 3
NOBODY = bytes(32)

PAIRS = "(bytes32,uint128)[]"
OPERATION_FIELDS: dict[int, tuple[str, ...]] = {
    1: ("bytes32", "bytes32", "uint128", "uint8", PAIRS),
    2: ("bytes32", "bytes32"),
    3: ("bytes32", "uint8"),
    16: ("uint8", "bytes32"),
    17: ("bytes32", "bytes32[4]", "uint8", "uint32", "bytes32", PAIRS),
    32: ("bytes32", "uint32", "uint8", "uint256", "uint256", "bool"),
    33: ("bytes32", "uint8"),
    34: ("bytes32", "uint32"),
    35: ("bytes32", "uint256", "uint256", "bool"),
    36: ("bytes32",),
    37: ("uint32",),
    38: ("bytes32",),
    39: ("bytes32",),
}


def ident(text: str) -> bytes:
    """32 bytes that stand for something, and differ for different texts."""
    return sm3(text.encode())


def op(kind: int, *fields: Any) -> tuple[int, bytes]:
    """An operation with canonical data."""
    return kind, encode(OPERATION_FIELDS[kind], fields)


def register_lot(lot: bytes, quantity: int = 1000, unit: int = GRAM, parents: Sequence[tuple[bytes, int]] = ()) -> Any:
    return op(1, lot, ident("origin") if lot else NOBODY, quantity, unit, list(parents))


def record_match(
    trade: bytes, documents: Sequence[bytes], verdict: int = MATCHED, lines: Sequence[tuple[bytes, int]] = ()
) -> Any:
    return op(17, trade, list(documents), verdict, 7, ident("result"), list(lines))


def entries(*lots: bytes, count: int = 1) -> list[tuple[bytes, bytes, int]]:
    """One entry per lot, in the order that the contract wants."""
    return [(lot, sm3(b"lot root" + lot), count) for lot in sorted(lots)]


@dataclass(frozen=True, repr=False)
class Actor:
    """A member with its key."""

    name: str
    key: PrivateKey
    roles: int = 0
    zone: int = 6
    custodial: bool = False

    def __repr__(self) -> str:
        return self.name

    @property
    def id(self) -> bytes:
        return ident("member " + self.name)

    @property
    def key_id(self) -> bytes:
        return self.key.public.key_id

    @property
    def point(self) -> tuple[int, int]:
        return self.key.public.x, self.key.public.y

    def with_key(self, scalar: int) -> Actor:
        return replace(self, key=PrivateKey.from_scalar(scalar))


def actor(name: str, roles: int = 0, zone: int = 6, custodial: bool = False) -> Actor:
    """The actor of this name; always the same key."""
    scalar = int.from_bytes(sm3(b"scalar " + name.encode()), "big") >> 8
    return Actor(name, PrivateKey.from_scalar(scalar), roles, zone, custodial)


def admission(who: Actor, **other: Any) -> tuple[int, bytes]:
    """ADMIT_MEMBER for an actor; `other` replaces fields."""
    fields = {"id": who.id, "roles": who.roles, "zone": who.zone, "x": who.point[0], "y": who.point[1]}
    return op(32, *{**fields, "custodial": who.custodial, **other}.values())


AUTHORITY_6 = actor("authority of zone 6", AUTHORITY, 6)
AUTHORITY_2 = actor("authority of zone 2", AUTHORITY, 2)
ORCHARD = actor("orchard", PRODUCER)
POND = actor("pond", PRODUCER | PACKHOUSE)
SHOP = actor("shop", ECOMMERCE)
PAYER = actor("payment institution", PAYMENT)
CARRIER = actor("carrier", LOGISTICS)
LAB = actor("laboratory", LABORATORY)
AGENT = actor("declaration agent", DECLARANT)
OFFICER = actor("customs", CUSTOMS)
JUDGE = actor("matcher", MATCHER, custodial=True)
LENDER = actor("bank", BANK)
MEMBERS = (ORCHARD, POND, SHOP, PAYER, CARRIER, LAB, AGENT, OFFICER, JUDGE, LENDER)


@dataclass(frozen=True)
class Signed:
    """The arguments of `submit`, which a test may alter before they are sent."""

    key_id: bytes
    action: tuple[bytes, int, list[Any], list[Any]]
    meta: bytes
    r: bytes
    s: bytes
    digest: bytes = field(default=b"")

    @property
    def arguments(self) -> tuple[Any, ...]:
        return self.key_id, self.action, self.meta, self.r, self.s

    @property
    def submission_id(self) -> bytes:
        nonce = int.from_bytes(self.meta[1:9], "big")
        return keccak(self.key_id + nonce.to_bytes(32, "big") + self.digest)


def action_digest(action: tuple[bytes, int, Any, Any]) -> bytes:
    """The digest as the specification words it."""
    root, count, lots, operations = action
    return keccak(
        keccak(b"OriginSeal.Action(bytes32 root,uint32 count,LotEntry[] lots,Operation[] operations)")
        + root
        + count.to_bytes(32, "big")
        + keccak(b"".join(lot + lot_root + n.to_bytes(32, "big") for lot, lot_root, n in lots))
        + keccak(b"".join(keccak(kind.to_bytes(32, "big") + keccak(data)) for kind, data in operations))
    )


def meta_bytes(nonce: int, expiry: int, count: int, kind: int = 1, spare: bytes = bytes(2)) -> bytes:
    return bytes([kind]) + nonce.to_bytes(8, "big") + expiry.to_bytes(8, "big") + count.to_bytes(4, "big") + spare


def domain(chain_id: int, address: str) -> bytes:
    return sm3(b"OriginSeal submission v1" + chain_id.to_bytes(32, "big") + bytes.fromhex(address[2:]))


ERRORS = {
    keccak(text=f"{e['name']}({','.join(i['type'] for i in e['inputs'])})")[:4]: e
    for name in CORE
    for e in artifact(name).abi
    if e["type"] == "error"
}

EVENTS = {
    keccak(text=f"{e['name']}({','.join(i['type'] for i in e['inputs'])})"): e["name"]
    for name in CORE
    for e in artifact(name).abi
    if e["type"] == "event"
}

_provoked: list[str] = []


def provokes(*names: str) -> Callable[[Any], Any]:
    """Promises that a test sees each of these custom errors; the test fails if it does not keep the promise.

    test_errors.py reads the promises and fails for an error of an ABI that no test promises.
    """

    def decorate(test: Any) -> Any:
        @wraps(test)
        def run(*args: Any, **kwargs: Any) -> None:
            del _provoked[:]
            test(*args, **kwargs)
            missing = set(names) - set(_provoked)
            assert not missing, f"promised to provoke {sorted(missing)}"

        run.provokes = names  # type: ignore[attr-defined]
        return run

    return decorate


def decode_revert(data: bytes) -> tuple[Any, ...]:
    """(name, argument …) of a custom error of the core contracts."""
    assert data[:4] in ERRORS, f"no custom error of the core contracts: 0x{data.hex()}"
    error = ERRORS[data[:4]]
    _provoked.append(error["name"])
    return (error["name"], *decode([i["type"] for i in error["inputs"]], data[4:]))


def calldata(function: Any) -> bytes:
    """The input of a transaction that calls a bound contract function."""
    return bytes.fromhex(function._encode_transaction_data()[2:])


class World:
    """The deployed contracts and how to use them."""

    def __init__(self, chain: Any, genesis: Sequence[Actor] = (AUTHORITY_6, AUTHORITY_2), threshold: int = 1) -> None:
        self.chain = chain
        self.w3 = chain.w3
        self.hasher = chain.deploy("SM3Hasher")
        self.verifier = chain.deploy("SM2Verifier")
        self.deploy_core(genesis, threshold)
        self.nonce = 0

    def predicted(self, ahead: int) -> str:
        """The address of the contract that the default account deploys after `ahead` others."""
        account = self.chain.accounts[0]
        n = self.w3.eth.get_transaction_count(account) + ahead
        return str(to_checksum_address(keccak(rlp_encode([bytes.fromhex(account[2:]), n]))[12:]))

    def deploy_core(self, genesis: Sequence[Actor], threshold: int = 1) -> None:
        door = self.predicted(3)
        authorities = [(a.id, a.zone, *a.point) for a in genesis]
        self.members = self.chain.deploy("Members", door, self.hasher.address, authorities, threshold)
        self.lots = self.chain.deploy("Lots", door)
        self.trades = self.chain.deploy("Trades", door)
        parts = (self.hasher, self.verifier, self.members, self.lots, self.trades)
        self.submissions = self.chain.deploy("Submissions", *(part.address for part in parts))
        assert self.submissions.address == door
        self.domain = domain(self.w3.eth.chain_id, door)

    def rewire(self, door: str) -> None:
        """Goes back to the ledger behind this Submissions contract."""
        self.submissions = self._at("Submissions", door)
        views = self.submissions.functions
        self.members = self._at("Members", views.members().call())
        self.lots = self._at("Lots", views.lots().call())
        self.trades = self._at("Trades", views.trades().call())
        self.domain = domain(self.w3.eth.chain_id, door)

    def _at(self, name: str, address: str) -> Any:
        return self.w3.eth.contract(address=address, abi=artifact(name).abi)

    # ------------------------------------------------------------------------------------------------ signing

    @property
    def now(self) -> int:
        """Time of the newest block."""
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def sign(
        self,
        who: Actor,
        operations: Sequence[Any] = (),
        lots: Sequence[Any] = (),
        *,
        count: int = 1,
        root: bytes | None = None,
        meta: bytes | None = None,
        nonce: int | None = None,
        expiry: int | None = None,
        domain: bytes | None = None,
    ) -> Signed:
        """A submission of `who`; by default with a fresh nonce and a day to live."""
        if nonce is None:
            self.nonce += 1
            nonce = self.nonce
        root = ident(f"root {nonce}") if root is None else root
        action = (root, count, list(lots), list(operations))
        meta = meta_bytes(nonce, self.now + 86_400 if expiry is None else expiry, count) if meta is None else meta
        digest = action_digest(action)
        signature = who.key.sign((domain or self.domain) + digest + meta)
        return Signed(who.key_id, action, meta, signature[:32], signature[32:], digest)

    # ---------------------------------------------------------------------------------------------- submitting

    def send(self, signed: Signed) -> Any:
        """The receipt of a transaction that must succeed."""
        receipt = self.chain.receipt(self.submissions.functions.submit(*signed.arguments).transact({"gas": GAS_LIMIT}))
        assert receipt["status"] == 1, "the submission reverted"
        return receipt

    def submit(self, who: Actor, operations: Sequence[Any] = (), lots: Sequence[Any] = (), **more: Any) -> Any:
        """Signs and sends."""
        return self.send(self.sign(who, operations, lots, **more))

    def simulate(
        self, data: bytes, to: str | None, *, sender: int = 0, time: int | None = None, sender_code: bytes = b""
    ) -> Any:
        """Executes a call (or, without `to`, a creation) on top of the newest block and forgets it."""
        evm = self.chain.tester.backend.chain
        header = evm.get_block_by_header(evm.get_canonical_head()).header
        machine = evm.get_vm(at_header=header if time is None else header.copy(timestamp=time))
        account = bytes.fromhex(self.chain.accounts[sender][2:])
        if sender_code:
            machine.state.set_code(account, sender_code)
        transaction = machine.create_unsigned_transaction(
            nonce=machine.state.get_nonce(account),
            gas_price=10**10,
            gas=GAS_LIMIT,
            to=bytes.fromhex(to[2:]) if to else b"",
            value=0,
            data=data,
        )
        return machine.state.apply_transaction(SpoofTransaction(transaction, from_=account))

    def revert_of(self, function: Any, **how: Any) -> tuple[Any, ...]:
        """(name, argument …) of the custom error with which this call reverts; fails when it does not."""
        return self.raw_revert(calldata(function), function.address, **how)

    def raw_revert(self, data: bytes, to: str, **how: Any) -> tuple[Any, ...]:
        """The custom error with which these bytes are answered."""
        computation = self.simulate(data, to, **how)
        assert computation.is_error, "the call did not revert"
        return decode_revert(bytes(computation.output))

    def creation_revert(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        """The custom error with which a constructor reverts."""
        compiled = artifact(name)
        factory = self.w3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
        data = bytes.fromhex(factory.constructor(*arguments).data_in_transaction[2:])
        computation = self.simulate(data, None)
        assert computation.is_error, "the constructor did not revert"
        return decode_revert(bytes(computation.output))

    def refused(self, signed: Signed, **how: Any) -> tuple[Any, ...]:
        """The custom error that this submission meets."""
        return self.revert_of(self.submissions.functions.submit(*signed.arguments), **how)

    def refuses(self, who: Actor, operations: Sequence[Any] = (), lots: Sequence[Any] = (), **more: Any) -> Any:
        """Signs, and tells the custom error."""
        return self.refused(self.sign(who, operations, lots, **more))

    def events(self, receipt: Any) -> list[tuple[str, dict[str, Any]]]:
        """(name, arguments) of all events of a receipt, in order."""
        found = []
        for log in receipt["logs"]:
            contract = next(
                c for c in (self.submissions, self.members, self.lots, self.trades) if c.address == log["address"]
            )
            event = EVENTS[bytes(log["topics"][0])]
            found.append((event, dict(contract.events[event]().process_log(log)["args"])))
        return found

    # ------------------------------------------------------------------------------------------------- set-up

    def admit(self, who: Actor, by: Actor = AUTHORITY_6) -> Any:
        return self.submit(by, [admission(who)])

    def appoint(self, who: Actor, by: Actor = AUTHORITY_6) -> Any:
        """Admits an authority, which accepts its office."""
        self.admit(who, by)
        return self.submit(who, [op(39, who.id)])

    def register(self, who: Actor, lot: bytes, quantity: int = 1000, **more: Any) -> Any:
        return self.submit(who, [register_lot(lot, quantity, **more)], entries(lot))

    def lot(self, lot: bytes) -> dict[str, Any]:
        return self._struct(self.lots, "lot", lot)

    def member(self, member: bytes) -> dict[str, Any]:
        return self._struct(self.members, "member", member)

    def key(self, key: bytes) -> dict[str, Any]:
        return self._struct(self.members, "key", key)

    def document(self, digest: bytes) -> dict[str, Any]:
        return self._struct(self.trades, "document", digest)

    def trade(self, trade: bytes) -> dict[str, Any]:
        return self._struct(self.trades, "trade", trade)

    @staticmethod
    def _struct(contract: Any, name: str, argument: bytes) -> dict[str, Any]:
        outputs = next(f for f in contract.abi if f.get("name") == name)["outputs"]
        values = contract.functions[name](argument).call()
        return dict(zip([c["name"] for c in outputs[0]["components"]], values, strict=True))
