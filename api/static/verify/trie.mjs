// Merkle-Patricia proofs: what a 32-byte root says about one key. A proof has exactly the nodes on the way, in order:
// one that is missing, altered, out of order or not needed is an error. Yellow Paper, appendices C and D.

import { failed, hex, malformed, same, unhex, word } from "./bytes.mjs";
import { keccak256 } from "./keccak.mjs";
import { asBytes, asInt, decode, decodeList, encode } from "./rlp.mjs";

const EMPTY_ROOT = unhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"); // keccak(rlp(""))
export const EMPTY_CODE = unhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"); // keccak("")
export const MAX_NODES = 65; // 64 nibbles of a hashed key, one node each at most, and the root
export const MAX_NODE_BYTES = 4 * 1024 * 1024;

/** The value at `key`, or null where `proof` shows that there is none. `seen` keeps parsed nodes between proofs. */
export function prove(root, key, proof, field, seen) {
  if (proof.length > MAX_NODES) throw malformed(`a proof of ${proof.length} nodes is over the limit of ${MAX_NODES}`, field);
  if (same(root, EMPTY_ROOT) && !proof.length) return null;
  let nibbles = toNibbles(key), used = 0, reference = root;
  for (;;) {
    let node = reference;
    if (!Array.isArray(reference)) {
      if (used === proof.length) throw failed("the proof ends before the key", field);
      const raw = proof[used], where = `${field}/${used}`;
      if (raw.length > MAX_NODE_BYTES) throw malformed(`a trie node of ${raw.length} bytes`, where);
      const name = seen && hex(raw);
      let known = seen?.get(name);
      const digest = known ? known[0] : keccak256(raw);
      if (!same(digest, reference)) throw failed("a trie node does not have the hash that leads to it", where);
      known ??= [digest, decodeList(raw, where)];
      seen?.set(name, known);
      node = known[1];
      if (used && raw.length < 32) throw malformed("a node below 32 bytes is referred to by hash", where);
      used++;
    }
    const step = descend(node, nibbles, `${field}/${Math.max(used - 1, 0)}`);
    if (step.end) {
      if (used !== proof.length) throw failed(`${proof.length - used} nodes of the proof are not needed`, field);
      return step.value;
    }
    ({ child: reference, nibbles } = step);
  }
}

const NOTHING = { end: true, value: null };

/** One step from `node` along `nibbles`: the child and what is left of the way, or the value at its end. */
function descend(node, nibbles, field) {
  if (node.length === 17) {
    if (!nibbles.length) {
      const value = asBytes(node[16], field);
      return value.length ? { end: true, value } : NOTHING;
    }
    const child = node[nibbles[0]];
    if (!Array.isArray(child) && !child.length) return NOTHING;
    return { child: reference(child, field), nibbles: nibbles.subarray(1) };
  }
  const [leaf, path] = leafOrExtension(node, field);
  if (leaf) {
    const value = asBytes(node[1], field);
    if (!value.length) throw malformed("a leaf without a value", field);
    return same(path, nibbles) ? { end: true, value } : NOTHING;
  }
  if (!same(nibbles.subarray(0, path.length), path)) return NOTHING;
  return { child: reference(node[1], field), nibbles: nibbles.subarray(path.length) };
}

function leafOrExtension(node, field) {
  if (node.length !== 2) throw malformed(`a trie node has 2 or 17 items, not ${node.length}`, field);
  const packed = asBytes(node[0], field);
  if (!packed.length) throw malformed("a trie path is empty", field);
  const flags = packed[0] >> 4;
  if (flags > 3 || (!(flags & 1) && packed[0] & 15)) throw malformed("a trie path has a bad prefix", field);
  const path = toNibbles(packed).subarray(flags & 1 ? 1 : 2);
  if (flags < 2 && !path.length) throw malformed("an extension node extends nothing", field);
  return [flags >= 2, path];
}

/** A child reference: 32 bytes of hash, or the child itself when its encoding is below 32 bytes. */
function reference(item, field) {
  if (!Array.isArray(item)) {
    if (item.length !== 32) throw malformed(`a trie reference of ${item.length} bytes`, field);
  } else if (encode(item).length >= 32) {
    throw malformed("a node of 32 bytes or more is written inside its parent", field);
  }
  return item;
}

function toNibbles(key) {
  const nibbles = new Uint8Array(key.length * 2);
  for (let at = 0; at < key.length; at++) [nibbles[2 * at], nibbles[2 * at + 1]] = [key[at] >> 4, key[at] & 15];
  return nibbles;
}

/** The account at `address` under `stateRoot`. */
export function proveAccount(stateRoot, address, proof, field) {
  const value = prove(stateRoot, keccak256(address), proof, field);
  if (value === null) throw failed(`there is no account 0x${hex(address)} in this state`, field);
  const [nonce, balance, storageRoot, codeHash] = decodeList(value, field, 4);
  asInt(nonce, field, 64);
  asInt(balance, field);
  return { storageRoot: asBytes(storageRoot, field, 32), codeHash: asBytes(codeHash, field, 32) };
}

/** The 256-bit value of `slot` under `storageRoot`; 0 where the proof shows that nothing is stored there. */
export function proveStorage(storageRoot, slot, proof, field, seen) {
  const value = prove(storageRoot, keccak256(word(slot)), proof, field, seen);
  if (value === null) return 0n;
  const number = asInt(decode(value, field), field);
  if (number === 0n) throw malformed("a zero is never stored in a trie", field);
  return number;
}

/** Throws unless `raw` is number `index` under a block's transaction or receipt root. */
export function checkIndexed(root, index, raw, proof, field) {
  const value = prove(root, encode(index), proof, `${field}/proof`);
  if (value === null) throw failed(`the block has no number ${index} under this root`, `${field}/proof`);
  if (!same(value, raw)) throw failed("the block holds something else at this place", `${field}/raw`);
}
