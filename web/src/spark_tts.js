import { SparkTTSError, messageOf } from "./errors.js";
import { prepareRecording, readWav } from "./audio/reading.js";
import { concatenate } from "./audio/signal.js";
import { Bundle } from "./bundle/bundle.js";
import { Vocoder } from "./codec/vocoder.js";
import { STREAM_OPTIONS } from "./codec/vocoder_stream.js";
import { Sessions, isNode, loadOnnxRuntime } from "./graphs/sessions.js";
import { checkedWebgpu } from "./graphs/webgpu.js";
import { Prompter } from "./language/prompting.js";
import { planSpeech } from "./speech/planning.js";
import { SpeechStream } from "./speech/speech.js";
import { globalIds, semanticIds } from "./voices/enrollment.js";

/**
 * @import { Loading } from "./bundle/bundle.js"
 * @import { Recording } from "./audio/reading.js"
 * @import { SpeechOptions } from "./speech/planning.js"
 * @import { SpeechInfo } from "./speech/speech.js"
 * @import { Voice } from "./voices/voice.js"
 * @typedef {Loading & {precision?: string, device?: "auto" | "cpu" | "webgpu", threads?: number,
 *   runtime?: {ort?: string, tokenizers?: string}}} OpenOptions
 *   `runtime`: URLs of the modules onnxruntime-web and @huggingface/tokenizers, where their names do not resolve
 */

/** Spark-TTS from one bundle. Text is taken as it is to be spoken: numbers and the like written as words. */
export class SparkTTS {
  /** @param {Sessions} sessions @param {Prompter} prompter */
  constructor(sessions, prompter) {
    this.manifest = sessions.manifest;
    this.sessions = sessions;
    this.prompter = prompter;
    this.vocoder = new Vocoder(sessions);
  }

  /**
   * Open a bundle, or a folder of bundles by precision; graphs are loaded when they are first used.
   * @param {string | Bundle} where a folder, a URL, or a bundle that is open already
   * @param {OpenOptions} [options]
   */
  static async open(where, { precision, device = "cpu", threads, runtime = {}, ...loading } = {}) {
    if (!["auto", "cpu", "webgpu"].includes(device) || (isNode && device === "webgpu"))
      throw new SparkTTSError(`device is ${JSON.stringify(device)}; expected ${isNode ? "cpu" : "auto, cpu or webgpu"}`);
    const bundle = where instanceof Bundle ? where : await Bundle.open(where, { precision, ...loading });
    const wantsGpu = !isNode && (device === "webgpu" || (device === "auto" && "gpu" in navigator));
    const [ort, tokenizers, description] = await Promise.all([
      loadOnnxRuntime({ url: runtime.ort, webgpu: wantsGpu, threads }),
      import(runtime.tokenizers ?? "@huggingface/tokenizers"),
      bundle.read(bundle.manifest.tokenizer),
    ]);
    const onProcessor = new Sessions(ort, bundle, { threads });
    const sessions = (wantsGpu && (await checkedWebgpu(onProcessor, loading.onWarning))) || onProcessor;
    let tokenizer;
    try {
      tokenizer = new tokenizers.Tokenizer(JSON.parse(new TextDecoder().decode(description)), {});
    } catch (error) {
      throw new SparkTTSError(`${bundle.manifest.tokenizer.name} is not a tokenizer: ${messageOf(error)}`, { cause: error });
    }
    return new SparkTTS(sessions, new Prompter(tokenizer, bundle.manifest.token_ids));
  }

  /** Samples a second of everything that is spoken. */
  get sampleRate() {
    return this.manifest.codec.sample_rate;
  }

  /** What computes: cpu, wasm or webgpu. */
  get provider() {
    return this.sessions.provider;
  }

  /** Load what speaking needs now rather than at the first request. */
  async warmUp() {
    for (const name of ["language_model", "quantizer_detokenize", "speaker_detokenize", "prenet", "decoder"]) await this.sessions.get(name);
  }

  /** Speak a text of any length. @param {string} text @param {SpeechOptions} [options] */
  async speak(text, options = {}) {
    const stream = new SpeechStream(this, planSpeech(text, options, this.manifest), null), pieces = [];
    for await (const piece of stream) pieces.push(piece);
    return { wav: concatenate(pieces), info: /** @type {SpeechInfo} */ (stream.info) };
  }

  /**
   * Speak a text chunk by chunk, each as soon as it can be made; `info` of the stream after the last.
   * @param {string} text
   * @param {SpeechOptions & {stream?: Partial<typeof STREAM_OPTIONS>}} [options]
   */
  stream(text, { stream, ...options } = {}) {
    return new SpeechStream(this, planSpeech(text, options, this.manifest), { ...STREAM_OPTIONS, ...stream });
  }

  /**
   * A voice that the model makes up while it speaks `text`.
   * @param {Pick<SpeechOptions, "gender" | "pitch" | "speed" | "seed" | "signal"> & {text?: string}} [options]
   * @returns {Promise<Voice>}
   */
  async createVoice({ text = "This is the voice that I have made for you.", ...options } = {}) {
    return (await this.speak(text, options)).info.voice;
  }

  /**
   * A voice from a recording: a WAV file, or samples of one channel at any rate.
   * @param {Uint8Array | Recording} recording
   * @param {{transcript?: string, name?: string | null, origin?: string, consent?: string | null}} [options]
   * @returns {Promise<Voice>}
   */
  async enroll(recording, { transcript = "", name = null, origin = "the recording", consent = null } = {}) {
    const { codec } = this.manifest, known = transcript.trim() !== "";
    const read = recording instanceof Uint8Array ? readWav(recording, origin) : recording;
    const wav = prepareRecording(read, { rate: codec.sample_rate, volumeNormalize: codec.volume_normalize, name: origin });
    return {
      codec: codec.fingerprint,
      global_ids: await globalIds(this.sessions, wav),
      semantic_ids: known ? await semanticIds(this.sessions, wav) : null,
      transcript: known ? transcript : null, name, origin, consent,
    };
  }

  /** Let go of the graphs. */
  async close() {
    await this.sessions.close();
  }
}
