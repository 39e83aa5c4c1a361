/** An utterance: its segments one after another, joined, and what is reported about it. */

import { Joiner } from "../audio/joining.js";
import { END } from "./guards.js";
import { speakSegment, streamSegment } from "./segment.js";

/**
 * @import { SparkTTS } from "../spark_tts.js"
 * @import { STREAM_OPTIONS } from "../codec/vocoder_stream.js"
 * @import { Plan } from "./planning.js"
 * @import { Voice } from "../voices/voice.js"
 * @typedef {{text: string, start: number, end: number, tokens: number, stopReason: string, retries: number}} SegmentInfo
 *   of the sound: seconds from the beginning
 * @typedef {{sampleRate: number, duration: number, seconds: number, tokens: number, stopReason: string, seed: bigint,
 *   voice: Voice, segments: SegmentInfo[], warnings: string[]}} SpeechInfo `seconds` of work
 */

/** Chunks of speech, as soon as they can be made; leave the iteration early and the work stops. */
export class SpeechStream {
  /** @type {SpeechInfo | null} after the last chunk */
  info = null;

  /** @param {SparkTTS} tts @param {Plan} plan @param {typeof STREAM_OPTIONS | null} options null: whole segments */
  constructor(tts, plan, options) {
    this.sampleRate = tts.sampleRate;
    this.chunks = this.make(tts, plan, options);
  }

  [Symbol.asyncIterator]() {
    return this.chunks;
  }

  /** @param {SparkTTS} tts @param {Plan} plan @param {typeof STREAM_OPTIONS | null} options */
  async *make(tts, plan, options) {
    const began = performance.now(), joiner = new Joiner(this.sampleRate), spoken = [];
    for (const segment of plan.segments) {
      const made = options ? streamSegment(tts, plan, segment, options) : speakSegment(tts, plan, segment);
      let step = await made.next();
      for (; !step.done; step = await made.next()) {
        const ready = joiner.feed(step.value);
        if (ready.length) yield ready;
      }
      const ready = joiner.endSegment(segment.pause);
      if (ready.length) yield ready;
      spoken.push({ text: segment.text, ...step.value });
      // A voice that was made up for the first segment speaks the rest.
      plan = { ...plan, voice: plan.voice ?? createdVoice(tts, plan, step.value.globalIds) };
    }
    const rest = joiner.finish();
    if (rest.length) yield rest;
    const segments = spoken.map(({ globalIds, ...told }, i) => ({ ...told, ...joiner.spans[i] }));
    const warnings = segments.flatMap(({ text, stopReason, retries }, i) => stopReason === END ? [] : [
      `segment ${i + 1} (${JSON.stringify(text.slice(0, 40))}) stopped for '${stopReason}' after ${retries + 1} attempt${retries ? "s" : ""}; listen to it before you use it`]);
    this.info = {
      sampleRate: this.sampleRate, duration: joiner.emitted / this.sampleRate, seconds: (performance.now() - began) / 1000,
      tokens: segments.reduce((sum, { tokens }) => sum + tokens, 0),
      stopReason: segments.find(({ stopReason }) => stopReason !== END)?.stopReason ?? END,
      seed: plan.seed, voice: /** @type {Voice} */ (plan.voice), segments, warnings,
    };
  }
}

/** @param {SparkTTS} tts @param {Plan} plan @param {number[]} globalIds @returns {Voice} */
function createdVoice(tts, plan, globalIds) {
  const style = /** @type {NonNullable<Plan["style"]>} */ (plan.style);
  const origin = `created: ${style.gender}, pitch ${style.pitch}, speed ${style.speed}`;
  const codec = tts.manifest.codec.fingerprint;
  return { codec, global_ids: globalIds, semantic_ids: null, transcript: null, name: null, origin, style, consent: null };
}
