/** An utterance: its segments one after another, joined, and what is reported about it. */

import { Joiner } from "../audio/joining.js";
import { END } from "./guards.js";

/**
 * @typedef {{text: string, start: number, end: number, tokens: number, stopReason: string, retries: number}} SegmentInfo
 *   of the sound: seconds from the beginning
 * @typedef {{sampleRate: number, duration: number, seconds: number, tokens: number, stopReason: string, seed: bigint,
 *   voice: import("../voices/voice.js").Voice, segments: SegmentInfo[], warnings: string[]}} SpeechInfo `seconds` of work
 */

/** Chunks of speech, as soon as they can be made; leave the iteration early and the work stops. */
export class SpeechStream {
  /**
   * @param {import("./segment.js").Speaker} speaker
   * @param {import("./planning.js").Plan} plan
   * @param {typeof import("../codec/vocoder_stream.js").STREAM_OPTIONS | null} options null: whole segments
   */
  constructor(speaker, plan, options) {
    this.sampleRate = speaker.manifest.codec.sample_rate;
    /** @type {SpeechInfo | null} after the last chunk */
    this.info = null;
    this.chunks = this.make(speaker, plan, options);
  }

  [Symbol.asyncIterator]() {
    return this.chunks;
  }

  /**
   * @param {import("./segment.js").Speaker} speaker
   * @param {import("./planning.js").Plan} plan
   * @param {typeof import("../codec/vocoder_stream.js").STREAM_OPTIONS | null} options
   * @returns {AsyncGenerator<Float32Array, void>}
   */
  async *make(speaker, plan, options) {
    const began = performance.now(), joiner = new Joiner(this.sampleRate), spoken = [];
    for (const segment of plan.segments) {
      const made = options ? speaker.stream(plan, segment, options) : speaker.speak(plan, segment);
      let step = await made.next();
      for (; !step.done; step = await made.next()) {
        const ready = joiner.feed(step.value);
        if (ready.length) yield ready;
      }
      const ready = joiner.endSegment(segment.pause);
      if (ready.length) yield ready;
      spoken.push({ text: segment.text, ...step.value });
      // A voice that was made up for the first segment speaks the rest.
      plan = { ...plan, voice: plan.voice ?? createdVoice(speaker, plan, step.value.globalIds) };
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
      seed: plan.seed, voice: /** @type {import("../voices/voice.js").Voice} */ (plan.voice), segments, warnings,
    };
  }
}

/**
 * @param {import("./segment.js").Speaker} speaker
 * @param {import("./planning.js").Plan} plan
 * @param {number[]} globalIds
 * @returns {import("../voices/voice.js").Voice}
 */
function createdVoice(speaker, plan, globalIds) {
  const style = /** @type {import("../voices/style.js").VoiceStyle} */ (plan.style);
  const origin = `created: ${style.gender}, pitch ${style.pitch}, speed ${style.speed}`;
  const codec = speaker.manifest.codec.fingerprint;
  return { codec, global_ids: globalIds, semantic_ids: null, transcript: null, name: null, origin, style, consent: null };
}
