// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMembers} from "../interfaces/IMembers.sol";
import {Author} from "../types/Action.sol";

/// @title The roles of members, one bit each
/// @notice Bits are stored and signed: never reuse one.
library Roles {
    uint32 internal constant PRODUCER = 1 << 0;
    uint32 internal constant PACKHOUSE = 1 << 1;
    uint32 internal constant ECOMMERCE = 1 << 2;
    uint32 internal constant PAYMENT = 1 << 3;
    uint32 internal constant LOGISTICS = 1 << 4;
    uint32 internal constant LABORATORY = 1 << 5;
    uint32 internal constant SITE_OPERATOR = 1 << 6;
    uint32 internal constant DECLARANT = 1 << 7;
    uint32 internal constant BANK = 1 << 8;
    uint32 internal constant CUSTOMS = 1 << 9;
    uint32 internal constant TAX = 1 << 10;
    uint32 internal constant FOREIGN_EXCHANGE = 1 << 11;
    uint32 internal constant MARKET_SUPERVISION = 1 << 12;
    uint32 internal constant AGRICULTURE = 1 << 13;
    uint32 internal constant COMMERCE = 1 << 14;
    uint32 internal constant POSTAL = 1 << 15;
    uint32 internal constant POLICE = 1 << 16;
    uint32 internal constant AUTHORITY = 1 << 17;
    uint32 internal constant MATCHER = 1 << 18;
    uint32 internal constant AUDITOR = 1 << 19;

    /// @notice All bits that are roles.
    uint32 internal constant ALL = (1 << 20) - 1;

    /// @notice The government agencies.
    uint32 internal constant AGENCIES =
        CUSTOMS | TAX | FOREIGN_EXCHANGE | MARKET_SUPERVISION | AGRICULTURE | COMMERCE | POSTAL | POLICE;

    /// @notice Reverts unless the author has at least one of the roles `needed`.
    function requireAny(Author calldata author, uint32 needed) internal pure {
        if (author.roles & needed == 0) revert IMembers.MembersMissingRole(author.memberId, needed);
    }
}
