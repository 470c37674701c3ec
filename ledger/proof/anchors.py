"""Trust anchors: the small file that a verifier got from somewhere else than the server it checks.

It names the chain (id, genesis hash), the contracts (address, Keccak hash of the code), the keys that sign checkpoints,
the zone authorities that existed from genesis, and the agencies that witness checkpoints with how many of them a reader
wants. Everything else is proven from it. Format: `originseal-anchors/v1` in docs/proof-bundle.md; why these:
docs/adr/0008-trust-anchors.md and 0010-witnesses.md.

Does not decide whether the file itself is genuine: compare it with a copy from another source (a zone authority, a
replica, print).
"""

from __future__ import annotations

from ledger.crypto.sm2 import PublicKey
from ledger.domain.agencies import AGENCIES
from ledger.errors import BadKey, Malformed
from ledger.proof.text import constant, digest, hexadecimal, integer, items, load_json, members, string
from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FORMAT = "originseal-anchors/v1"
CONTRACTS = ("Submissions", "Members", "Lots", "Trades", "SM2Verifier", "SM3Hasher")
MAX_BYTES = 1024 * 1024
MAX_CHECKPOINT_KEYS = 64  # the operator's and its predecessors'
MAX_AUTHORITIES = 256
MAX_WITNESSES = 64


@dataclass(frozen=True, slots=True)
class ContractAnchor:
    """Where a contract is (20 bytes) and the Keccak hash of the code that must be there."""

    address: bytes
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class CheckpointKey:
    """A key that may sign checkpoints; `key_id` is its Z value under the default ID."""

    key_id: bytes
    public: PublicKey
    name: str


@dataclass(frozen=True, slots=True)
class Authority:
    """A zone authority that exists from genesis."""

    zone: int
    member_id: bytes
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class Witness:
    """A key that co-signs checkpoints. `agency` is a code of ledger.domain.agencies; the name is the office's."""

    key_id: bytes
    public: PublicKey
    agency: str
    name_zh: str
    name_en: str

    @property
    def office(self) -> tuple[str, str, str]:
        """Whose key it is: an office with two keys (it changed them) is one witness, not two."""
        return self.agency, self.name_zh, self.name_en


@dataclass(frozen=True, slots=True)
class Anchors:
    """What a verifier takes for granted."""

    chain_id: int
    genesis: bytes
    contracts: dict[str, ContractAnchor]
    checkpoint_keys: dict[bytes, CheckpointKey]
    authorities: tuple[Authority, ...]
    witnesses: dict[bytes, Witness]
    witness_quorum: int

    @property
    def offices(self) -> tuple[tuple[str, str, str], ...]:
        """The offices that may co-sign, each once, in the file's order."""
        return tuple(dict.fromkeys(witness.office for witness in self.witnesses.values()))

    def to_dict(self) -> dict[str, Any]:
        """The file's JSON value; parse_anchors reads it back."""
        return {
            "format": FORMAT,
            "chainId": self.chain_id,
            "genesis": f"0x{self.genesis.hex()}",
            "contracts": {
                name: {"address": f"0x{anchor.address.hex()}", "codeHash": f"keccak256:{anchor.code_hash.hex()}"}
                for name, anchor in self.contracts.items()
            },
            "checkpointKeys": [
                {"keyId": f"sm3:{key.key_id.hex()}", "publicKey": key.public.point.hex(), "name": key.name}
                for key in self.checkpoint_keys.values()
            ],
            "authorities": [
                {
                    "zone": authority.zone,
                    "memberId": f"sm3:{authority.member_id.hex()}",
                    "name": {"zh": authority.name_zh, "en": authority.name_en},
                }
                for authority in self.authorities
            ],
            "witnesses": [
                {
                    "keyId": f"sm3:{witness.key_id.hex()}",
                    "publicKey": witness.public.point.hex(),
                    "name": {"zh": witness.name_zh, "en": witness.name_en},
                    "agency": witness.agency,
                }
                for witness in self.witnesses.values()
            ],
            "witnessQuorum": self.witness_quorum,
        }


def parse_anchors(data: bytes | str | dict[str, Any]) -> Anchors:
    """The anchors in `data` (the file, or its JSON value). Raises Malformed naming the member that is wrong."""
    value = data if isinstance(data, dict) else load_json(data, "anchors", MAX_BYTES)
    top = members(
        value,
        "",
        ("format", "chainId", "genesis", "contracts", "checkpointKeys", "authorities"),
        ("witnesses", "witnessQuorum"),  # files from before there were witnesses have neither
    )
    constant(top["format"], "/format", FORMAT)
    keys: dict[bytes, CheckpointKey] = {}
    for position, item in enumerate(items(top["checkpointKeys"], "/checkpointKeys", MAX_CHECKPOINT_KEYS)):
        key = _checkpoint_key(item, f"/checkpointKeys/{position}")
        if key.key_id in keys:
            raise Malformed("a key is listed twice", field=f"/checkpointKeys/{position}/keyId")
        keys[key.key_id] = key
    witnesses = _witnesses(top.get("witnesses", []), keys)
    quorum = integer(top.get("witnessQuorum", 0), "/witnessQuorum", 8)
    if quorum > len({witness.office for witness in witnesses.values()}):
        raise Malformed("more witnesses are wanted than there are offices", field="/witnessQuorum")
    return Anchors(
        chain_id=integer(top["chainId"], "/chainId"),
        genesis=hexadecimal(top["genesis"], "/genesis", 32, prefix="0x"),
        contracts=_contracts(top["contracts"]),
        checkpoint_keys=keys,
        authorities=tuple(
            _authority(item, f"/authorities/{position}")
            for position, item in enumerate(items(top["authorities"], "/authorities", MAX_AUTHORITIES))
        ),
        witnesses=witnesses,
        witness_quorum=quorum,
    )


def parse_public_key(point: Any, key_id: Any, field: str) -> CheckpointKey:
    """A public key (04‖X‖Y in hexadecimal) whose Z value must be `key_id`. Raises Malformed."""
    raw = hexadecimal(point, f"{field}/publicKey", 65)
    claimed = digest(key_id, f"{field}/keyId")
    try:
        public = PublicKey.from_point(raw)
    except BadKey as error:
        raise Malformed(f"not an SM2 public key: {error.message}", field=f"{field}/publicKey") from error
    if public.key_id != claimed:
        raise Malformed("the key id is not this public key's Z value", field=f"{field}/keyId")
    return CheckpointKey(claimed, public, "")


def _contracts(value: Any) -> dict[str, ContractAnchor]:
    named = members(value, "/contracts", CONTRACTS)
    result = {}
    for name in CONTRACTS:
        field = f"/contracts/{name}"
        entry = members(named[name], field, ("address", "codeHash"))
        result[name] = ContractAnchor(
            hexadecimal(entry["address"], f"{field}/address", 20, prefix="0x"),
            digest(entry["codeHash"], f"{field}/codeHash", "keccak256"),
        )
    if len({anchor.address for anchor in result.values()}) != len(result):
        raise Malformed("two contracts share an address", field="/contracts")
    return result


def _checkpoint_key(value: Any, field: str) -> CheckpointKey:
    entry = members(value, field, ("keyId", "publicKey", "name"))
    key = parse_public_key(entry["publicKey"], entry["keyId"], field)
    return CheckpointKey(key.key_id, key.public, string(entry["name"], f"{field}/name"))


def _witnesses(value: Any, operators: Mapping[bytes, CheckpointKey]) -> dict[bytes, Witness]:
    witnesses: dict[bytes, Witness] = {}
    for at, item in enumerate(items(value, "/witnesses", MAX_WITNESSES, empty=True)):
        field = f"/witnesses/{at}"
        entry = members(item, field, ("keyId", "publicKey", "name", "agency"))
        name = members(entry["name"], f"{field}/name", ("zh", "en"))
        agency = string(entry["agency"], f"{field}/agency", 64)
        if agency not in AGENCIES:
            raise Malformed(f"no such agency; known are {', '.join(AGENCIES)}", field=f"{field}/agency")
        key = parse_public_key(entry["publicKey"], entry["keyId"], field)
        if key.key_id in witnesses:
            raise Malformed("a key is listed twice", field=f"{field}/keyId")
        if key.key_id in operators:
            raise Malformed("an operator's key cannot witness what it signed itself", field=f"{field}/keyId")
        zh, en = string(name["zh"], f"{field}/name/zh"), string(name["en"], f"{field}/name/en")
        witnesses[key.key_id] = Witness(key.key_id, key.public, agency, zh, en)
    return witnesses


def _authority(value: Any, field: str) -> Authority:
    entry = members(value, field, ("zone", "memberId", "name"))
    name = members(entry["name"], f"{field}/name", ("zh", "en"))
    return Authority(
        integer(entry["zone"], f"{field}/zone", 8),
        digest(entry["memberId"], f"{field}/memberId"),
        string(name["zh"], f"{field}/name/zh"),
        string(name["en"], f"{field}/name/en"),
    )
