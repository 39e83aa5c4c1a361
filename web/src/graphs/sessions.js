import { SparkTTSError, messageOf } from "../errors.js";
import { isNode } from "./onnx_runtime.js";

/** @typedef {import("onnxruntime-common").InferenceSession} InferenceSession */
/** @typedef {import("onnxruntime-common").Tensor} Tensor */
/** @typedef {import("./onnx_runtime.js").OnnxRuntime} OnnxRuntime */

const BREATH_MILLISECONDS = 20;

/** The graphs of a bundle as sessions, each loaded when it is first used; one computes at a time. */
export class Sessions {
  /**
   * @param {OnnxRuntime} ort
   * @param {import("../bundle/bundle.js").Bundle} bundle
   * @param {{threads?: number, provider?: string}} [options]
   */
  constructor(ort, bundle, { threads, provider = isNode ? "cpu" : "wasm" } = {}) {
    this.ort = ort;
    this.bundle = bundle;
    this.threads = threads;
    this.provider = provider;
    /** @type {Map<string, Promise<InferenceSession>>} */
    this.loaded = new Map();
    this.breathed = 0;
    /** @type {Promise<unknown>} */
    this.computing = Promise.resolve();
  }

  /** @param {string} name */
  get(name) {
    const found = this.loaded.get(name) ?? this.load(name, this.provider);
    this.loaded.set(name, found);
    found.catch(() => this.loaded.delete(name));
    return found;
  }

  /**
   * @param {string} name
   * @param {string} provider
   * @returns {Promise<InferenceSession>}
   */
  async load(name, provider) {
    const { model, externalData } = await this.bundle.graph(name);
    const precision = this.bundle.manifest.graphs[name].precision;
    // A decoder in integers is made for the processor.
    const providers = provider === "webgpu" && (name === "language_model" || precision !== "int8") ? ["webgpu"] : [isNode ? "cpu" : "wasm"];
    /** @type {import("onnxruntime-common").InferenceSession.SessionOptions} */
    const options = {
      executionProviders: providers,
      logSeverityLevel: 3,
      ...(isNode && { enableMemPattern: false, interOpNumThreads: 1, intraOpNumThreads: this.threads ?? 0 }),
      // Threads that wait awake take each other's cores.
      ...(isNode && { extra: { session: { intra_op: { allow_spinning: "0" } } } }),
      ...(externalData.length && { externalData }),
    };
    try {
      return await (typeof model === "string"
        ? this.ort.InferenceSession.create(model, options)
        : this.ort.InferenceSession.create(model, options));
    } catch (error) {
      throw new SparkTTSError(`the graph ${name} does not load: ${messageOf(error)}`, { cause: error });
    }
  }

  /**
   * @param {string} name
   * @param {Record<string, Tensor>} feeds
   * @param {string[]} [fetches] names of outputs; all by default
   * @returns {Promise<Record<string, Tensor>>}
   */
  async run(name, feeds, fetches) {
    const session = await this.get(name);
    if (!isNode) await this.breathe();
    const run = this.computing.then(() => (fetches ? session.run(feeds, fetches) : session.run(feeds)));
    this.computing = run.catch(() => {});
    try {
      return await run;
    } catch (error) {
      throw new SparkTTSError(`the graph ${name} failed: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Let messages in now and then: in a page, a computation takes the thread. */
  async breathe() {
    if (performance.now() - this.breathed < BREATH_MILLISECONDS) return;
    const { port1, port2 } = new MessageChannel();
    await new Promise((resolve) => {
      port1.onmessage = resolve;
      port2.postMessage(null);
    });
    port1.close();
    this.breathed = performance.now();
  }

  /**
   * A float32 tensor.
   * @param {Float32Array} data
   * @param {number[]} dims
   */
  floats(data, dims) {
    return new this.ort.Tensor("float32", data, dims);
  }

  /**
   * An int64 tensor.
   * @param {ArrayLike<number>} values
   * @param {number[]} dims
   */
  integers(values, dims) {
    return new this.ort.Tensor("int64", BigInt64Array.from(Array.from(values, BigInt)), dims);
  }

  async close() {
    const sessions = [...this.loaded.values()];
    this.loaded.clear();
    await this.computing;
    for (const session of sessions) await session.then((loaded) => loaded.release(), () => {});
  }
}
