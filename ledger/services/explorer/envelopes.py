"""The Ethereum transaction around a submission: who paid the postage, in which turn, and whether the bytes are right.

The sender is recovered from the transaction's own secp256k1 signature (yellow paper, appendix F; EIP-155, EIP-2930,
EIP-1559), not taken from the engine. To the contracts the sender is nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils import ValidationError

from ledger.crypto.keccak import keccak256
from ledger.errors import EngineUnavailable, Malformed
from ledger.proof.rlp import as_bytes, as_int, decode_list, encode

if TYPE_CHECKING:
    from ledger.proof.rlp import Item

# Per type: number of fields; positions of nonce, gas limit, to, value, data. The last three are the signature.
_SHAPES = {0: (9, 0, 2, 3, 4, 5), 1: (11, 1, 3, 4, 5, 6), 2: (12, 1, 4, 5, 6, 7)}
_FIELD = "transaction"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A transaction's own members; `to` None creates a contract at `creates`."""

    hash: bytes
    type: int
    sender: bytes
    nonce: int
    gas: int
    to: bytes | None
    value: int
    data: bytes

    @property
    def creates(self) -> bytes | None:
        """The address of the contract that it creates (yellow paper, section 7)."""
        return keccak256(encode([self.sender, _number(self.nonce)]))[12:] if self.to is None else None


def open_envelope(raw: bytes) -> Envelope:
    """The transaction that `raw` encodes. Raises EngineUnavailable: a chain holds no other."""
    try:
        kind, body = (0, raw) if raw[:1] >= b"\xc0" else (raw[0], raw[1:])
        count, nonce, gas, to, value, data = _SHAPES[kind]
        items = decode_list(body, _FIELD, count)
        address = as_bytes(items[to], _FIELD)
        if len(address) not in (0, 20):
            raise Malformed("an address has 20 bytes", field=_FIELD)
        return Envelope(
            keccak256(raw),
            kind,
            _sender(kind, items),
            as_int(items[nonce], _FIELD, 64),
            as_int(items[gas], _FIELD, 64),
            address or None,
            as_int(items[value], _FIELD),
            as_bytes(items[data], _FIELD),
        )
    except (IndexError, KeyError, Malformed, BadSignature, ValidationError) as error:
        raise EngineUnavailable("the engine's transaction cannot be read") from error


def _sender(kind: int, items: list[Item]) -> bytes:
    v, r, s = (as_int(item, _FIELD) for item in items[-3:])
    unsigned = items[:-3]
    if kind:
        parity, signed = v, bytes([kind]) + encode(unsigned)
    elif v >= 35:
        parity, signed = (v - 35) % 2, encode([*unsigned, _number((v - 35) // 2), b"", b""])
    else:
        parity, signed = v - 27, encode(unsigned)
    key = Signature(vrs=(parity, r, s)).recover_public_key_from_msg_hash(keccak256(signed))
    return bytes(key.to_canonical_address())


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
