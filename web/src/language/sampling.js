import { SparkTTSError } from "../errors.js";

/** @import { SamplingOptions } from "../bundle/manifest.js" */

/**
 * Index of the chosen token: temperature, then top-k, then top-p, then one draw; the arithmetic is numpy's.
 * @param {Float32Array} logits of the legal ids
 * @param {SamplingOptions} options
 * @param {{random(): number}} rng one number is drawn, none where the temperature is 0
 */
export function sample(logits, options, rng) {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best] || Number.isNaN(logits[i])) best = i;
  if (!Number.isFinite(logits[best]))
    throw new SparkTTSError("the language model's output is not a number; the bundle or the computation is damaged");
  if (options.temperature === 0) return best;
  const kept = topK(logits, options.top_k);
  const weights = kept.map((i) => Math.exp(Math.fround(logits[i] - logits[best]) / options.temperature));
  const order = kept.map((_, i) => i).sort((a, b) => weights[b] - weights[a] || a - b);
  let sum = 0;
  const sums = order.map((i) => (sum += weights[i]));
  const count = Math.min(sums.findIndex((value) => value >= options.top_p * sum) + 1 || sums.length, sums.length);
  const drawn = rng.random() * sums[count - 1];
  const place = sums.findIndex((value) => value > drawn);
  return kept[order[place < 0 || place >= count ? count - 1 : place]];
}

/** Ascending indices of the k largest and of equals of the smallest. @param {Float32Array} logits @param {number} k */
function topK(logits, k) {
  const threshold = k > 0 && k < logits.length ? logits.slice().sort()[logits.length - k] : -Infinity;
  const kept = [];
  for (let i = 0; i < logits.length; i++) if (logits[i] >= threshold) kept.push(i);
  return kept;
}
