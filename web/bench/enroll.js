/** `node bench/enroll.js BUNDLE FILE.wav...`: the voices of recordings, as JSON on stdout. */

import { readFileSync } from "node:fs";
import { SparkTTS } from "../src/index.js";

const [bundle, ...files] = process.argv.slice(2);
const tts = await SparkTTS.open(bundle, { threads: 1 });
const voices = [];
for (const file of files) voices.push(await tts.enroll(readFileSync(file), { transcript: "known" }));
process.stdout.write(JSON.stringify(voices));
await tts.close();
