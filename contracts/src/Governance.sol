// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MemberRegistry} from "./MemberRegistry.sol";
import {IMembers} from "./interfaces/IMembers.sol";
import {ISubmissions} from "./interfaces/ISubmissions.sol";
import {OperationCodec} from "./libraries/OperationCodec.sol";
import {ISM3Hasher} from "./national/ISM3Hasher.sol";
import {Operation, OperationKind} from "./types/Action.sol";
import {AdmitMember} from "./types/Operations.sol";

/// @title How many authorities it takes
abstract contract Governance is MemberRegistry {
    using OperationCodec for Operation;

    /// @inheritdoc IMembers
    uint64 public constant PROPOSAL_WINDOW = 14 days;
    /// @inheritdoc IMembers
    uint64 public constant CONFIRM_WINDOW = 3 days;

    /// @dev Slot 5. Proposal:
    ///   +0  deadline 8 bytes | round 4     +1  length of approvers, which lie from keccak256(this slot) on
    mapping(bytes32 proposalId => Proposal) internal _proposal;

    /// @dev What the author's word for `op` brings about, now or later.
    function _govern(bytes32 by, bytes32 submissionId, Operation calldata op, ISM3Hasher hasher_, bytes32 domain)
        internal
    {
        if (op.kind == OperationKind.ACCEPT_OFFICE) {
            _acceptOffice(by, submissionId, op.onlyId());
            return;
        }
        _requireAble(by);
        if (op.kind == OperationKind.SUSPEND_NOW) {
            _suspendNow(by, submissionId, op.onlyId(), CONFIRM_WINDOW);
            return;
        }
        uint32 needed = op.kind == OperationKind.SET_THRESHOLD ? thresholdMajority() : _threshold;
        bool enough = _approve(by, submissionId, op, needed);
        _carryOut(by, submissionId, op, enough, hasher_, domain);
    }

    /// @dev Notes the approval of `by`; whether it suffices. Where one suffices, nothing is noted.
    function _approve(bytes32 by, bytes32 submissionId, Operation calldata op, uint32 needed) private returns (bool) {
        bytes32 id = keccak256(abi.encode(op.kind, op.data));
        Proposal storage p = _proposal[id];
        uint64 time = _now();
        bool open = p.deadline >= time;
        if (needed == 1) {
            if (open) _close(p, id, submissionId); // from before the threshold fell to 1
            return true;
        }
        if (!open) {
            delete p.approvers;
            p.deadline = time + PROPOSAL_WINDOW;
            p.round += 1;
            emit ProposalOpened(id, by, submissionId, op.kind, op.data, p.deadline, p.round);
        }
        (uint32 approvals, bool again) = _approvals(p, by);
        if (again) {
            // it may suffice by now, when the threshold has fallen since
            if (approvals < needed) revert MembersAlreadyApproved(id, by);
        } else {
            p.approvers.push(by);
            approvals += 1;
            emit ProposalApproved(id, by, submissionId, approvals, needed);
        }
        if (approvals < needed) return false;
        _close(p, id, submissionId);
        return true;
    }

    /// @dev How many approvers are able at this moment, and whether `by` is among those who approved.
    function _approvals(Proposal storage p, bytes32 by) private view returns (uint32 approvals, bool again) {
        uint256 length = p.approvers.length;
        for (uint256 i = 0; i < length; ++i) {
            bytes32 approver = p.approvers[i];
            if (approver == by) again = true;
            if (_isAble(approver)) approvals += 1;
        }
    }

    function _close(Proposal storage p, bytes32 id, bytes32 submissionId) private {
        p.deadline = 0;
        delete p.approvers;
        emit ProposalExecuted(id, submissionId, p.round);
    }

    /// @dev Checks the operation, and carries it out if `execute`.
    function _carryOut(
        bytes32 by,
        bytes32 submissionId,
        Operation calldata op,
        bool execute,
        ISM3Hasher hasher_,
        bytes32 domain
    ) private {
        uint8 kind = op.kind;
        if (kind == OperationKind.ADMIT_MEMBER) {
            AdmitMember memory fields = op.admitMember();
            _requireZone(by, fields.memberId, fields.zone);
            _admit(by, submissionId, fields, execute, hasher_, domain);
        } else if (kind == OperationKind.SET_STANDING) {
            (bytes32 memberId, uint8 standing) = op.idAndCode();
            _setStanding(by, submissionId, memberId, standing, execute);
        } else if (kind == OperationKind.SET_ROLES) {
            (bytes32 memberId, uint32 roles) = op.setRoles();
            _setRoles(by, submissionId, memberId, roles, execute);
        } else if (kind == OperationKind.ADD_KEY) {
            _giveKey(by, submissionId, op.addKey(), execute, hasher_, domain);
        } else if (kind == OperationKind.REVOKE_KEY) {
            _revokeKey(by, submissionId, op.onlyId(), execute);
        } else if (kind == OperationKind.SET_THRESHOLD) {
            _setThreshold(by, submissionId, op.setThreshold(), execute);
        } else {
            revert ISubmissions.SubmissionsUnknownOperation(kind);
        }
    }

    function _setThreshold(bytes32 by, bytes32 submissionId, uint32 threshold_, bool execute) internal {
        if (threshold_ == 0 || threshold_ > _able) revert MembersBadThreshold(threshold_, _able);
        if (threshold_ == _threshold) revert MembersThresholdUnchanged(threshold_);
        if (!execute) return;
        _threshold = threshold_;
        emit ThresholdChanged(by, submissionId, threshold_);
    }

    /// @inheritdoc IMembers
    function thresholdMajority() public view returns (uint32) {
        uint32 majority = _able / 2 + 1;
        return majority > _threshold ? majority : _threshold;
    }
}
