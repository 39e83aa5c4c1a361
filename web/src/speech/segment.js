/** One segment: from its text to semantic ids and sound, tried again where a guard rejects the attempt. */

import { SparkTTSError } from "../errors.js";
import { concatenate } from "../audio/signal.js";
import { VocoderStream } from "../codec/vocoder_stream.js";
import { CreationGrammar, SpeechGrammar } from "../language/grammar.js";
import { generate } from "../language/language_model.js";
import { seedWords } from "../language/random.js";
import { styleLevels } from "../voices/style.js";
import { LENGTH, SILENCE, distance, isGood, judge, longestSilence, onceHeard, watch } from "./guards.js";

/**
 * @import { SparkTTS } from "../spark_tts.js"
 * @import { STREAM_OPTIONS } from "../codec/vocoder_stream.js"
 * @import { Plan, PlannedSegment } from "./planning.js"
 * @typedef {{globalIds: number[], tokens: number, stopReason: string, retries: number}} SpokenSegment
 */

/** One answer of the language model to a segment: iterate it for the semantic ids as they come. */
class Attempt {
  stopReason = LENGTH;

  /** @param {SparkTTS} tts @param {Plan} plan @param {PlannedSegment} segment @param {number} number */
  constructor({ prompter, sessions, manifest }, plan, segment, number) {
    const { token_ids: ids, codec, language_model: layout } = manifest, { voice, style, signal } = plan;
    this.grammar = style ? new CreationGrammar(ids, codec, voice?.global_ids) : new SpeechGrammar(ids, codec, Boolean(voice?.semantic_ids));
    this.semanticIds = this.grammar.semanticIds;
    /** Complete as soon as there is a semantic id. */
    this.globalIds = this.grammar instanceof CreationGrammar ? this.grammar.globalIds : (voice?.global_ids ?? []);
    this.bounds = segment.bounds;
    const prompt = style ? prompter.create(segment.text, styleLevels(style)) : prompter.clone(segment.text, /** @type {any} */ (voice));
    const room = layout.max_positions - prompt.length;
    if (room < this.grammar.beforeSpeech + Math.max(1, segment.bounds.shortest))
      throw new SparkTTSError(`a segment of ${segment.text.length} characters makes a prompt of ${prompt.length} tokens, and the language ` +
        `model holds ${layout.max_positions}: use shorter segments, or a voice without a transcript`);
    const sampling = { ...plan.sampling, max_new_tokens: Math.min(plan.sampling.max_new_tokens, room) };
    const [seed] = seedWords([plan.seed, segment.index, number], 1);
    this.answer = generate(sessions, { prompt, grammar: this.grammar, sampling, seed, signal });
  }

  get distance() {
    return distance(this.semanticIds, this.bounds);
  }

  /** Semantic ids; afterwards `stopReason` tells why they ended. */
  async *run() {
    let given = 0;
    for await (const _ of this.answer) {
      if (this.semanticIds.length === given) continue;
      yield this.semanticIds[given++];
      const verdict = watch(this.semanticIds, this.bounds);
      if (verdict) {
        this.stopReason = verdict;
        return;
      }
    }
    this.stopReason = judge(this.semanticIds, this.bounds, this.grammar.ended);
  }
}

/**
 * Speak one segment whole; of several attempts the first that no guard rejects, else the most plausible.
 * @param {SparkTTS} tts @param {Plan} plan @param {PlannedSegment} segment
 * @returns {AsyncGenerator<Float32Array, SpokenSegment>}
 */
export async function* speakSegment(tts, plan, segment) {
  let best = null, number = 0;
  for (; number < plan.attempts; number++) {
    const attempt = new Attempt(tts, plan, segment, number);
    for await (const _ of attempt.run());
    const { semanticIds: ids, globalIds } = attempt;
    const wav = ids.length ? await tts.vocoder.decode(ids, globalIds, plan.signal) : new Float32Array(0);
    const silence = longestSilence(wav, tts.sampleRate), stopReason = onceHeard(attempt.stopReason, silence);
    const far = attempt.distance + (stopReason === SILENCE ? silence : 0);
    if (!best || far < best.far) best = { wav, far, globalIds, tokens: ids.length, stopReason };
    if (isGood(stopReason)) break;
  }
  const { wav, globalIds, tokens, stopReason } = /** @type {NonNullable<typeof best>} */ (best);
  requireSpeech(plan, segment, tokens);
  yield wav;
  return { globalIds, tokens, stopReason, retries: Math.min(number, plan.attempts - 1) };
}

/**
 * Speak one segment chunk by chunk. An attempt is held back until a first chunk could be made of it, so one that is
 * rejected before then costs the listener nothing; later, what was heard stays and the segment ends there.
 * @param {SparkTTS} tts @param {Plan} plan @param {PlannedSegment} segment @param {typeof STREAM_OPTIONS} options
 * @returns {AsyncGenerator<Float32Array, SpokenSegment>}
 */
export async function* streamSegment(tts, plan, segment, options) {
  const soundOf = (/** @type {Attempt} */ attempt) => new VocoderStream(tts.vocoder, attempt, options, plan.signal);
  let attempt = new Attempt(tts, plan, segment, 0), sound = soundOf(attempt), best = attempt, number = 0;
  const heard = /** @type {Float32Array[]} */ ([]);
  for (;;) {
    for await (const _ of attempt.run()) {
      const chunk = await sound.next();
      if (!chunk) continue;
      heard.push(chunk);
      yield chunk;
    }
    if (heard.length || isGood(attempt.stopReason)) break;
    if (attempt.distance < best.distance) best = attempt;
    const isLast = number + 1 === plan.attempts;
    attempt = isLast ? best : new Attempt(tts, plan, segment, ++number);
    sound = soundOf(attempt);
    if (isLast) break;
  }
  const tokens = attempt.semanticIds.length;
  requireSpeech(plan, segment, tokens);
  heard.push(await sound.finish());
  yield heard[heard.length - 1];
  const silence = longestSilence(concatenate(heard), tts.sampleRate);
  return { globalIds: attempt.globalIds, tokens, stopReason: onceHeard(attempt.stopReason, silence), retries: number };
}

/** @param {Plan} plan @param {PlannedSegment} segment @param {number} tokens */
function requireSpeech(plan, segment, tokens) {
  if (!tokens)
    throw new SparkTTSError(`maxNewTokens is ${plan.sampling.max_new_tokens}, which ends ${JSON.stringify(segment.text.slice(0, 40))} ` +
      "before its first sound; leave it out, or allow more");
}
