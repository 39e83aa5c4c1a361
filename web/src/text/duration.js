import { HAN, HANGUL, KANA } from "./characters.js";

const SECONDS = { edges: 0.15, syllable: 0.19, sign: 0.38, stop: 0.33, pause: 0.2 };
/** @type {Record<string, number>} */
const PER_CHARACTER = { han: 0.27, digits: 0.36, kana: 0.14, hangul: 0.2, letters: 0.09 };
const PIECE = new RegExp(
  `(?<word>[A-Za-z\\u00c0-\\u024f]+(?:['’][A-Za-z]+)?)|(?<han>[${HAN}]+)|(?<digits>\\p{Nd}+(?:[.,:]\\p{Nd}+)*)|(?<kana>[${KANA}]+)` +
    `|(?<hangul>[${HANGUL}]+)|(?<letters>[\\p{L}\\p{N}]+)|(?<stop>[.!?。！？…\\n]+)|(?<pause>[,;:，；：、—–]+)` +
    "|(?<signs>[%$€£¥₹+=&@#°/×÷<>≤≥*^~\\-]+)", "gu");
const VOWELS = /[aeiouy\u00c0-\u024f]+/g, SILENT_END = /(?<![aeiouyl])(?:e|es|ed)$|(?<=[aeiouy]l)es?$/;

/** @param {string} word @returns {number} its vowel groups; capitals without vowels or in a short row are spelled */
function syllables(word) {
  const length = word.length, lower = word.toLowerCase();
  if (word === word.toUpperCase() && word !== lower && length > 1 && length <= 5) return length + 2 * word.split("W").length - 2;
  const groups = (lower.match(VOWELS) ?? []).length;
  if (!groups) return length;
  return Math.max(groups - (groups > 1 && SILENT_END.test(lower) ? 1 : 0), Math.floor(length / 7));
}

/** @param {string} text @returns {number} seconds that an average voice takes; 0 where there is nothing to say */
function expectedSeconds(text) {
  let beside = 0, spoken = 0;
  for (const { 0: piece, groups = {} } of text.matchAll(PIECE)) {
    const length = [...piece].length;
    if (groups.word) spoken += SECONDS.syllable * syllables(piece);
    else if (groups.stop) beside += SECONDS.stop;
    else if (groups.pause) beside += SECONDS.pause;
    else if (groups.signs) beside += SECONDS.sign * Math.min(length, 3);
    else {
      const kind = Object.keys(PER_CHARACTER).find((name) => groups[name]) ?? "";
      spoken += PER_CHARACTER[kind] * (length - (groups.digits ? piece.replace(/[^,:]/g, "").length : 0));
    }
  }
  return spoken ? SECONDS.edges + spoken + beside : 0;
}

/** @param {string} text @param {number} rate tokens a second @returns {number} semantic ids expected: a segment's cost */
export const expectedTokens = (text, rate) => Math.ceil(expectedSeconds(text) * rate);

/**
 * Bounds of semantic ids that good speech keeps, and that speech cut off or run on does not.
 * @param {string} text
 * @param {number} speed times that of an average voice
 * @param {number} rate tokens a second
 */
export function tokenBounds(text, speed, rate) {
  const seconds = expectedSeconds(text) / speed;
  return {
    shortest: Math.max(seconds ? 3 : 0, Math.trunc((seconds * 0.42 - 0.3) * rate)),
    longest: Math.ceil((seconds * 2.5 + 1) * rate),
  };
}
