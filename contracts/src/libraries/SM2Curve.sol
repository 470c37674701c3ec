// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title The SM2 curve y² = x³ + ax + b over F_p
/// @notice Parameters of GB/T 32918.5-2017, clause 2; the cofactor is 1, so every affine point may be a public key.
library SM2Curve {
    uint256 internal constant P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF;
    uint256 internal constant A = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC;
    uint256 internal constant B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93;

    /// @notice Whether (x, y) is an affine point with both coordinates reduced (GB/T 32918.1-2016, 6.2.1 a to c).
    function contains(uint256 x, uint256 y) internal pure returns (bool) {
        if (x >= P || y >= P) return false;
        uint256 right = addmod(mulmod(addmod(mulmod(x, x, P), A, P), x, P), B, P); // (x² + a)x + b
        return mulmod(y, y, P) == right;
    }
}
