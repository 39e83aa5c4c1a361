/** `node bench/speak.js BUNDLE SENTENCES.json THREADS`: what `say` gives, as JSON on stdout. */

import { readFileSync } from "node:fs";
import { SparkTTS } from "../src/index.js";
import { say } from "./said.js";

const [bundle, sentences, threads] = process.argv.slice(2);
const tts = await SparkTTS.open(bundle, { threads: Number(threads) });
await tts.warmUp();
const encoded = (/** @type {Float32Array} */ wav) => Buffer.from(wav.buffer, wav.byteOffset, wav.byteLength).toString("base64");
process.stdout.write(JSON.stringify(await say(tts, JSON.parse(readFileSync(sentences, "utf8")), encoded)));
await tts.close();
