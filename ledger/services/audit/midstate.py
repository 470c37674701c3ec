"""One SM3 compression in plain Python: the state that `Members` stores for a key (SM3 after Z ‖ DOMAIN).

Slow and small on purpose: an audit computes it once per key and must not borrow the contract's or OpenSSL's code for
what it checks. Standard: GB/T 32905-2016, 5.3.
"""

from __future__ import annotations

_MASK = 0xFFFFFFFF
_IV = (0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E)


def _rotate(value: int, bits: int) -> int:
    bits %= 32
    return (value << bits | value >> (32 - bits)) & _MASK


def midstate(block: bytes) -> bytes:
    """The SM3 chaining value after the one 64-byte block, from the standard's initial value."""
    assert len(block) == 64
    w = [int.from_bytes(block[at : at + 4], "big") for at in range(0, 64, 4)]
    for j in range(16, 68):
        x = w[j - 16] ^ w[j - 9] ^ _rotate(w[j - 3], 15)
        w.append(x ^ _rotate(x, 15) ^ _rotate(x, 23) ^ _rotate(w[j - 13], 7) ^ w[j - 6])
    a, b, c, d, e, f, g, h = _IV
    for j in range(64):
        constant = 0x79CC4519 if j < 16 else 0x7A879D8A
        ss1 = _rotate((_rotate(a, 12) + e + _rotate(constant, j)) & _MASK, 7)
        ss2 = ss1 ^ _rotate(a, 12)
        ff = a ^ b ^ c if j < 16 else (a & b) | (a & c) | (b & c)
        gg = e ^ f ^ g if j < 16 else (e & f) | (~e & _MASK & g)
        tt1 = (ff + d + ss2 + (w[j] ^ w[j + 4])) & _MASK
        tt2 = (gg + h + ss1 + w[j]) & _MASK
        a, b, c, d = tt1, a, _rotate(b, 9), c
        e, f, g, h = tt2 ^ _rotate(tt2, 9) ^ _rotate(tt2, 17), e, _rotate(f, 19), g
    state = (x ^ y for x, y in zip(_IV, (a, b, c, d, e, f, g, h), strict=True))
    return b"".join(word.to_bytes(4, "big") for word in state)
