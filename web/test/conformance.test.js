/** This host answers the vectors that the Python host answers; a planted fault is found. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { normalizedVolume } from "../src/audio/reading.js";
import { Joiner } from "../src/audio/joining.js";
import { concatenate } from "../src/audio/signal.js";
import { Vocoder } from "../src/codec/vocoder.js";
import { CreationGrammar, SpeechGrammar } from "../src/language/grammar.js";
import { PROMPT_PIECE, generate } from "../src/language/language_model.js";
import { Random, seedWords } from "../src/language/random.js";
import { sample } from "../src/language/sampling.js";
import { expectedTokens, tokenBounds } from "../src/text/duration.js";
import { split } from "../src/text/segments.js";
import { globalIds, semanticIds } from "../src/voices/enrollment.js";
import { VECTORS, difference, floats, open, voiceOf } from "./nano.js";

/** @type {import("../src/spark_tts.js").SparkTTS} */
let tts;
before(async () => {
  tts = await open();
});
after(() => tts.close());

/** @param {any} value */
const plain = (value) => JSON.parse(JSON.stringify(value));

/** @param {any} vector */
function promptOf(vector) {
  const { prompter } = tts;
  if (vector.levels) return prompter.create(vector.text, vector.levels);
  return prompter.clone(vector.text, { ...voiceOf(tts), ...vector });
}

/** @param {string} kind @param {number[] | null} [speaker] */
function grammarOf(kind, speaker) {
  const { token_ids: ids, codec } = tts.manifest;
  return kind === "create" ? new CreationGrammar(ids, codec, speaker) : new SpeechGrammar(ids, codec, kind === "continue");
}

/** @param {string[]} entropy */
const seedOf = (entropy) => seedWords(entropy.map(BigInt), 1)[0];

test("prompts", () => {
  for (const vector of VECTORS.prompts) assert.deepEqual(promptOf(vector), vector.ids, vector.text);
});

/** @param {(grammar: SpeechGrammar | CreationGrammar) => any} legal */
function checkLegal(legal) {
  for (const { kind, written, speaker, legal: expected } of VECTORS.legal) {
    const grammar = grammarOf(kind, speaker);
    for (const token of written) grammar.accept(token);
    assert.deepEqual(legal(grammar), expected, JSON.stringify({ kind, written }));
  }
}

test("legal ids by phase", () => checkLegal((grammar) => grammar.legal()));

test("random numbers", () => {
  for (const { entropy, seed, drawn } of VECTORS.random) {
    assert.equal(String(seedOf(entropy)), seed);
    const random = new Random(BigInt(seed));
    assert.deepEqual(drawn.map(() => random.random()), drawn);
  }
});

/** @param {typeof sample} choose */
function checkSampling(choose) {
  for (const vector of VECTORS.sampling) {
    const random = new Random(vector.seed), logits = floats(vector.logits);
    assert.deepEqual(vector.chosen.map(() => choose(logits, vector, random)), vector.chosen, JSON.stringify(vector));
  }
}

test("sampling", () => checkSampling(sample));

/** @param {(prompt: number[]) => number[]} [spoil] */
async function checkAnswers(spoil = (prompt) => prompt) {
  for (const vector of /** @type {any[]} */ (VECTORS.answers)) {
    const prompt = promptOf({ ...vector, ...(vector.kind === "create" ? { levels: [1, 0, 4] } : {}) });
    /** @type {Parameters<typeof generate>[1]} */
    const request = { prompt: spoil(prompt), grammar: grammarOf(vector.kind), sampling: vector, seed: seedOf(vector.seed) };
    const tokens = /** @type {number[]} */ ([]);
    for await (const token of generate(tts.sessions, request)) tokens.push(token);
    assert.deepEqual(tokens, vector.tokens, vector.text);
  }
}

test("answers, greedy and sampled", () => checkAnswers());

const PYTHONS_WINDOW = 25, RATE = 50;

/** @param {import("../src/bundle/manifest.js").CodecLayout} codec */
async function checkWindows(codec) {
  const { sessions } = tts, run = sessions.run;
  /** @type {any[]} */
  let calls = [];
  sessions.run = (name, feeds, fetches) => {
    if (name === "prenet") calls.push([name, feeds.z_q.dims[2]]);
    return run.call(sessions, name, feeds, fetches);
  };
  try {
    const vocoder = new Vocoder(sessions, codec);
    for (const { tokens, calls: expected } of VECTORS.windows) {
      calls = [];
      const dVector = await vocoder.dVector([1, 2, 3, 4]);
      for await (const { x, from, to } of vocoder.windows(Array(tokens).fill(7), dVector, 0, tokens, PYTHONS_WINDOW)) calls.push(["decoder", x.frames, from, to]);
      assert.deepEqual(calls, expected);
    }
  } finally {
    sessions.run = run;
  }
}

test("windows of the vocoder", () => checkWindows(tts.manifest.codec));

test("sound", async () => {
  const { semantic_ids: semantic, global_ids: speaker, wav } = VECTORS.wave;
  assert.ok(difference(await tts.vocoder.decode(semantic, speaker), floats(wav)) < 1e-5);
});

test("the rule of volume", () => {
  for (const { wav, expected } of VECTORS.volume) assert.ok(difference(normalizedVolume(Float64Array.from(wav)), expected) < 1e-12);
});

test("a recording", async () => {
  const { wav, global_ids: speaker, semantic_ids: semantic } = VECTORS.recording;
  assert.deepEqual(await globalIds(tts.sessions, floats(wav)), speaker);
  assert.deepEqual(await semanticIds(tts.sessions, floats(wav)), semantic);
});

test("segments and lengths", () => {
  for (const { text, budget, segments } of VECTORS.segments)
    assert.deepEqual(split(text, budget, (part) => expectedTokens(part, RATE)).map((part) => [part.text, part.pause]), segments);
  for (const { text, expected, bounds } of VECTORS.lengths) {
    assert.equal(expectedTokens(text, RATE), expected, text);
    assert.deepEqual(Object.values(tokenBounds(text, 1, RATE)), bounds, text);
  }
});

test("joining", () => {
  for (const { segments, joined, spans } of VECTORS.joining) {
    const joiner = new Joiner(1000), made = [];
    for (const { chunks, pause } of segments) {
      for (const chunk of chunks) made.push(joiner.feed(floats(chunk)));
      made.push(joiner.endSegment(pause));
    }
    made.push(joiner.finish());
    assert.ok(difference(concatenate(made), floats(joined)) < 1e-7);
    assert.deepEqual(joiner.spans.map(({ start, end }) => [start, end]), spans);
  }
});

test("a fault in sampling is found", () => {
  /** @type {Record<string, typeof sample>} */
  const faults = {
    "one token more than top k": (logits, options, random) => sample(logits, { ...options, top_k: options.top_k && options.top_k + 1 }, random),
    "no top p": (logits, options, random) => sample(logits, { ...options, top_p: 1 }, random),
    "two draws": (logits, options, random) => (random.random(), sample(logits, options, random)),
    "the last of equals": (logits, options, random) => logits.length - 1 - sample(logits.slice().reverse(), options, random),
  };
  for (const [name, fault] of Object.entries(faults)) assert.throws(() => checkSampling(fault), assert.AssertionError, name);
});

test("a lost id of a prompt, a legal id too many and a narrow window are found", async () => {
  await assert.rejects(checkAnswers((prompt) => prompt.filter((_, i) => i !== PROMPT_PIECE)), assert.AssertionError);
  assert.throws(() => checkLegal((grammar) => plain([...grammar.legal(), [260, 261]])), assert.AssertionError);
  await assert.rejects(checkWindows({ ...tts.manifest.codec, prenet_context: 2 }), assert.AssertionError);
});
