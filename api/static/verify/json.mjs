// A strict JSON reader (RFC 8259, I-JSON numbers) and readers of the formats' members. JSON.parse is not used: of two
// members with one name it keeps the last, and it rounds numbers. Objects become Maps, so that no name is special.

import { malformed, unhex } from "./bytes.mjs";

export const MAX_JSON_BYTES = 64 * 1024 * 1024; // a bundle of a lot with some ten thousand records
export const MAX_JSON_DEPTH = 24; // the formats nest eight deep
export const MAX_NUMBER_CHARACTERS = 400;

const SPACE = /[ \t\n\r]*/y, PLAIN = /[^"\\\u0000-\u001f]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
const WORDS = [["true", true], ["false", false], ["null", null]];

/** The value of UTF-8 `bytes`. Throws a Refusal that names the place where one reader could understand another thing. */
export function parseJson(bytes, limit = MAX_JSON_BYTES) {
  if (bytes.length > limit) throw malformed(`${bytes.length} bytes are over the limit of ${limit}`);
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed("the text is not UTF-8");
  }
  const reader = new Reader(text);
  const value = reader.value("", 0);
  reader.space();
  if (reader.at !== text.length) throw reader.wrong("something follows the value");
  return value;
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  wrong(reason) {
    return malformed(`not JSON: ${reason} at character ${this.at}`);
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found;
  }

  space() {
    this.match(SPACE);
  }

  take(character) {
    this.space();
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  value(path, depth) {
    this.space();
    const first = this.text[this.at];
    if (first === '"') return this.string();
    if (first === "{" || first === "[") {
      if (depth >= MAX_JSON_DEPTH) throw malformed(`the JSON text nests deeper than ${MAX_JSON_DEPTH} levels`);
      this.at++;
      return first === "{" ? this.object(path, depth + 1) : this.array(path, depth + 1);
    }
    for (const [name, value] of WORDS) {
      if (this.text.startsWith(name, this.at)) {
        this.at += name.length;
        return value;
      }
    }
    const found = this.match(NUMBER);
    if (!found) throw this.wrong("a value is expected");
    return number(found[0], found[1] === undefined && found[2] === undefined, path);
  }

  object(path, depth) {
    const made = new Map();
    if (this.take("}")) return made;
    do {
      this.space();
      if (this.text[this.at] !== '"') throw this.wrong("a name is expected");
      const name = this.string();
      if (made.has(name)) throw malformed("a key appears twice", path);
      if (!this.take(":")) throw this.wrong("a colon is expected");
      made.set(name, this.value(`${path}/${name}`, depth));
    } while (this.take(","));
    if (!this.take("}")) throw this.wrong("a comma or the end of the object is expected");
    return made;
  }

  array(path, depth) {
    const made = [];
    if (this.take("]")) return made;
    do made.push(this.value(`${path}/${made.length}`, depth));
    while (this.take(","));
    if (!this.take("]")) throw this.wrong("a comma or the end of the array is expected");
    return made;
  }

  string() {
    this.at++;
    for (let whole = ""; ; ) {
      whole += this.match(PLAIN)[0];
      const next = this.text[this.at];
      if (next === '"') {
        this.at++;
        return whole;
      }
      if (next !== "\\") throw this.wrong("a string does not end, or holds a control character");
      const kind = this.text[this.at + 1];
      if (kind === "u") {
        const code = this.text.slice(this.at + 2, this.at + 6);
        if (!/^[0-9a-fA-F]{4}$/.test(code)) throw this.wrong("a bad escape");
        whole += String.fromCharCode(parseInt(code, 16));
        this.at += 6;
      } else {
        if (!Object.hasOwn(ESCAPES, kind ?? "")) throw this.wrong("a bad escape");
        whole += ESCAPES[kind];
        this.at += 2;
      }
    }
  }
}

/** A number that a double holds exactly as written; whole numbers only up to 2^53 - 1. */
function number(text, whole, path) {
  const value = text.length <= MAX_NUMBER_CHARACTERS ? Number(text) : Infinity;
  const exact = Number.isFinite(value) && (whole || decimal(text) === decimal(String(value)));
  const small = Number.isSafeInteger(value) || (!whole && (!Number.isInteger(value) || Math.abs(value) >= 1e21));
  if (!exact || !small) throw malformed(`the number ${text.slice(0, 24)} is not exact in every reader: write it as a string`, path);
  return value === 0 ? 0 : value; // no negative zero
}

/** One text for equal decimal numerals: sign, digits without outer zeros, exponent. */
function decimal(text) {
  const [, sign, whole, fraction = "", power = "0"] = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE](.*))?$/.exec(text);
  const digits = (whole + fraction).replace(/^0+/, ""), stripped = digits.replace(/0+$/, "");
  return stripped && `${sign}${stripped}e${Number(power) - fraction.length + digits.length - stripped.length}`;
}

// ------------------------------------------------------------------------------------------------ readers of members

/** `value`, an object with exactly these members: unknown material is never ignored. */
export function members(value, field, required, optional = []) {
  if (!(value instanceof Map)) throw malformed("an object was expected", field);
  for (const name of required) if (!value.has(name)) throw malformed("a member is missing", `${field}/${name}`);
  for (const name of value.keys()) {
    if (!required.includes(name) && !optional.includes(name)) {
      throw malformed("a member that this format does not have", `${field}/${name}`);
    }
  }
  return Object.fromEntries(value);
}

export function items(value, field, limit, empty = false) {
  if (!Array.isArray(value)) throw malformed("an array was expected", field);
  if (value.length > limit) throw malformed(`${value.length} items are over the limit of ${limit}`, field);
  if (!value.length && !empty) throw malformed("an empty list proves nothing", field);
  return value;
}

/** `value`, a string of at most `limit` characters (code points). */
export function string(value, field, limit = 1024) {
  if (typeof value !== "string") throw malformed("a string was expected", field);
  if (value.length > limit) {
    const length = value.length > 2 * limit ? value.length : [...value].length;
    if (length > limit) throw malformed(`a string of ${length} characters is over the limit of ${limit}`, field);
  }
  if (/\p{Surrogate}/u.test(value)) throw malformed("a string holds half of a surrogate pair", field);
  return value;
}

export function constant(value, field, expected) {
  if (value !== expected) throw malformed(`“${expected}” was expected`, field);
}

/** A JSON integer from 0 below 2^bits; what lies beyond 2^53 the reader has refused. */
export function integer(value, field, bits = 64) {
  if (!Number.isSafeInteger(value)) throw malformed("a whole number was expected", field);
  if (value < 0 || value >= 2 ** bits) throw malformed(`the number is not in 0 … 2^${bits} - 1`, field);
  return value;
}

export function boolean(value, field) {
  if (typeof value !== "boolean") throw malformed("true or false was expected", field);
  return value;
}

/** The bytes of `prefix` and lower-case hexadecimal digits (exactly `length` bytes where given). */
export function hexadecimal(value, field, length, prefix = "", limit = 1 << 22) {
  if (typeof value !== "string") throw malformed("a string was expected", field);
  if (!value.startsWith(prefix)) throw malformed(`the prefix “${prefix}” is missing`, field);
  const digits = value.slice(prefix.length);
  if (digits.length > 2 * limit) throw malformed(`${digits.length >> 1} bytes are over the limit of ${limit}`, field);
  const bytes = unhex(digits);
  if (!bytes) throw malformed("pairs of lower-case hexadecimal digits were expected", field);
  if (length !== undefined && bytes.length !== length) {
    throw malformed(`${length} bytes were expected, not ${bytes.length}`, field);
  }
  return bytes;
}

export const prefixed = (value, field, length, limit) => hexadecimal(value, field, length, "0x", limit);
/** The 32 bytes of a digest in text form (`sm3:…`), which must be of this algorithm. */
export const digest = (value, field, algorithm = "sm3") => hexadecimal(value, field, 32, `${algorithm}:`);
