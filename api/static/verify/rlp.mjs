// Recursive Length Prefix, strictly: one byte string, one reading. Yellow Paper, appendix B.
// An item is a Uint8Array or an Array of items.

import { big, concat, malformed, unhex } from "./bytes.mjs";

export const MAX_BYTES = 16 * 1024 * 1024;
export const MAX_DEPTH = 16;
export const MAX_ITEMS = 200_000; // in one decoded value

/** The one item that `data` encodes. */
export function decode(data, field) {
  if (data.length > MAX_BYTES) throw malformed(`RLP of ${data.length} bytes is over the limit of ${MAX_BYTES}`, field);
  const budget = { left: MAX_ITEMS };
  const [item, end] = decodeAt(data, 0, data.length, field, 0, budget);
  if (end !== data.length) throw malformed(`${data.length - end} bytes follow the RLP item`, field);
  return item;
}

export const decodeList = (data, field, length) => asList(decode(data, field), field, length);

export function asList(item, field, length) {
  if (!Array.isArray(item)) throw malformed("a list was expected", field);
  if (length !== undefined && item.length !== length) {
    throw malformed(`a list of ${length} items was expected, not ${item.length}`, field);
  }
  return item;
}

export function asBytes(item, field, length) {
  if (Array.isArray(item)) throw malformed("a byte string was expected", field);
  if (length !== undefined && item.length !== length) {
    throw malformed(`${length} bytes were expected, not ${item.length}`, field);
  }
  return item;
}

/** An unsigned number without leading zeros, below 2^bits, as BigInt. */
export function asInt(item, field, bits = 256) {
  const raw = asBytes(item, field);
  if (raw.length && raw[0] === 0) throw malformed("a number starts with a zero byte", field);
  if (raw.length * 8 > bits) throw malformed(`a number is wider than ${bits} bits`, field);
  return big(raw);
}

/** The canonical encoding; a number is encoded as its shortest big-endian bytes. */
export function encode(item) {
  if (typeof item === "number") item = shortest(item);
  if (Array.isArray(item)) {
    const body = concat(...item.map(encode));
    return concat(prefix(body.length, 0xc0), body);
  }
  return item.length === 1 && item[0] < 0x80 ? item : concat(prefix(item.length, 0x80), item);
}

function shortest(number) {
  const text = number ? number.toString(16) : "";
  return unhex(text.length % 2 ? "0" + text : text);
}

function prefix(length, base) {
  if (length < 56) return Uint8Array.of(base + length);
  const size = shortest(length);
  return concat(Uint8Array.of(base + 55 + size.length), size);
}

function decodeAt(data, at, end, field, depth, budget) {
  if (at >= end) throw malformed("RLP ends too early", field);
  if (--budget.left < 0) throw malformed(`more than ${MAX_ITEMS} RLP items`, field);
  const first = data[at];
  if (first < 0x80) return [data.subarray(at, at + 1), at + 1];
  const [start, stop] = payload(data, at, end, field);
  if (first < 0xc0) {
    if (stop - start === 1 && data[start] < 0x80) throw malformed("a single low byte carries a prefix", field);
    return [data.subarray(start, stop), stop];
  }
  if (depth >= MAX_DEPTH) throw malformed(`RLP lists nest deeper than ${MAX_DEPTH}`, field);
  const items = [];
  for (let next = start; next < stop; ) {
    const [item, after] = decodeAt(data, next, stop, field, depth + 1, budget);
    items.push(item);
    next = after;
  }
  return [items, stop];
}

/** Start and end of the payload of the prefixed item at `at`. */
function payload(data, at, end, field) {
  const first = data[at], short = first - (first < 0xc0 ? 0x80 : 0xc0);
  let start = at + 1, length = short;
  if (short > 55) {
    const width = short - 55;
    if (start + width > end) throw malformed("RLP ends inside a length", field);
    if (data[start] === 0) throw malformed("an RLP length starts with a zero byte", field);
    length = Number(big(data.subarray(start, start + width))); // rounding is far beyond any length that passes below
    if (length < 56) throw malformed("a short RLP length is written in the long form", field);
    start += width;
  }
  if (length > end - start) throw malformed("an RLP item runs past its end", field);
  return [start, start + length];
}
