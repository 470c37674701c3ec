// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Author} from "../types/Action.sol";
import {RecordMatch} from "../types/Operations.sol";

/// @title Trades: which documents are sealed, by whom, and whether the three documents of a trade agree
/// @notice Order, receipt and waybill are joined through the declaration list. A match is recorded by a MATCHER;
///   once MATCHED, a trade is final and each of its documents is used up.
///   Warning: the contract sees digests only. That the documents agree is the matcher's word, under the rules of
///   `policyVersion`; anybody who holds the documents can repeat the comparison.
///   Warning: `independence` counts different members, not different owners.
interface ITrades {
    /// @notice A sealed document. `sealedAt == 0` means that there is none.
    /// @param kind 1 order (CEB303), 2 receipt (CEB403), 3 waybill (CEB505), 4 list (CEB603).
    /// @param memberId Who sealed it.
    /// @param keyId Under which key.
    /// @param sealedAt Block time of sealing.
    /// @param tradeId The MATCHED trade that used it up; 0 until then.
    struct Document {
        uint8 kind;
        bytes32 memberId;
        bytes32 keyId;
        uint64 sealedAt;
        bytes32 tradeId;
    }

    /// @notice The latest result for a trade. `matchedAt == 0` means that there is none.
    /// @param documents Record digests of order, receipt, waybill and list; 0 where absent.
    /// @param resultDigest Digest of the trade.match record.
    /// @param matchedAt Block time of the latest result, whatever its verdict.
    /// @param policyVersion Version of the rules applied.
    /// @param verdict 1 MATCHED, 2 MISMATCHED, 3 INCOMPLETE.
    /// @param independence Number of different members that sealed order, receipt and waybill, absent ones left out.
    struct Trade {
        bytes32[4] documents;
        bytes32 resultDigest;
        uint64 matchedAt;
        uint32 policyVersion;
        uint8 verdict;
        uint8 independence;
    }

    /// @notice `memberId` sealed the document whose record digest is `recordDigest`.
    event DocumentSealed(
        bytes32 indexed recordDigest,
        bytes32 indexed memberId,
        bytes32 indexed submissionId,
        uint8 kind,
        bytes32 keyId
    );
    /// @notice `memberId` recorded a result for the trade; with verdict 1 it is final.
    event MatchRecorded(
        bytes32 indexed tradeId,
        bytes32 indexed memberId,
        bytes32 indexed submissionId,
        bytes32[4] documents,
        uint8 verdict,
        uint32 policyVersion,
        uint8 independence,
        bytes32 resultDigest
    );

    /// @notice Thrown when a writing function is called by anybody but the Submissions contract.
    error TradesNotSubmissions(address caller);
    /// @notice Thrown when the document kind is not one of 1..4.
    error TradesUnknownKind(uint8 kind);
    /// @notice Thrown when the digest of a document is 0.
    error TradesZeroDigest();
    /// @notice Thrown when the document was sealed before, by `memberId`.
    error TradesAlreadySealed(bytes32 recordDigest, bytes32 memberId);
    /// @notice Thrown when the trade id is 0.
    error TradesZeroId();
    /// @notice Thrown when the result digest is 0.
    error TradesZeroResult(bytes32 tradeId);
    /// @notice Thrown when the verdict is not one of 1..3.
    error TradesUnknownVerdict(bytes32 tradeId, uint8 verdict);
    /// @notice Thrown when the trade is MATCHED already: nothing about it may change.
    error TradesAlreadyMatched(bytes32 tradeId);
    /// @notice Thrown when a MATCHED result lacks the document of this kind.
    error TradesDocumentMissing(bytes32 tradeId, uint8 kind);
    /// @notice Thrown when a document of the trade has not been sealed.
    error TradesNotSealed(bytes32 recordDigest);
    /// @notice Thrown when a document stands in the place of another kind.
    error TradesWrongKind(bytes32 recordDigest, uint8 kind, uint8 expected);
    /// @notice Thrown when a document has been used up by another MATCHED trade.
    error TradesDocumentTaken(bytes32 recordDigest, bytes32 tradeId);
    /// @notice Thrown when goods are to leave with a trade that is not MATCHED.
    error TradesLinesWithoutMatch(bytes32 tradeId, uint8 verdict);
    /// @notice Thrown when a trade takes goods out of lots in more than `maximum` lines.
    error TradesTooManyLines(bytes32 tradeId, uint256 lines, uint256 maximum);

    /// @notice The only contract that may write here.
    function submissions() external view returns (address);

    /// @notice Most lines of one trade.
    function MAX_LINES() external view returns (uint256);

    /// @notice The document with this record digest; all zero when it is not sealed.
    function document(bytes32 recordDigest) external view returns (Document memory);

    /// @notice The latest result for this trade; all zero when there is none.
    function trade(bytes32 tradeId) external view returns (Trade memory);

    /// @notice Seals a document in the author's name, once.
    function seal(Author calldata author, bytes32 submissionId, uint8 kind, bytes32 recordDigest) external;

    /// @notice Records the result of comparing a trade's documents.
    ///   Warning: does not move goods: Submissions has Lots export the lines afterwards.
    function recordMatch(Author calldata author, bytes32 submissionId, RecordMatch calldata op) external;

    /// @notice Version of this contract's behaviour.
    function version() external pure returns (string memory);
}
