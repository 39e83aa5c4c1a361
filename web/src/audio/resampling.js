/** Resampling by windowed sinc: 170 dB, flat to 0.91 of the lower half rate, as soxr's VHQ. */

const PASS = 0.913, DECIBELS = 170, MOST_PHASES = 2048;

/** @param {number} x the modified Bessel function of order 0 */
function bessel(x) {
  let sum = 1;
  for (let term = 1, k = 1; term > sum * 1e-18; k++) sum += term *= (x / (2 * k)) ** 2;
  return sum;
}

/** @param {number} a @param {number} b @returns {number} */
const divisor = (a, b) => (b ? divisor(b, a % b) : a);

/** @param {Float64Array} wav @param {number} from samples a second @param {number} to samples a second */
export function resample(wav, from, to) {
  if (from === to) return wav;
  const common = divisor(from, to), up = to / common, down = from / common;
  const cutoff = Math.min(1, to / from) * (1 + PASS) / 2, beta = 0.1102 * (DECIBELS - 8.7);
  // Half the filter's length, in samples of the input.
  const reach = Math.ceil((DECIBELS - 8) / (2.285 * Math.PI * Math.min(1, to / from) * (1 - PASS)) / 2);
  const phases = Math.min(up, MOST_PHASES), norm = bessel(beta);
  const rows = Array.from({ length: phases + 1 }, (_, phase) =>
    Float64Array.from({ length: 2 * reach }, (_, i) => {
      const at = i - reach + 1 - phase / phases, x = Math.PI * cutoff * at;
      const window = Math.abs(at) < reach ? bessel(beta * Math.sqrt(1 - (at / reach) ** 2)) / norm : 0;
      return window * (x ? (cutoff * Math.sin(x)) / x : cutoff);
    }),
  );
  return Float64Array.from({ length: Math.round((wav.length * up) / down) }, (_, n) => {
    const first = Math.floor((n * down) / up), position = (((n * down) % up) / up) * phases;
    const phase = Math.floor(position), share = position - phase, start = first - reach + 1;
    const low = Math.max(0, -start), high = Math.min(2 * reach, wav.length - start);
    const row = rows[phase], next = rows[phase + 1];
    let sum = 0;
    if (share < 1e-9) for (let i = low; i < high; i++) sum += wav[start + i] * row[i];
    else for (let i = low; i < high; i++) sum += wav[start + i] * (row[i] + share * (next[i] - row[i]));
    return sum;
  });
}
