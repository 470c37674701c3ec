// Bytes, hexadecimal and the one kind of error of the verifier. Knows no format.

/** Something that does not hold, or is not well-formed; `field` is a JSON Pointer into the file. */
export class Refusal extends Error {
  constructor(reason, field = "", malformed = false) {
    super(reason);
    this.reason = reason;
    this.field = field;
    this.malformed = malformed;
  }
}
export const failed = (reason, field) => new Refusal(reason, field);
export const malformed = (reason, field) => new Refusal(reason, field, true);

const HEX = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));

export function hex(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at++) text += HEX[bytes[at]];
  return text;
}

/** The bytes of lower-case hexadecimal pairs, or null for anything else. */
export function unhex(text) {
  if (text.length % 2 || !/^[0-9a-f]*$/.test(text)) return null;
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at++) {
    const high = text.charCodeAt(2 * at), low = text.charCodeAt(2 * at + 1);
    bytes[at] = ((high > 57 ? high - 87 : high - 48) << 4) | (low > 57 ? low - 87 : low - 48);
  }
  return bytes;
}

export function same(one, other) {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

/** Below zero, zero or above, as bytes are ordered. */
export function compare(one, other) {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) if (one[at] !== other[at]) return one[at] - other[at];
  return one.length - other.length;
}

export function concat(...parts) {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const big = (bytes) => (bytes.length ? BigInt("0x" + hex(bytes)) : 0n);
/** A number as 32 bytes. */
export const word = (number) => unhex(BigInt(number).toString(16).padStart(64, "0"));
export const u32 = (number) => Uint8Array.of(number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255);
/** `data` behind its length: no two sequences of parts share bytes. */
export const lp = (data) => concat(u32(data.length), data);

const encoder = new TextEncoder();
export const utf8 = (text) => encoder.encode(text);
