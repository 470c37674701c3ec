// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// The recommended curve y² = x³ + A x + B over F_p (GB/T 32918.5-2017, clause 3), of prime order N (cofactor 1).
// Literals, because Yul takes no computed constants; tests recompute those that follow from others.

uint256 constant P = 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff;
/// @dev A = P - 3: what the doubling formulas below build on.
uint256 constant A = 0xfffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc;
uint256 constant B = 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93;
uint256 constant N = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123;
uint256 constant GX = 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7;
uint256 constant GY = 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0;
/// @dev 3/2 modulo P.
uint256 constant THREE_HALVES = 0x7fffffff7fffffffffffffffffffffffffffffff800000008000000000000001;

/// @title Complete point arithmetic on the SM2 curve
/// @notice Jacobian coordinates: (X, Y, Z) is the affine point (X/Z², Y/Z³); every (X, Y, 0) is the point at infinity O.
/// @dev Right for every input, O, equal and opposite points included; used where speed does not matter. The curve has
///      no point of order two (N is odd), so Y = 0 never occurs in a finite point.
///      Yul's sub(P, v) of a v below P is at most P, which addmod and mulmod reduce; it is applied to reduced values only.
library SM2Curve {
    /// @notice Whether (x, y) are reduced coordinates of a point of the curve. O has no such coordinates.
    function isPoint(uint256 x, uint256 y) internal pure returns (bool) {
        if (x >= P || y >= P) return false;
        // y² = (x² + A) x + B
        return mulmod(y, y, P) == addmod(mulmod(addmod(mulmod(x, x, P), A, P), x, P), B, P);
    }

    /// @notice 2 (X, Y, Z).
    /// @dev With α = 3/2 (X - Z²)(X + Z²) and β = X Y²:  X' = α² - 2β,  Y' = α (β - X') - Y⁴,  Z' = Y Z.
    ///      These are the textbook formulas for A = -3 with (X', Y', Z') scaled by (1/4, 1/8, 1/2): the same point.
    ///      Z = 0 gives Z' = 0.
    function double(uint256 x, uint256 y, uint256 z) internal pure returns (uint256 x3, uint256 y3, uint256 z3) {
        assembly ("memory-safe") {
            let zz := mulmod(z, z, P)
            let alpha := mulmod(mulmod(addmod(x, zz, P), addmod(x, sub(P, zz), P), P), THREE_HALVES, P)
            let yy := mulmod(y, y, P)
            let minusBeta := mulmod(x, sub(P, yy), P)
            x3 := addmod(mulmod(alpha, alpha, P), addmod(minusBeta, minusBeta, P), P)
            y3 := addmod(mulmod(alpha, addmod(x3, minusBeta, P), P), mulmod(yy, yy, P), P)
            y3 := addmod(0, sub(P, y3), P)
            z3 := mulmod(y, z, P)
        }
    }

    /// @notice (X, Y, Z) + (x2, y2), the second point affine and finite.
    /// @dev With H = x2 Z² - X, R = y2 Z³ - Y and V = X H²:
    ///      X' = R² - H³ - 2V,  Y' = R (V - X') - Y H³,  Z' = Z H.
    ///      H = 0 means equal abscissas: then R = 0 is the same point (doubled), and R ≠ 0 is its opposite, for which
    ///      the formulas give Z' = 0, that is O. Z = 0 is O + (x2, y2).
    function add(uint256 x, uint256 y, uint256 z, uint256 x2, uint256 y2)
        internal
        pure
        returns (uint256 x3, uint256 y3, uint256 z3)
    {
        if (z == 0) return (x2, y2, 1);
        uint256 zz = mulmod(z, z, P);
        uint256 h = addmod(mulmod(x2, zz, P), P - x, P);
        uint256 r = addmod(mulmod(y2, mulmod(z, zz, P), P), P - y, P);
        if (h == 0 && r == 0) return double(x, y, z);
        uint256 hh = mulmod(h, h, P);
        uint256 hhh = mulmod(h, hh, P);
        uint256 v = mulmod(x, hh, P);
        x3 = addmod(mulmod(r, r, P), P - addmod(hhh, addmod(v, v, P), P), P);
        y3 = addmod(mulmod(r, addmod(v, P - x3, P), P), P - mulmod(y, hhh, P), P);
        z3 = mulmod(z, h, P);
    }

    /// @notice s G + t (x, y), by double-and-add from the highest bit: the slow way that has no exceptional case.
    function combination(uint256 s, uint256 t, uint256 x, uint256 y)
        internal
        pure
        returns (uint256 x3, uint256 y3, uint256 z3)
    {
        for (uint256 bit = 1 << 255; bit != 0; bit >>= 1) {
            (x3, y3, z3) = double(x3, y3, z3);
            if (s & bit != 0) (x3, y3, z3) = add(x3, y3, z3, GX, GY);
            if (t & bit != 0) (x3, y3, z3) = add(x3, y3, z3, x, y);
        }
    }
}
