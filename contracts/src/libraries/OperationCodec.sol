// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISubmissions} from "../interfaces/ISubmissions.sol";
import {LotQuantity, Operation} from "../types/Action.sol";
import {AddKey, AdmitMember, RecordMatch, RegisterLot} from "../types/Operations.sol";

/// @title Reads the data of operations
/// @notice Accepts exactly one encoding of every operation, the canonical `abi.encode`: right length, array directly
///   behind the head, numbers within their type. Anything else reverts with SubmissionsMalformedOperation, so that
///   every decoder of a signed action, in any language, agrees or refuses.
library OperationCodec {
    uint256 private constant WORD = 32;
    uint256 private constant LINE = 2 * WORD; // one LotQuantity

    /// @notice Fields of TRANSFER_LOT: lotId, toMemberId.
    function transferLot(Operation calldata op) internal pure returns (bytes32 lotId, bytes32 toMemberId) {
        _requireStatic(op, 2);
        return (_word(op, 0), _word(op, 1));
    }

    /// @notice Fields of SET_LOT_STATE: lotId, state. Of SET_STANDING: memberId, standing.
    function idAndCode(Operation calldata op) internal pure returns (bytes32 id, uint8 code) {
        _requireStatic(op, 2);
        return (_word(op, 0), uint8(_number(op, 1, type(uint8).max)));
    }

    /// @notice Fields of SEAL_DOCUMENT: docKind, recordDigest.
    function sealDocument(Operation calldata op) internal pure returns (uint8 docKind, bytes32 recordDigest) {
        _requireStatic(op, 2);
        return (uint8(_number(op, 0, type(uint8).max)), _word(op, 1));
    }

    /// @notice Fields of SET_ROLES: memberId, roles.
    function setRoles(Operation calldata op) internal pure returns (bytes32 memberId, uint32 roles) {
        _requireStatic(op, 2);
        return (_word(op, 0), uint32(_number(op, 1, type(uint32).max)));
    }

    /// @notice Field of REVOKE_KEY: keyId. Of SUSPEND_NOW and ACCEPT_OFFICE: memberId.
    function onlyId(Operation calldata op) internal pure returns (bytes32 id) {
        _requireStatic(op, 1);
        return _word(op, 0);
    }

    /// @notice Field of SET_THRESHOLD.
    function setThreshold(Operation calldata op) internal pure returns (uint32 threshold) {
        _requireStatic(op, 1);
        return uint32(_number(op, 0, type(uint32).max));
    }

    /// @notice Fields of ADMIT_MEMBER.
    function admitMember(Operation calldata op) internal pure returns (AdmitMember memory fields) {
        _requireStatic(op, 6);
        fields.memberId = _word(op, 0);
        fields.roles = uint32(_number(op, 1, type(uint32).max));
        fields.zone = uint8(_number(op, 2, type(uint8).max));
        fields.x = uint256(_word(op, 3));
        fields.y = uint256(_word(op, 4));
        fields.custodial = _number(op, 5, 1) == 1;
    }

    /// @notice Fields of ADD_KEY.
    function addKey(Operation calldata op) internal pure returns (AddKey memory fields) {
        _requireStatic(op, 4);
        fields.memberId = _word(op, 0);
        fields.x = uint256(_word(op, 1));
        fields.y = uint256(_word(op, 2));
        fields.custodial = _number(op, 3, 1) == 1;
    }

    /// @notice Fields of REGISTER_LOT.
    function registerLot(Operation calldata op) internal pure returns (RegisterLot memory fields) {
        fields.parents = _quantities(op, 5);
        fields.lotId = _word(op, 0);
        fields.originDigest = _word(op, 1);
        fields.quantity = uint128(_number(op, 2, type(uint128).max));
        fields.unit = uint8(_number(op, 3, type(uint8).max));
    }

    /// @notice Fields of RECORD_MATCH.
    function recordMatch(Operation calldata op) internal pure returns (RecordMatch memory fields) {
        fields.lines = _quantities(op, 9);
        fields.tradeId = _word(op, 0);
        for (uint256 i = 0; i < 4; ++i) {
            fields.documents[i] = _word(op, 1 + i);
        }
        fields.verdict = uint8(_number(op, 5, type(uint8).max));
        fields.policyVersion = uint32(_number(op, 6, type(uint32).max));
        fields.resultDigest = _word(op, 7);
    }

    /// @dev The array of LotQuantity whose offset is the last of `headWords` words.
    function _quantities(Operation calldata op, uint256 headWords) private pure returns (LotQuantity[] memory list) {
        uint256 head = headWords * WORD;
        if (op.data.length < head + WORD || (op.data.length - head - WORD) % LINE != 0) _refuse(op);
        uint256 length = (op.data.length - head - WORD) / LINE;
        _number(op, headWords - 1, head, head);
        _number(op, headWords, length, length);
        list = new LotQuantity[](length);
        for (uint256 i = 0; i < length; ++i) {
            uint256 at = headWords + 1 + 2 * i;
            list[i].lotId = _word(op, at);
            list[i].quantity = uint128(_number(op, at + 1, type(uint128).max));
        }
    }

    function _requireStatic(Operation calldata op, uint256 words) private pure {
        if (op.data.length != words * WORD) _refuse(op);
    }

    function _word(Operation calldata op, uint256 index) private pure returns (bytes32) {
        return bytes32(op.data[index * WORD:(index + 1) * WORD]);
    }

    function _number(Operation calldata op, uint256 index, uint256 most) private pure returns (uint256) {
        return _number(op, index, 0, most);
    }

    function _number(Operation calldata op, uint256 index, uint256 least, uint256 most)
        private
        pure
        returns (uint256 value)
    {
        value = uint256(_word(op, index));
        if (value < least || value > most) _refuse(op);
    }

    function _refuse(Operation calldata op) private pure {
        revert ISubmissions.SubmissionsMalformedOperation(op.kind, op.data);
    }
}
