/**
 * Long text into segments that are spoken one at a time: a segment ends where a sentence does, unless it is still so
 * short that the next sentence joins it; a sentence over the budget is cut at its best weaker boundary.
 */

import { nextNotSpace, nextPiece, pauseAfter, strengthAfter, strengthInside } from "./boundaries.js";
import { SPACE, WORD, charAt, charBefore, isUnspaced, mayCut, strip } from "./characters.js";
import { NO_SURROUNDINGS, Strength, after, past } from "./quotations.js";

export const SEGMENT_SECONDS = 12;
const JOIN_BELOW = 125, FIRST_CHECK = 64;
const SPOKEN = new RegExp(`[${WORD}]`, "u"), LEADING = new RegExp(`^[${SPACE}]+`, "u");

/** @typedef {{text: string, pause: number}} Segment with the seconds of silence after it */
/** @typedef {{strength: number, end: number, start: number}} Cut a place where a segment could end */

class Segmenter {
  /** @type {Segment[]} */
  segments = [];
  begin = 0;
  around = NO_SURROUNDINGS;
  /** @type {Cut[]} */
  cuts = [];
  nextCheck = FIRST_CHECK;
  asked = 0;
  knownCost = 0;

  /** @param {string} text @param {number} budget @param {(text: string) => number} cost */
  constructor(text, budget, cost) {
    this.text = text;
    this.budget = budget;
    this.cost = cost;
    /** Characters in front of each index: Python counts them, JavaScript counts halves of some. */
    this.points = new Uint32Array(text.length + 1);
    for (let at = 0; at < text.length; at++) this.points[at + 1] = this.points[at] + (/[\udc00-\udfff]/.test(text[at]) ? 0 : 1);
  }

  run() {
    for (let start = 0, end = nextPiece(this.text, 0); end !== null; start = end, end = nextPiece(this.text, end)) {
      const around = after(this.around, this.text, start, end);
      const strength = strengthAfter(this.text, end, around);
      this.around = past(around, strength);
      if (strength !== Strength.FORBIDDEN) this.take({ strength, end, start });
    }
    return this.segments;
  }

  /** @param {Cut} given one more place where the segment could end */
  take(given) {
    const waiting = [given];
    for (let cut = waiting.shift(); cut; cut = waiting.shift()) {
      this.cuts.push(cut);
      const isEnd = cut.strength >= Strength.SENTENCE;
      if (!this.isDue(cut, isEnd)) continue;
      const cost = this.costUntil(cut.end);
      this.nextCheck = 2 * this.points[cut.end] - this.points[this.begin];
      this.asked = cut.end;
      this.knownCost = cost;
      if (cost > this.budget) {
        const chosen = this.bestCut();
        waiting.unshift(...this.cuts.filter((other) => other.end > chosen.end));
        this.around = { ...this.around, closers: [] };
        this.emit(chosen);
      } else if (isEnd && this.isComplete(cut, cost)) this.emit(cut);
    }
  }

  /** @param {Cut} cut @param {boolean} isEnd @returns {boolean} whether to ask what the segment costs up to here */
  isDue(cut, isEnd) {
    if (this.points[cut.end] >= this.nextCheck || this.isLast(cut)) return true;
    if (cut.strength === Strength.PARAGRAPH && this.knownCost > 0) return true;
    if (!isEnd) return false;
    const isSpoken = SPOKEN.test(this.text.slice(this.asked, cut.end));
    if (!isSpoken) this.asked = cut.end;
    return isSpoken;
  }

  /** @param {Cut} cut */
  isLast(cut) {
    return nextNotSpace(this.text, cut.end) === null;
  }

  /** @param {Cut} cut @param {number} cost */
  isComplete(cut, cost) {
    return this.isLast(cut) || cost >= Math.min(JOIN_BELOW, this.budget) || (cut.strength === Strength.PARAGRAPH && cost > 0);
  }

  /** @param {number} end */
  costUntil(end) {
    return this.cost(strip(this.text.slice(this.begin, end)));
  }

  /** How many of some places, from the first, are within the budget, by bisection. @param {number[]} ends */
  within(ends) {
    let low = 0, high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.costUntil(ends[middle]) > this.budget) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** @returns {Cut} where to end a segment that has grown over the budget */
  bestCut() {
    const all = this.cuts.flatMap((cut) => this.withInner(cut));
    const candidates = all.slice(0, this.within(all.map((cut) => cut.end)));
    if (candidates.length) {
      const begin = this.points[this.begin], far = begin + Math.floor((this.points[candidates[candidates.length - 1].end] - begin) / 3);
      const key = (/** @type {Cut} */ cut) => [Number(cut.strength >= Strength.SENTENCE), Number(this.points[cut.end] >= far), cut.strength, cut.end, cut.start];
      candidates.sort((a, b) => {
        const keys = [key(a), key(b)], at = keys[0].findIndex((value, i) => value !== keys[1][i]);
        return at < 0 ? 0 : keys[1][at] - keys[0][at];
      });
    }
    return candidates.find((cut) => this.costUntil(cut.end) <= this.budget) ?? this.cutInside(all[0].end);
  }

  /** @param {Cut} cut @returns {Cut[]} it, after those inside a row of Chinese characters that it ends */
  withInner(cut) {
    const inner = [];
    if (isUnspaced(charBefore(this.text, cut.end))) {
      const first = this.skipSpace(Math.max(this.begin, cut.start));
      for (let end = first + charAt(this.text, first).length; end < cut.end; end += charAt(this.text, end).length) {
        const strength = strengthInside(this.text, end);
        if (strength !== Strength.FORBIDDEN) inner.push({ strength, end, start: end });
      }
    }
    return [...inner, cut];
  }

  /** @param {number} end @returns {Cut} as many visible characters as fit of a text without any other place to cut */
  cutInside(end) {
    const places = [];
    for (let at = this.skipSpace(this.begin); at < end; ) {
      at += charAt(this.text, at).length;
      if (mayCut(this.text, at)) places.push(at);
    }
    if (!places.length) places.push(end);
    let within = this.within(places);
    while (within > 1 && this.costUntil(places[within - 1]) > this.budget) within--;
    return { strength: Strength.NONE, end: places[Math.max(within, 1) - 1], start: this.begin };
  }

  /** @param {number} at */
  skipSpace(at) {
    return at + (LEADING.exec(this.text.slice(at))?.[0].length ?? 0);
  }

  /** @param {Cut} cut */
  emit(cut) {
    const text = strip(this.text.slice(this.begin, cut.end));
    this.begin = this.asked = cut.end;
    this.cuts = [];
    this.knownCost = 0;
    this.nextCheck = this.points[cut.end] + FIRST_CHECK;
    this.segments.push({ text, pause: pauseAfter(text, cut.strength, this.isLast(cut)) });
  }
}

/**
 * Segments of a whole text; each costs at most `budget`, unless one visible character alone costs more.
 * @param {string} text
 * @param {number} budget semantic ids
 * @param {(text: string) => number} cost the semantic ids that a text is expected to have
 * @returns {Segment[]}
 */
export function split(text, budget, cost) {
  return new Segmenter(text, budget, cost).run();
}
