// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ILots} from "./interfaces/ILots.sol";
import {ActionDigest} from "./libraries/ActionDigest.sol";
import {Roles} from "./libraries/Roles.sol";
import {Author, LotEntry, LotQuantity} from "./types/Action.sol";
import {RegisterLot} from "./types/Operations.sol";

/// @title Lots
contract Lots is ILots {
    uint8 private constant ACTIVE = 1;
    uint8 private constant HELD = 2;
    uint8 private constant RECALLED = 3;

    uint8 private constant GRAM = 1;
    uint8 private constant PIECE = 2;
    uint8 private constant MILLILITRE = 3;

    uint32 private constant REGISTRARS = Roles.PRODUCER | Roles.PACKHOUSE;

    /// @inheritdoc ILots
    uint256 public constant MAX_PARENTS = 32;
    /// @inheritdoc ILots
    uint32 public constant EXTENDERS = Roles.LABORATORY | Roles.LOGISTICS | Roles.SITE_OPERATOR | Roles.AGENCIES
        | Roles.AUTHORITY | Roles.ECOMMERCE | Roles.MATCHER;
    /// @inheritdoc ILots
    uint32 public constant CONTROLLERS =
        Roles.CUSTOMS | Roles.MARKET_SUPERVISION | Roles.AGRICULTURE | Roles.AUTHORITY;

    /// @inheritdoc ILots
    address public immutable submissions;

    /// @dev Slot 0. Lot, from the low end of each word:
    ///   +0  custodian     +1  originDigest
    ///   +2  quantity 16 bytes | remaining 16
    ///   +3  head
    ///   +4  total 8 bytes | entries 8 | registeredAt 8 | unit 1 | state 1
    mapping(bytes32 lotId => Lot) private _lot;

    /// @dev Slot 1. What a lot was drawn from.
    mapping(bytes32 lotId => LotQuantity[]) private _parents;

    constructor(address submissions_) {
        submissions = submissions_;
    }

    modifier onlySubmissions() {
        if (msg.sender != submissions) revert LotsNotSubmissions(msg.sender);
        _;
    }

    // ------------------------------------------------------------------------------------------- registration

    /// @inheritdoc ILots
    function register(Author calldata author, bytes32 submissionId, RegisterLot calldata op, bool listed)
        external
        onlySubmissions
    {
        Roles.requireAny(author, REGISTRARS);
        bytes32 lotId = op.lotId;
        if (!listed) revert LotsOriginNotListed(lotId);
        Lot storage created = _lot[lotId];
        if (created.registeredAt != 0) revert LotsAlreadyRegistered(lotId, created.custodian);
        if (op.originDigest == 0) revert LotsZeroOrigin(lotId);
        if (op.quantity == 0) revert LotsZeroQuantity(lotId);
        if (op.unit < GRAM || op.unit > MILLILITRE) revert LotsUnknownUnit(lotId, op.unit);
        if (op.parents.length != 0) _drawFromParents(author.memberId, op);

        created.custodian = author.memberId;
        created.originDigest = op.originDigest;
        created.quantity = op.quantity;
        created.remaining = op.quantity;
        created.registeredAt = SafeCast.toUint64(block.timestamp);
        created.unit = op.unit;
        created.state = ACTIVE;
        emit LotRegistered(lotId, author.memberId, submissionId, op.originDigest, op.quantity, op.unit);
    }

    /// @dev Goods are not multiplied: the child holds at most what leaves its parents here.
    function _drawFromParents(bytes32 memberId, RegisterLot calldata op) private {
        LotQuantity[] calldata list = op.parents;
        if (list.length > MAX_PARENTS) revert LotsTooManyParents(op.lotId, list.length, MAX_PARENTS);
        uint256 drawn = 0;
        for (uint256 i = 0; i < list.length; ++i) {
            bytes32 parentId = list[i].lotId;
            for (uint256 j = 0; j < i; ++j) {
                if (list[j].lotId == parentId) revert LotsParentRepeated(op.lotId, parentId);
            }
            Lot storage parent = _known(parentId);
            if (parent.custodian != memberId) revert LotsNotCustodian(parentId, memberId);
            if (parent.unit != op.unit) revert LotsUnitMismatch(parentId, parent.unit, op.unit);
            drawn += list[i].quantity;
            _parents[op.lotId].push(list[i]);
            uint128 remaining = _take(parentId, parent, list[i].quantity);
            emit LotDrawn(parentId, op.lotId, list[i].quantity, remaining);
        }
        if (op.quantity > drawn) revert LotsExceedsParents(op.lotId, op.quantity, drawn);
    }

    // -------------------------------------------------------------------------------------------- accumulator

    /// @inheritdoc ILots
    function extend(Author calldata author, bytes32 submissionId, LotEntry[] calldata entries)
        external
        onlySubmissions
    {
        bool everywhere = author.roles & EXTENDERS != 0;
        for (uint256 i = 0; i < entries.length; ++i) {
            LotEntry calldata entry = entries[i];
            bytes32 lotId = entry.lotId;
            Lot storage extended = _known(lotId);
            if (!everywhere && extended.custodian != author.memberId) revert LotsNotPermitted(lotId, author.memberId);
            bytes32 head = ActionDigest.fold(extended.head, entry.root, entry.count, submissionId);
            uint64 total = extended.total + entry.count;
            extended.head = head;
            extended.total = total;
            extended.entries += 1;
            emit LotExtended(lotId, submissionId, entry.root, entry.count, head, total);
        }
    }

    // --------------------------------------------------------------------------------------- custody and state

    /// @inheritdoc ILots
    function transfer(Author calldata author, bytes32 submissionId, bytes32 lotId, bytes32 toMemberId)
        external
        onlySubmissions
    {
        Lot storage moved = _known(lotId);
        if (moved.custodian != author.memberId) revert LotsNotCustodian(lotId, author.memberId);
        if (moved.custodian == toMemberId) revert LotsAlreadyCustodian(lotId, toMemberId);
        if (moved.state != ACTIVE) revert LotsNotActive(lotId, moved.state);
        moved.custodian = toMemberId;
        emit LotTransferred(lotId, author.memberId, toMemberId, submissionId);
    }

    /// @inheritdoc ILots
    function setState(Author calldata author, bytes32 submissionId, bytes32 lotId, uint8 state)
        external
        onlySubmissions
    {
        Lot storage changed = _known(lotId);
        if (state < ACTIVE || state > RECALLED) revert LotsUnknownState(lotId, state);
        if (changed.state == state) revert LotsStateUnchanged(lotId, state);
        // states are ordered by severity: a custodian may only go up
        bool permitted = author.roles & CONTROLLERS != 0
            || (changed.custodian == author.memberId && state > changed.state);
        if (!permitted) revert LotsStateNotPermitted(lotId, author.memberId, state);
        changed.state = state;
        emit LotStateChanged(lotId, author.memberId, submissionId, state);
    }

    // ------------------------------------------------------------------------------------------------- export

    /// @inheritdoc ILots
    function exportFor(bytes32 tradeId, LotQuantity[] calldata lines) external onlySubmissions {
        for (uint256 i = 0; i < lines.length; ++i) {
            bytes32 lotId = lines[i].lotId;
            uint128 remaining = _take(lotId, _known(lotId), lines[i].quantity);
            emit LotExported(lotId, tradeId, lines[i].quantity, remaining);
        }
    }

    /// @dev The one place where quantity leaves a lot.
    function _take(bytes32 lotId, Lot storage source, uint128 quantity) private returns (uint128 remaining) {
        if (source.state != ACTIVE) revert LotsNotActive(lotId, source.state);
        if (quantity == 0) revert LotsZeroQuantity(lotId);
        remaining = source.remaining;
        if (quantity > remaining) revert LotsInsufficient(lotId, quantity, remaining);
        remaining -= quantity;
        source.remaining = remaining;
    }

    function _known(bytes32 lotId) private view returns (Lot storage found) {
        found = _lot[lotId];
        if (found.registeredAt == 0) revert LotsUnknown(lotId);
    }

    // -------------------------------------------------------------------------------------------------- views

    /// @inheritdoc ILots
    function lot(bytes32 lotId) external view returns (Lot memory) {
        return _lot[lotId];
    }

    /// @inheritdoc ILots
    function parents(bytes32 lotId) external view returns (LotQuantity[] memory) {
        return _parents[lotId];
    }

    /// @inheritdoc ILots
    function version() external pure returns (string memory) {
        return "1.0.0";
    }
}
