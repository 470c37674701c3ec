// Keccak-256 as the EVM uses it (padding 0x01, not SHA3-256): only for what the contracts compute themselves.

const RATE = 136;
const ROUNDS_HIGH = new Int32Array(24), ROUNDS_LOW = new Int32Array(24);
const ROTATE = new Uint8Array(25), MOVE = new Uint8Array(25);

{ // The constants follow from the specification (FIPS 202, 3.2): an LFSR, triangular numbers, the walk of π.
  let lfsr = 1;
  for (let round = 0; round < 24; round++) {
    for (let j = 0; j < 7; j++) {
      if (lfsr & 1) {
        const bit = (1 << j) - 1;
        if (bit < 32) ROUNDS_LOW[round] ^= 1 << bit;
        else ROUNDS_HIGH[round] ^= 1 << (bit - 32);
      }
      lfsr = (lfsr << 1) ^ (lfsr >> 7 ? 0x171 : 0);
    }
  }
  let x = 1, y = 0;
  for (let t = 0; t < 24; t++) {
    ROTATE[x + 5 * y] = (((t + 1) * (t + 2)) / 2) % 64;
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  for (let i = 0; i < 5; i++) for (let j = 0; j < 5; j++) MOVE[j + 5 * ((2 * i + 3 * j) % 5)] = i + 5 * j;
}

const high = new Int32Array(25), low = new Int32Array(25), B = new Int32Array(25), b = new Int32Array(25);
const C = new Int32Array(5), c = new Int32Array(5);

function permute() {
  for (let round = 0; round < 24; round++) {
    for (let x = 0; x < 5; x++) {
      C[x] = high[x] ^ high[x + 5] ^ high[x + 10] ^ high[x + 15] ^ high[x + 20];
      c[x] = low[x] ^ low[x + 5] ^ low[x + 10] ^ low[x + 15] ^ low[x + 20];
    }
    for (let x = 0; x < 5; x++) {
      const next = (x + 1) % 5, before = (x + 4) % 5;
      const D = C[before] ^ ((C[next] << 1) | (c[next] >>> 31)), d = c[before] ^ ((c[next] << 1) | (C[next] >>> 31));
      for (let at = x; at < 25; at += 5) {
        high[at] ^= D;
        low[at] ^= d;
      }
    }
    for (let at = 0; at < 25; at++) {
      const from = MOVE[at], n = ROTATE[from] & 31;
      const one = ROTATE[from] < 32 ? high[from] : low[from], two = ROTATE[from] < 32 ? low[from] : high[from];
      B[at] = n ? (one << n) | (two >>> (32 - n)) : one;
      b[at] = n ? (two << n) | (one >>> (32 - n)) : two;
    }
    for (let y = 0; y < 25; y += 5) {
      for (let x = 0; x < 5; x++) {
        high[y + x] = B[y + x] ^ (~B[y + ((x + 1) % 5)] & B[y + ((x + 2) % 5)]);
        low[y + x] = b[y + x] ^ (~b[y + ((x + 1) % 5)] & b[y + ((x + 2) % 5)]);
      }
    }
    high[0] ^= ROUNDS_HIGH[round];
    low[0] ^= ROUNDS_LOW[round];
  }
}

/** The 32 bytes of the digest. */
export function keccak256(data) {
  const padded = new Uint8Array((Math.floor(data.length / RATE) + 1) * RATE);
  padded.set(data);
  padded[data.length] ^= 1;
  padded[padded.length - 1] ^= 0x80;
  const view = new DataView(padded.buffer);
  high.fill(0);
  low.fill(0);
  for (let offset = 0; offset < padded.length; offset += RATE) {
    for (let at = 0; at < RATE / 8; at++) {
      low[at] ^= view.getInt32(offset + 8 * at, true);
      high[at] ^= view.getInt32(offset + 8 * at + 4, true);
    }
    permute();
  }
  const digest = new Uint8Array(32), out = new DataView(digest.buffer);
  for (let at = 0; at < 4; at++) {
    out.setInt32(8 * at, low[at], true);
    out.setInt32(8 * at + 4, high[at], true);
  }
  return digest;
}
