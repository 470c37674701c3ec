// The bytes of a JSON value that are hashed: RFC 8785 (JCS). Strings must be in Unicode form NFC; they are refused
// otherwise, not changed.

import { malformed, utf8 } from "./bytes.mjs";

export const pointer = (path) => path.map((part) => "/" + String(part).replaceAll("~", "~0").replaceAll("/", "~1")).join("");

/** Throws unless the string has one canonical form. */
export function checkText(text, path) {
  if (/\p{Surrogate}/u.test(text)) throw malformed("the text holds a lone surrogate", pointer(path));
  if (text.normalize("NFC") !== text) throw malformed("the text is not in Unicode normalisation form C", pointer(path));
}

/** The canonical bytes of a value that the strict reader made. */
export const jcs = (value) => utf8(write(value));

function write(value) {
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  if (value instanceof Map) {
    const names = [...value.keys()].sort(); // by UTF-16 code units, as RFC 8785 3.2.3 wants
    return `{${names.map((name) => `${JSON.stringify(name)}:${write(value.get(name))}`).join(",")}}`;
  }
  return JSON.stringify(value); // strings and numbers: RFC 8785 3.2.2 is ECMAScript's own form
}
