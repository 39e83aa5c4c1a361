/** Kinds of characters; the classes are strings for the inside of a regular expression's square brackets. */

export const HAN = "\\u3007\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3134f}";
export const KANA = "\\u3041-\\u3096\\u309d-\\u309f\\u30a1-\\u30fa\\u30fc-\\u30ff\\u31f0-\\u31ff";
export const HANGUL = "\\u1100-\\u11ff\\u3130-\\u318f\\uac00-\\ud7a3";
export const CJK_SIGNS = "\\u3000-\\u3006\\u3008-\\u3020\\u3030-\\u303f\\uff01-\\uff0f\\uff1a-\\uff20\\uff3b-\\uff40\\uff5b-\\uff65\\uffe0-\\uffe6";
/** White space as Python has it, which differs from JavaScript's. */
export const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
export const WORD = "\\p{L}\\p{N}_";

const IS_UNSPACED = new RegExp(`^[${HAN}${KANA}]`, "u");
const JOINS_PREVIOUS = /^[\p{M}\u{1f3fb}-\u{1f3ff}\u200c\u200d]/u;

/** @param {string} text @param {number} at @returns {string} the character at an index, "" past the end */
export const charAt = (text, at) => String.fromCodePoint(...(at < text.length ? [/** @type {number} */ (text.codePointAt(at))] : []));

/** @param {string} text @param {number} end @returns {string} the character before an index, "" at the beginning */
export function charBefore(text, end) {
  const isLow = end > 1 && /[\udc00-\udfff]/.test(text[end - 1]) && /[\ud800-\udbff]/.test(text[end - 2]);
  return end > 0 ? text.slice(end - (isLow ? 2 : 1), end) : "";
}

/** @param {string} char */
export const isUnspaced = (char) => IS_UNSPACED.test(char);

/** @param {string} char @returns {boolean} whether it is drawn together with the one before it */
export const joinsPrevious = (char) => char >= "\u0300" && JOINS_PREVIOUS.test(char);

const EDGES = new RegExp(`^[${SPACE}]+|[${SPACE}]+$`, "gu");
/** @param {string} text @returns {string} without white space at its edges, as Python has it */
export const strip = (text) => text.replace(EDGES, "");

/** Whether a cut there leaves all visible characters whole. @param {string} text @param {number} at */
export function mayCut(text, at) {
  if (at <= 0 || at >= text.length) return true;
  const before = charBefore(text, at), after = charAt(text, at);
  return !(joinsPrevious(after) || before === "\u200d" || before + after === "\r\n");
}
