// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Action, LotEntry, Operation} from "../types/Action.sol";

/// @title The digest of an action, and the ids and heads derived from it
/// @notice keccak256 is used inside the EVM only; what members sign around it is hashed with SM3 (ADR 0004).
library ActionDigest {
    bytes32 internal constant ACTION_TYPE =
        keccak256("OriginSeal.Action(bytes32 root,uint32 count,LotEntry[] lots,Operation[] operations)");

    /// @notice keccak256(type ‖ root ‖ count ‖ keccak256(entries) ‖ keccak256(operation digests)), every number as a
    ///   32-byte word. Each dynamic part is hashed for itself, so no two actions share a preimage.
    function digest(Action calldata action) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                ACTION_TYPE, action.root, action.count, entriesDigest(action.lots), operationsDigest(action.operations)
            )
        );
    }

    /// @notice keccak256 over lotId ‖ root ‖ uint256(count) of every entry.
    function entriesDigest(LotEntry[] calldata entries) internal pure returns (bytes32) {
        bytes32[] memory words = new bytes32[](3 * entries.length);
        for (uint256 i = 0; i < entries.length; ++i) {
            words[3 * i] = entries[i].lotId;
            words[3 * i + 1] = entries[i].root;
            words[3 * i + 2] = bytes32(uint256(entries[i].count));
        }
        return keccak256(abi.encodePacked(words)); // elements of an array are packed as whole words, without its length
    }

    /// @notice keccak256 over keccak256(uint256(kind) ‖ keccak256(data)) of every operation.
    function operationsDigest(Operation[] calldata operations) internal pure returns (bytes32) {
        bytes32[] memory words = new bytes32[](operations.length);
        for (uint256 i = 0; i < operations.length; ++i) {
            words[i] = keccak256(abi.encode(operations[i].kind, keccak256(operations[i].data)));
        }
        return keccak256(abi.encodePacked(words));
    }

    /// @notice The id of a submission: unique because a key uses a nonce once.
    function submissionId(bytes32 keyId, uint64 nonce, bytes32 actionDigest) internal pure returns (bytes32) {
        return keccak256(abi.encode(keyId, nonce, actionDigest));
    }

    /// @notice The accumulator of a lot after one more entry.
    function fold(bytes32 head, bytes32 root, uint32 count, bytes32 id) internal pure returns (bytes32) {
        return keccak256(abi.encode(head, root, count, id));
    }
}
