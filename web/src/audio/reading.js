import { SparkTTSError } from "../errors.js";
import { resample } from "./resampling.js";
import { peakOf } from "./signal.js";

/** @typedef {{samples: ArrayLike<number>, sampleRate: number}} Recording one channel, any rate */

const LEAST_SECONDS = 0.1, MOST_SECONDS = 3600, LARGEST = 1e6, SILENCE_RANGE = 2e-4, LARGEST_OFFSET = 0.02;

/**
 * The first channel of a WAV file: PCM of 8 to 32 bits, or floats.
 * @param {Uint8Array} data
 * @param {string} [name] for messages
 * @returns {Recording}
 */
export function readWav(data, name = "the recording") {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const tag = (/** @type {number} */ at) => String.fromCharCode(...data.subarray(at, at + 4));
  const refuse = (/** @type {string} */ why) => new SparkTTSError(`${name} cannot be read (${why}): give a WAV file; convert others first, for example with ffmpeg`);
  if (data.length < 12 || tag(0) !== "RIFF" || tag(8) !== "WAVE") throw refuse("it is not a WAV file");
  let format = 0, channels = 0, sampleRate = 0, bits = 0;
  for (let at = 12; at + 8 <= data.length; ) {
    const size = Math.min(view.getUint32(at + 4, true), data.length - at - 8), body = at + 8;
    if (tag(at) === "fmt " && size >= 16) {
      format = view.getUint16(body, true);
      channels = view.getUint16(body + 2, true);
      sampleRate = view.getUint32(body + 4, true);
      bits = view.getUint16(body + 14, true);
      if (format === 0xfffe && size >= 26) format = view.getUint16(body + 24, true);
    } else if (tag(at) === "data" && channels) {
      const bytes = bits / 8, frame = channels * bytes, kind = `${format}:${bits}`;
      /** @type {Record<string, (at: number) => number>} */
      const readers = {
        "1:8": (p) => (view.getUint8(p) - 128) / 128,
        "1:16": (p) => view.getInt16(p, true) / 2 ** 15,
        "1:24": (p) => ((view.getUint8(p) << 8 | view.getUint16(p + 1, true) << 16) >> 8) / 2 ** 23,
        "1:32": (p) => view.getInt32(p, true) / 2 ** 31,
        "3:32": (p) => view.getFloat32(p, true),
        "3:64": (p) => view.getFloat64(p, true),
      };
      const read = readers[kind];
      if (!read) throw refuse(`its format ${format} of ${bits} bits is not known`);
      return { sampleRate, samples: Float64Array.from({ length: Math.floor(size / frame) }, (_, i) => read(body + i * frame)) };
    }
    at = body + size + (size % 2);
  }
  throw refuse("it has no samples");
}

/**
 * A recording as the model hears it, float32 at `rate`.
 * @param {Recording} recording @param {{rate: number, volumeNormalize: boolean, name: string}} options
 */
export function prepareRecording({ samples, sampleRate }, { rate, volumeNormalize, name }) {
  if (!(sampleRate >= 2000 && sampleRate <= 1e6)) throw new SparkTTSError(`${name} says ${sampleRate} samples a second: expected 2000 to 1000000`);
  const wav = Float64Array.from(samples);
  const wrong = wav.findIndex((value) => !(Math.abs(value) < LARGEST));
  if (wrong >= 0) throw new SparkTTSError(`${name} holds NaN, infinite or absurd values at ${(wrong / sampleRate).toFixed(2)} s`);
  if (wav.length < LEAST_SECONDS * sampleRate) throw new SparkTTSError(`${name} lasts ${(wav.length / sampleRate).toFixed(3)} s, too short: give a few seconds of speech`);
  if (wav.length > MOST_SECONDS * sampleRate) throw new SparkTTSError(`${name} is longer than ${MOST_SECONDS} s: give some seconds of clear speech out of it`);
  let heard = resample(wav, sampleRate, rate);
  const offset = heard.reduce((a, b) => a + b, 0) / heard.length;
  if (Math.abs(offset) > LARGEST_OFFSET * Math.max(1, peakOf(heard))) heard = heard.map((value) => value - offset);
  const low = heard.reduce((a, b) => Math.min(a, b)), high = heard.reduce((a, b) => Math.max(a, b));
  if (high - low < SILENCE_RANGE) throw new SparkTTSError(`${name} is silent (its first channel): give a few seconds of speech`);
  return Float32Array.from(volumeNormalize ? normalizedVolume(heard) : heard);
}

/** @param {Float64Array} wav @returns {Float64Array} loud parts at 0.2 of full scale by the original's rule, none past 1 */
export function normalizedVolume(wav) {
  let peak = peakOf(wav);
  if (peak < 0.1) wav = wav.map((value) => (value / Math.max(peak, 1e-3)) * 0.1);
  const loud = wav.map(Math.abs).filter((value) => value > 0.01).sort();
  if (loud.length <= 10) return wav;
  const part = loud.subarray(Math.floor(0.9 * loud.length), Math.floor(0.99 * loud.length));
  const factor = Math.min(Math.max(0.2 / (part.reduce((a, b) => a + b, 0) / part.length), 0.1), 10);
  wav = wav.map((value) => value * factor);
  peak = peakOf(wav);
  return peak > 1 ? wav.map((value) => value / peak) : wav;
}
