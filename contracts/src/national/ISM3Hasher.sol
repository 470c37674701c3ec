// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title SM3 hash function (GB/T 32905-2016)
/// @notice Pure: the answer depends on the arguments alone.
interface ISM3Hasher {
    /// @notice The SM3 hash of a message of any length.
    /// @param message the message; no padding
    /// @return digest 32 bytes
    function hash(bytes calldata message) external pure returns (bytes32 digest);

    /// @notice One application of the compression function: CF(V, B) of GB/T 32905-2016, 5.3.3.
    /// @dev Chained by the caller it hashes a message whose first blocks are known beforehand: the state after them is
    ///      a constant. The caller pads.
    /// @param state V, the eight words A..H, A in the most significant bits
    /// @param m0 first half of the block B: words 0 to 7
    /// @param m1 second half: words 8 to 15
    /// @return next the following state
    function compress(bytes32 state, bytes32 m0, bytes32 m1) external pure returns (bytes32 next);
}
