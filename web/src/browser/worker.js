/** The host in a Worker: one SparkTTS, asked by messages from `client.js`. */

import { Bundle } from "../bundle/bundle.js";
import { SparkTTSError, messageOf } from "../errors.js";

/** @type {import("../spark_tts.js").SparkTTS | null} */
let tts = null;
/** @type {Map<number, AbortController>} */
const running = new Map();

/**
 * @param {string} method
 * @param {any[]} args
 * @param {AbortSignal} signal
 * @param {(message: object, transfer?: Transferable[]) => void} reply
 */
async function answer(method, args, signal, reply) {
  if (method === "open") {
    const [where, options] = args;
    const onProgress = (/** @type {any} */ progress) => reply({ progress }), onWarning = (/** @type {string} */ warning) => reply({ warning });
    const bundle = await Bundle.open(where, { ...options, onProgress, onWarning });
    // The download begins before the rest of this host is loaded.
    bundle.prefetch("language_model");
    const { SparkTTS } = await import("../spark_tts.js");
    tts = await SparkTTS.open(bundle, { ...options, onWarning });
    await tts.warmUp();
    return { sampleRate: tts.sampleRate, codec: tts.manifest.codec, source: tts.manifest.source, provider: tts.provider, threads: tts.sessions.ort.env.wasm.numThreads };
  }
  if (!tts) throw new SparkTTSError("no bundle is open");
  if (method === "stream") {
    const stream = tts.stream(args[0], { ...args[1], signal });
    for await (const chunk of stream) reply({ chunk }, [chunk.buffer]);
    return stream.info;
  }
  if (method === "speak") return tts.speak(args[0], { ...args[1], signal });
  if (method === "createVoice") return tts.createVoice({ ...args[0], signal });
  if (method === "enroll") return tts.enroll(args[0], args[1]);
  if (method === "close") return tts.close();
  throw new SparkTTSError(`there is no method ${method}`);
}

globalThis.onmessage = async ({ data: { id, method, args, abort } }) => {
  if (abort) return running.get(id)?.abort();
  const controller = new AbortController();
  running.set(id, controller);
  const reply = (/** @type {object} */ message, /** @type {Transferable[]} */ transfer = []) =>
    globalThis.postMessage({ id, ...message }, /** @type {any} */ (transfer));
  try {
    reply({ result: await answer(method, args, controller.signal, reply) ?? null });
  } catch (error) {
    reply({ error: { message: messageOf(error), name: error instanceof Error ? error.name : "Error" } });
  } finally {
    running.delete(id);
  }
};
