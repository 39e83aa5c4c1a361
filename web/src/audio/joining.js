import { Leveler } from "./loudness.js";
import { SILENCE_LEVEL, concatenate, level, ramp, round } from "./signal.js";

const NOTHING = new Float32Array(0);
const EDGE_SECONDS = 0.05, FADE_SECONDS = 0.005, MOST_HELD_SECONDS = 2, BLOCK_SECONDS = 0.01;

/**
 * Takes the chunks of one segment after another and gives the joined speech as soon as it is certain: silence at a joint
 * is trimmed, the pause is put there, both sides fade, and loudness is evened. One segment alone comes out as it went in.
 */
export class Joiner {
  /** @type {{start: number, end: number}[]} seconds, where each segment lies */
  spans = [];
  emitted = 0;
  start = 0;
  unplaced = 0;
  partial = NOTHING;
  held = NOTHING;
  silent = 0;
  /** @type {number | null} */
  pause = null;
  lead = NOTHING;

  /** @param {number} sampleRate */
  constructor(sampleRate) {
    this.rate = sampleRate;
    this.edge = round(EDGE_SECONDS * sampleRate);
    this.fade = round(FADE_SECONDS * sampleRate);
    this.block = Math.max(1, round(BLOCK_SECONDS * sampleRate));
    this.leveler = new Leveler(sampleRate);
  }

  /** @param {Float32Array} chunk of the present segment @returns {Float32Array} what is certain now */
  feed(chunk) {
    const waiting = concatenate([this.partial, chunk]), ready = /** @type {Float32Array[]} */ ([]);
    let at = 0;
    for (; at + this.block <= waiting.length; at += this.block) ready.push(this.take(waiting.slice(at, at + this.block)));
    this.partial = waiting.slice(at);
    return concatenate(ready);
  }

  /** @param {number} pause seconds between this segment and the next */
  endSegment(pause) {
    const rest = this.partial.length ? this.take(this.partial) : NOTHING;
    this.partial = this.lead = NOTHING;
    this.pause = Math.max(pause, this.pause ?? 0);
    this.unplaced++;
    this.leveler.nextSegment();
    return rest;
  }

  /** The rest; the end of the last segment is as it was. */
  finish() {
    const rest = this.emit(this.held);
    this.held = NOTHING;
    this.place();
    return rest;
  }

  /** @param {Float32Array} block */
  take(block) {
    const sound = level(block) >= SILENCE_LEVEL;
    let ready = /** @type {Float32Array} */ (NOTHING);
    if (this.pause !== null) {
      if (!sound) {
        const lead = concatenate([this.lead, block]);
        this.lead = lead.slice(Math.max(0, lead.length - this.edge));
        return ready;
      }
      ready = this.joint(this.pause);
      block = this.faded(concatenate([this.lead, block]), true);
      this.lead = NOTHING;
      this.pause = null;
    }
    return concatenate([ready, this.hold(this.leveler.apply(block), sound)]);
  }

  /** @param {Float32Array} block @param {boolean} sound */
  hold(block, sound) {
    this.silent = sound ? 0 : this.silent + block.length;
    const waiting = concatenate([this.held, block]);
    const cut = Math.max(0, waiting.length - this.fade - Math.min(this.silent, round(MOST_HELD_SECONDS * this.rate)));
    this.held = waiting.slice(cut);
    return this.emit(waiting.slice(0, cut));
  }

  /** @param {number} seconds of pause */
  joint(seconds) {
    const silent = Math.min(this.silent, this.held.length), kept = Math.min(silent, this.edge);
    const end = this.faded(this.held.slice(0, this.held.length - silent + kept), false);
    const spoken = this.emitted + end.length > 0, ready = this.emit(end);
    this.held = NOTHING;
    this.silent = 0;
    this.place();
    const pause = this.emit(new Float32Array(spoken ? Math.max(0, round(seconds * this.rate) - kept) : 0));
    this.start = this.emitted + this.lead.length;
    return concatenate([ready, pause]);
  }

  /** @param {Float32Array} wav @param {boolean} rising */
  faded(wav, rising) {
    const length = Math.min(this.fade, wav.length), gains = ramp(0, 1, length, false), faded = wav.slice();
    for (let i = 0; i < length; i++) faded[rising ? i : wav.length - 1 - i] *= gains[i];
    return faded;
  }

  place() {
    const end = this.emitted / this.rate;
    for (; this.unplaced; this.unplaced--) {
      this.spans.push({ start: this.start / this.rate, end });
      this.start = this.emitted;
    }
  }

  /** @param {Float32Array} wav */
  emit(wav) {
    this.emitted += wav.length;
    return wav;
  }
}
