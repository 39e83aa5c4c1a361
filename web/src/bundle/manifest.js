import { SparkTTSError } from "../errors.js";

export const MANIFEST_NAME = "manifest.json";
const FORMAT_VERSION = 1;
const RANGES = /** @type {const} */ (["global_tokens", "semantic_tokens", "gender", "pitch_label", "speed_label"]);
const NUMBERS = /** @type {const} */ ({
  codec: ["sample_rate", "hop_length", "reference_samples", "reference_hop", "semantic_codes", "global_codes",
    "global_tokens", "prenet_context", "decoder_context"],
  language_model: ["layers", "kv_heads", "head_dim", "max_positions", "head_first_id", "head_rows"],
  token_ids: ["end_of_text", "task_tts", "task_controllable_tts", "start_content", "end_content", "start_global",
    "end_global", "start_semantic", "end_semantic", "start_style", "end_style"],
});
const SAMPLING = { temperature: 0.8, top_k: 50, top_p: 0.95, max_new_tokens: 3000 };

/**
 * `manifest.json`: what a bundle holds. The schema is `sparktts_onnx/bundle/manifest.schema.json`.
 *
 * @typedef {{name: string, bytes: number, sha256: string}} FileEntry
 * @typedef {{files: FileEntry[], precision: string}} GraphEntry
 * @typedef {{first: number, count: number}} IdRange
 * @typedef {Record<(typeof NUMBERS.codec)[number], number> & {fingerprint: string, volume_normalize: boolean,
 *   frames_per_token: number, fixed_frames: number | null}} CodecLayout
 * @typedef {Record<(typeof NUMBERS.language_model)[number], number> & {cache_dtype: "float32" | "float16"}} LanguageModelLayout
 * @typedef {Record<(typeof NUMBERS.token_ids)[number], number> & Record<(typeof RANGES)[number], IdRange> &
 *   {attributes: IdRange[]}} TokenIds
 * @typedef {typeof SAMPLING} SamplingOptions
 * @typedef {{source: string, codec: CodecLayout, language_model: LanguageModelLayout, token_ids: TokenIds,
 *   graphs: Record<string, GraphEntry>, tokenizer: FileEntry, sampling: SamplingOptions}} Manifest
 */

/** @param {string} text of a manifest @param {string} where it lies, for messages @returns {Manifest} */
export function parseManifest(text, where) {
  let data;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new SparkTTSError(`${where}/${MANIFEST_NAME} is not JSON: expected a bundle made by convert_to_onnx.py`, { cause: error });
  }
  if (data?.format_version !== FORMAT_VERSION)
    throw new SparkTTSError(`${where}/${MANIFEST_NAME} has format version ${JSON.stringify(data?.format_version)}; ` +
      `this software reads version ${FORMAT_VERSION}: convert the checkpoint again`);
  /** @param {string} key @param {boolean} good */
  const require = (key, good) => {
    if (!good) throw new SparkTTSError(`${where}/${MANIFEST_NAME} is not a valid manifest: ${key} is missing or wrong`);
  };
  const whole = (/** @type {unknown} */ value) => Number.isInteger(value) && /** @type {number} */ (value) >= 0;
  for (const [part, keys] of Object.entries(NUMBERS))
    for (const key of keys) require(`${part}.${key}`, whole(data[part]?.[key]));
  for (const key of RANGES) require(`token_ids.${key}`, whole(data.token_ids[key]?.first) && whole(data.token_ids[key].count));
  require("token_ids.attributes", Array.isArray(data.token_ids.attributes));
  require("codec.fingerprint", typeof data.codec.fingerprint === "string");
  require("language_model.cache_dtype", ["float32", "float16"].includes(data.language_model.cache_dtype));
  require("graphs", typeof data.graphs === "object" && data.graphs !== null);
  const files = [data.tokenizer];
  for (const [name, graph] of Object.entries(data.graphs)) {
    require(`graphs.${name}.files`, Array.isArray(graph?.files) && graph.files.length > 0);
    files.push(...graph.files);
  }
  for (const file of files) {
    require("the name of a file", typeof file?.name === "string" && /^(?!\.{1,2}$)[^/\\]+$/.test(file.name) && whole(file.bytes));
    require(`the sha256 of ${file.name}`, typeof file.sha256 === "string");
  }
  data.codec = { frames_per_token: 1, fixed_frames: null, ...data.codec };
  data.sampling = { ...SAMPLING, ...data.sampling };
  return data;
}
