// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title SM3 (GB/T 32905-2016) for the EVM: the compression function
/// @notice No state, no external call.
/// @dev Numbers in brackets are clauses of GB/T 32905-2016.
///
///      How 32-bit words live in 256-bit ones:
///      * "loose": the word is in the low 32 bits, anything may be above. Sums and bitwise operations of loose values
///        are loose values of the right word, because carries only go up.
///      * "doubled": the low 64 bits are v | v << 32. Then v <<< k is the loose value shr(32 - k, doubled): one
///        instruction instead of two shifts, a mask and an or.
///      * mul(and(v, 0xffffffff), 0x100000001) doubles a loose value. Multiplying by 0x10000000100000001 triples it:
///        of the 96 bits, shifts right by up to 23 leave 64 good ones, so that v ^ (v <<< 9) ^ (v <<< 17) of a tripled
///        value comes out doubled.
///
///      The text is written for the stack: within the rounds no more than 16 values are alive, none is kept in memory.
library SM3 {
    /// @dev IV (4.1).
    bytes32 internal constant IV = 0x7380166f4914b2b9172442d7da8a0600a96f30bc163138aae38dee4db0fb0e4e;

    /// @notice CF(V, B) (5.3.2 and 5.3.3), B = m0 ‖ m1.
    /// @dev Works in 608 bytes behind the free memory pointer, which it does not move.
    function compress(bytes32 state, bytes32 m0, bytes32 m1) internal pure returns (bytes32 next) {
        assembly ("memory-safe") {
            // Four 32-bit words, the low 128 bits of x, into the low halves of four 64-bit slots. Nothing may be above.
            function spread(x) -> y {
                y := and(or(x, shl(64, x)), 0xffffffffffffffff0000000000000000ffffffffffffffff)
                y := and(or(y, shl(32, y)), 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff)
            }

            // W_0 .. W_15 (5.3.2 a): word j in the low half of the 8 bytes at q + 8 j. V waits behind W_67 for the end.
            let q := mload(0x40)
            mstore(q, spread(shr(128, m0)))
            mstore(add(q, 0x20), spread(and(m0, 0xffffffffffffffffffffffffffffffff)))
            mstore(add(q, 0x40), spread(shr(128, m1)))
            mstore(add(q, 0x60), spread(and(m1, 0xffffffffffffffffffffffffffffffff)))
            mstore(add(q, 0x240), state)

            // W_16 .. W_67 (5.3.2 b), three at a time (W_j needs W_j-3): a load at word j - k holds W_j-k, W_j-k+1,
            // W_j-k+2 and a fourth one, whose place in the result the next turn of the loop overwrites. 18 turns make
            // 54 words: two more than needed, the last store ends at q + 568 and leaves V alone.
            //   W_j = P1(W_j-16 ^ W_j-9 ^ (W_j-3 <<< 15)) ^ (W_j-13 <<< 7) ^ W_j-6
            //   P1(X) = X ^ (X <<< 15) ^ (X <<< 23)
            q := add(q, 0x80)
            for { let end := add(q, 432) } lt(q, end) { q := add(q, 24) } {
                let d := mload(sub(q, 24))
                d := mul(and(d, 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff), 0x100000001)
                let x := xor(xor(mload(sub(q, 128)), mload(sub(q, 72))), shr(17, d))
                d := mul(and(x, 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff), 0x100000001)
                x := xor(x, xor(shr(17, d), shr(9, d)))
                d := mload(sub(q, 104))
                d := mul(and(d, 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff), 0x100000001)
                mstore(q, xor(xor(x, shr(25, d)), mload(sub(q, 48))))
            }
            q := sub(q, 560)

            // A .. H = V (5.3.3). A, B, E and F will be rotated: doubled. The others are loose.
            let a := mul(shr(224, state), 0x100000001)
            let b := mul(and(shr(192, state), 0xffffffff), 0x100000001)
            let c := shr(160, state)
            let d := shr(128, state)
            let e := mul(and(shr(96, state), 0xffffffff), 0x100000001)
            let f := mul(and(shr(64, state), 0xffffffff), 0x100000001)
            let g := shr(32, state)
            let h := state

            // One round (5.3.3); W'_j = W_j ^ W_j+4 (5.3.2 c):
            //   SS1 = ((A <<< 12) + E + (T_j <<< j)) <<< 7      SS2 = SS1 ^ (A <<< 12)
            //   TT1 = FF_j(A, B, C) + D + SS2 + W'_j            TT2 = GG_j(E, F, G) + H + SS1 + W_j
            //   D = C, C = B <<< 9, B = A, A = TT1              H = G, G = F <<< 19, F = E, E = P0(TT2)
            //   P0(X) = X ^ (X <<< 9) ^ (X <<< 17)
            // The moves are not made: the new A takes the place of D and the new E that of H, B and F are rotated where
            // they are, and the next round is written with the names turned. After four rounds all names are home.
            // `ss` is SS1; t is T_j <<< j eight times over, so that shr(32 - k, t) is T_j <<< (j + k) for k < 4;
            // x is W_j .. W_j+3 and y is W'_j .. W'_j+3 in 64-bit slots, the first one highest.

            // Rounds 0 to 15 (4.2, 4.3): FF = X ^ Y ^ Z, GG = X ^ Y ^ Z, T = 79cc4519.
            let t := 0x79cc451979cc451979cc451979cc451979cc451979cc451979cc451979cc4519
            for { let end := add(q, 0x80) } lt(q, end) { q := add(q, 0x20) } {
                let x := mload(q)
                let y := xor(x, mload(add(q, 0x20)))
                {
                    let a12 := shr(20, a)
                    let ss := shr(25, mul(and(add(add(a12, e), t), 0xffffffff), 0x100000001))
                    d := mul(
                        and(add(add(xor(xor(a, b), c), d), add(xor(ss, a12), shr(192, y))), 0xffffffff),
                        0x100000001
                    )
                    h := mul(
                        and(add(add(xor(xor(e, f), g), h), add(ss, shr(192, x))), 0xffffffff),
                        0x10000000100000001
                    )
                    h := xor(xor(h, shr(23, h)), shr(15, h))
                    b := shr(23, b)
                    f := shr(13, f)
                }
                {
                    let a12 := shr(20, d)
                    let ss := shr(25, mul(and(add(add(a12, h), shr(31, t)), 0xffffffff), 0x100000001))
                    c := mul(
                        and(add(add(xor(xor(d, a), b), c), add(xor(ss, a12), shr(128, y))), 0xffffffff),
                        0x100000001
                    )
                    g := mul(
                        and(add(add(xor(xor(h, e), f), g), add(ss, shr(128, x))), 0xffffffff),
                        0x10000000100000001
                    )
                    g := xor(xor(g, shr(23, g)), shr(15, g))
                    a := shr(23, a)
                    e := shr(13, e)
                }
                {
                    let a12 := shr(20, c)
                    let ss := shr(25, mul(and(add(add(a12, g), shr(30, t)), 0xffffffff), 0x100000001))
                    b := mul(
                        and(add(add(xor(xor(c, d), a), b), add(xor(ss, a12), shr(64, y))), 0xffffffff),
                        0x100000001
                    )
                    f := mul(
                        and(add(add(xor(xor(g, h), e), f), add(ss, shr(64, x))), 0xffffffff),
                        0x10000000100000001
                    )
                    f := xor(xor(f, shr(23, f)), shr(15, f))
                    d := shr(23, d)
                    h := shr(13, h)
                }
                {
                    let a12 := shr(20, b)
                    let ss := shr(25, mul(and(add(add(a12, f), shr(29, t)), 0xffffffff), 0x100000001))
                    a := mul(
                        and(add(add(xor(xor(b, c), d), a), add(xor(ss, a12), y)), 0xffffffff),
                        0x100000001
                    )
                    e := mul(
                        and(add(add(xor(xor(f, g), h), e), add(ss, x)), 0xffffffff),
                        0x10000000100000001
                    )
                    e := xor(xor(e, shr(23, e)), shr(15, e))
                    c := shr(23, c)
                    g := shr(13, g)
                }
                t := or(shl(4, t), shr(252, t))
            }

            // Rounds 16 to 63: FF = (X & Y) | (X & Z) | (Y & Z), written X ^ ((X ^ Y) & (X ^ Z));
            // GG = (X & Y) | (~X & Z), written Z ^ (X & (Y ^ Z)); T = 7a879d8a, here already <<< 16.
            t := 0x9d8a7a879d8a7a879d8a7a879d8a7a879d8a7a879d8a7a879d8a7a879d8a7a87
            for { let end := add(q, 0x180) } lt(q, end) { q := add(q, 0x20) } {
                let x := mload(q)
                let y := xor(x, mload(add(q, 0x20)))
                {
                    let a12 := shr(20, a)
                    let ss := shr(25, mul(and(add(add(a12, e), t), 0xffffffff), 0x100000001))
                    d := mul(
                        and(add(add(xor(a, and(xor(a, b), xor(a, c))), d), add(xor(ss, a12), shr(192, y))), 0xffffffff),
                        0x100000001
                    )
                    h := mul(
                        and(add(add(xor(g, and(e, xor(f, g))), h), add(ss, shr(192, x))), 0xffffffff),
                        0x10000000100000001
                    )
                    h := xor(xor(h, shr(23, h)), shr(15, h))
                    b := shr(23, b)
                    f := shr(13, f)
                }
                {
                    let a12 := shr(20, d)
                    let ss := shr(25, mul(and(add(add(a12, h), shr(31, t)), 0xffffffff), 0x100000001))
                    c := mul(
                        and(add(add(xor(d, and(xor(d, a), xor(d, b))), c), add(xor(ss, a12), shr(128, y))), 0xffffffff),
                        0x100000001
                    )
                    g := mul(
                        and(add(add(xor(f, and(h, xor(e, f))), g), add(ss, shr(128, x))), 0xffffffff),
                        0x10000000100000001
                    )
                    g := xor(xor(g, shr(23, g)), shr(15, g))
                    a := shr(23, a)
                    e := shr(13, e)
                }
                {
                    let a12 := shr(20, c)
                    let ss := shr(25, mul(and(add(add(a12, g), shr(30, t)), 0xffffffff), 0x100000001))
                    b := mul(
                        and(add(add(xor(c, and(xor(c, d), xor(c, a))), b), add(xor(ss, a12), shr(64, y))), 0xffffffff),
                        0x100000001
                    )
                    f := mul(
                        and(add(add(xor(e, and(g, xor(h, e))), f), add(ss, shr(64, x))), 0xffffffff),
                        0x10000000100000001
                    )
                    f := xor(xor(f, shr(23, f)), shr(15, f))
                    d := shr(23, d)
                    h := shr(13, h)
                }
                {
                    let a12 := shr(20, b)
                    let ss := shr(25, mul(and(add(add(a12, f), shr(29, t)), 0xffffffff), 0x100000001))
                    a := mul(
                        and(add(add(xor(b, and(xor(b, c), xor(b, d))), a), add(xor(ss, a12), y)), 0xffffffff),
                        0x100000001
                    )
                    e := mul(
                        and(add(add(xor(h, and(f, xor(g, h))), e), add(ss, x)), 0xffffffff),
                        0x10000000100000001
                    )
                    e := xor(xor(e, shr(23, e)), shr(15, e))
                    c := shr(23, c)
                    g := shr(13, g)
                }
                t := or(shl(4, t), shr(252, t))
            }

            // V' = ABCDEFGH ^ V. Here q = start + 0x200.
            next := xor(
                mload(add(q, 0x40)),
                or(
                    or(
                        or(shl(224, a), shl(192, and(b, 0xffffffff))),
                        or(shl(160, and(c, 0xffffffff)), shl(128, and(d, 0xffffffff)))
                    ),
                    or(
                        or(shl(96, and(e, 0xffffffff)), shl(64, and(f, 0xffffffff))),
                        or(shl(32, and(g, 0xffffffff)), and(h, 0xffffffff))
                    )
                )
            )
        }
    }
}
