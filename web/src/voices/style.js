import { SparkTTSError } from "../errors.js";

export const GENDERS = ["female", "male"];
export const LEVELS = ["very_low", "low", "moderate", "high", "very_high"];

/** @typedef {{gender: string, pitch: string, speed: string}} VoiceStyle what a created voice should be like */

/** @param {{gender?: string | null, pitch?: string | null, speed?: string | null}} given @returns {VoiceStyle} */
export function voiceStyle({ gender, pitch, speed }) {
  const choose = (/** @type {string} */ option, /** @type {string | null | undefined} */ value, /** @type {string[]} */ names, /** @type {string} */ usual) => {
    if (value == null) return usual;
    const name = String(value).trim().toLowerCase().replace(/[- ]/g, "_");
    if (!names.includes(name)) throw new SparkTTSError(`${option} is ${JSON.stringify(value)}; expected one of ${names.join(", ")}`);
    return name;
  };
  return {
    gender: choose("gender", gender, GENDERS, "female"),
    pitch: choose("pitch", pitch, LEVELS, "moderate"),
    speed: choose("speed", speed, LEVELS, "moderate"),
  };
}

/** @param {VoiceStyle} style @returns {[number, number, number]} numbers of the gender, pitch and speed tokens */
export const styleLevels = ({ gender, pitch, speed }) => [GENDERS.indexOf(gender), LEVELS.indexOf(pitch), LEVELS.indexOf(speed)];
