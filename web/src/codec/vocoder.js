/**
 * From semantic ids and global ids to a waveform, in windows, so memory does not grow with the audio.
 *
 *     semantic ids ─ quantizer_detokenize ─▶ z_q ─┐
 *                                                 ├─ prenet ─▶ x ─ decoder ─▶ wav
 *     global ids ─ speaker_detokenize ─▶ d_vector ┘
 */

import { concatenate } from "../audio/signal.js";

/**
 * @import { CodecLayout } from "../bundle/manifest.js"
 * @import { Sessions } from "../graphs/sessions.js"
 * @import { Tensor } from "onnxruntime-common"
 * @typedef {{data: Float32Array, width: number, frames: number}} Frames x, float32 [width, frames]
 */

export const PRENET_WINDOW = 500;
/** Wider than Python's: this host computes the surplus to both sides of a window in full. */
export const DECODER_WINDOW = 100;

/** @param {Tensor} tensor */
const floatsOf = (tensor) => /** @type {Float32Array} */ (tensor.data);

/** @param {Frames} x @param {number} from @param {number} to @returns {Frames} */
function slice({ data, width, frames }, from, to) {
  const part = new Float32Array(width * (to - from));
  for (let row = 0; row < width; row++) part.set(data.subarray(row * frames + from, row * frames + to), row * (to - from));
  return { data: part, width, frames: to - from };
}

export class Vocoder {
  /** @param {Sessions} sessions @param {CodecLayout} [codec] */
  constructor(sessions, codec = sessions.manifest.codec) {
    this.sessions = sessions;
    this.codec = codec;
    this.reach = Math.ceil(codec.decoder_context / codec.frames_per_token);
    /** Tokens to each side that a token's samples depend on. */
    this.context = codec.prenet_context + this.reach;
  }

  /** @param {number[]} globalIds @returns {Promise<Tensor>} the speaker's condition */
  async dVector(globalIds) {
    const tokens = this.sessions.integers(globalIds, [1, 1, globalIds.length]);
    return (await this.sessions.run("speaker_detokenize", { global_tokens: tokens })).d_vector;
  }

  /** @param {number[]} semanticIds @param {number[]} globalIds @param {AbortSignal} [signal] */
  async decode(semanticIds, globalIds, signal) {
    return this.render(semanticIds, await this.dVector(globalIds), 0, semanticIds.length, signal);
  }

  /**
   * Samples of tokens [start, stop); exact where `tokens` reaches `context` past `stop`, or ends where the answer ends.
   * @param {number[]} tokens @param {Tensor} dVector @param {number} start @param {number} stop
   * @param {AbortSignal} [signal]
   */
  async render(tokens, dVector, start, stop, signal) {
    const isFixed = this.codec.fixed_frames !== null;
    const windows = isFixed ? this.fixedWindows(tokens, dVector, start, stop) : this.windows(tokens, dVector, start, stop);
    const hop = this.codec.hop_length / this.codec.frames_per_token, pieces = [];
    for await (const { x, from, to } of windows) {
      signal?.throwIfAborted();
      const feeds = { x: this.sessions.floats(x.data, [1, x.width, x.frames]), d_vector: dVector };
      // Not told what is surplus: ONNX Runtime for Node and for the web cannot set it.
      const { wav } = await this.sessions.run("decoder", feeds);
      pieces.push(floatsOf(wav).slice(from * hop, to * hop));
    }
    return concatenate(pieces);
  }

  /**
   * @param {number[]} tokens @param {Tensor} dVector @param {number} start @param {number} stop
   * @param {number} [widest] frames that a window of the decoder gives at most
   * @returns {AsyncGenerator<{x: Frames, from: number, to: number}>}
   */
  async *windows(tokens, dVector, start, stop, widest = DECODER_WINDOW) {
    const { prenet_context: context, decoder_context: reach, frames_per_token: frames } = this.codec;
    for (let a = start; a < stop; a += PRENET_WINDOW) {
      const b = Math.min(a + PRENET_WINDOW, stop);
      const low = Math.max(0, a - this.reach), high = Math.min(tokens.length, b + this.reach);
      const from = Math.max(0, low - context), to = Math.min(tokens.length, high + context);
      const all = await this.frames(tokens.slice(from, to), dVector);
      const x = slice(all, (low - from) * frames, (high - from) * frames);
      const first = (a - low) * frames, last = (b - low) * frames;
      const step = Math.ceil((last - first) / Math.ceil((last - first) / widest));
      for (let at = first; at < last; at += step) {
        const end = Math.min(at + step, last), left = Math.max(0, at - reach), right = Math.min(x.frames, end + reach);
        yield { x: slice(x, left, right), from: at - left, to: end - left };
      }
    }
  }

  /**
   * The same with graphs that take exactly `fixed_frames` tokens: one window through all of them.
   * @param {number[]} tokens @param {Tensor} dVector @param {number} start @param {number} stop
   */
  async *fixedWindows(tokens, dVector, start, stop) {
    const fixed = /** @type {number} */ (this.codec.fixed_frames), frames = this.codec.frames_per_token;
    const step = Math.max(1, fixed - 2 * this.context);
    for (let a = start; a < stop; a += step) {
      const b = Math.min(a + step, stop), left = Math.max(0, a - this.context), right = Math.min(tokens.length, b + this.context);
      const low = fixedStart(left, right, a, b, fixed);
      const window = tokens.slice(low, low + fixed);
      // An answer shorter than the graphs ends in its last token, repeated: the only padding that is speech.
      while (window.length < fixed) window.push(window[window.length - 1]);
      yield { x: await this.frames(window, dVector), from: (a - low) * frames, to: (b - low) * frames };
    }
  }

  /** @param {number[]} tokens @param {Tensor} dVector @returns {Promise<Frames>} */
  async frames(tokens, dVector) {
    const { z_q } = await this.sessions.run("quantizer_detokenize", { semantic_tokens: this.sessions.integers(tokens, [1, tokens.length]) });
    const { x } = await this.sessions.run("prenet", { z_q, d_vector: dVector });
    return { data: floatsOf(x), width: x.dims[1], frames: x.dims[2] };
  }
}

/** @param {number} low @param {number} high @param {number} a @param {number} b @param {number} fixed */
function fixedStart(low, high, a, b, fixed) {
  const surplus = high - low - fixed;
  if (surplus <= 0) return Math.max(0, low + surplus);
  return Math.min(Math.max(low + Math.floor(surplus / 2), b - fixed), a);
}
