/** The whole host on the nano bundle: speaking, streams, voices, refusals. */

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SparkTTS, SparkTTSError, formatVoice, parseVoice, readWav, wavFile } from "../src/index.js";
import { resample } from "../src/audio/resampling.js";
import { concatenate } from "../src/audio/signal.js";
import { relativeDifference } from "../src/graphs/webgpu.js";
import { BUNDLE, VECTORS, difference, floats, inData, open, voiceOf } from "./nano.js";

const LONG = "First sentence here, and it is long enough. Second one follows: also quite long, I think! Third and last. ".repeat(4);
/** @type {import("../src/spark_tts.js").SparkTTS} */
let tts;
before(async () => {
  tts = await open();
});
after(() => tts.close());

/** @param {AsyncIterable<Float32Array>} stream */
async function collected(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

test("the same seed says the same, another seed something else", async () => {
  const voice = voiceOf(tts), say = (/** @type {number} */ seed) => tts.speak("Hello there.", { voice, seed, temperature: 5 });
  const [one, again, other] = [await say(1), await say(1), await say(2)];
  assert.deepEqual(one.wav, again.wav);
  assert.notDeepEqual(one.wav, other.wav);
  assert.equal(one.info.seed, 1n);
  assert.equal(one.info.stopReason, "end");
  assert.equal(one.wav.length, one.info.tokens * tts.manifest.codec.hop_length);
});

test("a long text is spoken in segments with pauses, and told", async () => {
  const { wav, info } = await tts.speak(LONG, { voice: voiceOf(tts), seed: 3, segmentSeconds: 4, temperature: 0 });
  assert.ok(info.segments.length > 3);
  assert.equal(info.segments.map(({ text }) => text).join(" "), LONG.trim());
  for (const [i, { start, end }] of info.segments.entries()) {
    assert.ok(start < end && end <= info.duration);
    if (i) assert.ok(start - info.segments[i - 1].end > 0.1);
  }
  assert.equal(wav.length, Math.round(info.duration * info.sampleRate));
});

test("a stream with full look-ahead is the whole, and its first chunk comes early", async () => {
  const options = { voice: voiceOf(tts), seed: 5, segmentSeconds: 4 }, stream = tts.stream(LONG, { ...options, stream: { lookAhead: tts.vocoder.context } });
  const chunks = await collected(stream), whole = await tts.speak(LONG, options);
  assert.ok(chunks.length > 4 && chunks[0].length < whole.wav.length / 8);
  assert.ok(difference(concatenate(chunks), whole.wav) < 1e-5);
  assert.deepEqual(stream.info?.segments, whole.info.segments);
});

test("a stream that is left stops the work; a signal stops it anywhere", async () => {
  const stream = tts.stream(LONG, { voice: voiceOf(tts) });
  for await (const _ of stream) break;
  assert.equal(stream.info, null);
  assert.equal((await stream.chunks.next()).done, true);
  const controller = new AbortController();
  const work = tts.speak(LONG, { voice: voiceOf(tts), signal: controller.signal });
  setTimeout(() => controller.abort(), 20);
  await assert.rejects(work, { name: "AbortError" });
  await assert.rejects(tts.speak("Hi.", { voice: voiceOf(tts), signal: AbortSignal.abort() }), { name: "AbortError" });
});

test("a created voice speaks all segments and can be kept", async () => {
  const { info } = await tts.speak(LONG, { gender: "male", pitch: "high", seed: 4, segmentSeconds: 4 });
  assert.deepEqual(info.voice.style, { gender: "male", pitch: "high", speed: "moderate" });
  assert.equal(info.voice.global_ids.length, tts.manifest.codec.global_tokens);
  const kept = parseVoice(formatVoice(info.voice));
  assert.deepEqual(kept, info.voice);
  assert.deepEqual(await tts.createVoice({ text: info.segments[0].text, gender: "male", pitch: "high", seed: 4 }), kept);
});

test("a recording at another rate is enrolled, with its transcript too", async () => {
  const { wav, global_ids: speaker, semantic_ids: semantic } = VECTORS.recording;
  const sound = floats(wav), up = resample(Float64Array.from(sound), 16000, 48000);
  const voice = await tts.enroll({ samples: up, sampleRate: 48000 }, { transcript: "One." });
  assert.deepEqual(voice.global_ids, speaker);
  assert.deepEqual(voice.semantic_ids?.slice(0, semantic.length), semantic);
  assert.equal(voice.transcript, "One.");
  const read = readWav(wavFile(sound, 16000));
  assert.ok(difference(read.samples, sound) < 1e-4);
  assert.deepEqual((await tts.enroll(wavFile(sound, 16000))).global_ids, speaker);
  const { info } = await tts.speak("Two.", { voice, temperature: 0 });
  assert.equal(info.voice, voice);
});

test("resampling keeps a tone and removes what cannot be", () => {
  const tone = (/** @type {number} */ hertz, /** @type {number} */ rate) => Float64Array.from({ length: rate }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / rate));
  for (const rate of [8000, 22050, 44100, 48000, 44101]) {
    const found = resample(tone(1000, rate), rate, 16000), expected = tone(1000, 16000);
    assert.equal(found.length, 16000);
    assert.ok(difference(found.subarray(2000, 14000), expected.subarray(2000, 14000)) < 1e-6, String(rate));
  }
  const above = resample(tone(9000, 48000), 48000, 16000);
  assert.ok(above.subarray(2000, 14000).every((value) => Math.abs(value) < 1e-7));
});

test("WAV files of every width are read", () => {
  const sound = floats(VECTORS.recording.wav);
  for (const [format, bits] of [[1, 8], [1, 24], [1, 32], [3, 32], [3, 64]]) {
    const bytes = bits / 8, file = new DataView(new ArrayBuffer(44 + sound.length * bytes * 2));
    new Uint8Array(file.buffer).set(Buffer.from("RIFF    WAVEfmt "));
    file.setUint32(16, 16, true), file.setUint16(20, format, true), file.setUint16(22, 2, true), file.setUint32(24, 16000, true);
    file.setUint16(34, bits, true);
    new Uint8Array(file.buffer).set(Buffer.from("data"), 36);
    file.setUint32(40, sound.length * bytes * 2, true);
    for (const [i, value] of sound.entries()) {
      const at = 44 + i * bytes * 2, whole = Math.round(value * 2 ** (bits - 1));
      if (format === 3) bits === 32 ? file.setFloat32(at, value, true) : file.setFloat64(at, value, true);
      else if (bits === 8) file.setUint8(at, whole + 128);
      else if (bits === 24) for (const shift of [0, 1, 2]) file.setUint8(at + shift, (whole >> (8 * shift)) & 255);
      else file.setInt32(at, whole, true);
    }
    const read = readWav(new Uint8Array(file.buffer));
    assert.ok(difference(read.samples, sound) <= 2 ** (1 - Math.min(bits, 30)), `${format} ${bits}`);
  }
});

test("bad input is refused with a reason", async () => {
  const voice = voiceOf(tts);
  /** @type {[() => Promise<unknown>, RegExp][]} */
  const cases = [
    [() => tts.speak("  "), /empty/],
    [() => tts.speak("..."), /nothing to speak/],
    [() => tts.speak("Hi \ud800"), /half a character/],
    [() => tts.speak("Hi", { seed: -1 }), /seed is -1/],
    [() => tts.speak("Hi", { temperature: NaN }), /temperature is NaN/],
    [() => tts.speak("Hi", { gender: "loud" }), /gender is "loud"; expected one of female, male/],
    [() => tts.speak("Hi", { voice, gender: "male" }), /gender belongs to a created voice/],
    [() => tts.speak("Hi", /** @type {any} */ ({ sped: 1 })), /unknown option sped/],
    [() => tts.speak("Hi", { gender: "male", maxNewTokens: 1, temperature: 0 }), /maxNewTokens is 1, which ends "Hi"/],
    [() => tts.speak("Hi", { voice: { ...voice, codec: "other" } }), /belongs to another codec/],
    [() => tts.speak("Hi", { voice: { ...voice, global_ids: [1, 2, 3, 8] } }), /global id 8; this codec's are 0 to 7/],
    [() => tts.speak("Hi", { voice: { ...voice, global_ids: [1] } }), /has 1 global ids/],
    [() => tts.speak("word ".repeat(900), { voice, segmentSeconds: 60, temperature: 0 }), /use shorter segments/],
    [() => tts.enroll(new Uint8Array(50)), /not a WAV file/],
    [() => tts.enroll({ samples: new Float32Array(16000), sampleRate: 16000 }), /silent/],
    [() => tts.enroll({ samples: [0, 0.5], sampleRate: 16000 }), /too short/],
    [() => tts.enroll({ samples: new Float32Array(121 * 16000).map((_, i) => Math.sin(i)), sampleRate: 16000 }, { transcript: "One." }), /121 s are too long for a transcript, at most 120 s/],
    [() => tts.enroll({ samples: new Float32Array(16000).fill(NaN), sampleRate: 16000 }), /NaN, infinite or absurd/],
    [() => SparkTTS.open("/nowhere/at/all"), /there is no folder/],
    [() => SparkTTS.open(inData("")), /has no manifest.json.* give its folder onnx, .* say which precision/],
    [() => open({ precision: "int8" }), /is in fp32, not int8/],
    [() => open({ device: "tpu" }), /device is "tpu"/],
  ];
  for (const [work, reason] of cases)
    await assert.rejects(work, (error) => error instanceof SparkTTSError && reason.test(error.message), String(reason));
});

test("an altered, cut or newer bundle is refused when it is used", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bundle-"));
  cpSync(BUNDLE, folder, { recursive: true });
  const graph = join(folder, "decoder.onnx"), data = readFileSync(graph);
  data[data.length >> 1] ^= 1;
  writeFileSync(graph, data);
  const altered = await SparkTTS.open(folder, { threads: 1 });
  await assert.rejects(altered.speak("Hi.", { voice: voiceOf(tts), temperature: 0 }), /decoder\.onnx was altered: its SHA-256/);
  const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
  for (const [change, reason] of /** @type {const} */ ([
    [{ format_version: 2 }, /format version 2/],
    [{ codec: {} }, /codec\.sample_rate is missing or wrong/],
    [{ tokenizer: { ...manifest.tokenizer, name: "../x" } }, /the name of a file is missing or wrong/],
    [{ tokenizer: { ...manifest.tokenizer, sha256: undefined } }, /the sha256 of tokenizer\.json is missing or wrong/],
    [{ graphs: { ...manifest.graphs, decoder: null } }, /graphs\.decoder\.files is missing or wrong/],
  ])) {
    writeFileSync(join(folder, "manifest.json"), JSON.stringify({ ...manifest, ...change }));
    await assert.rejects(SparkTTS.open(folder), (error) => error instanceof SparkTTSError && reason.test(error.message));
  }
  writeFileSync(join(folder, "manifest.json"), "{");
  await assert.rejects(SparkTTS.open(folder), /is not JSON/);
});

test("voice files that are none are refused", () => {
  const good = { format: "sparktts-onnx voice 1", codec: "c", global_ids: [1] };
  assert.deepEqual(parseVoice(JSON.stringify(good)).global_ids, [1]);
  for (const change of [{ format: "x" }, { extra: 1 }, { codec: 3 }, { global_ids: ["a"] }, { transcript: "without ids" }, { name: 3 }, { style: { gender: "x" } }])
    assert.throws(() => parseVoice(JSON.stringify({ ...good, ...change })), SparkTTSError, JSON.stringify(change));
  assert.throws(() => parseVoice("{"), /not JSON/);
});

test("a bundle of fixed lengths speaks as the other", async () => {
  const fixed = await SparkTTS.open(inData("nano_bundle_fixed"), { threads: 1 }), options = { voice: voiceOf(tts), seed: 2 };
  const [found, expected] = [await fixed.speak("A text of more than forty tokens, read here.", options), await tts.speak("A text of more than forty tokens, read here.", options)];
  assert.ok(difference(found.wav, expected.wav) < 1e-5);
  await fixed.close();
});

test("of a language model that gives more, for example queries, only what is needed is asked for", async () => {
  const session = await tts.sessions.get("language_model"), run = session.run;
  /** @type {string[]} */
  let seen = [];
  session.run = async (/** @type {any} */ feeds, /** @type {any} */ fetches) => {
    seen = [...seen, ...Object.keys(feeds), ...(fetches ?? ["queries"])];
    return run.call(session, feeds, fetches);
  };
  await tts.speak("Hi.", { voice: voiceOf(tts), temperature: 0 });
  session.run = run;
  const layer = ["key", "value"].flatMap((kind) => [`past_key_values.0.${kind}`, `present.0.${kind}`]);
  assert.deepEqual([...new Set(seen)].sort(), ["input_ids", "logits", ...layer, "seqlens_k", "total_sequence_length"].sort());
});

test("numbers that another processor gives are told apart from wrong ones", () => {
  const expected = Float32Array.from({ length: 100 }, (_, i) => Math.sin(i));
  assert.ok(relativeDifference(expected.map((value) => value * 1.01), expected) < 0.1);
  assert.ok(relativeDifference(expected.slice().reverse(), expected) > 0.1);
  assert.ok(relativeDifference(expected.map(() => NaN), expected) > 0.1);
});
