// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {LotQuantity} from "./Action.sol";

/// @notice REGISTER_LOT: a lot comes into being, from nothing (`parents` empty) or drawn from other lots.
/// @param lotId The new lot.
/// @param originDigest Digest of the record that tells its origin.
/// @param quantity How much there is, in base units.
/// @param unit Base unit: 1 gram, 2 piece, 3 millilitre.
/// @param parents What is drawn from which lots; each lot once.
struct RegisterLot {
    bytes32 lotId;
    bytes32 originDigest;
    uint128 quantity;
    uint8 unit;
    LotQuantity[] parents;
}

/// @notice RECORD_MATCH: the result of comparing the documents of a trade.
/// @param tradeId The trade.
/// @param documents Record digests of order, receipt, waybill and list; 0 where absent.
/// @param verdict 1 MATCHED, 2 MISMATCHED, 3 INCOMPLETE.
/// @param policyVersion Version of the rules that were applied.
/// @param resultDigest Digest of the trade.match record.
/// @param lines What the trade takes out of which lots; empty unless MATCHED.
struct RecordMatch {
    bytes32 tradeId;
    bytes32[4] documents;
    uint8 verdict;
    uint32 policyVersion;
    bytes32 resultDigest;
    LotQuantity[] lines;
}

/// @notice ADMIT_MEMBER: a member comes into being with its first key.
struct AdmitMember {
    bytes32 memberId;
    uint32 roles;
    uint8 zone;
    uint256 x;
    uint256 y;
    bool custodial;
}

/// @notice ADD_KEY: a member gets a further key.
struct AddKey {
    bytes32 memberId;
    uint256 x;
    uint256 y;
    bool custodial;
}
