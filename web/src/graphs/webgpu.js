/** WebGPU is used only where its numbers are those of the processor: on some adapters long prompts come out wrong. */

import { Answer, PROMPT_PIECE } from "../language/language_model.js";
import { messageOf } from "../errors.js";
import { Sessions } from "./sessions.js";

const MOST_DIFFERENCE = 0.1;

/**
 * Sessions on WebGPU, or null where it is not there or computes something else.
 * @param {Sessions} onProcessor
 * @param {(text: string) => void} [onWarning]
 */
export async function checkedWebgpu(onProcessor, onWarning) {
  const gpu = /** @type {any} */ (globalThis.navigator)?.gpu;
  if (!(await gpu?.requestAdapter())) {
    onWarning?.("this browser has no WebGPU adapter: the processor computes");
    return null;
  }
  const { ort, bundle, manifest } = onProcessor, sessions = new Sessions(ort, bundle, { provider: "webgpu" });
  try {
    const ids = Array.from({ length: PROMPT_PIECE }, (_, i) => (i * 7 + 3) % Math.max(2, manifest.language_model.head_first_id));
    const found = await new Answer(sessions).read(ids), expected = await new Answer(onProcessor).read(ids);
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
