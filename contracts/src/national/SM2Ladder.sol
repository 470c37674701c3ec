// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GX, GY, N, P, SM2Curve, THREE_HALVES} from "./SM2Curve.sol";

// The multiples j G that the ladder adds, j = 2 .. 8 (1 G is GX, GY). A test recomputes them.
uint256 constant G2X = 0x56cefd60d7c87c000d58ef57fa73ba4d9c0dfa08c08a7331495c2e1da3f2bd52;
uint256 constant G2Y = 0x31b7e7e6cc8189f668535ce0f8eaf1bd6de84c182f6c8e716f780d3a970a23c3;
uint256 constant G3X = 0xa97f7cd4b3c993b4be2daa8cdb41e24ca13f6bd945302244e26918f1d0509ebf;
uint256 constant G3Y = 0x530b5dd88c688ef5ccc5cec08a72150f7c400ee5cd045292aaacdd037458f6e6;
uint256 constant G4X = 0xc239507105c683242a81052ff641ed69009a084ad5cc937db21646cd34a0ced5;
uint256 constant G4Y = 0xb1bf7ec4080f3c8735f1294ac0db19686bee2e96ab8c71fb7a253666cb66e009;
uint256 constant G5X = 0xc749061668652e26040e008fdd5eb77a344a417b7fce19dba575da57cc372a9e;
uint256 constant G5Y = 0xf2df5db2d144e9454504c622b51cf38f5006206eb579ff7da6976eff5fbe6480;
uint256 constant G6X = 0x0927afb57d93483bbb17c93e71f22a3105ff8856a66016892c8b1a1a3c4b0d30;
uint256 constant G6Y = 0x150c6b1ab4d1fc7eac1c0ef6ebf2664581adf1f0855a064dd572103000088f63;
uint256 constant G7X = 0xddf092555409c19dfdbe86a75c139906a80198337744ee78cd27e384d9fcaf15;
uint256 constant G7Y = 0x847d18ffb38e87065cd6b6e9c12d2922037937707d6a49a2223b949657e52bc1;
uint256 constant G8X = 0xb9c3faeb4b1610713db4333d4e860e64d4ea35d60c1c29bb675d822ded0bb916;
uint256 constant G8Y = 0xc519b309ecf7269c2491d2de9accf2be0366a8a03024b3e03c286da2cfd31a3e;

/// @dev U, where the ladder starts: x = SM3("OriginSeal SM2 ladder offset" ‖ byte 2), the first that is an abscissa; y is
///      the smaller root. Nobody knows its discrete logarithm.
uint256 constant START_X = 0xb6f9d5bbe1ceed5d9ebb12e5b378eb50c9a32dfcb3c2d184f52e598da4e238c6;
uint256 constant START_Y = 0x05d221f019b67450f6939a50da4a23ca3543d67c93126e8dda8c6324f69dbdb5;
/// @dev -2^252 U: what takes U out again at the end.
uint256 constant END_X = 0xed5a4392880cec725ee87f6ad3a9096f4f2ebcf1daddb6ba35e9988dca65a305;
uint256 constant END_Y = 0x0c6d4661c3f418e8def37926a8d50b7fd6bd8d172b47d273010f0c0c0722cc43;

/// @dev Sum of 8 · 16^i, i = 0 .. 63: turns hexadecimal digits into signed ones (see `linearCombination`).
uint256 constant EIGHTS = 0x8888888888888888888888888888888888888888888888888888888888888888;

// Where things are in memory. Fixed addresses save the ladder an addition per load; the blocks that use them are
// therefore not "memory-safe", and whoever calls may hold nothing in memory (SM2Verifier does not).
// A table has 16 entries of 64 bytes: entry u is (x, -y) of the (u - 8)-fold point, entry 8 is never read.
uint256 constant KEY_TABLE = 0x80;
uint256 constant BASE_TABLE = 0x480;
/// @dev Entries (X, Y, Z, Z_1 · … · Z_j) of 128 bytes at JACOBIAN + 128 j, j = 1 .. 8.
uint256 constant JACOBIAN = 0x880;
/// @dev Input of the ModExp precompile, 192 bytes.
uint256 constant MODEXP = 0xd00;

/// @title s G + t Q fast
/// @notice For points Q of the curve; `SM2Curve.combination` computes the same slowly.
/// @dev Why the additions and doublings of the ladder need no case distinction.
///
///      The ladder's formulas are those of SM2Curve without the tests. They are right unless
///        (i) an addition meets equal or opposite points: H = 0, so Z' = Z H = 0; or
///        (ii) an operand is O: Z = 0, so Z' = Z H = 0 or Z' = Y Z = 0.
///      A doubling of a finite point is never exceptional (no point has Y = 0), and table entries are finite: j Q = O
///      for 1 ≤ j ≤ 8 would need N | j. The ladder starts with Z = 1. So by induction over its steps: as long as no
///      exceptional case has happened, Z ≠ 0 and the accumulator is the right finite point; from the first exceptional
///      case on, Z = 0 until the end. Hence Z ≠ 0 at the end proves that every step was right, and Z = 0 makes the
///      caller compute again with SM2Curve.combination, which has no exceptional case. Which keys or scalars lead there
///      does not matter for the answer, only for its gas; without the offset U every small digit would.
///      The offset is taken out by SM2Curve.add, which is complete, so s G + t Q = O comes out as O.
library SM2Ladder {
    /// @notice The chain's ModExp precompile (address 5) does not work.
    error ModExpUnavailable();

    /// @notice s G + t (x, y) for a point of the curve and s, t < N; Z = 0 exactly if the sum is O.
    /// @dev Overwrites memory from 0x80 on.
    function linearCombination(uint256 s, uint256 t, uint256 x, uint256 y)
        internal
        view
        returns (uint256 x3, uint256 y3, uint256 z3)
    {
        _writeKeyTable(x, y);
        _writeBaseTable();
        // Signed digits: let k' = k + EIGHTS mod N and u_i its hexadecimal digits. Then
        //   Σ (u_i - 8) 16^i = k' - EIGHTS ≡ k (mod N),
        // so the (u_i - 8)-fold points, each from -8 to 7, add up to the k-fold point, as N times a point is O.
        (x3, y3, z3) = _ladder(addmod(s, EIGHTS, N), addmod(t, EIGHTS, N));
        if (z3 == 0) return SM2Curve.combination(s, t, x, y);
        return SM2Curve.add(x3, y3, z3, END_X, END_Y);
    }

    /// @dev 2^252 U + Σ (s_i - 8) 16^i G + Σ (t_i - 8) 16^i Q with the digits of s and t, or Z = 0 (see above).
    ///      The formulas stand where they are used, four doublings and two additions, because a call of a function costs
    ///      about 50 gas, and there are 370 of them. A test compares the copies.
    function _ladder(uint256 s, uint256 t) private pure returns (uint256 x, uint256 y, uint256 z) {
        assembly {
            x := START_X
            y := START_Y
            z := 1
            for { let i := 64 } 1 {} {
                // Addition of a table entry (x2, -y2), as SM2Curve.add, with r = -R:
                //   H = x2 Z² - X,  R = y2 Z³ - Y,  V = X H²
                //   X' = R² - H³ - 2V,  Y' = R (V - X') - Y H³,  Z' = Z H
                {
                    let entry := and(shr(246, t), 0x3c0)
                    if xor(entry, 0x200) {
                        entry := add(entry, KEY_TABLE)
                        let r := mulmod(z, z, P)
                        let h := addmod(mulmod(mload(entry), r, P), sub(P, x), P)
                        r := addmod(y, mulmod(mload(add(entry, 0x20)), mulmod(z, r, P), P), P)
                        let minusHH := sub(P, mulmod(h, h, P))
                        let minusV := mulmod(x, minusHH, P)
                        let minusHHH := mulmod(h, minusHH, P)
                        x := addmod(addmod(mulmod(r, r, P), minusHHH, P), addmod(minusV, minusV, P), P)
                        y := addmod(mulmod(r, addmod(x, minusV, P), P), mulmod(y, minusHHH, P), P)
                        z := mulmod(z, h, P)
                    }
                }
                {
                    let entry := and(shr(246, s), 0x3c0)
                    if xor(entry, 0x200) {
                        entry := add(entry, BASE_TABLE)
                        let r := mulmod(z, z, P)
                        let h := addmod(mulmod(mload(entry), r, P), sub(P, x), P)
                        r := addmod(y, mulmod(mload(add(entry, 0x20)), mulmod(z, r, P), P), P)
                        let minusHH := sub(P, mulmod(h, h, P))
                        let minusV := mulmod(x, minusHH, P)
                        let minusHHH := mulmod(h, minusHH, P)
                        x := addmod(addmod(mulmod(r, r, P), minusHHH, P), addmod(minusV, minusV, P), P)
                        y := addmod(mulmod(r, addmod(x, minusV, P), P), mulmod(y, minusHHH, P), P)
                        z := mulmod(z, h, P)
                    }
                }
                i := sub(i, 1)
                if iszero(i) { break }
                s := shl(4, s)
                t := shl(4, t)

                // Four doublings, each the negative of SM2Curve.double (one subtraction less; four signs cancel), with
                // w = -Z⁴ carried along:  α = 3/2 (X² - Z⁴),  β = X Y²
                //   X' = α² - 2β,  -Y' = α (X' - β) + Y⁴,  Z' = Y Z,  -Z'⁴ = w Y⁴
                let w := mulmod(z, z, P)
                w := sub(P, mulmod(w, w, P))
                {
                    let alpha := mulmod(addmod(mulmod(x, x, P), w, P), THREE_HALVES, P)
                    let yy := mulmod(y, y, P)
                    let minusBeta := mulmod(x, sub(P, yy), P)
                    let yyyy := mulmod(yy, yy, P)
                    z := mulmod(y, z, P)
                    x := addmod(mulmod(alpha, alpha, P), addmod(minusBeta, minusBeta, P), P)
                    y := addmod(mulmod(alpha, addmod(x, minusBeta, P), P), yyyy, P)
                    w := mulmod(w, yyyy, P)
                }
                {
                    let alpha := mulmod(addmod(mulmod(x, x, P), w, P), THREE_HALVES, P)
                    let yy := mulmod(y, y, P)
                    let minusBeta := mulmod(x, sub(P, yy), P)
                    let yyyy := mulmod(yy, yy, P)
                    z := mulmod(y, z, P)
                    x := addmod(mulmod(alpha, alpha, P), addmod(minusBeta, minusBeta, P), P)
                    y := addmod(mulmod(alpha, addmod(x, minusBeta, P), P), yyyy, P)
                    w := mulmod(w, yyyy, P)
                }
                {
                    let alpha := mulmod(addmod(mulmod(x, x, P), w, P), THREE_HALVES, P)
                    let yy := mulmod(y, y, P)
                    let minusBeta := mulmod(x, sub(P, yy), P)
                    let yyyy := mulmod(yy, yy, P)
                    z := mulmod(y, z, P)
                    x := addmod(mulmod(alpha, alpha, P), addmod(minusBeta, minusBeta, P), P)
                    y := addmod(mulmod(alpha, addmod(x, minusBeta, P), P), yyyy, P)
                    w := mulmod(w, yyyy, P)
                }
                {
                    let alpha := mulmod(addmod(mulmod(x, x, P), w, P), THREE_HALVES, P)
                    let yy := mulmod(y, y, P)
                    let minusBeta := mulmod(x, sub(P, yy), P)
                    let yyyy := mulmod(yy, yy, P)
                    z := mulmod(y, z, P)
                    x := addmod(mulmod(alpha, alpha, P), addmod(minusBeta, minusBeta, P), P)
                    y := addmod(mulmod(alpha, addmod(x, minusBeta, P), P), yyyy, P)
                }
            }
        }
    }

    /// @dev The table of (x, y): Jacobian multiples 1 to 8, then one inversion for all of them.
    function _writeKeyTable(uint256 x, uint256 y) private view {
        _putJacobian(1, x, y, 1, 1);
        uint256 product = 1;
        for (uint256 j = 2; j <= 8; ++j) {
            (uint256 x3, uint256 y3, uint256 z3) = _getJacobian(j & 1 == 0 ? j >> 1 : j - 1);
            (x3, y3, z3) = j & 1 == 0 ? SM2Curve.double(x3, y3, z3) : SM2Curve.add(x3, y3, z3, x, y);
            product = mulmod(product, z3, P);
            _putJacobian(j, x3, y3, z3, product);
        }
        // Backwards: `inverse` is 1 / (Z_1 · … · Z_j), so times the product up to j - 1 it is 1 / Z_j. Z_1 is 1.
        uint256 inverse = _invert(product);
        for (uint256 j = 8; j >= 2; --j) {
            (uint256 x3, uint256 y3, uint256 z3) = _getJacobian(j);
            uint256 zi = mulmod(inverse, _getProduct(j - 1), P);
            inverse = mulmod(inverse, z3, P);
            uint256 zzi = mulmod(zi, zi, P);
            _putEntries(KEY_TABLE, j, mulmod(x3, zzi, P), mulmod(y3, mulmod(zi, zzi, P), P));
        }
        _putEntries(KEY_TABLE, 1, x, y);
    }

    function _writeBaseTable() private pure {
        _putEntries(BASE_TABLE, 1, GX, GY);
        _putEntries(BASE_TABLE, 2, G2X, G2Y);
        _putEntries(BASE_TABLE, 3, G3X, G3Y);
        _putEntries(BASE_TABLE, 4, G4X, G4Y);
        _putEntries(BASE_TABLE, 5, G5X, G5Y);
        _putEntries(BASE_TABLE, 6, G6X, G6Y);
        _putEntries(BASE_TABLE, 7, G7X, G7Y);
        _putEntries(BASE_TABLE, 8, G8X, G8Y);
    }

    /// @dev Entries for j and -j, given the j-fold point; j = 8 has only the second: digits end at 7.
    function _putEntries(uint256 table, uint256 j, uint256 x, uint256 y) private pure {
        assembly {
            let entry := add(table, shl(6, sub(8, j)))
            mstore(entry, x)
            mstore(add(entry, 0x20), y)
            if lt(j, 8) {
                entry := add(table, shl(6, add(8, j)))
                mstore(entry, x)
                mstore(add(entry, 0x20), sub(P, y))
            }
        }
    }

    function _putJacobian(uint256 j, uint256 x, uint256 y, uint256 z, uint256 product) private pure {
        assembly {
            let entry := add(JACOBIAN, shl(7, j))
            mstore(entry, x)
            mstore(add(entry, 0x20), y)
            mstore(add(entry, 0x40), z)
            mstore(add(entry, 0x60), product)
        }
    }

    function _getJacobian(uint256 j) private pure returns (uint256 x, uint256 y, uint256 z) {
        assembly {
            let entry := add(JACOBIAN, shl(7, j))
            x := mload(entry)
            y := mload(add(entry, 0x20))
            z := mload(add(entry, 0x40))
        }
    }

    function _getProduct(uint256 j) private pure returns (uint256 product) {
        assembly {
            product := mload(add(JACOBIAN, add(0x60, shl(7, j))))
        }
    }

    /// @dev 1 / v modulo P as v^(P-2), by the ModExp precompile (EIP-198). The answer is checked, because on a chain
    ///      without that precompile the call succeeds and returns nothing. v ≠ 0: it is a product of Z's of finite points.
    function _invert(uint256 v) private view returns (uint256 inverse) {
        bool answered;
        assembly {
            mstore(MODEXP, 0x20)
            mstore(add(MODEXP, 0x20), 0x20)
            mstore(add(MODEXP, 0x40), 0x20)
            mstore(add(MODEXP, 0x60), v)
            mstore(add(MODEXP, 0x80), sub(P, 2))
            mstore(add(MODEXP, 0xa0), P)
            answered := staticcall(gas(), 5, MODEXP, 0xc0, MODEXP, 0x20)
            answered := and(answered, eq(returndatasize(), 0x20))
            inverse := mload(MODEXP)
        }
        if (!answered || mulmod(inverse, v, P) != 1) revert ModExpUnavailable();
    }
}
