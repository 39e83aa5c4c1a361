/** From a request to the segments that it is spoken in; everything is checked here, once. */

import { SparkTTSError } from "../errors.js";
import { expectedTokens, tokenBounds } from "../text/duration.js";
import { SEGMENT_SECONDS, split } from "../text/segments.js";
import { LEVELS, voiceStyle } from "../voices/style.js";
import { checkVoice } from "../voices/voice.js";

/**
 * @import { Manifest, SamplingOptions } from "../bundle/manifest.js"
 * @import { VoiceStyle } from "../voices/style.js"
 * @import { Voice } from "../voices/voice.js"
 * @import { TokenBounds } from "./guards.js"
 * @typedef {{voice?: Voice | null, gender?: string, pitch?: string, speed?: string,
 *   seed?: number | bigint, temperature?: number, topK?: number, topP?: number, maxNewTokens?: number, retries?: number,
 *   segmentSeconds?: number, signal?: AbortSignal}} SpeechOptions what may be asked for beside the text
 * @typedef {{text: string, pause: number, index: number, bounds: TokenBounds}} PlannedSegment
 * @typedef {{voice: Voice | null, style: VoiceStyle | null, sampling: SamplingOptions, seed: bigint, attempts: number,
 *   signal?: AbortSignal, segments: PlannedSegment[]}} Plan
 */

const SPEEDS = [0.6, 0.8, 1, 1.3, 1.7], MOST_CHARACTERS = 1_000_000, MOST_SEED = (1n << 63n) - 1n;
const OPTIONS = ["voice", "gender", "pitch", "speed", "seed", "temperature", "topK", "topP", "maxNewTokens", "retries", "segmentSeconds", "signal"];

/** @param {string} name @param {unknown} value @param {number} low @param {number} high @param {boolean} [whole] */
function number(name, value, low, high, whole = false) {
  const good = typeof value === "number" && value >= low && value <= high && (!whole || Number.isInteger(value));
  if (!good) throw new SparkTTSError(`${name} is ${String(value)}; expected a ${whole ? "whole " : ""}number from ${low}${high === Infinity ? "" : ` to ${high}`}`);
  return value;
}

/** @param {string} text normalized @param {SpeechOptions} options @param {Manifest} manifest @returns {Plan} */
export function planSpeech(text, options, { codec, sampling: usual }) {
  const unknown = Object.keys(options).find((key) => !OPTIONS.includes(key));
  if (unknown) throw new SparkTTSError(`unknown option ${unknown}; the options are ${OPTIONS.join(", ")}`);
  if (typeof text !== "string" || !text.trim()) throw new SparkTTSError("the text is empty; give at least one character to speak");
  if (text.length > MOST_CHARACTERS) throw new SparkTTSError(`the text has ${text.length} characters; the limit is ${MOST_CHARACTERS}`);
  if (!text.isWellFormed()) throw new SparkTTSError("the text holds half a character: it was cut or read in a wrong encoding");
  const { voice = null, gender, pitch, speed } = options;
  if (voice) checkVoice(voice, codec);
  if (voice && gender != null) throw new SparkTTSError("gender belongs to a created voice and cannot change a given one; leave one of them out");
  const style = !voice || pitch != null || speed != null ? voiceStyle({ gender, pitch, speed }) : null;
  const sampling = {
    temperature: number("temperature", options.temperature ?? usual.temperature, 0, 100),
    top_k: number("topK", options.topK ?? usual.top_k, 0, Infinity, true),
    top_p: number("topP", options.topP ?? usual.top_p, Number.MIN_VALUE, 1),
    max_new_tokens: number("maxNewTokens", options.maxNewTokens ?? usual.max_new_tokens, 1, Infinity, true),
  };
  const retries = number("retries", options.retries ?? 4, 0, 20, true);
  const seconds = number("segmentSeconds", options.segmentSeconds ?? SEGMENT_SECONDS, 2, 60);
  const rate = codec.sample_rate / codec.hop_length;
  const cost = (/** @type {string} */ part) => expectedTokens(part, rate);
  const segments = split(text, Math.trunc(seconds * rate), cost).filter((part) => cost(part.text) > 0);
  if (!segments.length) throw new SparkTTSError(`there is nothing to speak in ${JSON.stringify(text.slice(0, 40))}; give at least one word`);
  const pace = style ? SPEEDS[LEVELS.indexOf(style.speed)] : 1;
  return {
    voice, style, sampling, seed: seedOf(options.seed), signal: options.signal,
    attempts: sampling.temperature === 0 ? 1 : 1 + retries, // A greedy answer would only repeat itself.
    segments: segments.map((part, index) => ({ ...part, index, bounds: tokenBounds(part.text, pace, rate) })),
  };
}

/** @param {number | bigint | undefined} seed */
function seedOf(seed) {
  if (seed === undefined) return BigInt(crypto.getRandomValues(new Uint32Array(1))[0]);
  const whole = typeof seed === "bigint" || Number.isSafeInteger(seed);
  if (!whole || seed < 0 || seed > MOST_SEED) throw new SparkTTSError(`seed is ${String(seed)}; expected a whole number from 0 to ${MOST_SEED}`);
  return BigInt(seed);
}
