// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISM3Hasher} from "./ISM3Hasher.sol";
import {SM3} from "./SM3.sol";

/// @title SM3 as a contract of its own
contract SM3Hasher is ISM3Hasher {
    /// @inheritdoc ISM3Hasher
    function hash(bytes calldata message) external pure returns (bytes32 digest) {
        // Unchecked: lengths of calldata are far below 2^61, so neither the sums nor the length in bits overflow.
        unchecked {
            digest = SM3.IV;
            uint256 tail = message.length & 63;
            uint256 whole = message.length - tail;
            for (uint256 i = 0; i < whole; i += 64) {
                digest = SM3.compress(digest, bytes32(message[i:]), bytes32(message[i + 32:]));
            }
            // Padding (5.2): a one bit, zeros, the length in bits as 64 bits. It fits behind a tail of up to 55 bytes.
            bytes32 m0;
            bytes32 m1;
            if (tail < 32) {
                m0 = bytes32(message[whole:]) | bytes32(uint256(0x80) << (248 - 8 * tail));
            } else {
                m0 = bytes32(message[whole:]);
                m1 = bytes32(message[whole + 32:]) | bytes32(uint256(0x80) << (504 - 8 * tail));
            }
            if (tail > 55) {
                digest = SM3.compress(digest, m0, m1);
                m0 = 0;
                m1 = 0;
            }
            digest = SM3.compress(digest, m0, m1 | bytes32(message.length * 8));
        }
    }

    /// @inheritdoc ISM3Hasher
    function compress(bytes32 state, bytes32 m0, bytes32 m1) external pure returns (bytes32 next) {
        return SM3.compress(state, m0, m1);
    }
}
