import { SparkTTSError, messageOf } from "../errors.js";

/**
 * @import { InferenceSession, Tensor } from "onnxruntime-common"
 * @import { Bundle } from "../bundle/bundle.js"
 * @typedef {typeof import("onnxruntime-common")} OnnxRuntime
 */

const BREATH_MILLISECONDS = 20;
export const isNode = typeof process !== "undefined" && Boolean(process.versions?.node);

/**
 * ONNX Runtime of this place: onnxruntime-node, or onnxruntime-web.
 * @param {{url?: string, webgpu?: boolean, threads?: number}} options `url`: of the module, where its name does not
 *   resolve, as in a Worker
 * @returns {Promise<OnnxRuntime>}
 */
export async function loadOnnxRuntime({ url, webgpu, threads }) {
  const name = isNode ? "onnxruntime-node" : webgpu ? "onnxruntime-web/webgpu" : "onnxruntime-web/wasm";
  try {
    if (isNode) process.env.ORT_DISABLE_TELEMETRY ??= "1";
    const loaded = await import(url ?? name), ort = loaded.InferenceSession ? loaded : loaded.default;
    if (!isNode) {
      ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? (threads ?? Math.min(4, navigator.hardwareConcurrency || 1)) : 1;
      ort.env.logLevel = "error";
    }
    return ort;
  } catch (error) {
    throw new SparkTTSError(`ONNX Runtime cannot be loaded (${messageOf(error)}): install ${name.split("/")[0]}`, { cause: error });
  }
}

/** The graphs of a bundle as sessions, each loaded when it is first used; one computes at a time. */
export class Sessions {
  /** @type {Map<string, Promise<InferenceSession>>} */
  loaded = new Map();
  breathed = 0;
  /** @type {Promise<unknown>} */
  computing = Promise.resolve();

  /** @param {OnnxRuntime} ort @param {Bundle} bundle @param {{threads?: number, provider?: string}} options */
  constructor(ort, bundle, { threads, provider = isNode ? "cpu" : "wasm" }) {
    this.ort = ort;
    this.bundle = bundle;
    this.manifest = bundle.manifest;
    this.threads = threads;
    this.provider = provider;
  }

  /** @param {string} name */
  get(name) {
    const found = this.loaded.get(name) ?? this.load(name);
    this.loaded.set(name, found);
    found.catch(() => this.loaded.delete(name));
    return found;
  }

  /** @param {string} name */
  async load(name) {
    const { model, externalData } = await this.bundle.graph(name);
    const precision = this.manifest.graphs[name].precision;
    // A decoder in integers is made for the processor.
    const isOnGpu = this.provider === "webgpu" && (name === "language_model" || precision !== "int8");
    /** @type {InferenceSession.SessionOptions} */
    const options = {
      executionProviders: [isOnGpu ? "webgpu" : isNode ? "cpu" : "wasm"],
      logSeverityLevel: 3,
      ...(isNode && { enableMemPattern: false, interOpNumThreads: 1, intraOpNumThreads: this.threads ?? 0 }),
      // Threads that wait awake take each other's cores.
      ...(isNode && { extra: { session: { intra_op: { allow_spinning: "0" } } } }),
      ...(externalData.length && { externalData }),
    };
    try {
      return await this.ort.InferenceSession.create(/** @type {any} a path or bytes */ (model), options);
    } catch (error) {
      throw new SparkTTSError(`the graph ${name} does not load: ${messageOf(error)}`, { cause: error });
    }
  }

  /**
   * @param {string} name @param {Record<string, Tensor>} feeds
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

  /** @param {Float32Array} data @param {number[]} dims */
  floats(data, dims) {
    return new this.ort.Tensor("float32", data, dims);
  }

  /** @param {number[]} values @param {number[]} dims @returns {Tensor} of int64 */
  integers(values, dims) {
    return new this.ort.Tensor("int64", BigInt64Array.from(values, BigInt), dims);
  }

  async close() {
    const sessions = [...this.loaded.values()];
    this.loaded.clear();
    await this.computing;
    for (const session of sessions) await session.then((loaded) => loaded.release(), () => {});
  }
}
