// Checkpoints (seven lines that pin a chain), their co-signatures, and the block headers that they name.

import { compare, failed, hex, malformed, same, utf8 } from "./bytes.mjs";
import { digest, hexadecimal, integer, items, members, prefixed, string } from "./json.mjs";
import { keccak256 } from "./keccak.mjs";
import { asBytes, asInt, decodeList } from "./rlp.mjs";

const HEADING = "originseal-checkpoint/v1", COSIGNATURE = "originseal-cosignature/v1";
export const METHODS = ["headers", "execution"];
export const MAX_TEXT = 512;
export const MAX_COSIGNATURES = 64;
export const MAX_HEADER_BYTES = 8192;
const MIN_FIELDS = 15, MAX_FIELDS = 21; // before London; Prague

/** The checkpoint that `text` states; numbers are BigInt. */
export function parseText(text, field) {
  const lines = text.split("\n");
  if (lines.length !== 8 || lines[0] !== HEADING || lines[7]) {
    throw malformed(`a checkpoint has seven lines, the first “${HEADING}”, each ended by LF`, field);
  }
  return {
    text,
    chainId: decimal(lines[1], "chain-id", field),
    genesis: hash(lines[2], "genesis", field),
    height: decimal(lines[3], "height", field),
    block: hash(lines[4], "block", field),
    stateRoot: hash(lines[5], "state-root", field),
    time: decimal(lines[6], "time", field),
  };
}

function named(line, name, field) {
  if (!line.startsWith(`${name}: `)) throw malformed(`the line “${name}: …” was expected`, field);
  return line.slice(name.length + 2);
}

function decimal(line, name, field) {
  const text = named(line, name, field);
  if (!/^(?:0|[1-9][0-9]{0,19})$/.test(text)) throw malformed(`${name} is not a decimal number without leading zeros`, field);
  const number = BigInt(text);
  if (number >> 64n) throw malformed(`${name} is not below 2^64`, field);
  return number;
}

const hash = (line, name, field) => prefixed(named(line, name, field), field, 32);

export function parseSigned(value, field) {
  const entry = members(value, field, ["text", "keyId", "signature"]);
  return {
    checkpoint: parseText(string(entry.text, `${field}/text`, MAX_TEXT), `${field}/text`),
    keyId: hex(digest(entry.keyId, `${field}/keyId`)),
    signature: hexadecimal(entry.signature, `${field}/signature`, 64),
  };
}

/** Throws unless one of `keys` signed it. */
export function verifySigned(signed, keys, field) {
  const key = keys.get(signed.keyId);
  if (!key) {
    throw failed(`the checkpoint is signed by sm3:${signed.keyId}, which is none of the ${keys.size} trusted keys`, `${field}/keyId`);
  }
  if (!key.public.verify(utf8(signed.checkpoint.text), signed.signature)) {
    throw failed("the checkpoint's SM2 signature does not verify", `${field}/signature`);
  }
}

export function parseCosignatures(value, field) {
  const found = items(value, field, MAX_COSIGNATURES, true).map((item, at) => parseCosignature(item, `${field}/${at}`));
  found.forEach((one, at) => {
    if (at && compare(one.keyId, found[at - 1].keyId) <= 0) {
      throw malformed("co-signatures ascend by key id, each key once", `${field}/${at}`);
    }
  });
  return found;
}

function parseCosignature(value, field) {
  const entry = members(value, field, ["keyId", "time", "method", "signature"]);
  const method = string(entry.method, `${field}/method`, 16);
  if (!METHODS.includes(method)) throw malformed(`the method is ${METHODS.join(" or ")}`, `${field}/method`);
  return {
    keyId: digest(entry.keyId, `${field}/keyId`),
    time: integer(entry.time, `${field}/time`, 53),
    method,
    signature: hexadecimal(entry.signature, `${field}/signature`, 64),
  };
}

/** Who besides the operator stands behind `checkpoint`; throws when a known witness did not sign or too few did. */
export function vouch(cosignatures, checkpoint, anchors, wanted, field) {
  const needed = Math.max(wanted, anchors ? anchors.quorum : 0), verified = [];
  cosignatures.forEach((one, at) => {
    const id = hex(one.keyId), witness = anchors?.witnesses.get(id);
    if (!witness) return; // unknown keys are not counted
    const text = `${COSIGNATURE}\nwitness: sm3:${id}\ntime: ${one.time}\nmethod: ${one.method}\n${checkpoint.text}`;
    if (!witness.public.verify(utf8(text), one.signature)) {
      throw failed(`the co-signature of ${witness.en} does not verify`, `${field}/${at}/signature`);
    }
    verified.push({ witness, time: one.time, method: one.method });
  });
  const cosigned = new Set(verified.map(({ witness }) => witness.office)).size;
  if (cosigned < needed) {
    throw failed(`co-signed by ${cosigned} of ${anchors?.offices ?? 0} known agencies, ${needed} are needed`, field);
  }
  return { cosigned, of: anchors ? anchors.offices : null, needed, verified };
}

/** The parts of a block header that the ledger relies on. Its consensus is not checked: a checkpoint names its hash. */
export function parseHeader(raw, field) {
  if (raw.length > MAX_HEADER_BYTES) {
    throw malformed(`a header of ${raw.length} bytes is over the limit of ${MAX_HEADER_BYTES}`, field);
  }
  const parts = decodeList(raw, field);
  if (parts.length < MIN_FIELDS || parts.length > MAX_FIELDS) {
    throw malformed(`a block header has ${MIN_FIELDS} to ${MAX_FIELDS} fields, not ${parts.length}`, field);
  }
  asBytes(parts[13], field, 32);
  asBytes(parts[14], field, 8);
  for (const at of [0, 1]) asBytes(parts[at], field, 32);
  asBytes(parts[2], field, 20);
  const [stateRoot, transactionsRoot, receiptsRoot] = [3, 4, 5].map((at) => asBytes(parts[at], field, 32));
  asBytes(parts[6], field, 256);
  asInt(parts[7], field);
  const [number, , , time] = [8, 9, 10, 11].map((at) => asInt(parts[at], field, 64));
  asBytes(parts[12], field);
  return { hash: keccak256(raw), stateRoot, transactionsRoot, receiptsRoot, number, time };
}

/** The header in `raw`, which must be that of the checkpoint's block. */
export function headerOf({ checkpoint }, raw, field) {
  const header = parseHeader(raw, field);
  if (!same(header.hash, checkpoint.block)) throw failed("the header is not that of the checkpoint's block", field);
  if (header.number !== checkpoint.height || header.time !== checkpoint.time || !same(header.stateRoot, checkpoint.stateRoot)) {
    throw failed("the checkpoint misstates its block", field);
  }
  return header;
}
