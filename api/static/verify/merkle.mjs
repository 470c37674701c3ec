// Merkle trees in the shape of RFC 6962, hashed with SM3: roots, and inclusion proofs (RFC 9162, 2.1.3.2).

import { concat, failed, same } from "./bytes.mjs";
import { sm3 } from "./sm3.mjs";

const LEAF = Uint8Array.of(0), NODE = Uint8Array.of(1);
const leafHash = (leaf) => sm3(concat(LEAF, leaf));
const nodeHash = (left, right) => sm3(concat(NODE, left, right));

/** The root over one leaf or more, in their order. */
export function merkleRoot(leaves) {
  let level = leaves.map(leafHash);
  while (level.length > 1) {
    const above = [];
    for (let at = 1; at < level.length; at += 2) above.push(nodeHash(level[at - 1], level[at]));
    if (level.length % 2) above.push(level[level.length - 1]);
    level = above;
  }
  return level[0];
}

/** Throws unless `leaf` stands at `index` of the tree of `size` leaves with this root. */
export function verifyInclusion(leaf, { index, size, path }, root, field) {
  if (index >= size) throw failed(`leaf ${index} cannot be in a tree of ${size}`, field);
  const half = (number) => Math.floor(number / 2); // sizes go up to 2^32: no shifts
  let at = index, last = size - 1, node = leafHash(leaf);
  for (const sibling of path) {
    if (last === 0) throw failed("the inclusion path is longer than its tree is deep", field);
    if (at % 2 || at === last) {
      node = nodeHash(sibling, node);
      while (at % 2 === 0 && at) [at, last] = [half(at), half(last)];
    } else {
      node = nodeHash(node, sibling);
    }
    [at, last] = [half(at), half(last)];
  }
  if (last) throw failed("the inclusion path is shorter than its tree is deep", field);
  if (!same(node, root)) throw failed("the leaf does not lead to the root", field);
}
