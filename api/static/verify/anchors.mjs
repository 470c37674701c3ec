// Trust anchors (originseal-anchors/v1): what a verifier takes for granted and must have got elsewhere.

import { hex, malformed, same } from "./bytes.mjs";
import { constant, digest, hexadecimal, integer, items, members, parseJson, prefixed, string } from "./json.mjs";
import { PublicKey } from "./sm2.mjs";

export const FORMAT = "originseal-anchors/v1";
export const CONTRACTS = ["Submissions", "Members", "Lots", "Trades", "SM2Verifier", "SM3Hasher"];
export const MAX_BYTES = 1024 * 1024;
export const MAX_KEYS = 64;
export const MAX_AUTHORITIES = 256;
const AGENCIES = [
  "customs", "tax", "foreign-exchange", "market-supervision", "agriculture", "commerce", "postal", "police", "zone-authority",
];

/** The anchors in a file's bytes; keys and witnesses are Maps by key id in hexadecimal. */
export function parseAnchors(bytes) {
  const top = members(
    parseJson(bytes, MAX_BYTES), "", ["format", "chainId", "genesis", "contracts", "checkpointKeys", "authorities"],
    ["witnesses", "witnessQuorum"],
  );
  constant(top.format, "/format", FORMAT);
  const checkpointKeys = new Map();
  items(top.checkpointKeys, "/checkpointKeys", MAX_KEYS).forEach((item, at) => {
    const field = `/checkpointKeys/${at}`, entry = members(item, field, ["keyId", "publicKey", "name"]);
    const key = parsePublicKey(entry.publicKey, entry.keyId, field), name = string(entry.name, `${field}/name`);
    if (checkpointKeys.has(key.id)) throw malformed("a key is listed twice", `${field}/keyId`);
    checkpointKeys.set(key.id, { ...key, name });
  });
  const witnesses = parseWitnesses(top.witnesses === undefined ? [] : top.witnesses, checkpointKeys);
  const quorum = integer(top.witnessQuorum === undefined ? 0 : top.witnessQuorum, "/witnessQuorum", 8);
  const offices = new Set([...witnesses.values()].map((witness) => witness.office)).size;
  if (quorum > offices) throw malformed("more witnesses are wanted than there are offices", "/witnessQuorum");
  return {
    chainId: integer(top.chainId, "/chainId"),
    genesis: prefixed(top.genesis, "/genesis", 32),
    contracts: parseContracts(top.contracts),
    checkpointKeys,
    authorities: items(top.authorities, "/authorities", MAX_AUTHORITIES).map((item, at) => parseAuthority(item, `/authorities/${at}`)),
    witnesses,
    offices,
    quorum,
  };
}

/** A public key whose Z value must be the key id. */
export function parsePublicKey(point, keyId, field) {
  const raw = hexadecimal(point, `${field}/publicKey`, 65), claimed = digest(keyId, `${field}/keyId`);
  let key;
  try {
    key = knownKey(raw);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw malformed(`not an SM2 public key: ${error.message}`, `${field}/publicKey`);
  }
  if (!same(key.keyId, claimed)) throw malformed("the key id is not this public key's Z value", `${field}/keyId`);
  return { id: hex(claimed), keyId: claimed, public: key, name: "" };
}

const known = new Map(); // keys come again in every submission: their multiples are computed once

function knownKey(raw) {
  const name = hex(raw);
  if (!known.has(name)) {
    if (known.size >= 256) known.clear();
    known.set(name, new PublicKey(raw));
  }
  return known.get(name);
}

function parseContracts(value) {
  const named = members(value, "/contracts", CONTRACTS), result = {};
  for (const name of CONTRACTS) {
    const field = `/contracts/${name}`, entry = members(named[name], field, ["address", "codeHash"]);
    result[name] = {
      address: prefixed(entry.address, `${field}/address`, 20),
      codeHash: digest(entry.codeHash, `${field}/codeHash`, "keccak256"),
    };
  }
  if (new Set(CONTRACTS.map((name) => hex(result[name].address))).size !== CONTRACTS.length) {
    throw malformed("two contracts share an address", "/contracts");
  }
  return result;
}

function parseWitnesses(value, operators) {
  const witnesses = new Map();
  items(value, "/witnesses", MAX_KEYS, true).forEach((item, at) => {
    const field = `/witnesses/${at}`, entry = members(item, field, ["keyId", "publicKey", "name", "agency"]);
    const name = members(entry.name, `${field}/name`, ["zh", "en"]);
    const agency = string(entry.agency, `${field}/agency`, 64);
    if (!AGENCIES.includes(agency)) throw malformed(`no such agency; known are ${AGENCIES.join(", ")}`, `${field}/agency`);
    const key = parsePublicKey(entry.publicKey, entry.keyId, field);
    if (witnesses.has(key.id)) throw malformed("a key is listed twice", `${field}/keyId`);
    if (operators.has(key.id)) throw malformed("an operator's key cannot witness what it signed itself", `${field}/keyId`);
    const zh = string(name.zh, `${field}/name/zh`), en = string(name.en, `${field}/name/en`);
    // An office with two keys (it changed them) is one witness, not two.
    witnesses.set(key.id, { ...key, agency, zh, en, office: JSON.stringify([agency, zh, en]) });
  });
  return witnesses;
}

function parseAuthority(value, field) {
  const entry = members(value, field, ["zone", "memberId", "name"]);
  const name = members(entry.name, `${field}/name`, ["zh", "en"]);
  return {
    zone: integer(entry.zone, `${field}/zone`, 8),
    memberId: digest(entry.memberId, `${field}/memberId`),
    zh: string(name.zh, `${field}/name/zh`),
    en: string(name.en, `${field}/name/en`),
  };
}
