// Where the contracts keep what a proof shows (contracts.md, "Storage"): slots and packed words, as BigInt.

import { big, concat, word } from "./bytes.mjs";
import { keccak256 } from "./keccak.mjs";

const SUBMISSIONS_USED = 0, MEMBERS_MEMBERS = 0, MEMBERS_KEYS = 1, LOTS_LOTS = 0; // positions of the mappings
const mapping = (key, position) => big(keccak256(concat(key, word(position))));
const run = (first, offsets) => offsets.map((offset) => BigInt.asUintN(256, first + BigInt(offset)));
const part = (packed, offset, bits) => (packed >> BigInt(offset)) & ((1n << BigInt(bits)) - 1n);

export const submissionSlot = (keyId, nonce) => mapping(word(nonce), mapping(keyId, SUBMISSIONS_USED));
export const memberSlots = (memberId) => run(mapping(memberId, MEMBERS_MEMBERS), [0, 1]);
export const keySlots = (keyId) => run(mapping(keyId, MEMBERS_KEYS), [0, 1, 2, 4]); // 3, the midstate, follows from the others
export const lotSlots = (lotId) => run(mapping(lotId, LOTS_LOTS), [0, 1, 2, 3, 4]);

/** `standing` 0 means that there is no such member; times in Unix seconds, 0 = not. */
export const readMember = ([packed]) => ({ standing: part(packed, 40, 8), since: part(packed, 56, 64) });

export const readKey = ([memberId, x, y, packed]) => ({
  memberId: word(memberId),
  x,
  y,
  since: part(packed, 0, 64),
  revokedAt: part(packed, 64, 64),
  custodial: part(packed, 128, 8) !== 0n,
});

export const readLot = ([custodian, originDigest, amounts, head, packed]) => ({
  custodian: word(custodian),
  originDigest: word(originDigest),
  quantity: part(amounts, 0, 128),
  remaining: part(amounts, 128, 128),
  head: word(head),
  total: part(packed, 0, 64),
  entries: part(packed, 64, 64),
  registeredAt: part(packed, 128, 64),
  unit: part(packed, 192, 8),
  state: part(packed, 200, 8),
});
