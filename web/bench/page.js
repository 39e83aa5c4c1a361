/** What `chromium.py` asks of a page: the sentences spoken here, and their first sounds out of a Worker. */

import { SparkTTS } from "../src/index.js";
import { SparkTTSClient } from "../src/browser/client.js";
import { say } from "./said.js";

const RUNTIME = {
  ort: "/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs",
  tokenizers: "/node_modules/@huggingface/tokenizers/dist/tokenizers.min.mjs",
};

/** @param {Float32Array} wav @returns {string} base64 */
function encoded(wav) {
  const bytes = new Uint8Array(wav.buffer, wav.byteOffset, wav.byteLength), pieces = [];
  for (let at = 0; at < bytes.length; at += 32768) pieces.push(String.fromCharCode(...bytes.subarray(at, at + 32768)));
  return btoa(pieces.join(""));
}

/** @param {{precision: string, threads: number, sentences: Parameters<typeof say>[1]}} given */
export async function said({ precision, threads, sentences }) {
  const bundle = `${location.origin}/bundles/${precision}`, options = { threads, runtime: RUNTIME, cache: false };
  const tts = await SparkTTS.open(bundle, options);
  await tts.warmUp();
  const spoken = await say(tts, sentences, encoded);
  await tts.close();
  const client = await SparkTTSClient.open(bundle, options), firstSound = [];
  for (const { text, ...rest } of sentences.filter(({ temperature }) => temperature)) {
    const began = performance.now();
    for await (const _ of client.stream(text, rest)) {
      firstSound.push((performance.now() - began) / 1000);
      break;
    }
  }
  await client.close();
  return { said: spoken, firstSound };
}
