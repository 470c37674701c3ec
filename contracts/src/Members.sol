// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Governance} from "./Governance.sol";
import {IMembers} from "./interfaces/IMembers.sol";
import {Roles} from "./libraries/Roles.sol";
import {StatementHash} from "./libraries/StatementHash.sol";
import {ISM3Hasher} from "./national/ISM3Hasher.sol";
import {Author, Operation} from "./types/Action.sol";
import {AdmitMember} from "./types/Operations.sol";

/// @title Who may write
contract Members is Governance {
    /// @inheritdoc IMembers
    address public immutable submissions;
    ISM3Hasher private immutable _hasher;
    /// @inheritdoc IMembers
    bytes32 public immutable DOMAIN;

    constructor(address submissions_, ISM3Hasher hasher_, GenesisAuthority[] memory genesis, uint32 threshold_) {
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
            _admit(0, 0, op, true, hasher_, domain);
        }
        _setThreshold(0, 0, threshold_, true);
    }

    /// @inheritdoc IMembers
    function govern(Author calldata author, bytes32 submissionId, Operation calldata op) external {
        if (msg.sender != submissions) revert MembersNotSubmissions(msg.sender);
        _govern(author.memberId, submissionId, op, _hasher, DOMAIN);
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
    function ableAuthorities() external view returns (uint32) {
        return _able;
    }

    /// @inheritdoc IMembers
    function threshold() external view returns (uint32) {
        return _threshold;
    }

    /// @inheritdoc IMembers
    function proposal(bytes32 proposalId) external view returns (Proposal memory) {
        return _proposal[proposalId];
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
        return "2.0.0";
    }
}
