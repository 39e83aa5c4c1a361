/** WebGPU is used only where its numbers are those of the processor: on some adapters long prompts come out wrong. */

import { Answer, PROMPT_PIECE } from "../language/language_model.js";
import { messageOf } from "../errors.js";
import { Sessions } from "./sessions.js";

const MOST_DIFFERENCE = 0.1;

/**
 * Sessions on WebGPU, or null where it is not there or computes something else.
 * @param {import("./sessions.js").OnnxRuntime} ort
 * @param {import("../bundle/bundle.js").Bundle} bundle
 * @param {Sessions} onProcessor
 * @param {(text: string) => void} [onWarning]
 */
export async function checkedWebgpu(ort, bundle, onProcessor, onWarning) {
  const gpu = /** @type {any} */ (globalThis.navigator)?.gpu;
  if (!(await gpu?.requestAdapter())) {
    onWarning?.("this browser has no WebGPU adapter: the processor computes");
    return null;
  }
  const sessions = new Sessions(ort, bundle, { provider: "webgpu" }), layout = bundle.manifest.language_model;
  try {
    const ids = Array.from({ length: PROMPT_PIECE }, (_, i) => (i * 7 + 3) % Math.max(2, layout.head_first_id));
    const [found, expected] = [await new Answer(sessions, layout).read(ids), await new Answer(onProcessor, layout).read(ids)];
    const difference = relativeDifference(found, expected);
    if (difference <= MOST_DIFFERENCE) return sessions;
    onWarning?.(`WebGPU computes something else here (${difference.toPrecision(2)} off): the processor computes`);
  } catch (error) {
    onWarning?.(`WebGPU does not work here (${messageOf(error)}): the processor computes`);
  }
  await sessions.close();
  return null;
}

/** @param {Float32Array} found @param {Float32Array} expected @returns {number} of their lengths as vectors */
export function relativeDifference(found, expected) {
  let off = 0, size = 0;
  for (let i = 0; i < expected.length; i++) {
    off += (found[i] - expected[i]) ** 2;
    size += expected[i] ** 2;
  }
  const ratio = Math.sqrt(off / size);
  return Number.isNaN(ratio) ? Infinity : ratio;
}
