/** Root mean square of a block that holds no speech: 50 dB under full scale. */
export const SILENCE_LEVEL = 0.003;

/** @param {Float32Array} wav @returns {number} root mean square */
export function level(wav) {
  return Math.sqrt(wav.reduce((sum, value) => sum + value * value, 0) / wav.length);
}

/** @param {Float32Array | Float64Array} wav */
export function peakOf(wav) {
  let peak = 0;
  for (const value of wav) peak = Math.max(peak, Math.abs(value));
  return peak;
}

/** @param {number} ratio of amplitudes */
export const decibels = (ratio) => 20 * Math.log10(Math.max(ratio, 1e-9));

/** @param {Float32Array[]} parts @returns {Float32Array} */
export function concatenate(parts) {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** numpy's `linspace` in float32. @param {number} start @param {number} stop @param {number} count @param {boolean} endpoint */
export function ramp(start, stop, count, endpoint) {
  const step = (stop - start) / Math.max(1, endpoint ? count - 1 : count);
  return Float32Array.from({ length: count }, (_, i) => (endpoint && i && i === count - 1 ? stop : i * step + start));
}

/** @param {number} value @returns {number} rounded, halves to even */
export function round(value) {
  const near = Math.round(value);
  return near - value === 0.5 && near % 2 ? near - 1 : near;
}
