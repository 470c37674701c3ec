"""Who sent a transaction and with which number: the outbox says it, and here the signed bytes do.

Reads the legacy form (EIP-155) that this ledger's relayer signs; any other goes through py-evm's decoder.
"""

from __future__ import annotations

from dataclasses import dataclass

from coincurve import PublicKey

from ledger.crypto.keccak import keccak256
from ledger.errors import Malformed
from ledger.proof.rlp import as_bytes, as_int, decode_list, encode

_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0  # secp256k1, EIP-2


@dataclass(frozen=True, slots=True)
class Sent:
    """What a signed transaction says of itself."""

    sender: bytes
    nonce: int
    data: bytes


def sent(raw: bytes) -> Sent:
    """The sender, nonce and data of a signed transaction. Raises Malformed, or what py-evm raises for other forms."""
    if raw[:1] < b"\xc0":
        return _typed(raw)
    items = decode_list(raw, "transaction", 9)
    v, r, s = (as_int(item, "signature") for item in items[6:])
    if v < 37:
        return _typed(raw)
    if not 0 < s <= _HALF_ORDER or not r:
        raise Malformed("the signature is out of range", field="signature")
    chain_id, parity = divmod(v - 35, 2)
    tail = sum(len(encode(item)) for item in items[6:])
    signed = raw[1 if raw[0] < 0xF8 else raw[0] - 0xF6 : -tail] + encode(chain_id) + b"\x80\x80"  # EIP-155
    digest = keccak256(list_prefix(len(signed)) + signed)
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((parity,))
    try:
        point = PublicKey.from_signature_and_message(signature, digest, hasher=None).format(compressed=False)
    except Exception as error:  # coincurve raises bare Exception for what cannot be a signature
        raise Malformed(f"no key has made this signature: {error}", field="signature") from error
    return Sent(keccak256(point[1:])[12:], as_int(items[0], "nonce"), as_bytes(items[5], "data"))


def list_prefix(length: int) -> bytes:
    """How RLP begins a list of so many bytes."""
    if length < 56:
        return bytes((0xC0 + length,))
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((0xF7 + len(size),)) + size


def _typed(raw: bytes) -> Sent:
    from ledger.chain.embedded.machine import decode_stored_transaction  # on use: it loads py-evm

    transaction = decode_stored_transaction(raw)
    return Sent(bytes(transaction.sender), int(transaction.nonce), bytes(transaction.data))
