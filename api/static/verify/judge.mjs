// One check of two files, as messages in their order: for a worker, or for a page that has none.

import { Refusal, argue, parseAnchors, parseBundle } from "./verifier.mjs";

export function* judge(bundleBytes, anchorsBytes) {
  let file = "anchors";
  try {
    const anchors = anchorsBytes && parseAnchors(anchorsBytes);
    file = "bundle";
    const bundle = parseBundle(bundleBytes);
    yield { lot: { gtin: bundle.lot.gtin, lot: bundle.lot.lot } };
    yield { end: yield* steps(argue(bundle, anchors)) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    yield { refused: { file, reason: error.reason, field: error.field } };
  }
}

function* steps(argument) {
  for (;;) {
    const { done, value } = argument.next();
    if (done) return value;
    yield { step: value };
  }
}
