// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Author, LotEntry, LotQuantity} from "../types/Action.sol";
import {RegisterLot} from "../types/Operations.sol";

/// @title Lots: origin, quantity, parents, custody, state and the accumulator of everything said about them
/// @notice Quantities are in base units (1 gram, 2 piece, 3 millilitre) and only ever go down: what is drawn into a
///   child lot or exported by a matched trade is taken from `remaining`, once. The accumulator folds every entry
///   of every submission that names the lot, so that a history shown to anybody can be proven complete.
///   Warning: the first quantity of a lot without parents is its registrar's word; no contract can weigh goods.
///   Warning: quantity that a child does not take up (peel, loss) is gone: it is never returned to the parent.
///   Warning: HELD and RECALLED stop drawing, transfer and export, but not recording: bad news must stay sayable.
///   Warning: a recall does not reach the children by itself; readers follow `LotDrawn`.
interface ILots {
    /// @notice A lot. `registeredAt == 0` means that there is no such lot.
    /// @param custodian The member that holds it.
    /// @param originDigest Digest of its lot.origin record.
    /// @param quantity Quantity at registration.
    /// @param remaining Quantity not drawn and not exported yet.
    /// @param head Accumulator: keccak256(head ‖ root ‖ uint256(count) ‖ submissionId) over all entries, from 0.
    /// @param total Number of records that name the lot.
    /// @param entries Number of submissions that name the lot.
    /// @param registeredAt Block time of registration.
    /// @param unit 1 gram, 2 piece, 3 millilitre.
    /// @param state 1 ACTIVE, 2 HELD, 3 RECALLED.
    struct Lot {
        bytes32 custodian;
        bytes32 originDigest;
        uint128 quantity;
        uint128 remaining;
        bytes32 head;
        uint64 total;
        uint64 entries;
        uint64 registeredAt;
        uint8 unit;
        uint8 state;
    }

    /// @notice `lotId` came into being in the custody of `memberId`.
    event LotRegistered(
        bytes32 indexed lotId,
        bytes32 indexed memberId,
        bytes32 indexed submissionId,
        bytes32 originDigest,
        uint128 quantity,
        uint8 unit
    );
    /// @notice `quantity` of `lotId` went into the new lot `childId`; `remaining` is left.
    event LotDrawn(bytes32 indexed lotId, bytes32 indexed childId, uint128 quantity, uint128 remaining);
    /// @notice `count` more records name the lot; `head` and `total` are the accumulator after them.
    event LotExtended(
        bytes32 indexed lotId,
        bytes32 indexed submissionId,
        bytes32 root,
        uint32 count,
        bytes32 head,
        uint64 total
    );
    /// @notice Custody went from one member to another.
    event LotTransferred(
        bytes32 indexed lotId, bytes32 indexed fromMemberId, bytes32 indexed toMemberId, bytes32 submissionId
    );
    /// @notice The lot's state is now `state`, by the word of `memberId`.
    event LotStateChanged(
        bytes32 indexed lotId, bytes32 indexed memberId, bytes32 indexed submissionId, uint8 state
    );
    /// @notice `quantity` of the lot left with the matched trade `tradeId`; `remaining` is left.
    event LotExported(bytes32 indexed lotId, bytes32 indexed tradeId, uint128 quantity, uint128 remaining);

    /// @notice Thrown when a writing function is called by anybody but the Submissions contract.
    error LotsNotSubmissions(address caller);
    /// @notice Thrown when no lot has this id.
    error LotsUnknown(bytes32 lotId);
    /// @notice Thrown when a lot with this id exists already.
    error LotsAlreadyRegistered(bytes32 lotId, bytes32 custodian);
    /// @notice Thrown when an action registers a lot that has no entry among the action's lots.
    error LotsOriginNotListed(bytes32 lotId);
    /// @notice Thrown when the origin digest of a new lot is 0.
    error LotsZeroOrigin(bytes32 lotId);
    /// @notice Thrown when a quantity to register, draw or export is 0.
    error LotsZeroQuantity(bytes32 lotId);
    /// @notice Thrown when the unit is not one of 1..3.
    error LotsUnknownUnit(bytes32 lotId, uint8 unit);
    /// @notice Thrown when a lot is drawn from more than `maximum` parents.
    error LotsTooManyParents(bytes32 lotId, uint256 parents, uint256 maximum);
    /// @notice Thrown when a new lot names the same parent twice.
    error LotsParentRepeated(bytes32 lotId, bytes32 parentId);
    /// @notice Thrown when parent and child are measured in different units.
    error LotsUnitMismatch(bytes32 parentId, uint8 parentUnit, uint8 unit);
    /// @notice Thrown when the new lot would hold more than was drawn from its parents.
    error LotsExceedsParents(bytes32 lotId, uint128 quantity, uint256 drawn);
    /// @notice Thrown when more is to be taken from a lot than is left of it.
    error LotsInsufficient(bytes32 lotId, uint128 requested, uint128 remaining);
    /// @notice Thrown when only the custodian may do this and `memberId` is not.
    error LotsNotCustodian(bytes32 lotId, bytes32 memberId);
    /// @notice Thrown when a HELD or RECALLED lot is to be drawn from, transferred or exported.
    error LotsNotActive(bytes32 lotId, uint8 state);
    /// @notice Thrown when the lot is to be transferred to the member that has it.
    error LotsAlreadyCustodian(bytes32 lotId, bytes32 memberId);
    /// @notice Thrown when `memberId` is neither the custodian nor has a role that may record about any lot.
    error LotsNotPermitted(bytes32 lotId, bytes32 memberId);
    /// @notice Thrown when the state is not one of 1..3.
    error LotsUnknownState(bytes32 lotId, uint8 state);
    /// @notice Thrown when the lot already has this state.
    error LotsStateUnchanged(bytes32 lotId, uint8 state);
    /// @notice Thrown when `memberId` may not bring this lot into `state`.
    error LotsStateNotPermitted(bytes32 lotId, bytes32 memberId, uint8 state);

    /// @notice The only contract that may write here.
    function submissions() external view returns (address);

    /// @notice Most parents a lot may be drawn from.
    function MAX_PARENTS() external view returns (uint256);

    /// @notice Any of these roles may record about a lot in another member's custody.
    function EXTENDERS() external view returns (uint32);

    /// @notice Any of these roles may hold, recall or release any lot.
    function CONTROLLERS() external view returns (uint32);

    /// @notice The lot with this id; all zero when there is none.
    function lot(bytes32 lotId) external view returns (Lot memory);

    /// @notice What the lot was drawn from, in the order signed; empty for a lot of its own origin.
    function parents(bytes32 lotId) external view returns (LotQuantity[] memory);

    /// @notice Registers a lot in the author's custody and draws from its parents.
    /// @param listed Whether the lot has an entry among the action's lots.
    function register(Author calldata author, bytes32 submissionId, RegisterLot calldata op, bool listed) external;

    /// @notice Folds one submission's entries into the accumulators of the lots they name.
    function extend(Author calldata author, bytes32 submissionId, LotEntry[] calldata entries) external;

    /// @notice Hands a lot from its custodian, the author, to another member.
    ///   Warning: does not ask the other member, and does not check that it exists: Submissions does.
    function transfer(Author calldata author, bytes32 submissionId, bytes32 lotId, bytes32 toMemberId) external;

    /// @notice Holds, recalls or releases a lot. The custodian may hold or recall its lot, and recall a held one; only
    ///   CONTROLLERS may lift or weaken either.
    function setState(Author calldata author, bytes32 submissionId, bytes32 lotId, uint8 state) external;

    /// @notice Takes what a matched trade exports out of its lots.
    ///   Warning: does not check the trade: Submissions records the match first.
    function exportFor(bytes32 tradeId, LotQuantity[] calldata lines) external;

    /// @notice Version of this contract's behaviour.
    function version() external pure returns (string memory);
}
