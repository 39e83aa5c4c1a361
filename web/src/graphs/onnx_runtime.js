import { SparkTTSError, messageOf } from "../errors.js";

/** @typedef {typeof import("onnxruntime-common")} OnnxRuntime */

export const isNode = typeof process !== "undefined" && Boolean(process.versions?.node);

/**
 * ONNX Runtime of this place: onnxruntime-node, or onnxruntime-web.
 * @param {{url?: string, webgpu?: boolean, threads?: number}} [options] `url`: of the module, where its name does not
 *   resolve, as in a Worker
 * @returns {Promise<OnnxRuntime>}
 */
export async function loadOnnxRuntime({ url, webgpu = false, threads } = {}) {
  const name = isNode ? "onnxruntime-node" : webgpu ? "onnxruntime-web/webgpu" : "onnxruntime-web/wasm";
  try {
    if (isNode) process.env.ORT_DISABLE_TELEMETRY ??= "1";
    const loaded = await import(url ?? name);
    const ort = loaded.InferenceSession ? loaded : loaded.default;
    if (!isNode) {
      ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? (threads ?? Math.min(4, navigator.hardwareConcurrency || 1)) : 1;
      ort.env.logLevel = "error";
    }
    return ort;
  } catch (error) {
    throw new SparkTTSError(`ONNX Runtime cannot be loaded (${messageOf(error)}): install ${name.split("/")[0]}`, { cause: error });
  }
}
