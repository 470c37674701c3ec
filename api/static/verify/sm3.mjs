// SM3 (GB/T 32905-2016): the hash of everything that people, agencies and devices sign.

const IV = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e];
const rotate = (x, n) => (x << n) | (x >>> (32 - n));
const T = Array.from({ length: 64 }, (_, j) => (j % 32 ? rotate(j < 16 ? 0x79cc4519 : 0x7a879d8a, j % 32) : j < 16 ? 0x79cc4519 : 0x7a879d8a));
const W = new Int32Array(68);

function compress(V, view, offset) {
  for (let j = 0; j < 16; j++) W[j] = view.getInt32(offset + 4 * j);
  for (let j = 16; j < 68; j++) {
    const x = W[j - 16] ^ W[j - 9] ^ rotate(W[j - 3], 15);
    W[j] = x ^ rotate(x, 15) ^ rotate(x, 23) ^ rotate(W[j - 13], 7) ^ W[j - 6];
  }
  let [A, B, C, D, E, F, G, H] = V;
  for (let j = 0; j < 64; j++) {
    const a12 = rotate(A, 12);
    const SS1 = rotate((a12 + E + T[j]) | 0, 7);
    const FF = j < 16 ? A ^ B ^ C : (A & B) | (A & C) | (B & C);
    const GG = j < 16 ? E ^ F ^ G : (E & F) | (~E & G);
    const TT1 = (FF + D + (SS1 ^ a12) + (W[j] ^ W[j + 4])) | 0;
    const TT2 = (GG + H + SS1 + W[j]) | 0;
    D = C; C = rotate(B, 9); B = A; A = TT1;
    H = G; G = rotate(F, 19); F = E; E = TT2 ^ rotate(TT2, 9) ^ rotate(TT2, 17);
  }
  V[0] ^= A; V[1] ^= B; V[2] ^= C; V[3] ^= D; V[4] ^= E; V[5] ^= F; V[6] ^= G; V[7] ^= H;
}

/** The 32 bytes of the digest. */
export function sm3(data) {
  const padded = new Uint8Array((((data.length + 8) >> 6) + 1) << 6);
  padded.set(data);
  padded[data.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(data.length / 0x20000000));
  view.setUint32(padded.length - 4, (data.length << 3) >>> 0);
  const V = Int32Array.from(IV);
  for (let offset = 0; offset < padded.length; offset += 64) compress(V, view, offset);
  const digest = new Uint8Array(32), out = new DataView(digest.buffer);
  for (let at = 0; at < 8; at++) out.setInt32(4 * at, V[at]);
  return digest;
}
