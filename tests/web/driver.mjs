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

const bytes = (text) => new TextEncoder().encode(text);
const unhex = (text) => Uint8Array.from(Buffer.from(text, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");
const files = new Map();

/** The changed copy: each change is [path, "set"|"insert"|"pop"|"add", key, value]. */
function changed(value, changes) {
  const copy = structuredClone(value);
  for (const [path, what, key, given] of changes) {
    let part = copy;
    for (const step of path) part = part[step];
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
  canonical: ({ canonical }) => canonical.map((data) => attempt(() => hex(jcs(parseJson(unhex(data)))))),
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const kind = Object.keys(ANSWERS).find((name) => name in request);
  process.stdout.write(JSON.stringify(ANSWERS[kind](request)) + "\n");
}
