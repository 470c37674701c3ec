// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ITrades} from "./interfaces/ITrades.sol";
import {Roles} from "./libraries/Roles.sol";
import {Author} from "./types/Action.sol";
import {RecordMatch} from "./types/Operations.sol";

/// @title Trades
contract Trades is ITrades {
    uint8 private constant ORDER = 1;
    uint8 private constant RECEIPT = 2;
    uint8 private constant WAYBILL = 3;
    uint8 private constant LIST = 4;

    uint8 private constant MATCHED = 1;
    uint8 private constant INCOMPLETE = 3;

    /// @inheritdoc ITrades
    uint256 public constant MAX_LINES = 64;

    /// @inheritdoc ITrades
    address public immutable submissions;

    /// @dev Slot 0. Document:
    ///   +0  kind 1 byte     +1  memberId     +2  keyId     +3  sealedAt 8 bytes     +4  tradeId
    mapping(bytes32 recordDigest => Document) private _document;

    /// @dev Slot 1. Trade, from the low end of each word:
    ///   +0 … +3  documents     +4  resultDigest
    ///   +5  matchedAt 8 bytes | policyVersion 4 | verdict 1 | independence 1
    mapping(bytes32 tradeId => Trade) private _trade;

    constructor(address submissions_) {
        submissions = submissions_;
    }

    modifier onlySubmissions() {
        if (msg.sender != submissions) revert TradesNotSubmissions(msg.sender);
        _;
    }

    // ------------------------------------------------------------------------------------------------ sealing

    /// @inheritdoc ITrades
    function seal(Author calldata author, bytes32 submissionId, uint8 kind, bytes32 recordDigest)
        external
        onlySubmissions
    {
        if (kind < ORDER || kind > LIST) revert TradesUnknownKind(kind);
        Roles.requireAny(author, _sealers(kind));
        if (recordDigest == 0) revert TradesZeroDigest();
        Document storage sealed_ = _document[recordDigest];
        if (sealed_.sealedAt != 0) revert TradesAlreadySealed(recordDigest, sealed_.memberId);
        sealed_.kind = kind;
        sealed_.memberId = author.memberId;
        sealed_.keyId = author.keyId;
        sealed_.sealedAt = SafeCast.toUint64(block.timestamp);
        emit DocumentSealed(recordDigest, author.memberId, submissionId, kind, author.keyId);
    }

    /// @dev Any of these roles may seal a document of the kind.
    function _sealers(uint8 kind) private pure returns (uint32) {
        if (kind == ORDER) return Roles.ECOMMERCE;
        if (kind == RECEIPT) return Roles.ECOMMERCE | Roles.PAYMENT;
        if (kind == WAYBILL) return Roles.LOGISTICS;
        return Roles.ECOMMERCE | Roles.DECLARANT;
    }

    // ----------------------------------------------------------------------------------------------- matching

    /// @inheritdoc ITrades
    function recordMatch(Author calldata author, bytes32 submissionId, RecordMatch calldata op)
        external
        onlySubmissions
    {
        Roles.requireAny(author, Roles.MATCHER);
        bytes32 tradeId = op.tradeId;
        if (tradeId == 0) revert TradesZeroId();
        if (op.resultDigest == 0) revert TradesZeroResult(tradeId);
        if (op.verdict < MATCHED || op.verdict > INCOMPLETE) revert TradesUnknownVerdict(tradeId, op.verdict);
        if (op.lines.length > MAX_LINES) revert TradesTooManyLines(tradeId, op.lines.length, MAX_LINES);
        if (op.verdict != MATCHED && op.lines.length != 0) revert TradesLinesWithoutMatch(tradeId, op.verdict);
        Trade storage result = _trade[tradeId];
        if (result.verdict == MATCHED) revert TradesAlreadyMatched(tradeId);
        _checkDocuments(op);

        uint8 independence = _independence(op.documents);
        result.documents = op.documents;
        result.resultDigest = op.resultDigest;
        result.matchedAt = SafeCast.toUint64(block.timestamp);
        result.policyVersion = op.policyVersion;
        result.verdict = op.verdict;
        result.independence = independence;
        if (op.verdict == MATCHED) {
            for (uint256 i = 0; i < LIST; ++i) {
                _document[op.documents[i]].tradeId = tradeId;
            }
        }
        emit MatchRecorded(
            tradeId,
            author.memberId,
            submissionId,
            op.documents,
            op.verdict,
            op.policyVersion,
            independence,
            op.resultDigest
        );
    }

    /// @dev Whatever the verdict, a document that is named must be sealed, stand in its place and be free.
    function _checkDocuments(RecordMatch calldata op) private view {
        for (uint8 kind = ORDER; kind <= LIST; ++kind) {
            bytes32 digest = op.documents[kind - 1];
            if (digest == 0) {
                if (op.verdict == MATCHED) revert TradesDocumentMissing(op.tradeId, kind);
                continue;
            }
            Document storage named = _document[digest];
            if (named.sealedAt == 0) revert TradesNotSealed(digest);
            if (named.kind != kind) revert TradesWrongKind(digest, named.kind, kind);
            if (named.tradeId != 0) revert TradesDocumentTaken(digest, named.tradeId);
        }
    }

    /// @dev Number of different members behind order, receipt and waybill; an absent document has none.
    function _independence(bytes32[4] calldata documents) private view returns (uint8 signers) {
        bytes32 order = _document[documents[ORDER - 1]].memberId;
        bytes32 receipt = _document[documents[RECEIPT - 1]].memberId;
        bytes32 waybill = _document[documents[WAYBILL - 1]].memberId;
        if (order != 0) signers += 1;
        if (receipt != 0 && receipt != order) signers += 1;
        if (waybill != 0 && waybill != order && waybill != receipt) signers += 1;
    }

    // -------------------------------------------------------------------------------------------------- views

    /// @inheritdoc ITrades
    function document(bytes32 recordDigest) external view returns (Document memory) {
        return _document[recordDigest];
    }

    /// @inheritdoc ITrades
    function trade(bytes32 tradeId) external view returns (Trade memory) {
        return _trade[tradeId];
    }

    /// @inheritdoc ITrades
    function version() external pure returns (string memory) {
        return "1.0.0";
    }
}
