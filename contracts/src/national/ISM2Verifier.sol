// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title SM2 signature verification (GB/T 32918.2-2016, clause 7) on the recommended curve (GB/T 32918.5-2017)
/// @notice Stateless: no key is registered here, the answer depends on the arguments alone.
interface ISM2Verifier {
    /// @notice Whether (r, s) is a signature of the message with hash `e` under the public key (x, y).
    /// @dev The caller computes e = SM3(Z ‖ M) itself (steps B3 and B4); a verifier fed with somebody else's e proves
    ///      nothing about a message. Never reverts on an invalid signature or key: the answer is false. It reverts only
    ///      on a chain whose ModExp precompile (address 5) does not answer.
    /// @param e SM3(Z ‖ M) as a big-endian integer; a value ≥ n counts modulo n, as the standard's step B7 has it
    /// @param r first half of the signature; refused outside [1, n-1]
    /// @param s second half; refused outside [1, n-1]
    /// @param x x coordinate of the public key; refused if ≥ p
    /// @param y y coordinate; refused if ≥ p or if (x, y) is not on the curve
    /// @return valid true exactly if the signature holds
    function verify(bytes32 e, bytes32 r, bytes32 s, bytes32 x, bytes32 y) external view returns (bool valid);
}
