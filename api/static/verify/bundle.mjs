// Proof bundles (originseal-bundle/v1), read strictly: forms and bounds. Whether any of it is true says verifier.mjs.

import { big, malformed } from "./bytes.mjs";
import { actionDigest } from "./action.mjs";
import { CONTRACTS, MAX_KEYS, parsePublicKey } from "./anchors.mjs";
import { parseCosignatures, parseSigned } from "./checkpoint.mjs";
import { boolean, constant, digest, hexadecimal, integer, items, members, parseJson, prefixed, string } from "./json.mjs";
import { MAX_NODES } from "./trie.mjs";

export const FORMAT = "originseal-bundle/v1";

// Bounds on hostile input; each is far above what the contracts or the canonical form allow.
export const MAX_SUBMISSIONS = 10_000; // that ever named one lot
export const MAX_RECORDS = 10_000; // of one lot in one submission
export const MAX_FIELDS = 4096; // leaves of one payload
export const MAX_LOTS = 4096; // named by one record or action
export const MAX_OPERATIONS = 1024;
export const MAX_DEPTH = 32; // segments of a field's path
export const MAX_TEXT = 65_536; // characters of one segment
export const MAX_SLOTS = 4 * MAX_SUBMISSIONS;
export const MAX_TRANSACTION_BYTES = 2 * 1024 * 1024;
export const MAX_PATH = 33; // hashes of an inclusion proof: records of one submission are counted in 32 bits

/** The bundle in a file's bytes. */
export function parseBundle(bytes) {
  const top = members(parseJson(bytes), "", [
    "format", "lot", "chainId", "contracts", "checkpointKeys", "submissions", "state",
  ]);
  constant(top.format, "/format", FORMAT);
  const lot = members(top.lot, "/lot", ["gtin", "lot", "id"]);
  const contracts = members(top.contracts, "/contracts", CONTRACTS);
  const state = members(top.state, "/state", ["checkpoint", "header", "accounts"], ["cosignatures"]);
  const accounts = members(state.accounts, "/state/accounts", CONTRACTS);
  const submissions = items(top.submissions, "/submissions", MAX_SUBMISSIONS);
  return {
    lot: { gtin: string(lot.gtin, "/lot/gtin", 14), lot: string(lot.lot, "/lot/lot", 20), id: digest(lot.id, "/lot/id") },
    chainId: integer(top.chainId, "/chainId"),
    contracts: each(CONTRACTS, (name) => prefixed(contracts[name], `/contracts/${name}`, 20)),
    checkpointKeys: keys(top.checkpointKeys, "/checkpointKeys"),
    submissions: submissions.map((item, at) => submission(item, `/submissions/${at}`)),
    checkpoint: parseSigned(state.checkpoint, "/state/checkpoint"),
    cosignatures: parseCosignatures(state.cosignatures === undefined ? [] : state.cosignatures, "/state/cosignatures"),
    header: prefixed(state.header, "/state/header"),
    accounts: each(CONTRACTS, (name) => account(accounts[name], `/state/accounts/${name}`)),
  };
}

const each = (names, make) => Object.fromEntries(names.map((name) => [name, make(name)]));
const nodes = (value, field) => items(value, field, MAX_NODES, true).map((node, at) => prefixed(node, `${field}/${at}`));

function keys(value, field) {
  const result = new Map();
  items(value, field, MAX_KEYS).forEach((item, at) => {
    const where = `${field}/${at}`, entry = members(item, where, ["keyId", "publicKey"]);
    const key = parsePublicKey(entry.publicKey, entry.keyId, where);
    if (result.has(key.id)) throw malformed("a key is listed twice", `${where}/keyId`);
    result.set(key.id, key);
  });
  return result;
}

function submission(value, field) {
  const entry = members(value, field, [
    "id", "key", "nonce", "expiry", "count", "action", "meta", "signature", "records", "transaction", "receipt", "header",
    "checkpoint",
  ]);
  const key = members(entry.key, `${field}/key`, ["keyId", "publicKey", "memberId", "custodial"]);
  const transaction = members(entry.transaction, `${field}/transaction`, ["raw", "index", "proof"]);
  const receipt = members(entry.receipt, `${field}/receipt`, ["raw", "proof"]);
  const meta = hexadecimal(entry.meta, `${field}/meta`, 23), nonce = big(meta.subarray(1, 9));
  checkMeta(meta, nonce, entry, field);
  const records = items(entry.records, `${field}/records`, MAX_RECORDS);
  return {
    nonce,
    meta,
    id: digest(entry.id, `${field}/id`, "keccak256"),
    key: parsePublicKey(key.publicKey, key.keyId, `${field}/key`),
    memberId: digest(key.memberId, `${field}/key/memberId`),
    custodial: boolean(key.custodial, `${field}/key/custodial`),
    action: action(entry.action, `${field}/action`),
    signature: hexadecimal(entry.signature, `${field}/signature`, 64),
    records: records.map((item, at) => record(item, `${field}/records/${at}`)),
    transaction: indexed(transaction, `${field}/transaction`),
    index: integer(transaction.index, `${field}/transaction/index`, 32),
    receipt: indexed(receipt, `${field}/receipt`),
    header: prefixed(entry.header, `${field}/header`),
    checkpoint: parseSigned(entry.checkpoint, `${field}/checkpoint`),
  };
}

/** `nonce`, `expiry` and `count` repeat what meta says, for readers; they must say the same. */
function checkMeta(meta, nonce, entry, field) {
  const refuse = (name) => malformed("this is not what the signed meta says", `${field}/${name}`);
  if (entry.nonce !== String(nonce)) throw refuse("nonce"); // text: JSON readers round numbers of this size
  for (const [name, start, stop, bits] of [["expiry", 9, 17, 64], ["count", 17, 21, 32]]) {
    if (BigInt(integer(entry[name], `${field}/${name}`, bits)) !== big(meta.subarray(start, stop))) throw refuse(name);
  }
}

const indexed = (entry, field) => ({
  raw: prefixed(entry.raw, `${field}/raw`, undefined, MAX_TRANSACTION_BYTES),
  proof: nodes(entry.proof, `${field}/proof`),
});

function action(value, field) {
  const entry = members(value, field, ["root", "count", "lots", "operations"]);
  const lots = items(entry.lots, `${field}/lots`, MAX_LOTS).map((item, at) => {
    const where = `${field}/lots/${at}`, lot = members(item, where, ["lotId", "root", "count"]);
    return {
      lotId: digest(lot.lotId, `${where}/lotId`),
      root: digest(lot.root, `${where}/root`),
      count: integer(lot.count, `${where}/count`, 32),
    };
  });
  const operations = items(entry.operations, `${field}/operations`, MAX_OPERATIONS, true).map((item, at) => {
    const where = `${field}/operations/${at}`, operation = members(item, where, ["kind", "data"]);
    return { kind: integer(operation.kind, `${where}/kind`, 8), data: prefixed(operation.data, `${where}/data`) };
  });
  const root = digest(entry.root, `${field}/root`), count = integer(entry.count, `${field}/count`, 32);
  return { root, count, lots, operations, digest: actionDigest({ root, count, lots, operations }) };
}

function record(value, field) {
  if (value instanceof Map && value.has("erased")) {
    const entry = members(value, field, ["digest", "erased", "inclusion"]);
    if (entry.erased !== true) throw malformed("only the value true has a meaning here", `${field}/erased`);
    const inclusion = inclusionProof(entry.inclusion, `${field}/inclusion`);
    return { digest: digest(entry.digest, `${field}/digest`), erased: true, kind: "", author: null, lots: [], fields: [], inclusion };
  }
  const entry = members(value, field, ["digest", "kind", "author", "lots", "leafCount", "fields", "inclusion"]);
  const lots = items(entry.lots, `${field}/lots`, MAX_LOTS), fields = items(entry.fields, `${field}/fields`, MAX_FIELDS);
  if (integer(entry.leafCount, `${field}/leafCount`, 32) !== fields.length) {
    throw malformed(`${fields.length} fields are listed`, `${field}/leafCount`);
  }
  return {
    digest: digest(entry.digest, `${field}/digest`),
    erased: false,
    kind: string(entry.kind, `${field}/kind`, 64),
    author: digest(entry.author, `${field}/author`),
    lots: lots.map((lot, at) => digest(lot, `${field}/lots/${at}`)),
    fields: fields.map((item, at) => leaf(item, `${field}/fields/${at}`)),
    inclusion: inclusionProof(entry.inclusion, `${field}/inclusion`),
  };
}

function inclusionProof(value, field) {
  const entry = members(value, field, ["index", "size", "path"]);
  const path = items(entry.path, `${field}/path`, MAX_PATH, true);
  return {
    index: integer(entry.index, `${field}/index`, 32),
    size: integer(entry.size, `${field}/size`, 32),
    path: path.map((node, at) => digest(node, `${field}/path/${at}`)),
  };
}

function leaf(value, field) {
  if (value instanceof Map && value.has("commitment")) {
    const entry = members(value, field, ["commitment"]);
    return { path: null, commitment: digest(entry.commitment, `${field}/commitment`) };
  }
  const entry = members(value, field, ["path", "salt", "value"]);
  const held = entry.value;
  if ((Array.isArray(held) && held.length) || (held instanceof Map && held.size)) {
    throw malformed("a field is a scalar or an empty container", `${field}/value`);
  }
  const path = items(entry.path, `${field}/path`, MAX_DEPTH);
  path.forEach((segment, at) => {
    if (Number.isSafeInteger(segment)) integer(segment, `${field}/path/${at}`, 32);
    else string(segment, `${field}/path/${at}`, MAX_TEXT);
  });
  return { path, salt: hexadecimal(entry.salt, `${field}/salt`, 16), value: held, commitment: null };
}

function account(value, field) {
  const entry = members(value, field, ["address", "proof", "storage"]);
  const storage = items(entry.storage, `${field}/storage`, MAX_SLOTS, true).map((item, at) => {
    const where = `${field}/storage/${at}`, slot = members(item, where, ["slot", "value", "proof"]);
    return {
      slot: big(prefixed(slot.slot, `${where}/slot`, 32)),
      value: big(prefixed(slot.value, `${where}/value`, 32)),
      proof: nodes(slot.proof, `${where}/proof`),
    };
  });
  return { address: prefixed(entry.address, `${field}/address`, 20), proof: nodes(entry.proof, `${field}/proof`), storage };
}

