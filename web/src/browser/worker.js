/** The host in a Worker: one SparkTTS, asked by `client.js`; each call has a port, and a message from there stops it. */

import { Bundle } from "../bundle/bundle.js";
import { messageOf } from "../errors.js";

/** @import { Progress } from "../bundle/bundle.js" */

/** @type {import("../spark_tts.js").SparkTTS} */
let tts;

/**
 * @param {string} method of SparkTTS
 * @param {any[]} args the last are options
 * @param {AbortSignal} signal
 * @param {(message: object, transfer?: Transferable[]) => void} reply
 */
async function answer(method, args, signal, reply) {
  const options = { ...args.pop(), signal };
  if (method === "open") {
    const onProgress = (/** @type {Progress} */ progress) => reply({ progress });
    const onWarning = (/** @type {string} */ warning) => reply({ warning });
    const loading = { ...options, onProgress, onWarning };
    const bundle = await Bundle.open(args[0], loading);
    // The download begins before the rest of this host is loaded.
    bundle.prefetch("language_model");
    const { SparkTTS } = await import("../spark_tts.js");
    tts = await SparkTTS.open(bundle, loading);
    await tts.warmUp();
    return { sampleRate: tts.sampleRate, codec: tts.manifest.codec, source: tts.manifest.source, provider: tts.provider, threads: tts.sessions.ort.env.wasm.numThreads };
  }
  if (method === "stream") {
    const stream = tts.stream(args[0], options);
    for await (const chunk of stream) reply({ chunk }, [chunk.buffer]);
    return stream.info;
  }
  return /** @type {any} */ (tts)[method](...args, options);
}

globalThis.onmessage = async ({ data: { method, args }, ports: [port] }) => {
  const stopped = new AbortController();
  port.onmessage = () => stopped.abort();
  const reply = (/** @type {object} */ message, /** @type {Transferable[]} */ transfer = []) => port.postMessage(message, transfer);
  try {
    reply({ result: await answer(method, args, stopped.signal, reply) ?? null });
  } catch (error) {
    reply({ error: { message: messageOf(error), name: error instanceof Error ? error.name : "Error" } });
  }
};
