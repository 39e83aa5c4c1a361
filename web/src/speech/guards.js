/** Guards: is an answer of the language model plausible speech for its text? Each name is a stop reason. */

import { SILENCE_LEVEL, level } from "../audio/signal.js";

export const END = "end", LENGTH = "length", SILENCE = "silence";
const TOO_SHORT = "too_short", TOO_LONG = "too_long", LOOP = "loop";
const LONGEST_CYCLE = 12, LOOP_TOKENS = 100, SILENCE_SECONDS = 2;

/** @typedef {{shortest: number, longest: number}} TokenBounds */

/** @param {number[]} ids @returns {boolean} whether they end in a cycle */
function loops(ids) {
  if (ids.length < LOOP_TOKENS) return false;
  const tail = ids.slice(-LOOP_TOKENS);
  for (let period = 1; period <= LONGEST_CYCLE; period++)
    if (tail.every((id, i) => i < period || id === tail[i - period])) return true;
  return false;
}

/** @param {number[]} ids @param {TokenBounds} bounds @returns {string | null} what an unfinished answer violates already */
export const watch = (ids, bounds) => (ids.length > bounds.longest ? TOO_LONG : loops(ids) ? LOOP : null);

/** @param {number[]} ids @param {TokenBounds} bounds @param {boolean} ended @returns {string} why a finished answer ended */
export const judge = (ids, bounds, ended) => (ids.length < Math.max(1, bounds.shortest) ? TOO_SHORT : ended ? END : LENGTH);

/** @param {number[]} ids @param {TokenBounds} bounds @returns {number} how far a length is from plausible */
export function distance(ids, { shortest, longest }) {
  if (!ids.length) return Infinity;
  if (ids.length < shortest) return shortest / ids.length - 1;
  return Math.max(0, ids.length / longest - 1) + (loops(ids) ? 1 : 0);
}

/** @param {Float32Array} wav @param {number} sampleRate @returns {number} seconds of the longest silence */
export function longestSilence(wav, sampleRate) {
  const frame = Math.floor(sampleRate / 50), count = Math.floor(wav.length / frame);
  let longest = 0, silent = 0;
  for (let i = 0; i < count; i++) {
    silent = level(wav.subarray(i * frame, (i + 1) * frame)) >= SILENCE_LEVEL ? 0 : silent + 1;
    longest = Math.max(longest, silent);
  }
  return (longest * frame) / sampleRate;
}

/** @param {string} reason @returns {boolean} whether no guard rejects the answer */
export const isGood = (reason) => reason === END || reason === LENGTH;

/** @param {string} reason @param {number} silence seconds @returns {string} the stop reason of an answer that was heard */
export const onceHeard = (reason, silence) => (isGood(reason) && silence > SILENCE_SECONDS ? SILENCE : reason);
