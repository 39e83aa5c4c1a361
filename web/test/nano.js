/** What several tests share: the nano bundle, the conformance vectors, a model opened on the bundle. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { SparkTTS } from "../src/index.js";

/** @param {string} path */
export const inData = (path) => fileURLToPath(new URL(`../../tests/data/${path}`, import.meta.url));
export const BUNDLE = inData("nano_bundle");
export const VECTORS = JSON.parse(readFileSync(inData("conformance.json"), "utf8"));
export const open = (options = {}) => SparkTTS.open(BUNDLE, { threads: 1, ...options });

/** @param {string} data @returns {Float32Array} */
export function floats(data) {
  const bytes = Uint8Array.from(Buffer.from(data, "base64"));
  return new Float32Array(bytes.buffer, 0, bytes.length / 4);
}

/** @param {import("../src/spark_tts.js").SparkTTS} tts @returns {import("../src/voices/voice.js").Voice} */
export const voiceOf = (tts) => ({
  codec: tts.manifest.codec.fingerprint, global_ids: [1, 2, 3, 4], semantic_ids: null, transcript: null,
  name: "one", origin: null, consent: null,
});

/** @param {ArrayLike<number>} found @param {ArrayLike<number>} expected @returns {number} the largest difference */
export function difference(found, expected) {
  if (found.length !== expected.length) return Infinity;
  let most = 0;
  for (let i = 0; i < found.length; i++) most = Math.max(most, Math.abs(found[i] - expected[i]));
  return most;
}
