// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISM2Verifier} from "./ISM2Verifier.sol";
import {N, P, SM2Curve} from "./SM2Curve.sol";
import {SM2Ladder} from "./SM2Ladder.sol";

/// @title SM2 signature verification as a contract of its own
/// @dev Steps B1 to B7 are those of GB/T 32918.2-2016, 7.1. The caller has done B3 and B4 (the hash).
contract SM2Verifier is ISM2Verifier {
    /// @inheritdoc ISM2Verifier
    function verify(bytes32 e, bytes32 r, bytes32 s, bytes32 x, bytes32 y) external view returns (bool valid) {
        return _verify(uint256(e), uint256(r), uint256(s), uint256(x), uint256(y));
    }

    function _verify(uint256 e, uint256 r, uint256 s, uint256 x, uint256 y) private view returns (bool) {
        // B1, B2: r, s in [1, n-1].
        if (r == 0 || r >= N || s == 0 || s >= N) return false;
        // B5: t = (r + s) mod n ≠ 0.
        uint256 t = addmod(r, s, N);
        if (t == 0) return false;
        // The key is a point of the curve other than O (GB/T 32918.1-2016, 6.2.1). The cofactor is 1, so it has order n.
        if (!SM2Curve.isPoint(x, y)) return false;
        // B6: (x1, y1) = s G + t Q. The sum O has no x1.
        (uint256 px,, uint256 pz) = SM2Ladder.linearCombination(s, t, x, y);
        if (pz == 0) return false;
        // B7: (e + x1) mod n = r, that is x1 ≡ r - e (mod n).
        return _hasAbscissa(px, pz, addmod(r, N - (e % N), N));
    }

    /// @dev Whether the affine x1 = X / Z² is congruent to c modulo n, for c < n. x1 is below p < 2 n, so it is c or, where
    ///      that is below p, c + n. Compared as c Z² = X: no inversion.
    function _hasAbscissa(uint256 px, uint256 pz, uint256 c) private pure returns (bool) {
        uint256 zz = mulmod(pz, pz, P);
        if (mulmod(c, zz, P) == px) return true;
        return c < P - N && mulmod(c + N, zz, P) == px;
    }
}
