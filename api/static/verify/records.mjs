// From the shown and withheld fields of a record to its digest.
//
//   commitment = SM3("originseal/field/v1" ‖ lp(path) ‖ lp(salt) ‖ lp(value))
//   digest     = SM3("originseal/record/v1" ‖ lp(kind) ‖ lp(author) ‖ u32(lots) ‖ lots ‖ u32(leaves) ‖ field root)

import { compare, concat, failed, lp, malformed, same, u32, utf8 } from "./bytes.mjs";
import { checkText, jcs } from "./jcs.mjs";
import { merkleRoot } from "./merkle.mjs";
import { sm3 } from "./sm3.mjs";

const FIELD_TAG = utf8("originseal/field/v1"), RECORD_TAG = utf8("originseal/record/v1");

/** Recomputes the digest from the fields; throws when it is another. */
export function checkRecord(record, where) {
  checkPaths(record.fields, `${where}/fields`);
  for (let at = 1; at < record.lots.length; at++) {
    if (compare(record.lots[at - 1], record.lots[at]) >= 0) {
      throw malformed("the lots are not in ascending order", `${where}/lots`);
    }
  }
  const root = merkleRoot(record.fields.map(commitment));
  const head = concat(RECORD_TAG, lp(utf8(record.kind)), lp(record.author), u32(record.lots.length), ...record.lots);
  const computed = sm3(concat(head, u32(record.fields.length), root));
  if (!same(computed, record.digest)) throw failed("the fields do not lead to the record's digest", `${where}/digest`);
}

function commitment({ path, salt, value, commitment: given }) {
  if (given) return given;
  for (const part of [...path, value]) if (typeof part === "string") checkText(part, path);
  return sm3(concat(FIELD_TAG, lp(jcs(path)), lp(salt), lp(jcs(value))));
}

/** The shown paths must be those of one document, in leaf order: no path twice, none inside another. */
function checkPaths(fields, where) {
  let previous = null;
  fields.forEach(({ path }, at) => {
    if (!path) return;
    if (previous && !follows(previous, path)) {
      throw malformed("the field does not come after the one before it in a document", `${where}/${at}/path`);
    }
    previous = path;
  });
}

function follows(previous, path) {
  for (let at = 0; at < Math.min(previous.length, path.length); at++) {
    const before = previous[at], after = path[at];
    if (typeof before !== typeof after) return false; // one container cannot be both an array and an object
    if (before !== after) return before < after; // strings: by UTF-16 code units
  }
  return false;
}
