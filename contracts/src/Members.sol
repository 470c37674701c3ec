// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IMembers} from "./interfaces/IMembers.sol";
import {Roles} from "./libraries/Roles.sol";
import {SM2Curve} from "./libraries/SM2Curve.sol";
import {StatementHash} from "./libraries/StatementHash.sol";
import {ISM3Hasher} from "./national/ISM3Hasher.sol";
import {Author} from "./types/Action.sol";
import {AddKey, AdmitMember} from "./types/Operations.sol";

/// @title Who may write
contract Members is IMembers {
    uint8 private constant ACTIVE = 1;
    uint8 private constant SUSPENDED = 2;
    uint8 private constant RETIRED = 3;

    uint8 private constant FIRST_ZONE = 1; // 梅州 Meizhou
    uint8 private constant LAST_ZONE = 7; // 肇庆 Zhaoqing

    /// @inheritdoc IMembers
    address public immutable submissions;
    ISM3Hasher private immutable _hasher;
    /// @inheritdoc IMembers
    bytes32 public immutable DOMAIN;

    /// @dev Slot 0. Member, from the low end of each word:
    ///   +0  roles 4 bytes | zone 1 | standing 1 | custodial 1 | since 8
    ///   +1  latestKeyId
    mapping(bytes32 memberId => Member) private _member;

    /// @dev Slot 1. Key:
    ///   +0  memberId     +1  x     +2  y     +3  midstate
    ///   +4  since 8 bytes | revokedAt 8 | custodial 1
    mapping(bytes32 keyId => Key) private _key;

    /// @dev Slot 2. Keys of the member that are not revoked.
    mapping(bytes32 memberId => uint32) private _usableKeys;

    /// @dev Slot 3. Authorities of the zone that can act: ACTIVE and with a usable key.
    mapping(uint8 zone => uint32) private _authorities;

    constructor(address submissions_, ISM3Hasher hasher_, GenesisAuthority[] memory genesis) {
        if (genesis.length == 0) revert MembersNoAuthorities();
        submissions = submissions_;
        _hasher = hasher_;
        bytes32 domain = StatementHash.domain(hasher_, submissions_);
        DOMAIN = domain;
        for (uint256 i = 0; i < genesis.length; ++i) {
            GenesisAuthority memory authority = genesis[i];
            AdmitMember memory op = AdmitMember({
                memberId: authority.memberId,
                roles: Roles.AUTHORITY,
                zone: authority.zone,
                x: authority.x,
                y: authority.y,
                custodial: false
            });
            _admit(0, 0, op, hasher_, domain);
        }
    }

    modifier onlySubmissions() {
        if (msg.sender != submissions) revert MembersNotSubmissions(msg.sender);
        _;
    }

    // ---------------------------------------------------------------------------------------------- admission

    /// @inheritdoc IMembers
    function admit(Author calldata author, bytes32 submissionId, AdmitMember calldata op) external onlySubmissions {
        _requireAuthority(author.memberId, op.memberId, op.zone);
        _admit(author.memberId, submissionId, op, _hasher, DOMAIN);
    }

    /// @dev Also runs during construction, when immutables cannot be read: hence the last two parameters.
    function _admit(bytes32 by, bytes32 submissionId, AdmitMember memory op, ISM3Hasher hasher_, bytes32 domain)
        private
    {
        bytes32 id = op.memberId;
        if (id == 0) revert MembersZeroId();
        if (_member[id].since != 0) revert MembersAlreadyAdmitted(id);
        if (op.zone < FIRST_ZONE || op.zone > LAST_ZONE) revert MembersUnknownZone(op.zone);
        _requireRoles(op.roles);

        Member storage admitted = _member[id];
        admitted.roles = op.roles;
        admitted.zone = op.zone;
        admitted.standing = ACTIVE;
        admitted.custodial = op.custodial;
        admitted.since = _now();
        emit MemberAdmitted(id, by, submissionId, op.roles, op.zone, op.custodial);
        _addKey(id, submissionId, op.x, op.y, op.custodial, hasher_, domain);
    }

    // ------------------------------------------------------------------------------------- standing and roles

    /// @inheritdoc IMembers
    function setStanding(Author calldata author, bytes32 submissionId, bytes32 memberId, uint8 standing)
        external
        onlySubmissions
    {
        Member storage target = _governed(author.memberId, memberId);
        if (standing < ACTIVE || standing > RETIRED) revert MembersUnknownStanding(standing);
        if (target.standing == standing) revert MembersStandingUnchanged(memberId, standing);
        bool before = _isAbleAuthority(memberId);
        target.standing = standing;
        _recount(memberId, before);
        emit StandingChanged(memberId, author.memberId, submissionId, standing);
    }

    /// @inheritdoc IMembers
    function setRoles(Author calldata author, bytes32 submissionId, bytes32 memberId, uint32 roles)
        external
        onlySubmissions
    {
        Member storage target = _governed(author.memberId, memberId);
        _requireRoles(roles);
        if (target.roles == roles) revert MembersRolesUnchanged(memberId, roles);
        bool before = _isAbleAuthority(memberId);
        target.roles = roles;
        _recount(memberId, before);
        emit RolesChanged(memberId, author.memberId, submissionId, roles);
    }

    // --------------------------------------------------------------------------------------------------- keys

    /// @inheritdoc IMembers
    function addKey(Author calldata author, bytes32 submissionId, AddKey calldata op) external onlySubmissions {
        Member storage target = _governed(author.memberId, op.memberId);
        target.custodial = op.custodial;
        _addKey(op.memberId, submissionId, op.x, op.y, op.custodial, _hasher, DOMAIN);
    }

    /// @inheritdoc IMembers
    function revokeKey(Author calldata author, bytes32 submissionId, bytes32 keyId) external onlySubmissions {
        Key storage revoked = _knownKey(keyId);
        bytes32 memberId = revoked.memberId;
        _governed(author.memberId, memberId);
        if (revoked.revokedAt != 0) revert MembersKeyRevoked(keyId, revoked.revokedAt);
        bool before = _isAbleAuthority(memberId);
        revoked.revokedAt = _now();
        _usableKeys[memberId] -= 1;
        _recount(memberId, before);
        emit KeyRevoked(keyId, memberId, submissionId);
    }

    function _addKey(
        bytes32 memberId,
        bytes32 submissionId,
        uint256 x,
        uint256 y,
        bool custodial,
        ISM3Hasher hasher_,
        bytes32 domain
    ) private {
        if (!SM2Curve.contains(x, y)) revert MembersBadKey(x, y);
        bytes32 keyId = StatementHash.z(hasher_, x, y);
        if (_key[keyId].since != 0) revert MembersKeyTaken(keyId, _key[keyId].memberId);
        bool before = _isAbleAuthority(memberId);
        _key[keyId] = Key({
            memberId: memberId,
            x: x,
            y: y,
            midstate: StatementHash.midstate(hasher_, keyId, domain),
            since: _now(),
            revokedAt: 0,
            custodial: custodial
        });
        _member[memberId].latestKeyId = keyId;
        _usableKeys[memberId] += 1;
        _recount(memberId, before);
        emit KeyAdded(keyId, memberId, submissionId, x, y, custodial);
    }

    // ------------------------------------------------------------------------------------------------- checks

    /// @dev The member, if the authority `by` may change it.
    function _governed(bytes32 by, bytes32 memberId) private view returns (Member storage target) {
        target = _known(memberId);
        _requireAuthority(by, memberId, target.zone);
        if (target.standing == RETIRED) revert MembersRetired(memberId);
    }

    /// @dev Reads the authority afresh: an earlier operation of the same action may have changed it.
    function _requireAuthority(bytes32 by, bytes32 memberId, uint8 zone) private view {
        requireActive(by);
        Member storage authority = _member[by];
        if (authority.roles & Roles.AUTHORITY == 0) revert MembersMissingRole(by, Roles.AUTHORITY);
        if (authority.zone != zone) revert MembersOtherZone(memberId, zone, authority.zone);
    }

    function _requireRoles(uint32 roles) private pure {
        if (roles == 0 || roles & ~Roles.ALL != 0) revert MembersUnknownRoles(roles);
    }

    function _known(bytes32 memberId) private view returns (Member storage found) {
        found = _member[memberId];
        if (found.since == 0) revert MembersUnknown(memberId);
    }

    function _knownKey(bytes32 keyId) private view returns (Key storage found) {
        found = _key[keyId];
        if (found.since == 0) revert MembersUnknownKey(keyId);
    }

    function _isAbleAuthority(bytes32 memberId) private view returns (bool) {
        Member storage m = _member[memberId];
        return m.roles & Roles.AUTHORITY != 0 && m.standing == ACTIVE && _usableKeys[memberId] != 0;
    }

    /// @dev Keeps `_authorities` true after a change to the member, and refuses to leave its zone ungoverned.
    function _recount(bytes32 memberId, bool before) private {
        bool afterwards = _isAbleAuthority(memberId);
        if (before == afterwards) return;
        uint8 zone = _member[memberId].zone;
        if (afterwards) {
            _authorities[zone] += 1;
        } else {
            if (_authorities[zone] == 1) revert MembersLastAuthority(memberId, zone);
            _authorities[zone] -= 1;
        }
    }

    function _now() private view returns (uint64) {
        return SafeCast.toUint64(block.timestamp);
    }

    // -------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IMembers
    function signer(bytes32 keyId)
        external
        view
        returns (Author memory author, bytes32 midstate, uint256 x, uint256 y)
    {
        Key storage k = _knownKey(keyId);
        if (k.revokedAt != 0) revert MembersKeyRevoked(keyId, k.revokedAt);
        bytes32 memberId = k.memberId;
        requireActive(memberId);
        Member storage m = _member[memberId];
        author = Author({memberId: memberId, keyId: keyId, roles: m.roles, zone: m.zone});
        return (author, k.midstate, k.x, k.y);
    }

    /// @inheritdoc IMembers
    function requireActive(bytes32 memberId) public view {
        Member storage m = _known(memberId);
        if (m.standing != ACTIVE) revert MembersNotActive(memberId, m.standing);
    }

    /// @inheritdoc IMembers
    function member(bytes32 memberId) external view returns (Member memory) {
        return _member[memberId];
    }

    /// @inheritdoc IMembers
    function key(bytes32 keyId) external view returns (Key memory) {
        return _key[keyId];
    }

    /// @inheritdoc IMembers
    function authorities(uint8 zone) external view returns (uint32) {
        return _authorities[zone];
    }

    /// @inheritdoc IMembers
    function usableKeys(bytes32 memberId) external view returns (uint32) {
        return _usableKeys[memberId];
    }

    /// @inheritdoc IMembers
    function computeZ(uint256 x, uint256 y) external view returns (bytes32) {
        return StatementHash.z(_hasher, x, y);
    }

    /// @inheritdoc IMembers
    function hasher() external view returns (address) {
        return address(_hasher);
    }

    /// @inheritdoc IMembers
    function version() external pure returns (string memory) {
        return "1.0.0";
    }
}
