// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ILots} from "./interfaces/ILots.sol";
import {IMembers} from "./interfaces/IMembers.sol";
import {ISubmissions} from "./interfaces/ISubmissions.sol";
import {ITrades} from "./interfaces/ITrades.sol";
import {ActionDigest} from "./libraries/ActionDigest.sol";
import {OperationCodec} from "./libraries/OperationCodec.sol";
import {StatementHash} from "./libraries/StatementHash.sol";
import {ISM2Verifier} from "./national/ISM2Verifier.sol";
import {ISM3Hasher} from "./national/ISM3Hasher.sol";
import {Action, Author, LotEntry, Operation, OperationKind} from "./types/Action.sol";
import {RecordMatch, RegisterLot} from "./types/Operations.sol";

/// @title The only door
contract Submissions is ISubmissions {
    using OperationCodec for Operation;

    /// @dev Meta, 23 bytes: type (1) ‖ nonce (8) ‖ expiry (8) ‖ count (4) ‖ zero (2).
    uint8 private constant META_TYPE = 1;

    /// @inheritdoc ISubmissions
    uint64 public constant MAX_WINDOW = 31 days;
    /// @inheritdoc ISubmissions
    uint256 public constant MAX_LOTS = 256; // about 20k gas each: a full action still fits a 30M block
    /// @inheritdoc ISubmissions
    uint256 public constant MAX_OPERATIONS = 128;

    ISM3Hasher private immutable _hasher;
    ISM2Verifier private immutable _verifier;
    IMembers private immutable _members;
    ILots private immutable _lots;
    ITrades private immutable _trades;
    /// @inheritdoc ISubmissions
    bytes32 public immutable DOMAIN;

    /// @dev Slot 0. keyId => nonce => submission id.
    mapping(bytes32 keyId => mapping(uint64 nonce => bytes32)) private _submissionOf;

    /// @dev The parts are deployed first and point at the address this contract is going to have.
    constructor(ISM3Hasher hasher_, ISM2Verifier verifier_, IMembers members_, ILots lots_, ITrades trades_) {
        if (address(verifier_).code.length == 0) revert SubmissionsMiswired(address(verifier_));
        if (members_.submissions() != address(this) || members_.hasher() != address(hasher_)) {
            revert SubmissionsMiswired(address(members_));
        }
        if (lots_.submissions() != address(this)) revert SubmissionsMiswired(address(lots_));
        if (trades_.submissions() != address(this)) revert SubmissionsMiswired(address(trades_));
        _hasher = hasher_;
        _verifier = verifier_;
        _members = members_;
        _lots = lots_;
        _trades = trades_;
        DOMAIN = StatementHash.domain(hasher_, address(this));
    }

    // ------------------------------------------------------------------------------------------------ submit

    /// @inheritdoc ISubmissions
    function submit(bytes32 keyId, Action calldata action, bytes23 meta, bytes32 r, bytes32 s)
        external
        returns (bytes32 submissionId)
    {
        _checkCarrier(keccak256(abi.encodeCall(this.submit, (keyId, action, meta, r, s))));
        uint64 nonce = _checkMeta(keyId, action.count, meta);
        _checkShape(action);
        Author memory author;
        (author, submissionId) = _authenticate(keyId, action, meta, nonce, r, s);
        _carryOut(author, submissionId, action);
    }

    /// @dev Whatever is accepted must stay readable: the input of a transaction sent here is the one encoding that
    ///   every reader knows. A contract in between would hide it, so would data of a delegated account (EIP-7702), hence both
    ///   conditions; tx.origin authorises nothing.
    function _checkCarrier(bytes32 canonical) private view {
        if (msg.sender != tx.origin || msg.sender.code.length != 0) revert SubmissionsIndirect(msg.sender);
        if (keccak256(msg.data) != canonical) revert SubmissionsNotCanonical(keccak256(msg.data), canonical);
    }

    /// @dev Checks meta against the clock, the action and the key's used nonces.
    function _checkMeta(bytes32 keyId, uint32 count, bytes23 meta) private view returns (uint64 nonce) {
        uint184 bits = uint184(meta);
        if (uint8(bits >> 176) != META_TYPE || uint16(bits) != 0) revert SubmissionsMalformedMeta(meta);
        nonce = uint64(bits >> 112);
        uint64 expiry = uint64(bits >> 48);
        uint32 metaCount = uint32(bits >> 16);

        if (metaCount != count) revert SubmissionsCountMismatch(metaCount, count);
        uint64 time = SafeCast.toUint64(block.timestamp);
        if (expiry < time) revert SubmissionsExpired(expiry, time);
        if (expiry > time + MAX_WINDOW) revert SubmissionsExpiryTooFar(expiry, time + MAX_WINDOW);
        bytes32 used = _submissionOf[keyId][nonce];
        if (used != 0) revert SubmissionsNonceUsed(keyId, nonce, used);
    }

    /// @dev Checks what can be said about an action without knowing anything else.
    function _checkShape(Action calldata action) private pure {
        uint32 count = action.count;
        if (count == 0) revert SubmissionsEmpty();
        if (action.root == 0) revert SubmissionsZeroRoot();
        if (action.operations.length > MAX_OPERATIONS) {
            revert SubmissionsTooManyOperations(action.operations.length, MAX_OPERATIONS);
        }
        LotEntry[] calldata entries = action.lots;
        if (entries.length > MAX_LOTS) revert SubmissionsTooManyLots(entries.length, MAX_LOTS);
        bytes32 before = 0;
        for (uint256 i = 0; i < entries.length; ++i) {
            LotEntry calldata entry = entries[i];
            bytes32 lotId = entry.lotId;
            if (lotId <= before) revert SubmissionsLotsNotAscending(lotId);
            if (entry.root == 0) revert SubmissionsLotZeroRoot(lotId);
            if (entry.count == 0) revert SubmissionsLotEmpty(lotId);
            if (entry.count > count) revert SubmissionsLotCountTooLarge(lotId, entry.count, count);
            before = lotId;
        }
    }

    /// @dev Checks who signed, uses up the nonce and announces the submission.
    function _authenticate(bytes32 keyId, Action calldata action, bytes23 meta, uint64 nonce, bytes32 r, bytes32 s)
        private
        returns (Author memory author, bytes32 submissionId)
    {
        bytes32 digest = ActionDigest.digest(action);
        {
            bytes32 midstate;
            uint256 x;
            uint256 y;
            (author, midstate, x, y) = _members.signer(keyId);
            bytes32 e = StatementHash.e(_hasher, midstate, digest, meta);
            if (!_verifier.verify(e, r, s, bytes32(x), bytes32(y))) revert SubmissionsWrongSignature(keyId, e);
        }
        submissionId = ActionDigest.submissionId(keyId, nonce, digest);
        _submissionOf[keyId][nonce] = submissionId;
        emit Accepted(submissionId, author.memberId, keyId, action.root, action.count, nonce, digest);
    }

    /// @dev Registrations come before entries, so that a new lot can be spoken of at once; entries come before the
    ///   rest, so that a custodian can record the hand-over with which its custody ends.
    function _carryOut(Author memory author, bytes32 submissionId, Action calldata action) private {
        uint256 length = action.operations.length;
        for (uint256 i = 0; i < length; ++i) {
            Operation calldata op = action.operations[i];
            if (op.kind == OperationKind.REGISTER_LOT) _registerLot(author, submissionId, op, action.lots);
        }
        if (action.lots.length != 0) _lots.extend(author, submissionId, action.lots);
        for (uint256 i = 0; i < length; ++i) {
            Operation calldata op = action.operations[i];
            if (op.kind != OperationKind.REGISTER_LOT) _route(author, submissionId, op);
        }
    }

    // --------------------------------------------------------------------------------------------- operations

    function _registerLot(Author memory author, bytes32 id, Operation calldata op, LotEntry[] calldata entries)
        private
    {
        RegisterLot memory fields = op.registerLot();
        _lots.register(author, id, fields, _listed(entries, fields.lotId));
    }

    function _route(Author memory author, bytes32 id, Operation calldata op) private {
        uint8 kind = op.kind;
        if (kind == OperationKind.SEAL_DOCUMENT) {
            (uint8 docKind, bytes32 recordDigest) = op.sealDocument();
            _trades.seal(author, id, docKind, recordDigest);
        } else if (kind == OperationKind.RECORD_MATCH) {
            RecordMatch memory fields = op.recordMatch();
            _trades.recordMatch(author, id, fields);
            if (fields.lines.length != 0) _lots.exportFor(fields.tradeId, fields.lines);
        } else if (kind == OperationKind.TRANSFER_LOT) {
            (bytes32 lotId, bytes32 toMemberId) = op.transferLot();
            _members.requireActive(toMemberId);
            _lots.transfer(author, id, lotId, toMemberId);
        } else if (kind == OperationKind.SET_LOT_STATE) {
            (bytes32 lotId, uint8 state) = op.idAndCode();
            _lots.setState(author, id, lotId, state);
        } else {
            _members.govern(author, id, op); // which refuses a kind that nobody knows
        }
    }

    /// @dev Binary search among entries that are known to ascend.
    function _listed(LotEntry[] calldata entries, bytes32 lotId) private pure returns (bool) {
        uint256 low = 0;
        uint256 high = entries.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (entries[middle].lotId < lotId) low = middle + 1;
            else high = middle;
        }
        return low < entries.length && entries[low].lotId == lotId;
    }

    // -------------------------------------------------------------------------------------------------- views

    /// @inheritdoc ISubmissions
    function actionDigest(Action calldata action) external pure returns (bytes32) {
        return ActionDigest.digest(action);
    }

    /// @inheritdoc ISubmissions
    function submissionOf(bytes32 keyId, uint64 nonce) external view returns (bytes32) {
        return _submissionOf[keyId][nonce];
    }

    /// @inheritdoc ISubmissions
    function hasher() external view returns (address) {
        return address(_hasher);
    }

    /// @inheritdoc ISubmissions
    function verifier() external view returns (address) {
        return address(_verifier);
    }

    /// @inheritdoc ISubmissions
    function members() external view returns (address) {
        return address(_members);
    }

    /// @inheritdoc ISubmissions
    function lots() external view returns (address) {
        return address(_lots);
    }

    /// @inheritdoc ISubmissions
    function trades() external view returns (address) {
        return address(_trades);
    }

    /// @inheritdoc ISubmissions
    function version() external pure returns (string memory) {
        return "1.0.0";
    }
}
