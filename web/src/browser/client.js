/** SparkTTS for a page: the same calls, made in a Worker so that the page stays alive. */

import { SparkTTSError } from "../errors.js";

/**
 * @import { SpeechOptions } from "../speech/planning.js"
 * @import { SpeechInfo } from "../speech/speech.js"
 * @import { OpenOptions, SparkTTS } from "../spark_tts.js"
 * @import { Voice } from "../voices/voice.js"
 * @typedef {Parameters<SparkTTS["enroll"]>} EnrollArguments
 * @typedef {{sampleRate: number, codec: import("../bundle/manifest.js").CodecLayout, source: string, provider: string, threads: number}} About
 */

export class SparkTTSClient {
  /** @type {Set<(message: any) => void>} */
  waiting = new Set();

  /** @param {Worker} worker */
  constructor(worker) {
    this.worker = worker;
    /** @type {About} */
    this.about = /** @type {any} */ (null);
    worker.onerror = ({ message }) => this.fail(`the worker failed: ${message || "it could not be loaded"}`);
  }

  /**
   * Open a bundle in a Worker and load what speaking needs.
   * @param {string | URL} where
   * @param {OpenOptions & {worker?: string | URL}} [options] `worker`: the URL of `worker.js`
   */
  static async open(where, { worker = new URL("worker.js", import.meta.url), onProgress, onWarning, ...options } = {}) {
    const client = new SparkTTSClient(new Worker(worker, { type: "module" }));
    try {
      client.about = await client.call("open", [String(new URL(where, location.href)), options], {
        onMessage: ({ progress, warning }) => (progress ? onProgress?.(progress) : warning && onWarning?.(warning)),
      });
    } catch (error) {
      client.worker.terminate();
      throw error;
    }
    return client;
  }

  get sampleRate() {
    return this.about.sampleRate;
  }

  /** @param {string} text @param {SpeechOptions} [options] @returns {Promise<{wav: Float32Array, info: SpeechInfo}>} */
  speak(text, { signal, ...options } = {}) {
    return this.call("speak", [text, options], { signal });
  }

  /**
   * Chunks as they are made; the generator returns the info. Leaving the iteration stops the work.
   * @param {string} text @param {SpeechOptions} [options]
   * @returns {AsyncGenerator<Float32Array, SpeechInfo>}
   */
  async *stream(text, { signal, ...options } = {}) {
    const left = new AbortController(), either = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
    /** @type {Float32Array[]} */
    const chunks = [];
    let wake = () => {}, isOver = false;
    const done = this.call("stream", [text, options], { signal: either, onMessage: ({ chunk }) => (chunks.push(chunk), wake()) });
    done.catch(() => {}).finally(() => ((isOver = true), wake()));
    try {
      while (!isOver || chunks.length) {
        const chunk = chunks.shift();
        if (chunk) yield chunk;
        else await new Promise((resolve) => (wake = () => resolve(undefined)));
      }
      return await done;
    } finally {
      left.abort();
    }
  }

  /** @param {Parameters<SparkTTS["createVoice"]>[0]} [options] @returns {Promise<Voice>} */
  createVoice({ signal, ...options } = {}) {
    return this.call("createVoice", [options], { signal });
  }

  /** @param {EnrollArguments[0]} recording @param {EnrollArguments[1]} [options] @returns {Promise<Voice>} */
  enroll(recording, options) {
    return this.call("enroll", [recording, options]);
  }

  async close() {
    await this.call("close", []);
    this.worker.terminate();
    this.fail("the model was closed");
  }

  /**
   * @param {string} method @param {any[]} args
   * @param {{signal?: AbortSignal, onMessage?: (message: any) => void}} [options] @returns {Promise<any>}
   */
  call(method, args, { signal, onMessage } = {}) {
    const { port1: port, port2 } = new MessageChannel();
    return new Promise((resolve, reject) => {
      const abort = () => port.postMessage("stop");
      const take = (/** @type {any} */ message) => {
        if (!("result" in message) && !message.error) return onMessage?.(message);
        this.waiting.delete(take);
        signal?.removeEventListener("abort", abort);
        port.close();
        if ("result" in message) resolve(message.result);
        else if (message.error.name === "AbortError") reject(new DOMException("the work was stopped", "AbortError"));
        else reject(new SparkTTSError(message.error.message));
      };
      this.waiting.add(take);
      port.onmessage = ({ data }) => take(data);
      this.worker.postMessage({ method, args }, [port2]);
      signal?.addEventListener("abort", abort, { once: true });
      if (signal?.aborted) abort();
    });
  }

  /** @param {string} message for everybody who waits */
  fail(message) {
    for (const settle of this.waiting) settle({ error: { message, name: "Error" } });
  }
}
