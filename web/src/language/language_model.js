import { Random } from "./random.js";
import { sample } from "./sampling.js";

/**
 * @import { Tensor } from "onnxruntime-common"
 * @import { SamplingOptions } from "../bundle/manifest.js"
 * @import { Sessions } from "../graphs/sessions.js"
 * @import { SpeechGrammar } from "./grammar.js"
 */

/** Ids of a prompt that are read in one call. A constant: pieces of other sizes round differently. */
export const PROMPT_PIECE = 128;

/** One answer in the making; its cache begins empty and is fed back, which works on every ONNX Runtime. */
export class Answer {
  length = 0;

  /** @param {Sessions} sessions */
  constructor(sessions) {
    this.sessions = sessions;
    const layout = sessions.manifest.language_model;
    const half = layout.cache_dtype === "float16";
    const nothing = half ? new (globalThis.Float16Array ?? Uint16Array)(0) : new Float32Array(0);
    const shape = [1, layout.kv_heads, 0, layout.head_dim];
    /** @type {Record<string, Tensor>} */
    this.cache = {};
    for (let layer = 0; layer < layout.layers; layer++)
      for (const kind of ["key", "value"])
        this.cache[`past_key_values.${layer}.${kind}`] = new sessions.ort.Tensor(layout.cache_dtype, /** @type {any} */ (nothing), shape);
  }

  /** Append ids. @param {number[]} ids @returns {Promise<Float32Array>} logits after the last, over the head's rows */
  async read(ids) {
    this.length += ids.length;
    const { ort } = this.sessions;
    // Some graphs give more, for example the queries that alignment needs.
    const present = Object.keys(this.cache).map((name) => name.replace("past_key_values", "present"));
    const outputs = await this.sessions.run("language_model", {
      input_ids: this.sessions.integers(ids, [1, ids.length]),
      seqlens_k: new ort.Tensor("int32", Int32Array.of(this.length - 1), [1]),
      total_sequence_length: new ort.Tensor("int32", Int32Array.of(this.length), []),
      ...this.cache,
    }, ["logits", ...present]);
    for (const name of present) this.cache[name.replace("present", "past_key_values")] = outputs[name];
    return /** @type {Float32Array} */ (outputs.logits.data);
  }
}

/**
 * Token ids as the model writes them; it is over where the grammar says so, or at the limit.
 * @param {Sessions} sessions
 * @param {{prompt: number[], grammar: SpeechGrammar, sampling: SamplingOptions, seed: number | bigint,
 *   signal?: AbortSignal}} request
 */
export async function* generate(sessions, { prompt, grammar, sampling, seed, signal }) {
  const answer = new Answer(sessions), rng = new Random(seed), first = sessions.manifest.language_model.head_first_id;
  let logits = /** @type {Float32Array} */ (new Float32Array(0));
  for (let start = 0; start < prompt.length; start += PROMPT_PIECE) {
    signal?.throwIfAborted();
    logits = await answer.read(prompt.slice(start, start + PROMPT_PIECE));
  }
  for (let count = 1; ; count++) {
    signal?.throwIfAborted();
    const ids = grammar.legal().flatMap(([start, stop]) => Array.from({ length: stop - start }, (_, i) => start + i));
    const token = ids[sample(Float32Array.from(ids, (id) => logits[id - first]), sampling, rng)];
    grammar.accept(token);
    yield token;
    if (grammar.ended || count >= sampling.max_new_tokens) return;
    logits = await answer.read([token]);
  }
}
