import { ramp } from "../audio/signal.js";

/** How a stream trades delay against exactness and work, in tokens; chunks grow by half. */
export const STREAM_OPTIONS = { lookAhead: 10, firstChunk: 8, largestChunk: 100, firstLookAhead: 5 };

/**
 * Look-ahead of the first chunk: with a vocoder's whole context for all chunks the first is exact too.
 * @param {typeof STREAM_OPTIONS} options
 * @param {number} context
 */
export function firstLookAhead(options, context) {
  return options.lookAhead >= context ? options.lookAhead : Math.min(options.lookAhead, options.firstLookAhead);
}

/** Sound of one answer whose ids are still arriving, chunk by chunk. */
export class VocoderStream {
  /**
   * @param {import("./vocoder.js").Vocoder} vocoder
   * @param {import("onnxruntime-common").Tensor} dVector
   * @param {typeof STREAM_OPTIONS} options
   * @param {AbortSignal} [signal]
   */
  constructor(vocoder, dVector, options, signal) {
    this.vocoder = vocoder;
    this.dVector = dVector;
    this.options = options;
    this.signal = signal;
    /** @type {number[]} */
    this.tokens = [];
    this.spoken = 0;
    this.chunk = options.firstChunk;
    this.lookAhead = firstLookAhead(options, vocoder.context);
    this.overlap = new Float32Array(0);
  }

  /**
   * Take the next semantic id.
   * @param {number} token
   * @returns {Promise<Float32Array | null>} the next chunk if it can be computed now
   */
  async push(token) {
    this.tokens.push(token);
    if (this.tokens.length < this.spoken + this.chunk + this.lookAhead) return null;
    const chunk = await this.render(this.spoken + this.chunk);
    this.chunk = Math.min(Math.ceil(1.5 * this.chunk), this.options.largestChunk);
    this.lookAhead = this.options.lookAhead;
    return chunk;
  }

  /** What is left when the answer is over. */
  finish() {
    return this.render(this.tokens.length);
  }

  /** @param {number} stop */
  async render(stop) {
    // What is known of the next token is a guess, worth fading from only where this chunk is one too.
    const fades = this.lookAhead > 0 && this.lookAhead < this.vocoder.context;
    const known = fades ? Math.min(this.tokens.length, stop + 1) : stop;
    const wav = await this.vocoder.render(this.tokens, this.dVector, this.spoken, known, this.signal);
    const keep = Math.floor((wav.length * (stop - this.spoken)) / Math.max(1, known - this.spoken));
    const fade = Math.min(this.overlap.length, wav.length), weights = ramp(0, 1, fade, false);
    for (let i = 0; i < fade; i++) wav[i] = Math.fround(this.overlap[i] * Math.fround(1 - weights[i])) + Math.fround(wav[i] * weights[i]);
    this.spoken = stop;
    this.overlap = wav.slice(keep, keep + this.vocoder.codec.hop_length);
    return wav.slice(0, keep);
  }
}
