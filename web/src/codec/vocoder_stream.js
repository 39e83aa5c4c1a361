import { ramp } from "../audio/signal.js";

/** @import { Vocoder } from "./vocoder.js" */

/** How a stream trades delay against exactness and work, in tokens; chunks grow by half. */
export const STREAM_OPTIONS = { lookAhead: 10, firstChunk: 8, largestChunk: 100, firstLookAhead: 5 };

/** Sound of one answer whose ids are still arriving, chunk by chunk. */
export class VocoderStream {
  /** @type {import("onnxruntime-common").Tensor | null} */
  dVector = null;
  spoken = 0;
  overlap = new Float32Array(0);

  /**
   * @param {Vocoder} vocoder
   * @param {{semanticIds: number[], globalIds: number[]}} answer that grows
   * @param {typeof STREAM_OPTIONS} options
   * @param {AbortSignal} [signal]
   */
  constructor(vocoder, answer, options, signal) {
    this.vocoder = vocoder;
    this.answer = answer;
    this.options = options;
    this.signal = signal;
    this.chunk = options.firstChunk;
    // With a vocoder's whole context for all chunks the first is exact too.
    const isExact = options.lookAhead >= vocoder.context;
    this.lookAhead = isExact ? options.lookAhead : Math.min(options.lookAhead, options.firstLookAhead);
  }

  /** @returns {Promise<Float32Array | null>} the next chunk if the ids so far suffice for one */
  async next() {
    if (this.answer.semanticIds.length < this.spoken + this.chunk + this.lookAhead) return null;
    const chunk = await this.render(this.spoken + this.chunk);
    this.chunk = Math.min(Math.ceil(1.5 * this.chunk), this.options.largestChunk);
    this.lookAhead = this.options.lookAhead;
    return chunk;
  }

  /** What is left when the answer is over. */
  finish() {
    return this.render(this.answer.semanticIds.length);
  }

  /** @param {number} stop */
  async render(stop) {
    const { semanticIds: tokens, globalIds } = this.answer;
    this.dVector ??= await this.vocoder.dVector(globalIds);
    // What is known of the next token is a guess, worth fading from only where this chunk is one too.
    const fades = this.lookAhead > 0 && this.lookAhead < this.vocoder.context;
    const known = fades ? Math.min(tokens.length, stop + 1) : stop;
    const wav = await this.vocoder.render(tokens, this.dVector, this.spoken, known, this.signal);
    const keep = Math.floor((wav.length * (stop - this.spoken)) / Math.max(1, known - this.spoken));
    const fade = Math.min(this.overlap.length, wav.length), weights = ramp(0, 1, fade, false);
    for (let i = 0; i < fade; i++) wav[i] = Math.fround(this.overlap[i] * Math.fround(1 - weights[i])) + Math.fround(wav[i] * weights[i]);
    this.spoken = stop;
    this.overlap = wav.slice(keep, keep + this.vocoder.codec.hop_length);
    return wav.slice(0, keep);
  }
}
