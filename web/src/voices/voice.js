import { SparkTTSError } from "../errors.js";
import { voiceStyle } from "./style.js";

/**
 * A speaker, as the model hears one; the same values as in a voice file, whose schema is
 * `sparktts_onnx/bundle/voice.schema.json`.
 *
 * @import { CodecLayout } from "../bundle/manifest.js"
 * @typedef {{codec: string, global_ids: number[], semantic_ids: number[] | null, transcript: string | null,
 *   name: string | null, origin: string | null, style?: import("./style.js").VoiceStyle | null,
 *   consent: string | null}} Voice
 */

export const VOICE_FORMAT = "sparktts-onnx voice 1";
const TEXTS = /** @type {const} */ (["transcript", "name", "origin", "consent"]);
const KEYS = ["format", "codec", "global_ids", "semantic_ids", "style", ...TEXTS];

/**
 * A voice from the text of a voice file.
 * @param {string} text
 * @param {string} [where] its name, for messages
 * @returns {Voice}
 */
export function parseVoice(text, where = "the voice file") {
  const fail = (/** @type {string} */ what) => {
    throw new SparkTTSError(`${where} ${what}`);
  };
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    fail("is not a voice file: it is not JSON");
  }
  if (data?.format !== VOICE_FORMAT) fail(`is not a voice file: expected format ${JSON.stringify(VOICE_FORMAT)}, found ${JSON.stringify(data?.format)}`);
  const unknown = Object.keys(data).find((key) => !KEYS.includes(key));
  if (unknown) fail(`has an unknown key ${JSON.stringify(unknown)}`);
  if (typeof data.codec !== "string") fail("does not name its codec");
  for (const key of TEXTS) if (data[key] != null && typeof data[key] !== "string") fail(`: ${key} should be a text`);
  for (const key of ["global_ids", "semantic_ids"])
    if ((key === "global_ids" || data[key] != null) && !(Array.isArray(data[key]) && data[key].every(Number.isInteger))) fail(`: ${key} should be a list of whole numbers`);
  if ((data.semantic_ids == null) !== (data.transcript == null)) fail("keeps semantic ids or a transcript without the other");
  const { format, semantic_ids = null, transcript = null, name = null, origin = null, style, consent = null, ...rest } = data;
  return { ...rest, semantic_ids, transcript, name, origin, ...(style && { style: voiceStyle(style) }), consent };
}

/** The text of a voice file. @param {Voice} voice */
export const formatVoice = (voice) => `${JSON.stringify({ format: VOICE_FORMAT, ...voice })}\n`;

/** See that a voice can be spoken with a codec. @param {Voice} voice @param {CodecLayout} codec */
export function checkVoice(voice, codec) {
  const label = voice.name ?? voice.origin ?? "the voice";
  if (voice.codec !== codec.fingerprint)
    throw new SparkTTSError(`${label} belongs to another codec (${voice.codec.slice(0, 12)}…); this bundle's codec is ` +
      `${codec.fingerprint.slice(0, 12)}…: enroll the recording again with this bundle`);
  if (voice.global_ids.length !== codec.global_tokens)
    throw new SparkTTSError(`${label} has ${voice.global_ids.length} global ids; this codec has ${codec.global_tokens}`);
  for (const [kind, ids, codes] of /** @type {const} */ ([["global", voice.global_ids, codec.global_codes], ["semantic", voice.semantic_ids ?? [], codec.semantic_codes]])) {
    const wrong = ids.find((id) => id < 0 || id >= codes);
    if (wrong !== undefined) throw new SparkTTSError(`${label} has the ${kind} id ${wrong}; this codec's are 0 to ${codes - 1}`);
  }
}
