// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Action} from "../types/Action.sol";

/// @title The only door: every write to the ledger enters here, under its author's SM2 signature
/// @notice The author signs, with ordinary SM2-with-SM3 and the default user ID (GB/T 32918.2), the 87 bytes
///   `DOMAIN(32) ‖ actionDigest(32) ‖ meta(23)`; meta is u8 type (1) ‖ u64 nonce ‖ u64 expiry ‖ u32 count ‖ two zero
///   bytes. The digest e = SM3(Z ‖ message) is computed here from the key's stored midstate, never taken from callers.
///   An accepted action is carried out completely or not at all: first its lot registrations in order, then its lot
///   entries, then its other operations in order.
///   Warning: whoever sends the transaction is nobody here; anybody may carry a signed action to the contract, but only
///   in a transaction of its own, in the canonical encoding: so the input of the transaction shows what was signed.
///   Warning: nonces are unordered: a late or lost submission blocks no other, and order is the order of blocks.
///   Warning: the contract never sees records, only their roots; that a root is made of well-formed records is
///   checked by whoever holds them.
interface ISubmissions {
    /// @notice `memberId` said `count` records with root `root`, and what the action says was carried out.
    event Accepted(
        bytes32 indexed submissionId,
        bytes32 indexed memberId,
        bytes32 indexed keyId,
        bytes32 root,
        uint32 count,
        uint64 nonce,
        bytes32 actionDigest
    );

    /// @notice Thrown on construction when `part` does not point back at this contract or is no contract at all.
    error SubmissionsMiswired(address part);
    /// @notice Thrown when the caller is a contract or an account with code, whose transaction would hide the action.
    error SubmissionsIndirect(address caller);
    /// @notice Thrown when the calldata is not the canonical ABI encoding of its own content, byte for byte.
    error SubmissionsNotCanonical(bytes32 calldataHash, bytes32 canonicalHash);
    /// @notice Thrown when (r, s) is not the key's signature of this action on this chain for this contract.
    error SubmissionsWrongSignature(bytes32 keyId, bytes32 e);
    /// @notice Thrown when the key has used the nonce, for `submissionId`.
    error SubmissionsNonceUsed(bytes32 keyId, uint64 nonce, bytes32 submissionId);
    /// @notice Thrown when the last second of validity, `expiry`, is before the block's time.
    error SubmissionsExpired(uint64 expiry, uint64 blockTime);
    /// @notice Thrown when the expiry lies more than MAX_WINDOW ahead of the block's time.
    error SubmissionsExpiryTooFar(uint64 expiry, uint64 latestAllowed);
    /// @notice Thrown when meta has another type than 1 or non-zero spare bytes.
    error SubmissionsMalformedMeta(bytes23 meta);
    /// @notice Thrown when meta and action count different numbers of records.
    error SubmissionsCountMismatch(uint32 metaCount, uint32 actionCount);
    /// @notice Thrown when the action has no record.
    error SubmissionsEmpty();
    /// @notice Thrown when the root over all records is 0.
    error SubmissionsZeroRoot();
    /// @notice Thrown when `lotId` does not come after the entry before it (or is 0).
    error SubmissionsLotsNotAscending(bytes32 lotId);
    /// @notice Thrown when the root of a lot's entry is 0.
    error SubmissionsLotZeroRoot(bytes32 lotId);
    /// @notice Thrown when a lot's entry counts no record.
    error SubmissionsLotEmpty(bytes32 lotId);
    /// @notice Thrown when a lot's entry counts more records than the action has.
    error SubmissionsLotCountTooLarge(bytes32 lotId, uint32 lotCount, uint32 actionCount);
    /// @notice Thrown when the action names more than `maximum` lots.
    error SubmissionsTooManyLots(uint256 lots, uint256 maximum);
    /// @notice Thrown when the action has more than `maximum` operations.
    error SubmissionsTooManyOperations(uint256 operations, uint256 maximum);
    /// @notice Thrown when no operation has this kind.
    error SubmissionsUnknownOperation(uint8 kind);
    /// @notice Thrown when the data of an operation is not the canonical `abi.encode` of the fields of its kind.
    error SubmissionsMalformedOperation(uint8 kind, bytes data);

    /// @notice Accepts what the holder of `keyId` signed, carries it out and returns its id.
    /// @param keyId Z of the signing key.
    /// @param action What was signed.
    /// @param meta Type, nonce, expiry and count, as signed.
    /// @param r First half of the signature.
    /// @param s Second half of the signature.
    /// @return submissionId keccak256(keyId ‖ uint256(nonce) ‖ actionDigest).
    function submit(bytes32 keyId, Action calldata action, bytes23 meta, bytes32 r, bytes32 s)
        external
        returns (bytes32 submissionId);

    /// @notice The digest of an action that goes into the signed message.
    function actionDigest(Action calldata action) external pure returns (bytes32);

    /// @notice The submission that used this nonce of this key; 0 while unused.
    function submissionOf(bytes32 keyId, uint64 nonce) external view returns (bytes32);

    /// @notice SM3("OriginSeal submission v1" ‖ uint256(chain id) ‖ address of this contract).
    function DOMAIN() external view returns (bytes32);

    /// @notice How far ahead of the block's time an expiry may lie, in seconds.
    function MAX_WINDOW() external view returns (uint64);

    /// @notice Most lots that one action may name.
    function MAX_LOTS() external view returns (uint256);

    /// @notice Most operations that one action may have.
    function MAX_OPERATIONS() external view returns (uint256);

    /// @notice The contract that computes SM3.
    function hasher() external view returns (address);

    /// @notice The contract that verifies SM2 signatures.
    function verifier() external view returns (address);

    /// @notice The members.
    function members() external view returns (address);

    /// @notice The lots.
    function lots() external view returns (address);

    /// @notice The trades.
    function trades() external view returns (address);

    /// @notice Version of this contract's behaviour.
    function version() external pure returns (string memory);
}
