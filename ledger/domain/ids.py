"""The ledger's content-derived ids: members, lots, trades. 32 bytes each, SM3, length-prefixed and tagged.

Job: exactly the id formulas, nothing else; the verifier imports this module, so it validates nothing and stays tiny.
Parse and check the inputs first (ledger.domain.members, ledger.domain.gs1).
"""

from __future__ import annotations

from ledger.crypto.sm3 import hmac_sm3, sm3


def lp(data: bytes) -> bytes:
    """`data` behind its length as u32 big-endian: no two sequences of parts share bytes."""
    return len(data).to_bytes(4, "big") + data


def member_id(uscc: str) -> bytes:
    """A member's id from its unified social credit code (18 characters, upper case)."""
    return sm3(b"originseal/member/v1" + lp(uscc.encode("utf-8")))


def lot_id(gtin14: str, lot: str) -> bytes:
    """A lot's id from its GTIN (14 digits) and its lot code."""
    return sm3(b"originseal/lot/v1" + lp(gtin14.encode("utf-8")) + lp(lot.encode("utf-8")))


def trade_id(tag_key: bytes, ebc_code: str, order_no: str) -> bytes:
    """A trade's id: keyed, because order numbers can be guessed and chain readers must not confirm a guess."""
    return hmac_sm3(tag_key, lp(ebc_code.encode("utf-8")) + lp(order_no.encode("utf-8")))
