// Runs the browser's modules in Node: one JSON request per line in, one JSON answer per line out.
//
//   {"load": {"name": value, …}}                           remember files (bundles, anchors)
//   {"verify": …, "anchors": name|null, "witnesses": n}    verify: {"text": …} or {"base": name, "change": […]}
//   {"digests": [[algorithm, hex], …]}, {"signatures": [[point, id, message, e, signature], …]}

import { createInterface } from "node:readline";

const base = new URL("../../api/static/verify/", import.meta.url);
const { argue, parseAnchors, parseBundle, Refusal } = await import(new URL("verifier.mjs", base));
const { sm3 } = await import(new URL("sm3.mjs", base));
const { keccak256 } = await import(new URL("keccak.mjs", base));
const { PublicKey } = await import(new URL("sm2.mjs", base));
const { parseJson } = await import(new URL("json.mjs", base));
const { jcs } = await import(new URL("jcs.mjs", base));
const { verifyInclusion, merkleRoot } = await import(new URL("merkle.mjs", base));
const { decode } = await import(new URL("rlp.mjs", base));

const bytes = (text) => new TextEncoder().encode(text);
const unhex = (text) => Uint8Array.from(Buffer.from(text, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");
const files = new Map();

/** A changed copy (of the parts on the way only): each change is [path, "set"|"insert"|"pop", key, value]. */
function changed(value, changes) {
  const fresh = (part) => (Array.isArray(part) ? [...part] : { ...part }), copy = fresh(value);
  for (const [path, what, key, given] of changes) {
    let part = copy;
    for (const step of path) part = part[step] = fresh(part[step]);
    if (what === "insert") part.splice(key, 0, given);
    else if (what === "pop" && Array.isArray(part)) part.splice(key, 1);
    else if (what === "pop") delete part[key];
    else part[key] = given;
  }
  return copy;
}

function verify({ verify: wanted, anchors, witnesses }) {
  const text = wanted.text ?? JSON.stringify(changed(files.get(wanted.base), wanted.change ?? []));
  try {
    const known = anchors === null ? null : parseAnchors(bytes(JSON.stringify(files.get(anchors))));
    const argument = argue(parseBundle(bytes(text)), known, witnesses ?? 0), steps = [];
    for (let next = argument.next(); ; next = argument.next()) {
      if (next.done) return { steps, ...next.value };
      steps.push(next.value);
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { malformed: error.malformed, reason: error.reason, field: error.field };
  }
}

function attempt(work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.reason, field: error.field };
    if (error instanceof RangeError) return { range: error.message };
    throw error;
  }
}

/** The same equation on the point arithmetic of @noble/curves (which has no SM2 of its own); null where it is missing. */
let nobleCurve;
try {
  const { weierstrass } = await import("@noble/curves/abstract/weierstrass.js");
  const p = 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn;
  nobleCurve = weierstrass({
    p, a: p - 3n, b: 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n, h: 1n,
    n: 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n,
    Gx: 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n,
    Gy: 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n,
  });
} catch {
  nobleCurve = null;
}

function nobleHolds([x, y, e, signature]) {
  if (!nobleCurve) return null;
  const { n, p } = { n: nobleCurve.Fn.ORDER, p: nobleCurve.Fp.ORDER };
  const [px, py, digest, r, s] = [x, y, e, signature.slice(0, 64), signature.slice(64)].map((text) => BigInt("0x" + text));
  let key;
  try {
    if (px >= p || py >= p) return false;
    key = nobleCurve.fromAffine({ x: px, y: py });
    key.assertValidity();
  } catch {
    return false;
  }
  const t = (r + s) % n;
  if (r < 1n || r >= n || s < 1n || s >= n || t === 0n) return false;
  const sum = nobleCurve.BASE.multiplyUnsafe(s).add(key.multiplyUnsafe(t));
  return !sum.is0() && (digest + sum.toAffine().x) % n === r;
}

const ANSWERS = {
  load: ({ load }) => (Object.entries(load).forEach(([name, value]) => files.set(name, value)), true),
  verify,
  anchors_text: ({ anchors_text: text }) => attempt(() => (parseAnchors(bytes(text)), true)),
  digests: ({ digests }) => digests.map(([kind, data]) => hex((kind === "sm3" ? sm3 : keccak256)(unhex(data)))),
  signatures: ({ signatures }) =>
    signatures.map(([point, id, message, e, signature]) =>
      attempt(() => {
        const key = new PublicKey(unhex(point));
        return e === null ? key.verify(unhex(message), unhex(signature), unhex(id)) : key.verifyDigest(unhex(e), unhex(signature));
      }),
    ),
  noble: ({ noble }) => noble.map(nobleHolds),
  inclusions: ({ inclusions }) =>
    inclusions.map(({ leaf, index, size, path, root }) =>
      attempt(() => (verifyInclusion(unhex(leaf), { index, size, path: path.map(unhex) }, unhex(root), ""), true)),
    ),
  roots: ({ roots }) => roots.map((leaves) => hex(merkleRoot(leaves.map(unhex)))),
  rlp: ({ rlp }) => rlp.map((data) => attempt(() => JSON.stringify(decode(unhex(data), "rlp"), (_, part) => (part instanceof Uint8Array ? hex(part) : part)))),
  canonical: ({ canonical }) => canonical.map((data) => attempt(() => hex(jcs(parseJson(unhex(data)))))),
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const kind = Object.keys(ANSWERS).find((name) => name in request);
  process.stdout.write(JSON.stringify(ANSWERS[kind](request)) + "\n");
}
