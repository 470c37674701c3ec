// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Author, Operation} from "../types/Action.sol";

/// @title Who may write: members, their roles, their zone, their SM2 keys and their standing
/// @notice A member is admitted, suspended, re-keyed and retired by `threshold` authorities together. Each of them
///   submits the identical operation under its own signature, so everybody signs the words themselves; the operation is
///   carried out in the submission with which the last able authority that it needs approves. With a threshold of 1 an
///   authority decides alone, and only in its own zone.
///   An authority is able when it is ACTIVE, has the role AUTHORITY, has accepted its office and holds a usable key.
///   Keys are SM2 public keys (GB/T 32918.1, curve of GB/T 32918.5); a key's id is its Z under the default user ID
///   (GM/T 0003.2, 5.5), computed by this contract.
///   Warning: with a threshold of 1 one authority of a zone decides alone, without delay.
///   Warning: `threshold` authorities together can do everything, also replace all others; nothing here judges reasons.
///   Warning: one able authority can suspend any member that is in no office for CONFIRM_WINDOW, once until confirmed.
///   Warning: a suspended or retired member's past submissions stay valid, and reading is never restricted.
///   Warning: nothing here proves who a member is; the authority's admission record says so, off chain.
///   Warning: nobody proves to hold the private key when a key is added; its first accepted submission shows that.
///   Warning: `custodial` is what the authority declared, it cannot be observed.
interface IMembers {
    /// @notice A member. `since == 0` means that there is no such member.
    /// @param roles Bits of `Roles`, never 0 for an existing member.
    /// @param zone The zone whose authorities govern the member, 1..7.
    /// @param standing 1 ACTIVE, 2 SUSPENDED, 3 RETIRED (final). SUSPENDED counts as ACTIVE once `suspendedUntil` is over.
    /// @param custodial Whether the latest key is kept by the operator for the member.
    /// @param since Block time of admission.
    /// @param suspendedUntil Last second of an emergency suspension that nobody has confirmed, otherwise 0.
    /// @param inOffice Whether the member has accepted the role AUTHORITY that it has.
    /// @param latestKeyId The key added last, even if it has been revoked since.
    struct Member {
        uint32 roles;
        uint8 zone;
        uint8 standing;
        bool custodial;
        uint64 since;
        uint64 suspendedUntil;
        bool inOffice;
        bytes32 latestKeyId;
    }

    /// @notice A key. `since == 0` means that there is no such key.
    /// @param memberId Whose key it is, for ever.
    /// @param x Affine x coordinate.
    /// @param y Affine y coordinate.
    /// @param midstate SM3 state after the block Z‖DOMAIN, from which every statement's digest e is continued.
    /// @param since Block time at which the key was added.
    /// @param revokedAt Block time of revocation, 0 while usable.
    /// @param custodial Whether the operator keeps the private key for the member.
    struct Key {
        bytes32 memberId;
        uint256 x;
        uint256 y;
        bytes32 midstate;
        uint64 since;
        uint64 revokedAt;
        bool custodial;
    }

    /// @notice An operation that authorities are asked to approve; its id is keccak256(abi.encode(kind, data)).
    /// @param deadline Last second in which approvals of this round count; 0 when there is no open round.
    /// @param round How many rounds there have been, the open one included.
    /// @param approvers Who has approved in this round, in order; only those that are still able count.
    struct Proposal {
        uint64 deadline;
        uint32 round;
        bytes32[] approvers;
    }

    /// @notice An authority that exists from construction, in office, with its own (not custodial) key.
    struct GenesisAuthority {
        bytes32 memberId;
        uint8 zone;
        uint256 x;
        uint256 y;
    }

    /// @notice `memberId` was admitted by the authority `by` in `submissionId`; both are 0 for a genesis authority.
    event MemberAdmitted(
        bytes32 indexed memberId,
        bytes32 indexed by,
        bytes32 indexed submissionId,
        uint32 roles,
        uint8 zone,
        bool custodial
    );
    /// @notice The key (`x`, `y`) became usable for `memberId`; `submissionId` is 0 for a genesis authority.
    event KeyAdded(
        bytes32 indexed keyId,
        bytes32 indexed memberId,
        bytes32 indexed submissionId,
        uint256 x,
        uint256 y,
        bool custodial
    );
    /// @notice The key can no longer sign; what it signed before stays.
    event KeyRevoked(bytes32 indexed keyId, bytes32 indexed memberId, bytes32 indexed submissionId);
    /// @notice The member's standing is now `standing`.
    event StandingChanged(
        bytes32 indexed memberId, bytes32 indexed by, bytes32 indexed submissionId, uint8 standing
    );
    /// @notice The member's roles are now `roles`.
    event RolesChanged(bytes32 indexed memberId, bytes32 indexed by, bytes32 indexed submissionId, uint32 roles);
    /// @notice A round of approvals of the operation (`kind`, `data`) began; it ends after `deadline`.
    event ProposalOpened(
        bytes32 indexed proposalId,
        bytes32 indexed by,
        bytes32 indexed submissionId,
        uint8 kind,
        bytes data,
        uint64 deadline,
        uint32 round
    );
    /// @notice The authority `by` approved; `approvals` of able authorities now count, `needed` carry it out.
    event ProposalApproved(
        bytes32 indexed proposalId, bytes32 indexed by, bytes32 indexed submissionId, uint32 approvals, uint32 needed
    );
    /// @notice The operation was carried out in `submissionId`, and its round is closed.
    event ProposalExecuted(bytes32 indexed proposalId, bytes32 indexed submissionId, uint32 round);
    /// @notice From now on `threshold` authorities decide; `by` and `submissionId` are 0 on construction.
    event ThresholdChanged(bytes32 indexed by, bytes32 indexed submissionId, uint32 threshold);
    /// @notice The member accepted the role AUTHORITY under its own signature and may act as one.
    event OfficeAccepted(bytes32 indexed memberId, bytes32 indexed submissionId);
    /// @notice One authority suspended the member through `until`, unless this is confirmed or taken back before.
    event EmergencySuspension(
        bytes32 indexed memberId, bytes32 indexed by, bytes32 indexed submissionId, uint64 until
    );

    /// @notice Thrown when a writing function is called by anybody but the Submissions contract.
    error MembersNotSubmissions(address caller);
    /// @notice Thrown when no member has this id.
    error MembersUnknown(bytes32 memberId);
    /// @notice Thrown when no key has this id.
    error MembersUnknownKey(bytes32 keyId);
    /// @notice Thrown when the key was revoked at `revokedAt`.
    error MembersKeyRevoked(bytes32 keyId, uint64 revokedAt);
    /// @notice Thrown when a member that must be ACTIVE is not.
    error MembersNotActive(bytes32 memberId, uint8 standing);
    /// @notice Thrown when a member has none of the roles `neededRoles`, any one of which would do.
    error MembersMissingRole(bytes32 memberId, uint32 neededRoles);
    /// @notice Thrown when an authority of `authorityZone` acts alone on `memberId` of `memberZone`.
    error MembersOtherZone(bytes32 memberId, uint8 memberZone, uint8 authorityZone);
    /// @notice Thrown when a member with this id exists already.
    error MembersAlreadyAdmitted(bytes32 memberId);
    /// @notice Thrown when the key belongs, or once belonged, to `memberId`.
    error MembersKeyTaken(bytes32 keyId, bytes32 memberId);
    /// @notice Thrown when (x, y) is not a point of the SM2 curve with both coordinates below p.
    error MembersBadKey(uint256 x, uint256 y);
    /// @notice Thrown when a member id is 0.
    error MembersZeroId();
    /// @notice Thrown when the zone is not one of 1..7.
    error MembersUnknownZone(uint8 zone);
    /// @notice Thrown when roles are empty or hold a bit that no role has.
    error MembersUnknownRoles(uint32 roles);
    /// @notice Thrown when the standing is not one of 1..3.
    error MembersUnknownStanding(uint8 standing);
    /// @notice Thrown when the member already has this standing.
    error MembersStandingUnchanged(bytes32 memberId, uint8 standing);
    /// @notice Thrown when the member already has exactly these roles.
    error MembersRolesUnchanged(bytes32 memberId, uint32 roles);
    /// @notice Thrown when the member has retired: nothing about it may change any more.
    error MembersRetired(bytes32 memberId);
    /// @notice Thrown when the change would leave `zone` without an able authority while authorities decide alone.
    error MembersLastAuthority(bytes32 memberId, uint8 zone);
    /// @notice Thrown when the change would leave fewer able authorities than the `threshold` above 1.
    error MembersTooFewAuthorities(bytes32 memberId, uint32 threshold);
    /// @notice Thrown when the member has the role AUTHORITY but has not accepted it.
    error MembersNotInOffice(bytes32 memberId);
    /// @notice Thrown when an authority has no usable key left, because this very action revoked it.
    error MembersNoUsableKey(bytes32 memberId);
    /// @notice Thrown when `memberId` has accepted its office before.
    error MembersAlreadyInOffice(bytes32 memberId);
    /// @notice Thrown when `author` would accept the office of `memberId`.
    error MembersNotOneself(bytes32 memberId, bytes32 author);
    /// @notice Thrown when the member has approved in this round and its approval does not suffice.
    error MembersAlreadyApproved(bytes32 proposalId, bytes32 memberId);
    /// @notice Thrown when the threshold is 0 or above the number of `able` authorities.
    error MembersBadThreshold(uint32 threshold, uint32 able);
    /// @notice Thrown when the threshold is what it was.
    error MembersThresholdUnchanged(uint32 threshold);
    /// @notice Thrown when an emergency suspension is aimed at a member in office.
    error MembersIsAuthority(bytes32 memberId);
    /// @notice Thrown when the member's last emergency suspension ended at `until` without anybody's confirmation.
    error MembersEmergencySpent(bytes32 memberId, uint64 until);
    /// @notice Thrown on construction without any authority: nobody could ever be admitted.
    error MembersNoAuthorities();

    /// @notice The only contract that may write here.
    function submissions() external view returns (address);

    /// @notice The SM3 hasher that computes Z, DOMAIN and midstates.
    function hasher() external view returns (address);

    /// @notice SM3("OriginSeal submission v1" ‖ uint256(chain id) ‖ address of Submissions).
    function DOMAIN() external view returns (bytes32);

    /// @notice The member with this id; all zero when there is none.
    function member(bytes32 memberId) external view returns (Member memory);

    /// @notice The key with this id; all zero when there is none.
    function key(bytes32 keyId) external view returns (Key memory);

    /// @notice How many able authorities the zone has.
    function authorities(uint8 zone) external view returns (uint32);

    /// @notice How many able authorities there are in all zones.
    function ableAuthorities() external view returns (uint32);

    /// @notice How many able authorities carry out an operation together.
    function threshold() external view returns (uint32);

    /// @notice How many approvals SET_THRESHOLD needs now: the threshold, and more than half of all able authorities.
    function thresholdMajority() external view returns (uint32);

    /// @notice The proposal with this id; all zero when there never was one.
    function proposal(bytes32 proposalId) external view returns (Proposal memory);

    /// @notice How long approvals are collected, in seconds.
    function PROPOSAL_WINDOW() external view returns (uint64);

    /// @notice How long an emergency suspension holds unconfirmed, in seconds.
    function CONFIRM_WINDOW() external view returns (uint64);

    /// @notice How many keys of the member are usable.
    function usableKeys(bytes32 memberId) external view returns (uint32);

    /// @notice Z of the public key under the default user ID 1234567812345678.
    ///   Warning: does not check that (x, y) is on the curve.
    function computeZ(uint256 x, uint256 y) external view returns (bytes32);

    /// @notice Who signs with this key, and what is needed to check the signature.
    ///   Reverts when the key is unknown or revoked, or its member is not ACTIVE.
    function signer(bytes32 keyId)
        external
        view
        returns (Author memory author, bytes32 midstate, uint256 x, uint256 y);

    /// @notice Reverts unless the member exists and is ACTIVE.
    function requireActive(bytes32 memberId) external view;

    /// @notice Carries out, or takes the author's approval of, an operation of the kinds 32 to 39:
    ///   ADMIT_MEMBER, SET_STANDING (retirement is final), SET_ROLES, ADD_KEY (other keys stay usable), REVOKE_KEY (for
    ///   ever) and SET_THRESHOLD need the approvals of `threshold` authorities, the last of `thresholdMajority`;
    ///   SUSPEND_NOW takes effect at once and for CONFIRM_WINDOW only; ACCEPT_OFFICE is the member's own word.
    ///   An operation that could not be carried out now is refused with its own error and no approval is kept.
    function govern(Author calldata author, bytes32 submissionId, Operation calldata op) external;

    /// @notice Version of this contract's behaviour.
    function version() external pure returns (string memory);
}
