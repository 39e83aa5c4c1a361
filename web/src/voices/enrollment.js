/**
 * From a recording to the ids of a voice.
 *
 *     wav ─┬─ wav2vec2 ─ encoder ─ quantizer_tokenize ─▶ semantic ids
 *          └─ reference clip ─ speaker_encoder ────────▶ global ids
 */

import { SparkTTSError } from "../errors.js";

/** @import { Sessions } from "../graphs/sessions.js" */

/** Of a recording with a transcript: wav2vec2 takes memory with the square of its length. */
const MOST_TRANSCRIBED_SECONDS = 120;

/** @param {import("onnxruntime-common").Tensor} tensor */
const plain = (tensor) => Array.from(/** @type {BigInt64Array} */ (tensor.data), Number);

/** Of the first seconds of a recording. @param {Sessions} sessions @param {Float32Array} wav */
export async function globalIds(sessions, wav) {
  const { codec } = sessions.manifest;
  const length = Math.floor(codec.reference_samples / codec.reference_hop) * codec.reference_hop;
  const clip = Float32Array.from({ length }, (_, i) => wav[i % wav.length]);
  const { global_tokens } = await sessions.run("speaker_encoder", { ref_wav: sessions.floats(clip, [1, length]) });
  return plain(global_tokens);
}

/** Of a whole recording. @param {Sessions} sessions @param {Float32Array} wav */
export async function semanticIds(sessions, wav) {
  if (sessions.manifest.codec.fixed_frames !== null)
    throw new SparkTTSError("this bundle's graphs have a fixed length: enroll without a transcript, or convert with varying axes");
  const seconds = wav.length / sessions.manifest.codec.sample_rate;
  if (seconds > MOST_TRANSCRIBED_SECONDS)
    throw new SparkTTSError(`${Math.round(seconds)} s are too long for a transcript, at most ${MOST_TRANSCRIBED_SECONDS} s are possible: give some sentences and what is said in them, or no transcript`);
  const { features } = await sessions.run("wav2vec2", { wav: sessions.floats(wav, [1, wav.length]) });
  const { z } = await sessions.run("encoder", { features });
  const { semantic_tokens } = await sessions.run("quantizer_tokenize", { z });
  return plain(semantic_tokens);
}
