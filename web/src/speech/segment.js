/** One segment: from its text to semantic ids and sound, tried again where a guard rejects the attempt. */

import { SparkTTSError } from "../errors.js";
import { concatenate } from "../audio/signal.js";
import { firstLookAhead, VocoderStream } from "../codec/vocoder_stream.js";
import { CreationGrammar, SpeechGrammar } from "../language/grammar.js";
import { generate } from "../language/language_model.js";
import { seedWords } from "../language/random.js";
import { styleLevels } from "../voices/style.js";
import { END, LENGTH, SILENCE, distance, judge, longestSilence, onceHeard, watch } from "./guards.js";

/** @typedef {import("./planning.js").Plan} Plan */
/** @typedef {import("./planning.js").PlannedSegment} PlannedSegment */
/** @typedef {{globalIds: number[], tokens: number, stopReason: string, retries: number}} SpokenSegment */

/** One answer of the language model to a segment: iterate it for the semantic ids as they come. */
class Attempt {
  /** @type {number[]} */
  semanticIds = [];
  stopReason = LENGTH;

  /** @param {Speaker} speaker @param {Plan} plan @param {PlannedSegment} segment @param {number} number */
  constructor(speaker, plan, segment, number) {
    const { prompter, sessions, manifest: { token_ids: ids, codec, language_model: layout } } = speaker;
    const { voice, style, signal } = plan;
    const prompt = style ? prompter.create(segment.text, styleLevels(style)) : prompter.clone(segment.text, /** @type {any} */ (voice));
    this.grammar = style ? new CreationGrammar(ids, codec, voice?.global_ids) : new SpeechGrammar(ids, codec, Boolean(voice?.semantic_ids));
    const room = layout.max_positions - prompt.length;
    if (room < this.grammar.beforeSpeech + Math.max(1, segment.bounds.shortest))
      throw new SparkTTSError(`a segment of ${segment.text.length} characters makes a prompt of ${prompt.length} tokens, and the language ` +
        `model holds ${layout.max_positions}: use shorter segments, or a voice without a transcript`);
    const sampling = { ...plan.sampling, max_new_tokens: Math.min(plan.sampling.max_new_tokens, room) };
    const [seed] = seedWords([plan.seed, segment.index, number], 1);
    this.answer = generate(sessions, layout, { prompt, grammar: this.grammar, sampling, seed, signal });
    this.bounds = segment.bounds;
    this.given = voice?.global_ids ?? [];
  }

  /** Complete as soon as there is a semantic id. */
  get globalIds() {
    return this.grammar instanceof CreationGrammar ? this.grammar.globalIds : this.given;
  }

  get distance() {
    return distance(this.semanticIds, this.bounds);
  }

  /** @returns {AsyncGenerator<number, void>} afterwards `stopReason` tells why they ended */
  async *run() {
    for await (const _ of this.answer) {
      const ids = this.grammar.semanticIds;
      if (ids.length === this.semanticIds.length) continue;
      const id = ids[ids.length - 1];
      this.semanticIds.push(id);
      yield id;
      const verdict = watch(this.semanticIds, this.bounds);
      if (verdict) {
        this.stopReason = verdict;
        return;
      }
    }
    this.stopReason = judge(this.semanticIds, this.bounds, this.grammar.ended);
  }
}

export class Speaker {
  /**
   * @param {import("../bundle/manifest.js").Manifest} manifest
   * @param {import("../language/prompting.js").Prompter} prompter
   * @param {import("../graphs/sessions.js").Sessions} sessions
   * @param {import("../codec/vocoder.js").Vocoder} vocoder
   */
  constructor(manifest, prompter, sessions, vocoder) {
    this.manifest = manifest;
    this.prompter = prompter;
    this.sessions = sessions;
    this.vocoder = vocoder;
  }

  /**
   * Speak one segment whole; of several attempts the first that no guard rejects, else the most plausible.
   * @param {Plan} plan
   * @param {PlannedSegment} segment
   * @returns {AsyncGenerator<Float32Array, SpokenSegment>}
   */
  async *speak(plan, segment) {
    let best = null, number = 0;
    for (; number < plan.attempts; number++) {
      const attempt = new Attempt(this, plan, segment, number);
      for await (const _ of attempt.run());
      const { semanticIds: ids, globalIds } = attempt;
      const wav = ids.length ? await this.vocoder.render(ids, await this.vocoder.dVector(globalIds), 0, ids.length, plan.signal) : new Float32Array(0);
      const silence = longestSilence(wav, this.manifest.codec.sample_rate), stopReason = onceHeard(attempt.stopReason, silence);
      const far = attempt.distance + (stopReason === SILENCE ? silence : 0);
      if (!best || far < best.far) best = { wav, far, globalIds, tokens: ids.length, stopReason };
      if (stopReason === END || stopReason === LENGTH) break;
    }
    const { wav, globalIds, tokens, stopReason } = /** @type {NonNullable<typeof best>} */ (best);
    requireSpeech(plan, segment, tokens);
    yield wav;
    return { globalIds, tokens, stopReason, retries: Math.min(number, plan.attempts - 1) };
  }

  /**
   * Speak one segment chunk by chunk. An attempt is held back until a first chunk could be made of it, so one that is
   * rejected before then costs the listener nothing; later, what was heard stays and the segment ends there.
   * @param {Plan} plan
   * @param {PlannedSegment} segment
   * @param {typeof import("../codec/vocoder_stream.js").STREAM_OPTIONS} options
   * @returns {AsyncGenerator<Float32Array, SpokenSegment>}
   */
  async *stream(plan, segment, options) {
    const held = options.firstChunk + firstLookAhead(options, this.vocoder.context), rejected = [], heard = /** @type {Float32Array[]} */ ([]);
    /** @type {VocoderStream | null} */
    let sound = null;
    let attempt = new Attempt(this, plan, segment, 0), number = 0;
    for (; ; attempt = new Attempt(this, plan, segment, ++number)) {
      for await (const id of attempt.run()) {
        const isFirst = !sound && attempt.semanticIds.length >= held;
        if (isFirst) sound = await this.begin(plan, attempt, options);
        if (sound) yield* pushed(sound, isFirst ? attempt.semanticIds : [id], heard);
      }
      if (sound || attempt.stopReason === END || attempt.stopReason === LENGTH) break;
      rejected.push(attempt);
      if (number + 1 === plan.attempts) {
        attempt = rejected.reduce((best, tried) => (tried.distance < best.distance ? tried : best));
        break;
      }
    }
    const tokens = attempt.semanticIds.length;
    requireSpeech(plan, segment, tokens);
    if (!sound) {
      sound = await this.begin(plan, attempt, options);
      yield* pushed(sound, attempt.semanticIds, heard);
    }
    const rest = await sound.finish();
    yield rest;
    const silence = longestSilence(concatenate(...heard, rest), this.manifest.codec.sample_rate);
    return { globalIds: attempt.globalIds, tokens, stopReason: onceHeard(attempt.stopReason, silence), retries: number };
  }

  /** @param {Plan} plan @param {Attempt} attempt @param {typeof import("../codec/vocoder_stream.js").STREAM_OPTIONS} options */
  async begin(plan, attempt, options) {
    return new VocoderStream(this.vocoder, await this.vocoder.dVector(attempt.globalIds), options, plan.signal);
  }
}

/**
 * The chunks that some more ids make, noted in `heard` too.
 * @param {VocoderStream} sound @param {number[]} ids @param {Float32Array[]} heard
 */
async function* pushed(sound, ids, heard) {
  for (const id of ids) {
    const chunk = await sound.push(id);
    if (!chunk) continue;
    heard.push(chunk);
    yield chunk;
  }
}

/** @param {Plan} plan @param {PlannedSegment} segment @param {number} tokens */
function requireSpeech(plan, segment, tokens) {
  if (!tokens)
    throw new SparkTTSError(`maxNewTokens is ${plan.sampling.max_new_tokens}, which ends ${JSON.stringify(segment.text.slice(0, 40))} ` +
      "before its first sound; leave it out, or allow more");
}
