// SM2 signatures with SM3 (GB/T 32918.2-2016, GM/T 0009): public keys and verification only. Everything here is public,
// so nothing needs to take constant time.
//
//   Z = SM3(ENTL ‖ ID ‖ a ‖ b ‖ xG ‖ yG ‖ xA ‖ yA)   e = SM3(Z ‖ M)
//   r, s in [1, n-1], t = (r + s) mod n ≠ 0, (x, y) = s·G + t·P not at infinity; valid if and only if (e + x) mod n = r

import { big, concat, hex, utf8, word } from "./bytes.mjs";
import { sm3 } from "./sm3.mjs";

export const DEFAULT_ID = "1234567812345678"; // GM/T 0009-2012, clause 10
const P = 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn;
const A = P - 3n;
const B = 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n;
const N = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n;
const GX = 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n;
const GY = 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n;
const G = [GX, GY, 1n], INFINITY = [1n, 1n, 0n];
const CURVE = concat(...[A, B, GX, GY].map(word));
const MAX_ANSWERS = 20_000; // kept, because whoever tries another anchors file asks for the same signatures again

const mod = (a) => ((a %= P) < 0n ? a + P : a);

// Jacobian coordinates: (X, Y, Z) is the point (X/Z², Y/Z³), Z = 0 the point at infinity.
function double([X, Y, Z]) {
  if (Z === 0n || Y === 0n) return INFINITY;
  const zz = (Z * Z) % P, yy = (Y * Y) % P, s = (4n * X * yy) % P, m = mod(3n * (X - zz) * (X + zz)); // a = -3
  const x = mod(m * m - 2n * s);
  return [x, mod(m * (s - x) - 8n * yy * yy), (2n * Y * Z) % P];
}

function add(p, q) {
  if (p[2] === 0n) return q;
  if (q[2] === 0n) return p;
  const zz1 = (p[2] * p[2]) % P, zz2 = (q[2] * q[2]) % P;
  const u1 = (p[0] * zz2) % P, s1 = (((p[1] * zz2) % P) * q[2]) % P;
  const h = mod(q[0] * zz1 - u1), r = mod(((q[1] * zz1) % P) * p[2] - s1);
  if (h === 0n) return r === 0n ? double(p) : INFINITY;
  const hh = (h * h) % P, hhh = (hh * h) % P, v = (u1 * hh) % P;
  const x = mod(r * r - hhh - 2n * v);
  return [x, mod(r * (v - x) - s1 * hhh), (((p[2] * q[2]) % P) * h) % P];
}

function inverse(a) {
  let [low, high, x, y] = [a, P, 1n, 0n];
  while (low > 1n) {
    const q = high / low;
    [low, high, x, y] = [high - q * low, low, y - q * x, x];
  }
  return mod(x);
}

/** i·p for i from 0 to 15. */
function multiples(p) {
  const list = [INFINITY, p];
  for (let at = 2; at < 16; at++) list.push(add(list[at - 1], p));
  return list;
}
const OF_G = multiples(G);

/** s·G + t·P, four bits of both at a time. */
function combine(s, t, ofP) {
  const one = s.toString(16).padStart(64, "0"), two = t.toString(16).padStart(64, "0");
  let sum = INFINITY;
  for (let at = 0; at < 64; at++) {
    if (sum[2] !== 0n) for (let i = 0; i < 4; i++) sum = double(sum);
    sum = add(add(sum, OF_G[parseInt(one[at], 16)]), ofP[parseInt(two[at], 16)]);
  }
  return sum;
}

const answers = new Map();

export class PublicKey {
  #multiples;

  /** From 04 ‖ X ‖ Y, 65 bytes; throws RangeError for what is no point on the curve. */
  constructor(point) {
    if (point.length !== 65 || point[0] !== 4) throw new RangeError("a public key is 04 followed by X and Y, 65 bytes");
    this.x = big(point.subarray(1, 33));
    this.y = big(point.subarray(33));
    if (this.x >= P || this.y >= P || mod(this.y * this.y - (this.x * this.x + A) * this.x - B) !== 0n) {
      throw new RangeError("the point is not on the curve sm2p256v1");
    }
    this.point = point;
    this.keyId = this.z(DEFAULT_ID);
  }

  z(id) {
    const name = typeof id === "string" ? utf8(id) : id, bits = name.length * 8;
    return sm3(concat(Uint8Array.of(bits >> 8, bits & 255), name, CURVE, this.point.subarray(1)));
  }

  /** Whether the raw r ‖ s holds for `message`. */
  verify(message, signature, id = DEFAULT_ID) {
    return this.verifyDigest(sm3(concat(id === DEFAULT_ID ? this.keyId : this.z(id), message)), signature);
  }

  /** Whether the raw r ‖ s holds for e = SM3(Z ‖ M). */
  verifyDigest(e, signature) {
    if (signature.length !== 64 || e.length !== 32) return false;
    const question = hex(this.point) + hex(e) + hex(signature);
    let answer = answers.get(question);
    if (answer === undefined) {
      answer = this.#holds(big(e), big(signature.subarray(0, 32)), big(signature.subarray(32)));
      if (answers.size >= MAX_ANSWERS) answers.clear();
      answers.set(question, answer);
    }
    return answer;
  }

  #holds(e, r, s) {
    if (r < 1n || r >= N || s < 1n || s >= N) return false;
    const t = (r + s) % N;
    if (t === 0n) return false;
    this.#multiples ??= multiples([this.x, this.y, 1n]);
    const [X, , Z] = combine(s, t, this.#multiples);
    if (Z === 0n) return false;
    const i = inverse(Z);
    return (e + ((X * i) % P) * i % P) % N === r;
  }
}
