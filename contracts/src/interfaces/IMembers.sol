// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Author} from "../types/Action.sol";
import {AdmitMember, AddKey} from "../types/Operations.sol";

/// @title Who may write: members, their roles, their zone, their SM2 keys and their standing
/// @notice A member is admitted, suspended, re-keyed and retired by an authority of its own zone, through a statement
///   that the authority signed. Keys are SM2 public keys (GB/T 32918.1, curve of GB/T 32918.5); a key's id is its Z
///   under the default user ID (GM/T 0003.2, 5.5), computed by this contract.
///   Warning: one authority of a zone decides alone; there is no m-of-n and no delay here.
///   Warning: a suspended or retired member's past submissions stay valid, and reading is never restricted.
///   Warning: nothing here proves who a member is; the authority's admission record says so, off chain.
///   Warning: nobody proves to hold the private key when a key is added; its first accepted submission shows that.
///   Warning: `custodial` is what the authority declared, it cannot be observed.
interface IMembers {
    /// @notice A member. `since == 0` means that there is no such member.
    /// @param roles Bits of `Roles`, never 0 for an existing member.
    /// @param zone The zone whose authorities govern the member, 1..7.
    /// @param standing 1 ACTIVE, 2 SUSPENDED, 3 RETIRED (final).
    /// @param custodial Whether the latest key is kept by the operator for the member.
    /// @param since Block time of admission.
    /// @param latestKeyId The key added last, even if it has been revoked since.
    struct Member {
        uint32 roles;
        uint8 zone;
        uint8 standing;
        bool custodial;
        uint64 since;
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

    /// @notice An authority that exists from construction, with its own (not custodial) key.
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
    /// @notice Thrown when an authority of `authorityZone` acts on `memberId` of `memberZone`.
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
    /// @notice Thrown when the change would leave `zone` without an active authority that holds a usable key.
    error MembersLastAuthority(bytes32 memberId, uint8 zone);
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

    /// @notice How many active authorities with a usable key govern the zone.
    function authorities(uint8 zone) external view returns (uint32);

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

    /// @notice Admits a member of the author's own zone with its first key.
    function admit(Author calldata author, bytes32 submissionId, AdmitMember calldata op) external;

    /// @notice Suspends, reinstates or retires a member of the author's own zone. Retirement is final.
    function setStanding(Author calldata author, bytes32 submissionId, bytes32 memberId, uint8 standing) external;

    /// @notice Replaces the roles of a member of the author's own zone.
    function setRoles(Author calldata author, bytes32 submissionId, bytes32 memberId, uint32 roles) external;

    /// @notice Adds a key to a member of the author's own zone; other keys of the member stay usable.
    function addKey(Author calldata author, bytes32 submissionId, AddKey calldata op) external;

    /// @notice Revokes a key of a member of the author's own zone, for ever.
    function revokeKey(Author calldata author, bytes32 submissionId, bytes32 keyId) external;

    /// @notice Version of this contract's behaviour.
    function version() external pure returns (string memory);
}
