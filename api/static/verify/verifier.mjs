// The argument that a bundle holds, in the fifteen steps of docs/proof-bundle.md: each uses only what the steps before it
// established, and the first that does not hold ends it. A second, independent implementation of `originseal verify`.
//
// What it does not show: that records are true, that the goods are in the box, or what withheld fields say.

import { Refusal, big, concat, failed, hex, same, word } from "./bytes.mjs";
import * as actions from "./action.mjs";
import { CONTRACTS, parseAnchors } from "./anchors.mjs";
import { parseBundle } from "./bundle.mjs";
import { headerOf, verifySigned, vouch } from "./checkpoint.mjs";
import { merkleRoot, verifyInclusion } from "./merkle.mjs";
import { checkRecord } from "./records.mjs";
import { assumeClaims, assumeCode, conclusion } from "./report.mjs";
import * as slots from "./slots.mjs";
import { EMPTY_CODE, checkIndexed, proveAccount, proveStorage } from "./trie.mjs";

export { Refusal, parseAnchors, parseBundle };

export const STEPS = [
  "anchors", "checkpoint", "header", "contracts", "state", "blocks", "transactions", "receipts", "signatures", "members",
  "records", "inclusion", "entries", "completeness", "origin",
];
const REGISTER_LOT = 1, ORIGIN_KIND = "lot.origin", STATUS_SUCCESS = 1n;

/**
 * The argument, one step at a time: yields {number, id, outcome, reason, field}, outcome being `ok`, `assumed`, `failed`
 * or `not-reached`, and returns {result, assumptions, verified}. `witnesses` agencies must have co-signed the state.
 */
export function* argue(bundle, anchors, witnesses = 0) {
  const facts = new Case(bundle, anchors, witnesses);
  let broken = false;
  for (const [at, id] of STEPS.entries()) {
    const step = { number: at + 1, id, outcome: "not-reached", reason: "", field: "" };
    if (!broken) {
      try {
        step.outcome = facts[`${id}Step`]() ?? "ok";
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        broken = true;
        Object.assign(step, { outcome: "failed", reason: error.reason, field: error.field });
      }
    }
    yield step;
  }
  const { assumptions } = facts;
  if (broken) return { result: "fails", assumptions, verified: null };
  return { result: assumptions.length ? "holds-under-assumptions" : "holds", assumptions, verified: conclusion(facts) };
}

/** What has been established so far; one method per step. */
class Case {
  constructor(bundle, anchors, witnesses) {
    Object.assign(this, { bundle, anchors, witnesses });
    this.assumptions = [];
    this.accounts = {};
    this.blocks = [];
    this.members = new Map();
    this.memberKeys = new Map();
    this.entries = [];
    this.checked = new Set();
    this.listed = bundle.submissions.map((submission, at) => [`/submissions/${at}`, submission, at]);
  }

  // 1
  anchorsStep() {
    const { bundle, anchors } = this;
    if (!anchors) {
      this.genesis = bundle.checkpoint.checkpoint.genesis;
      this.keys = bundle.checkpointKeys;
      this.assumptions.push(...assumeClaims(bundle, this.genesis));
      return "assumed";
    }
    this.genesis = anchors.genesis;
    this.keys = anchors.checkpointKeys;
    if (bundle.chainId !== anchors.chainId) throw failed(`the anchors are of chain ${anchors.chainId}`, "/chainId");
    for (const name of CONTRACTS) {
      if (!same(bundle.contracts[name], anchors.contracts[name].address)) {
        throw failed("this is not the anchored contract", `/contracts/${name}`);
      }
    }
  }

  // 2
  checkpointStep() {
    const { checkpoint: signed, cosignatures } = this.bundle;
    this.checkCheckpoint(signed, "/state/checkpoint");
    this.vouched = vouch(cosignatures, signed.checkpoint, this.anchors, this.witnesses, "/state/cosignatures");
  }

  // 3
  headerStep() {
    this.block = headerOf(this.bundle.checkpoint, this.bundle.header, "/state/header");
  }

  // 4
  contractsStep() {
    for (const name of CONTRACTS) {
      const where = `/state/accounts/${name}`, proven = this.bundle.accounts[name];
      if (!same(proven.address, this.bundle.contracts[name])) {
        throw failed("this is the account of another contract", `${where}/address`);
      }
      const account = proveAccount(this.block.stateRoot, proven.address, proven.proof, `${where}/proof`);
      if (!this.anchors) this.assumptions.push(assumeCode(name, account.codeHash));
      else if (!same(account.codeHash, this.anchors.contracts[name].codeHash)) {
        throw failed("the contract's code is not the anchored code", where);
      }
      if (same(account.codeHash, EMPTY_CODE)) throw failed("there is no contract at this address", where);
      this.accounts[name] = account;
    }
    return this.anchors ? "ok" : "assumed";
  }

  // 5
  stateStep() {
    const { lot, submissions } = this.bundle;
    const lotAt = slots.lotSlots(lot.id);
    const keys = new Map(submissions.map(({ key }) => [key.id, slots.keySlots(key.keyId)]));
    const members = new Map(submissions.map(({ memberId }) => [hex(memberId), slots.memberSlots(memberId)]));
    const nonces = submissions.map(({ key, nonce }) => slots.submissionSlot(key.keyId, nonce));
    const lots = this.storage("Lots", lotAt);
    const inMembers = this.storage("Members", [...members.values(), ...keys.values()].flat());
    const used = this.storage("Submissions", nonces);
    for (const name of ["Trades", "SM2Verifier", "SM3Hasher"]) this.storage(name, []);
    const words = (from, at) => at.map((slot) => from.get(slot));
    this.lot = slots.readLot(words(lots, lotAt));
    if (!this.lot.registeredAt) throw failed("the chain does not know this lot", "/lot/id");
    for (const [member, at] of members) this.members.set(member, slots.readMember(words(inMembers, at)));
    for (const [key, at] of keys) this.memberKeys.set(key, slots.readKey(words(inMembers, at)));
    for (const [where, submission, at] of this.listed) {
      if (used.get(nonces[at]) !== big(submission.id)) throw failed("the chain holds another submission here", `${where}/id`);
    }
  }

  // 6
  blocksStep() {
    let number = -1n, index = -1;
    for (const [where, submission] of this.listed) {
      this.checkCheckpoint(submission.checkpoint, `${where}/checkpoint`);
      const block = headerOf(submission.checkpoint, submission.header, `${where}/header`);
      if (block.number < number || (block.number === number && submission.index <= index)) {
        throw failed("the submissions are not in the order of their blocks", where);
      }
      const last = this.block;
      if (block.number > last.number || (block.number === last.number) !== same(block.hash, last.hash)) {
        throw failed("the block is not one of those before the state", `${where}/header`);
      }
      [number, index] = [block.number, submission.index];
      this.blocks.push(block);
    }
  }

  // 7
  transactionsStep() {
    for (const [where, submission, at] of this.listed) {
      const field = `${where}/transaction`, { raw, proof } = submission.transaction;
      checkIndexed(this.blocks[at].transactionsRoot, submission.index, raw, proof, field);
      const sent = actions.parseTransaction(raw, `${field}/raw`);
      if (!same(sent.to, this.bundle.contracts.Submissions)) {
        throw failed("the transaction does not call Submissions", `${field}/raw`);
      }
      const call = actions.decodeSubmit(sent.data);
      const alike =
        same(call.keyId, submission.key.keyId) && same(call.meta, submission.meta) &&
        same(call.signature, submission.signature) && actions.actionKey(call.action) === actions.actionKey(submission.action);
      if (!alike) throw failed("the transaction carries another submission", `${field}/raw`);
    }
  }

  // 8
  receiptsStep() {
    const door = this.bundle.contracts.Submissions;
    for (const [where, submission, at] of this.listed) {
      const field = `${where}/receipt`, { raw, proof } = submission.receipt, { action } = submission;
      checkIndexed(this.blocks[at].receiptsRoot, submission.index, raw, proof, field);
      const receipt = actions.parseReceipt(raw, `${field}/raw`);
      if (receipt.status !== STATUS_SUCCESS) throw failed("the transaction was reverted", `${field}/raw`);
      const said = receipt.logs.filter(
        ({ address, topics }) => same(address, door) && topics.length && same(topics[0], actions.ACCEPTED),
      );
      const topics = concat(actions.ACCEPTED, submission.id, submission.memberId, submission.key.keyId);
      const data = concat(action.root, word(action.count), word(submission.nonce), action.digest);
      if (said.length !== 1 || !same(concat(...said[0].topics), topics) || !same(said[0].data, data)) {
        throw failed("Submissions did not say that it accepted this", `${field}/raw`);
      }
    }
  }

  // 9
  signaturesStep() {
    const domain = actions.domain(this.bundle.chainId, this.bundle.contracts.Submissions);
    for (const [where, { id, key, nonce, action, meta, signature }] of this.listed) {
      if (!same(actions.submissionId(key.keyId, nonce, action.digest), id)) {
        throw failed("the id is not that of key, nonce and action", `${where}/id`);
      }
      if (!key.public.verify(concat(domain, action.digest, meta), signature)) {
        throw failed("the author's SM2 signature does not verify", `${where}/signature`);
      }
    }
  }

  // 10
  membersStep() {
    for (const [where, submission, at] of this.listed) {
      const field = `${where}/key`, { time } = this.blocks[at], point = submission.key.public;
      const key = this.memberKeys.get(submission.key.id), member = this.members.get(hex(submission.memberId));
      if (!same(key.memberId, submission.memberId)) throw failed("the key belongs to another member", `${field}/memberId`);
      if (key.x !== point.x || key.y !== point.y) throw failed("the chain holds another public key", `${field}/publicKey`);
      if (key.custodial !== submission.custodial) {
        throw failed("the chain says otherwise who keeps this key", `${field}/custodial`);
      }
      if (!member.standing || member.since > time) throw failed("the author was not a member at that time", `${field}/memberId`);
      if (!key.since || key.since > time || (key.revokedAt && key.revokedAt < time)) {
        throw failed("the key was not valid at that time", `${field}/keyId`);
      }
    }
  }

  // 11
  recordsStep() {
    for (const [where, { records }] of this.listed) {
      records.forEach((record, at) => record.erased || checkRecord(record, `${where}/records/${at}`));
    }
  }

  // 12
  inclusionStep() {
    const { id } = this.bundle.lot;
    for (const [where, { action, memberId, records }] of this.listed) {
      let previous = -1;
      records.forEach((record, at) => {
        const field = `${where}/records/${at}`, { index, size } = record.inclusion;
        if (!record.erased && !same(record.author, memberId)) throw failed("the record is another member's", `${field}/author`);
        if (!record.erased && !record.lots.some((lot) => same(lot, id))) {
          throw failed("the record does not name the lot", `${field}/lots`);
        }
        if (size !== action.count) throw failed("the submission has another size", `${field}/inclusion/size`);
        if (index <= previous) throw failed("the records are not in submission order", `${field}/inclusion/index`);
        previous = index;
        verifyInclusion(record.digest, record.inclusion, action.root, `${field}/inclusion`);
      });
    }
  }

  // 13
  entriesStep() {
    for (const [where, { action, records }] of this.listed) {
      const found = action.lots.filter((entry) => same(entry.lotId, this.bundle.lot.id));
      if (found.length !== 1) throw failed("the action does not name the lot exactly once", `${where}/action/lots`);
      const [entry] = found;
      if (entry.count !== records.length) {
        throw failed(`${entry.count} records name the lot, ${records.length} are listed`, `${where}/records`);
      }
      if (!same(merkleRoot(records.map((record) => record.digest)), entry.root)) {
        throw failed("these are not all records that name the lot", `${where}/records`);
      }
      this.entries.push(entry);
    }
  }

  // 14
  completenessStep() {
    let head = new Uint8Array(32), total = 0n;
    this.entries.forEach(({ root, count }, at) => {
      head = actions.fold(head, root, count, this.bundle.submissions[at].id);
      total += BigInt(count);
    });
    const { lot } = this, listed = this.entries.length;
    if (BigInt(listed) !== lot.entries || total !== lot.total) {
      const chain = `the chain counts ${lot.total} records in ${lot.entries} submissions`;
      throw failed(`${chain}, the bundle lists ${total} in ${listed}`, "/submissions");
    }
    if (!same(head, lot.head)) throw failed("the history does not lead to the head that the chain holds", "/submissions");
  }

  // 15
  originStep() {
    const { lot } = this.bundle, [first] = this.bundle.submissions, held = this.lot;
    if (!same(actions.lotId(lot.gtin, lot.lot), lot.id)) throw failed("the id is not that of this GTIN and lot code", "/lot/id");
    const registrations = first.action.operations
      .filter(({ kind, data }) => kind === REGISTER_LOT && same(data.subarray(0, 32), lot.id))
      .map(({ data }) => actions.decodeRegisterLot(data));
    if (registrations.length !== 1 || !same(registrations[0].originDigest, held.originDigest)) {
      throw failed("the first submission does not register the lot with this origin", "/submissions/0/action");
    }
    const origins = first.records.filter((record) => same(record.digest, held.originDigest));
    if (origins.length !== 1 || (origins[0].kind !== ORIGIN_KIND && !origins[0].erased)) {
      throw failed("the origin record is not listed", "/submissions/0/records");
    }
    const [{ quantity, unit }] = registrations;
    if (this.blocks[0].time !== held.registeredAt || quantity !== held.quantity || unit !== held.unit) {
      throw failed("the chain holds another registration", "/submissions/0");
    }
  }

  // ---------------------------------------------------------------------------------------------------- helpers

  checkCheckpoint(signed, field) {
    const { checkpoint, keyId, signature } = signed, name = `${checkpoint.text}${keyId}${hex(signature)}`;
    if (this.checked.has(name)) return;
    verifySigned(signed, this.keys, field);
    if (checkpoint.chainId !== BigInt(this.bundle.chainId) || !same(checkpoint.genesis, this.genesis)) {
      throw failed("the checkpoint is of another chain", `${field}/text`);
    }
    this.checked.add(name);
  }

  /** The proven values of exactly the slots `needed` of one contract, in that order. */
  storage(name, needed) {
    const where = `/state/accounts/${name}/storage`, shown = this.bundle.accounts[name].storage;
    if (shown.length !== needed.length || shown.some(({ slot }, at) => slot !== needed[at])) {
      throw failed("these are not the slots that the argument needs, in order", where);
    }
    const seen = new Map(), root = this.accounts[name].storageRoot;
    shown.forEach(({ slot, value, proof }, at) => {
      if (proveStorage(root, slot, proof, `${where}/${at}/proof`, seen) !== value) {
        throw failed("the contract holds another value", `${where}/${at}/value`);
      }
    });
    return new Map(shown.map(({ slot, value }) => [slot, value]));
  }
}
