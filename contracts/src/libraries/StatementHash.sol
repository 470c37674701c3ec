// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISM3Hasher} from "../national/ISM3Hasher.sol";

/// @title The SM3 side of a statement: Z, DOMAIN, midstate and e
/// @notice Z ‖ DOMAIN is exactly one SM3 block, so the state after it is constant per key; each statement then costs
///   one compression of actionDigest ‖ meta ‖ padding.
library StatementHash {
    /// @notice SM3's initial value, GB/T 32905-2016, 4.1.
    bytes32 internal constant IV = 0x7380166f4914b2b9172442d7da8a0600a96f30bc163138aae38dee4db0fb0e4e;

    /// @notice SM3 state after the first 128 bytes of Z's preimage: ENTL (128 bits) ‖ "1234567812345678" ‖ a ‖ b ‖ Gx ‖
    ///   the first 14 bytes of Gy. They are the same for every key (GM/T 0003.2-2012, 5.5).
    bytes32 internal constant Z_PREFIX_STATE = 0xadadedb50446043f08a87acee86d22438e232383bfc81fe2cf9117c84707011d;

    /// @notice The other 18 bytes of Gy.
    uint256 internal constant GY_TAIL = 0x2153d0a9877cc62a474002df32e52139f0a0;

    /// @notice Padding of Z's preimage: 210 bytes are 1,680 bits.
    uint256 internal constant Z_BITS = 1680;

    /// @notice Padding of Z ‖ DOMAIN ‖ actionDigest ‖ meta: 119 bytes are 952 bits.
    uint256 internal constant STATEMENT_BITS = 952;

    /// @notice Z of a public key under the default user ID.
    function z(ISM3Hasher hasher, uint256 x, uint256 y) internal pure returns (bytes32) {
        // third block: Gy[14..31] ‖ x ‖ y[0..13]; fourth block: y[14..31] ‖ 80 ‖ 0… ‖ length
        bytes32 state = hasher.compress(
            Z_PREFIX_STATE, bytes32((GY_TAIL << 112) | (x >> 144)), bytes32((x << 112) | (y >> 144))
        );
        return hasher.compress(state, bytes32((y << 112) | (0x80 << 104)), bytes32(Z_BITS));
    }

    /// @notice What binds a statement to one ledger: its chain and its Submissions contract.
    function domain(ISM3Hasher hasher, address submissions) internal view returns (bytes32) {
        return hasher.hash(abi.encodePacked("OriginSeal submission v1", block.chainid, submissions));
    }

    /// @notice The SM3 state after Z ‖ DOMAIN.
    function midstate(ISM3Hasher hasher, bytes32 keyId, bytes32 domain_) internal pure returns (bytes32) {
        return hasher.compress(IV, keyId, domain_);
    }

    /// @notice e = SM3(Z ‖ DOMAIN ‖ actionDigest ‖ meta), continued from the midstate.
    function e(ISM3Hasher hasher, bytes32 midstate_, bytes32 actionDigest, bytes23 meta)
        internal
        pure
        returns (bytes32)
    {
        // meta ‖ 80 ‖ length: 23 + 1 + 8 bytes
        return hasher.compress(midstate_, actionDigest, bytes32(meta) | bytes32((0x80 << 64) | STATEMENT_BITS));
    }
}
