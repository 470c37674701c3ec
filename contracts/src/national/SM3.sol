// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title SM3 (GB/T 32905-2016) for the EVM
/// @notice Compression function and padding; no state, no external call.
/// @dev Numbers in brackets are clauses of GB/T 32905-2016.
///
///      How 32-bit words live in 256-bit ones:
///      * "loose": the word is in the low 32 bits, anything may be above. Sums and bitwise operations of loose values
///        are loose values of the right word, because carries only go up.
///      * "doubled": the low 64 bits are w | w << 32. Then w <<< k is the loose value shr(32 - k, doubled): one
///        instruction instead of two shifts, a mask and an or.
///      * A loose value is doubled by mul(and(v, MASK), DOUBLE); tripled by TRIPLE, where the doubled form of
///        v ^ (v <<< 9) ^ (v <<< 17) is needed, as 96 bits shifted right by up to 23 leave 64 good ones.
library SM3 {
    /// @dev IV (4.1).
    bytes32 internal constant IV = 0x7380166f4914b2b9172442d7da8a0600a96f30bc163138aae38dee4db0fb0e4e;

    /// @notice CF(V, B) (5.3.2 and 5.3.3), B = m0 ‖ m1.
    /// @dev Works in memory beyond the free memory pointer and leaves nothing there.
    function compress(bytes32 state, bytes32 m0, bytes32 m1) internal pure returns (bytes32 next) {
        assembly ("memory-safe") {
            // The low 32 bits of each of four 64-bit slots.
            let slots := 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff

            // Four 32-bit words (the low 128 bits of x, nothing above) into four slots.
            function spread(x, mask) -> y {
                y := and(or(x, shl(64, x)), 0xffffffffffffffff0000000000000000ffffffffffffffff)
                y := and(or(y, shl(32, y)), mask)
            }

            // W_0 .. W_15 (5.3.2 a): word j in the slot of 8 bytes at w + 8 j.
            let w := mload(0x40)
            mstore(w, spread(shr(128, m0), slots))
            mstore(add(w, 0x20), spread(and(m0, 0xffffffffffffffffffffffffffffffff), slots))
            mstore(add(w, 0x40), spread(shr(128, m1), slots))
            mstore(add(w, 0x60), spread(and(m1, 0xffffffffffffffffffffffffffffffff), slots))

            // W_16 .. W_67 (5.3.2 b), three at a time: a load at slot j - k holds W_{j-k}, W_{j-k+1}, W_{j-k+2} and a
            // fourth slot that the next round of the loop overwrites. Three is the most: W_j needs W_{j-3}.
            //   W_j = P1(W_{j-16} ^ W_{j-9} ^ (W_{j-3} <<< 15)) ^ (W_{j-13} <<< 7) ^ W_{j-6},
            //   P1(X) = X ^ (X <<< 15) ^ (X <<< 23)
            let q := add(w, 0x80)
            for { let end := add(w, 560) } lt(q, end) { q := add(q, 24) } {
                let d := mul(and(mload(sub(q, 24)), slots), 0x100000001)
                let x := xor(xor(mload(sub(q, 128)), mload(sub(q, 72))), shr(17, d))
                d := mul(and(x, slots), 0x100000001)
                x := xor(x, xor(shr(17, d), shr(9, d)))
                d := mul(and(mload(sub(q, 104)), slots), 0x100000001)
                mstore(q, xor(xor(x, shr(25, d)), mload(sub(q, 48))))
            }

            // A .. H = V (5.3.3). A, B, E, F are rotated later: doubled. The others stay loose.
            let a := mul(shr(224, state), 0x100000001)
            let b := mul(and(shr(192, state), 0xffffffff), 0x100000001)
            let c := shr(160, state)
            let d := shr(128, state)
            let e := mul(and(shr(96, state), 0xffffffff), 0x100000001)
            let f := mul(and(shr(64, state), 0xffffffff), 0x100000001)
            let g := shr(32, state)
            let h := state

            // One round (5.3.3), with X <<< k written as a shift of the doubled X:
            //   SS1 = ((A <<< 12) + E + (T_j <<< j)) <<< 7        SS2 = SS1 ^ (A <<< 12)
            //   TT1 = FF_j(A, B, C) + D + SS2 + (W_j ^ W_{j+4})   TT2 = GG_j(E, F, G) + H + SS1 + W_j
            //   D = C, C = B <<< 9, B = A, A = TT1, H = G, G = F <<< 19, F = E, E = P0(TT2),
            //   P0(X) = X ^ (X <<< 9) ^ (X <<< 17)
            // The moves are not made: after four rounds the eight names are back in place, so four rounds are written
            // out with the names turned. In each, `ss` is SS1, the new A replaces D and the new E replaces H.
            // t holds eight copies of T_j <<< j; shr(32 - k, t) is T_j <<< (j + k), rotating t by 4 steps it on.
            // x holds W_j .. W_{j+3} and y holds W_j ^ W_{j+4} .. W_{j+3} ^ W_{j+7}, the last in the low bits.

            // Rounds 0 to 15: FF = X ^ Y ^ Z, GG = X ^ Y ^ Z, T = 79cc4519 (4.2, 4.3).
            let t := 0x79cc451979cc451979cc451979cc451979cc451979cc451979cc451979cc4519
            q := w
            for { let end := add(w, 0x80) } lt(q, end) { q := add(q, 0x20) } {
                let x := mload(q)
                let y := xor(x, mload(add(q, 0x20)))
                {
                    let a12 := shr(20, a)
                    let ss := shr(25, mul(and(add(add(a12, e), t), 0xffffffff), 0x100000001))
                    d := mul(and(add(add(xor(xor(a, b), c), d), add(xor(ss, a12), shr(192, y))), 0xffffffff), 0x100000001)
                    h := mul(and(add(add(xor(xor(e, f), g), h), add(ss, shr(192, x))), 0xffffffff), 0x10000000100000001)
                    h := xor(xor(h, shr(23, h)), shr(15, h))
                    b := shr(23, b)
                    f := shr(13, f)
                }
                {
                    let a12 := shr(20, d)
                    let ss := shr(25, mul(and(add(add(a12, h), shr(31, t)), 0xffffffff), 0x100000001))
                    c := mul(and(add(add(xor(xor(d, a), b), c), add(xor(ss, a12), shr(128, y))), 0xffffffff), 0x100000001)
                    g := mul(and(add(add(xor(xor(h, e), f), g), add(ss, shr(128, x))), 0xffffffff), 0x10000000100000001)
                    g := xor(xor(g, shr(23, g)), shr(15, g))
                    a := shr(23, a)
                    e := shr(13, e)
                }
                {
                    let a12 := shr(20, c)
                    let ss := shr(25, mul(and(add(add(a12, g), shr(30, t)), 0xffffffff), 0x100000001))
                    b := mul(and(add(add(xor(xor(c, d), a), b), add(xor(ss, a12), shr(64, y))), 0xffffffff), 0x100000001)
                    f := mul(and(add(add(xor(xor(g, h), e), f), add(ss, shr(64, x))), 0xffffffff), 0x10000000100000001)
                    f := xor(xor(f, shr(23, f)), shr(15, f))
                    d := shr(23, d)
                    h := shr(13, h)
                }
                {
                    let a12 := shr(20, b)
                    let ss := shr(25, mul(and(add(add(a12, f), shr(29, t)), 0xffffffff), 0x100000001))
                    a := mul(and(add(add(xor(xor(b, c), d), a), add(xor(ss, a12), y)), 0xffffffff), 0x100000001)
                    e := mul(and(add(add(xor(xor(f, g), h), e), add(ss, x)), 0xffffffff), 0x10000000100000001)
                    e := xor(xor(e, shr(23, e)), shr(15, e))
                    c := shr(23, c)
                    g := shr(13, g)
                }
                t := or(shl(4, t), shr(252, t))
            }

            // Rounds 16 to 63: FF = majority = X ^ ((X ^ Y) & (X ^ Z)), GG = choice = Z ^ (X & (Y ^ Z)),
            // T = 7a879d8a, here already rotated by 16.
            t := 0x9d8a7a879d8a7a879d8a7a879d8a7a879d8a7a879d8a7a879d8a7a879d8a7a87
            for { let end := add(w, 0x200) } lt(q, end) { q := add(q, 0x20) } {
                let x := mload(q)
                let y := xor(x, mload(add(q, 0x20)))
                {
                    let a12 := shr(20, a)
                    let ss := shr(25, mul(and(add(add(a12, e), t), 0xffffffff), 0x100000001))
                    d := mul(and(add(add(xor(a, and(xor(a, b), xor(a, c))), d), add(xor(ss, a12), shr(192, y))), 0xffffffff), 0x100000001)
                    h := mul(and(add(add(xor(g, and(e, xor(f, g))), h), add(ss, shr(192, x))), 0xffffffff), 0x10000000100000001)
                    h := xor(xor(h, shr(23, h)), shr(15, h))
                    b := shr(23, b)
                    f := shr(13, f)
                }
                {
                    let a12 := shr(20, d)
                    let ss := shr(25, mul(and(add(add(a12, h), shr(31, t)), 0xffffffff), 0x100000001))
                    c := mul(and(add(add(xor(d, and(xor(d, a), xor(d, b))), c), add(xor(ss, a12), shr(128, y))), 0xffffffff), 0x100000001)
                    g := mul(and(add(add(xor(f, and(h, xor(e, f))), g), add(ss, shr(128, x))), 0xffffffff), 0x10000000100000001)
                    g := xor(xor(g, shr(23, g)), shr(15, g))
                    a := shr(23, a)
                    e := shr(13, e)
                }
                {
                    let a12 := shr(20, c)
                    let ss := shr(25, mul(and(add(add(a12, g), shr(30, t)), 0xffffffff), 0x100000001))
                    b := mul(and(add(add(xor(c, and(xor(c, d), xor(c, a))), b), add(xor(ss, a12), shr(64, y))), 0xffffffff), 0x100000001)
                    f := mul(and(add(add(xor(e, and(g, xor(h, e))), f), add(ss, shr(64, x))), 0xffffffff), 0x10000000100000001)
                    f := xor(xor(f, shr(23, f)), shr(15, f))
                    d := shr(23, d)
                    h := shr(13, h)
                }
                {
                    let a12 := shr(20, b)
                    let ss := shr(25, mul(and(add(add(a12, f), shr(29, t)), 0xffffffff), 0x100000001))
                    a := mul(and(add(add(xor(b, and(xor(b, c), xor(b, d))), a), add(xor(ss, a12), y)), 0xffffffff), 0x100000001)
                    e := mul(and(add(add(xor(h, and(f, xor(g, h))), e), add(ss, x)), 0xffffffff), 0x10000000100000001)
                    e := xor(xor(e, shr(23, e)), shr(15, e))
                    c := shr(23, c)
                    g := shr(13, g)
                }
                t := or(shl(4, t), shr(252, t))
            }

            // V' = ABCDEFGH ^ V.
            next := or(
                or(or(shl(224, a), shl(192, and(b, 0xffffffff))), or(shl(160, and(c, 0xffffffff)), shl(128, and(d, 0xffffffff)))),
                or(or(shl(96, and(e, 0xffffffff)), shl(64, and(f, 0xffffffff))), or(shl(32, and(g, 0xffffffff)), and(h, 0xffffffff)))
            )
            next := xor(next, state)
        }
    }
}
