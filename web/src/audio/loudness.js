import { SILENCE_LEVEL, decibels, level, peakOf, ramp } from "./signal.js";

const DEAD_ZONE_DB = 0.5, SLEW_DB_PER_SECOND = 12, SURE_AFTER_SECONDS = 0.5, MOST_GAIN_DB = 6;

class Energy {
  samples = 0;
  sum = 0;

  /** @param {Float32Array} block */
  add(block) {
    this.samples += block.length;
    for (const value of block) this.sum += value * value;
  }

  get decibels() {
    return decibels(Math.sqrt(this.sum / this.samples));
  }
}

/** @param {number} value @param {number} low @param {number} high */
const clip = (value, low, high) => Math.min(Math.max(value, low), high);

/** Brings each segment toward the loudness of those before it, block by block; the first is not touched. */
export class Leveler {
  heard = new Energy();
  segment = new Energy();
  /** @type {number | null} */
  target = null;
  gain = 0;

  /** @param {number} sampleRate */
  constructor(sampleRate) {
    this.rate = sampleRate;
  }

  nextSegment() {
    if (this.heard.samples) this.target = this.heard.decibels;
    this.segment = new Energy();
    this.gain = 0;
  }

  /** @param {Float32Array} block @returns {Float32Array} */
  apply(block) {
    const active = level(block) >= SILENCE_LEVEL;
    if (active) this.segment.add(block);
    const before = this.gain;
    this.gain = this.nextGain(block);
    if (before || this.gain) {
      const gains = ramp(10 ** (before / 20), 10 ** (this.gain / 20), block.length, true);
      block = block.map((value, i) => clip(Math.fround(value * gains[i]), -1, 1));
    }
    if (active) this.heard.add(block);
    return block;
  }

  /** @param {Float32Array} block */
  nextGain(block) {
    if (this.target === null || !this.segment.samples) return this.gain;
    const difference = this.target - this.segment.decibels;
    let wanted = Math.sign(difference) * Math.max(0, Math.abs(difference) - DEAD_ZONE_DB);
    wanted *= Math.min(1, this.segment.samples / (SURE_AFTER_SECONDS * this.rate));
    wanted = clip(wanted, -MOST_GAIN_DB, MOST_GAIN_DB);
    wanted = Math.min(wanted, Math.max(0, -decibels(peakOf(block))));
    const step = (SLEW_DB_PER_SECOND * block.length) / this.rate;
    return clip(wanted, this.gain - step, this.gain + step);
  }
}
