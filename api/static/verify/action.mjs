// What a member signs and what the ledger executes: action digest, signed message, submission id, a lot's accumulator,
// and the calldata of `submit`, read strictly. Also the transactions and receipts that carry it.

import { big, concat, hex, lp, malformed, utf8, word } from "./bytes.mjs";
import { keccak256 } from "./keccak.mjs";
import { asBytes, asInt, asList, decodeList } from "./rlp.mjs";
import { sm3 } from "./sm3.mjs";

const TYPEHASH = keccak256(utf8("OriginSeal.Action(bytes32 root,uint32 count,LotEntry[] lots,Operation[] operations)"));
const SELECTOR = keccak256(
  utf8("submit(bytes32,(bytes32,uint32,(bytes32,bytes32,uint32)[],(uint8,bytes)[]),bytes23,bytes32,bytes32)"),
).subarray(0, 4);
const META_LENGTH = 23;
export const ACCEPTED = keccak256(utf8("Accepted(bytes32,bytes32,bytes32,bytes32,uint32,uint64,bytes32)"));
export const MAX_LOGS = 65_536;

/** The struct hash that the signed message carries. */
export function actionDigest({ root, count, lots, operations }) {
  const listed = concat(...lots.map((entry) => concat(entry.lotId, entry.root, word(entry.count))));
  const done = concat(...operations.map(({ kind, data }) => keccak256(concat(word(kind), keccak256(data)))));
  return keccak256(concat(TYPEHASH, root, word(count), keccak256(listed), keccak256(done)));
}

/** The 32 bytes that bind a signature to one chain and one Submissions contract. */
export const domain = (chainId, address) => sm3(concat(utf8("OriginSeal submission v1"), word(chainId), address));
export const submissionId = (keyId, nonce, digest) => keccak256(concat(keyId, word(nonce), digest));
/** A lot's head after a submission added `count` records under `root`. */
export const fold = (head, root, count, id) => keccak256(concat(head, root, word(count), id));
export const lotId = (gtin, lot) => sm3(concat(utf8("originseal/lot/v1"), lp(utf8(gtin)), lp(utf8(lot))));

/** Whether two actions are the same, part by part. */
export const actionKey = ({ root, count, lots, operations }) =>
  JSON.stringify([
    hex(root), count, lots.map((entry) => [hex(entry.lotId), hex(entry.root), entry.count]),
    operations.map(({ kind, data }) => [kind, hex(data)]),
  ]);

/** Walks ABI words of untrusted bytes; only the one canonical encoding passes. */
class Words {
  constructor(data, field) {
    Object.assign(this, { data, field, at: 0 });
  }

  word() {
    if (this.at + 32 > this.data.length) throw malformed("the encoding ends too early", this.field);
    return this.data.subarray(this.at, (this.at += 32));
  }

  uint(bits = 256) {
    const value = big(this.word());
    if (value >> BigInt(bits)) throw malformed(`a word holds more than ${bits} bits`, this.field);
    return value;
  }

  expect(value, what) {
    if (this.uint() !== BigInt(value)) throw malformed(`not the canonical encoding: ${what}`, this.field);
  }

  count(wordsEach) {
    const n = this.uint();
    if (n * BigInt(wordsEach * 32) > BigInt(this.data.length - this.at)) {
      throw malformed("an array is longer than its data", this.field);
    }
    return Number(n);
  }

  blob() {
    const n = this.uint();
    if (((n + 31n) / 32n) * 32n > BigInt(this.data.length - this.at)) {
      throw malformed("a byte string is longer than its data", this.field);
    }
    const start = this.at, stop = start + Number(n);
    this.at += Math.ceil(Number(n) / 32) * 32;
    if (this.data.subarray(stop, this.at).some(Boolean)) throw malformed("padding is not zero", this.field);
    return this.data.subarray(start, stop);
  }

  finish() {
    if (this.at !== this.data.length) throw malformed("bytes left over after the encoding", this.field);
  }
}

const times = (count, make) => Array.from({ length: count }, make);

/** The arguments of the one call of `submit` that encodes to exactly `data`. */
export function decodeSubmit(data) {
  const field = "/calldata";
  if (hex(data.subarray(0, 4)) !== hex(SELECTOR)) throw malformed("not a call of submit", field);
  const words = new Words(data.subarray(4), field);
  const keyId = words.word();
  words.expect(5 * 32, "offset of the action");
  const meta = words.word(), r = words.word(), s = words.word();
  if (meta.subarray(META_LENGTH).some(Boolean)) throw malformed("meta has more than 23 bytes", "/calldata/meta");
  const root = words.word(), count = Number(words.uint(32));
  words.expect(4 * 32, "offset of the lots");
  const operationsAt = words.uint();
  const lots = times(words.count(3), () => ({ lotId: words.word(), root: words.word(), count: Number(words.uint(32)) }));
  if (operationsAt !== BigInt(5 * 32 + 3 * 32 * lots.length)) {
    throw malformed("not the canonical encoding: offset of the operations", field);
  }
  const n = words.count(4), base = words.at; // each needs at least offset, kind, data offset, data length
  const operations = times(n, () => words.uint()).map((offset) => {
    if (BigInt(base) + offset !== BigInt(words.at)) throw malformed("not the canonical encoding: offset of an operation", field);
    const kind = Number(words.uint(8));
    words.expect(2 * 32, "offset of an operation's data");
    return { kind, data: words.blob() };
  });
  words.finish();
  return { keyId, action: { root, count, lots, operations }, meta: meta.subarray(0, META_LENGTH), signature: concat(r, s) };
}

/** The fields of a RegisterLot operation. */
export function decodeRegisterLot(data) {
  const words = new Words(data, "/data");
  const lot = words.word(), originDigest = words.word(), quantity = words.uint(128), unit = words.uint(8);
  words.expect(5 * 32, "offset of the last field");
  times(words.count(2), () => [words.word(), words.uint(128)]);
  words.finish();
  return { lot, originDigest, quantity, unit };
}

// -------------------------------------------------------------------------------------- transactions and receipts

// Per type: number of fields, position of `to`, position of `data`. 0 stands for a transaction without a type.
const SHAPES = [[9, 3, 5], [11, 4, 6], [12, 5, 7]];

/** Whom a transaction calls and with what (EIP-2718). Its postage's own signature matters to nobody. */
export function parseTransaction(raw, field) {
  const [kind, body] = split(raw, field), [count, toAt, dataAt] = SHAPES[kind];
  const parts = decodeList(body, field, count), to = asBytes(parts[toAt], field);
  if (to.length !== 0 && to.length !== 20) throw malformed("an address has 20 bytes", field);
  return { to, data: asBytes(parts[dataAt], field) };
}

/** Status and logs of a receipt (EIP-658). */
export function parseReceipt(raw, field) {
  const [, body] = split(raw, field);
  const [status, gas, bloom, logs] = decodeList(body, field, 4);
  asBytes(bloom, field, 256);
  if (asList(logs, field).length > MAX_LOGS) throw malformed(`a receipt with ${logs.length} logs`, field);
  const parsed = logs.map((entry) => {
    const [address, topics, data] = asList(entry, field, 3);
    return {
      address: asBytes(address, field, 20),
      topics: asList(topics, field).map((topic) => asBytes(topic, field, 32)),
      data: asBytes(data, field),
    };
  });
  const receipt = { status: asInt(status, field, 8), logs: parsed };
  asInt(gas, field, 64);
  return receipt;
}

function split(raw, field) {
  if (!raw.length) throw malformed("empty bytes", field);
  if (raw[0] >= 0xc0) return [0, raw];
  if (raw[0] !== 1 && raw[0] !== 2) throw malformed(`type ${raw[0]} is not one this ledger uses`, field);
  return [raw[0], raw.subarray(1)];
}
