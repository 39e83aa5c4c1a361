/** numpy's default generator, `default_rng(seed).random()`, number for number: SeedSequence and PCG64 (XSL-RR). */

const MASK_128 = (1n << 128n) - 1n, MASK_64 = (1n << 64n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;

/** @param {number} value */
const xorshift = (value) => (value ^ (value >>> 16)) >>> 0;

/** 64-bit words of `SeedSequence(entropy)`. @param {(number | bigint)[]} entropy from 0 @param {number} count */
export function seedWords(entropy, count) {
  const words = entropy.flatMap((number) => {
    const parts = [];
    for (let rest = BigInt(number); rest > 0n || !parts.length; rest >>= 32n) parts.push(Number(rest & 0xffffffffn));
    return parts;
  });
  let constant = 0x43b0d7e5;
  const hash = (/** @type {number} */ value) => {
    value ^= constant;
    constant = Math.imul(constant, 0x931e8875);
    return xorshift(Math.imul(value, constant) >>> 0);
  };
  const mix = (/** @type {number} */ x, /** @type {number} */ y) =>
    xorshift((Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y)) >>> 0);
  const pool = [0, 1, 2, 3].map((i) => hash(words[i] ?? 0));
  for (let from = 0; from < 4; from++)
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
  for (const word of words.slice(4)) for (let to = 0; to < 4; to++) pool[to] = mix(pool[to], hash(word));
  constant = 0x8b51f9dd;
  const halves = Array.from({ length: 2 * count }, (_, i) => {
    const value = pool[i % 4] ^ constant;
    constant = Math.imul(constant, 0x58f38ded);
    return BigInt(xorshift(Math.imul(value, constant) >>> 0));
  });
  return Array.from({ length: count }, (_, i) => halves[2 * i] | (halves[2 * i + 1] << 32n));
}

export class Random {
  /** @param {number | bigint} seed a whole number from 0 */
  constructor(seed) {
    const [a, b, c, d] = seedWords([seed], 4);
    this.increment = ((((c << 64n) | d) << 1n) | 1n) & MASK_128;
    this.state = (this.increment + ((a << 64n) | b)) & MASK_128;
    this.step();
  }

  step() {
    this.state = (this.state * MULTIPLIER + this.increment) & MASK_128;
  }

  /** @returns {number} in [0, 1) */
  random() {
    this.step();
    const folded = (this.state >> 64n) ^ (this.state & MASK_64), turn = this.state >> 122n;
    const word = ((folded >> turn) | (folded << (64n - turn))) & MASK_64;
    return Number(word >> 11n) / 2 ** 53;
  }
}
