// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IMembers} from "./interfaces/IMembers.sol";
import {Roles} from "./libraries/Roles.sol";
import {SM2Curve} from "./libraries/SM2Curve.sol";
import {StatementHash} from "./libraries/StatementHash.sol";
import {ISM3Hasher} from "./national/ISM3Hasher.sol";
import {AddKey, AdmitMember} from "./types/Operations.sol";

/// @title What is kept about members, and what each change of it demands
/// @dev Whether enough authorities want a change is asked in Governance. Every change is a function that first checks,
///   then stops unless `execute`: so a proposal that cannot be carried out is refused with its first approval.
abstract contract MemberRegistry is IMembers {
    uint8 internal constant ACTIVE = 1;
    uint8 internal constant SUSPENDED = 2;
    uint8 internal constant RETIRED = 3;

    uint8 private constant FIRST_ZONE = 1; // 梅州 Meizhou
    uint8 private constant LAST_ZONE = 7; // 肇庆 Zhaoqing

    /// @dev Slot 0. Member, from the low end of each word:
    ///   +0  roles 4 bytes | zone 1 | standing 1 | custodial 1 | since 8 | suspendedUntil 8 | inOffice 1
    ///   +1  latestKeyId
    mapping(bytes32 memberId => Member) internal _member;

    /// @dev Slot 1. Key:
    ///   +0  memberId     +1  x     +2  y     +3  midstate
    ///   +4  since 8 bytes | revokedAt 8 | custodial 1
    mapping(bytes32 keyId => Key) internal _key;

    /// @dev Slot 2. Keys of the member that are not revoked.
    mapping(bytes32 memberId => uint32) internal _usableKeys;

    /// @dev Slot 3. Able authorities of the zone.
    mapping(uint8 zone => uint32) internal _authorities;

    /// @dev Slot 4. threshold 4 bytes | able authorities of all zones 4
    uint32 internal _threshold;
    uint32 internal _able;

    // ---------------------------------------------------------------------------------------------- admission

    /// @dev Also runs during construction, when immutables cannot be read: hence the last two parameters.
    function _admit(
        bytes32 by,
        bytes32 submissionId,
        AdmitMember memory op,
        bool execute,
        ISM3Hasher hasher_,
        bytes32 domain
    ) internal {
        bytes32 id = op.memberId;
        if (id == 0) revert MembersZeroId();
        if (_member[id].since != 0) revert MembersAlreadyAdmitted(id);
        if (op.zone < FIRST_ZONE || op.zone > LAST_ZONE) revert MembersUnknownZone(op.zone);
        _requireRoles(op.roles);
        bytes32 keyId = _newKey(op.x, op.y, hasher_);
        if (!execute) return;

        Member storage admitted = _member[id];
        admitted.roles = op.roles;
        admitted.zone = op.zone;
        admitted.standing = ACTIVE;
        admitted.custodial = op.custodial;
        admitted.since = _now();
        admitted.inOffice = by == 0; // an authority of the genesis needs to accept nothing
        emit MemberAdmitted(id, by, submissionId, op.roles, op.zone, op.custodial);
        _addKey(AddKey(id, op.x, op.y, op.custodial), submissionId, keyId, hasher_, domain);
    }

    // ------------------------------------------------------------------------------------- standing and roles

    function _setStanding(bytes32 by, bytes32 submissionId, bytes32 memberId, uint8 standing, bool execute) internal {
        Member storage target = _governed(by, memberId);
        if (standing < ACTIVE || standing > RETIRED) revert MembersUnknownStanding(standing);
        // an emergency suspension is confirmed by saying SUSPENDED once more
        if (target.standing == standing && target.suspendedUntil == 0) {
            revert MembersStandingUnchanged(memberId, standing);
        }
        if (!execute) return;
        bool before = _isAble(memberId);
        target.standing = standing;
        target.suspendedUntil = 0;
        _recount(memberId, before);
        emit StandingChanged(memberId, by, submissionId, standing);
    }

    function _setRoles(bytes32 by, bytes32 submissionId, bytes32 memberId, uint32 roles, bool execute) internal {
        Member storage target = _governed(by, memberId);
        _requireRoles(roles);
        if (target.roles == roles) revert MembersRolesUnchanged(memberId, roles);
        if (!execute) return;
        bool before = _isAble(memberId);
        target.roles = roles;
        if (roles & Roles.AUTHORITY == 0) target.inOffice = false;
        _recount(memberId, before);
        emit RolesChanged(memberId, by, submissionId, roles);
    }

    /// @dev The member's own act. A role that is lost takes the office with it, so one given again is accepted again.
    function _acceptOffice(bytes32 by, bytes32 submissionId, bytes32 memberId) internal {
        if (memberId != by) revert MembersNotOneself(memberId, by);
        requireActive(by); // an earlier operation of the same action may have changed it
        Member storage m = _member[by];
        if (m.roles & Roles.AUTHORITY == 0) revert MembersMissingRole(by, Roles.AUTHORITY);
        if (m.inOffice) revert MembersAlreadyInOffice(by);
        m.inOffice = true;
        _recount(by, false);
        emit OfficeAccepted(by, submissionId);
    }

    /// @dev Never aimed at a member in office: `_able` and `_authorities` could not follow a suspension that lapses.
    function _suspendNow(bytes32 by, bytes32 submissionId, bytes32 memberId, uint64 window) internal {
        Member storage target = _governed(by, memberId);
        if (target.inOffice) revert MembersIsAuthority(memberId);
        requireActive(memberId);
        if (target.suspendedUntil != 0) revert MembersEmergencySpent(memberId, target.suspendedUntil);
        uint64 until = _now() + window;
        target.standing = SUSPENDED;
        target.suspendedUntil = until;
        emit EmergencySuspension(memberId, by, submissionId, until);
        emit StandingChanged(memberId, by, submissionId, SUSPENDED);
    }

    // --------------------------------------------------------------------------------------------------- keys

    function _giveKey(
        bytes32 by,
        bytes32 submissionId,
        AddKey memory op,
        bool execute,
        ISM3Hasher hasher_,
        bytes32 domain
    ) internal {
        Member storage target = _governed(by, op.memberId);
        bytes32 keyId = _newKey(op.x, op.y, hasher_);
        if (!execute) return;
        target.custodial = op.custodial;
        _addKey(op, submissionId, keyId, hasher_, domain);
    }

    function _revokeKey(bytes32 by, bytes32 submissionId, bytes32 keyId, bool execute) internal {
        Key storage revoked = _knownKey(keyId);
        bytes32 memberId = revoked.memberId;
        _governed(by, memberId);
        if (revoked.revokedAt != 0) revert MembersKeyRevoked(keyId, revoked.revokedAt);
        if (!execute) return;
        bool before = _isAble(memberId);
        revoked.revokedAt = _now();
        _usableKeys[memberId] -= 1;
        _recount(memberId, before);
        emit KeyRevoked(keyId, memberId, submissionId);
    }

    function _newKey(uint256 x, uint256 y, ISM3Hasher hasher_) private view returns (bytes32 keyId) {
        if (!SM2Curve.contains(x, y)) revert MembersBadKey(x, y);
        keyId = StatementHash.z(hasher_, x, y);
        if (_key[keyId].since != 0) revert MembersKeyTaken(keyId, _key[keyId].memberId);
    }

    function _addKey(AddKey memory op, bytes32 submissionId, bytes32 keyId, ISM3Hasher hasher_, bytes32 domain)
        private
    {
        bytes32 memberId = op.memberId;
        bool before = _isAble(memberId);
        _key[keyId] = Key({
            memberId: memberId,
            x: op.x,
            y: op.y,
            midstate: StatementHash.midstate(hasher_, keyId, domain),
            since: _now(),
            revokedAt: 0,
            custodial: op.custodial
        });
        _member[memberId].latestKeyId = keyId;
        _usableKeys[memberId] += 1;
        _recount(memberId, before);
        emit KeyAdded(keyId, memberId, submissionId, op.x, op.y, op.custodial);
    }

    // ---------------------------------------------------------------------------------------------- authorities

    /// @dev ACTIVE with the role AUTHORITY, in office, with a usable key. The count follows every change: time alone
    ///   changes it for nobody, since whoever is in office is never suspended for a time.
    function _isAble(bytes32 memberId) internal view returns (bool) {
        Member storage m = _member[memberId];
        return m.inOffice && _standing(m) == ACTIVE && _usableKeys[memberId] != 0;
    }

    /// @dev Reads the authority afresh: an earlier operation of the same action may have changed it.
    function _requireAble(bytes32 by) internal view {
        requireActive(by);
        Member storage authority = _member[by];
        if (authority.roles & Roles.AUTHORITY == 0) revert MembersMissingRole(by, Roles.AUTHORITY);
        if (!authority.inOffice) revert MembersNotInOffice(by);
        if (_usableKeys[by] == 0) revert MembersNoUsableKey(by);
    }

    /// @dev Who decides alone decides for its own zone only.
    function _requireZone(bytes32 by, bytes32 memberId, uint8 zone) internal view {
        uint8 own = _member[by].zone;
        if (_threshold == 1 && own != zone) revert MembersOtherZone(memberId, zone, own);
    }

    /// @dev Keeps the counts of able authorities true after a change to the member. As long as one decides alone, no
    ///   zone may lose its last; otherwise enough must stay to decide.
    function _recount(bytes32 memberId, bool before) private {
        bool afterwards = _isAble(memberId);
        if (before == afterwards) return;
        uint8 zone = _member[memberId].zone;
        if (afterwards) {
            _authorities[zone] += 1;
            _able += 1;
            return;
        }
        if (_threshold == 1) {
            if (_authorities[zone] == 1) revert MembersLastAuthority(memberId, zone);
        } else if (_able == _threshold) {
            revert MembersTooFewAuthorities(memberId, _threshold);
        }
        _authorities[zone] -= 1;
        _able -= 1;
    }

    // ------------------------------------------------------------------------------------------------- checks

    /// @inheritdoc IMembers
    function requireActive(bytes32 memberId) public view {
        uint8 standing = _standing(_known(memberId));
        if (standing != ACTIVE) revert MembersNotActive(memberId, standing);
    }

    /// @dev The standing that counts now: an emergency suspension that nobody confirmed is over by itself.
    function _standing(Member storage m) private view returns (uint8) {
        if (m.standing == SUSPENDED && m.suspendedUntil != 0 && m.suspendedUntil < block.timestamp) return ACTIVE;
        return m.standing;
    }

    /// @dev The member, if authorities may change it and `by` may be one of them.
    function _governed(bytes32 by, bytes32 memberId) private view returns (Member storage target) {
        target = _known(memberId);
        _requireZone(by, memberId, target.zone);
        if (target.standing == RETIRED) revert MembersRetired(memberId);
    }

    function _requireRoles(uint32 roles) private pure {
        if (roles == 0 || roles & ~Roles.ALL != 0) revert MembersUnknownRoles(roles);
    }

    function _known(bytes32 memberId) internal view returns (Member storage found) {
        found = _member[memberId];
        if (found.since == 0) revert MembersUnknown(memberId);
    }

    function _knownKey(bytes32 keyId) internal view returns (Key storage found) {
        found = _key[keyId];
        if (found.since == 0) revert MembersUnknownKey(keyId);
    }

    function _now() internal view returns (uint64) {
        return SafeCast.toUint64(block.timestamp);
    }
}
