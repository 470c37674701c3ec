// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice One lot named by the records of a submission.
/// @param lotId The lot.
/// @param root SM3 Merkle root over the digests of the records that name the lot, in submission order.
/// @param count How many records those are; at least 1.
struct LotEntry {
    bytes32 lotId;
    bytes32 root;
    uint32 count;
}

/// @notice One change of state that an action asks for.
/// @param kind What to do: a constant of `OperationKind`.
/// @param data `abi.encode` of the fields of that kind, in exactly its canonical form.
struct Operation {
    uint8 kind;
    bytes data;
}

/// @notice What one signature authorises as a whole.
/// @param root SM3 Merkle root over the digests of all records of the submission.
/// @param count Number of records; at least 1.
/// @param lots One entry per lot named by any record, ascending by lot id, each lot once.
/// @param operations Changes of state, in the order in which they are to be made.
struct Action {
    bytes32 root;
    uint32 count;
    LotEntry[] lots;
    Operation[] operations;
}

/// @notice Who signed a submission, as `Members` knew them when it was accepted.
struct Author {
    bytes32 memberId;
    bytes32 keyId;
    uint32 roles;
    uint8 zone;
}

/// @notice A quantity of a lot, in the lot's base units.
struct LotQuantity {
    bytes32 lotId;
    uint128 quantity;
}

/// @title The operation kinds of an action
/// @notice Numbers are part of what members sign: never reuse one.
library OperationKind {
    uint8 internal constant REGISTER_LOT = 1;
    uint8 internal constant TRANSFER_LOT = 2;
    uint8 internal constant SET_LOT_STATE = 3;
    uint8 internal constant SEAL_DOCUMENT = 16;
    uint8 internal constant RECORD_MATCH = 17;
    uint8 internal constant ADMIT_MEMBER = 32;
    uint8 internal constant SET_STANDING = 33;
    uint8 internal constant SET_ROLES = 34;
    uint8 internal constant ADD_KEY = 35;
    uint8 internal constant REVOKE_KEY = 36;
    uint8 internal constant SET_THRESHOLD = 37;
    uint8 internal constant SUSPEND_NOW = 38;
    uint8 internal constant ACCEPT_OFFICE = 39;
}
