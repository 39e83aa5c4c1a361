/** How good a place in a text is to stop speaking: the end of a paragraph best, the inside of a number worst. */

import { CJK_SIGNS, HAN, KANA, SPACE, WORD, charAt, charBefore, isUnspaced, joinsPrevious, mayCut } from "./characters.js";
import { CLOSERS, EMPTY_LINE, LINE_END, OPENERS, PAIRED_OPENERS, Strength, escaped } from "./quotations.js";
import { CHINESE_CONJUNCTIONS, CONJUNCTIONS, NEVER_LAST, NUMBERED, SELDOM_LAST, SENTENCE_STARTERS } from "./words.js";

/** @import { Surroundings } from "./quotations.js" */

const UNSPACED = HAN + KANA + CJK_SIGNS, STOPS = ".!?…。！？｡", CLAUSE_ENDS = ";:；：—–", COMMAS = ",，、､";
const CHINESE_DIGITS = "零〇一二两三四五六七八九十百千万亿点", WRAPPED_COLUMNS = 45;
/** @type {Record<number, number>} */
const QUOTED = {
  [Strength.SPACE]: Strength.QUOTED_SPACE,
  [Strength.CONJUNCTION]: Strength.QUOTED_SPACE,
  [Strength.COMMA]: Strength.QUOTED_COMMA,
  [Strength.CLAUSE]: Strength.QUOTED_SENTENCE,
  [Strength.SENTENCE]: Strength.QUOTED_SENTENCE,
};

const PIECE = new RegExp(`(?=([${SPACE}]*))\\1(?:[${HAN}${KANA}]{1,200}|[${CJK_SIGNS}]|[^${SPACE}${UNSPACED}]{1,200})`, "uy");
const NOT_SPACE = new RegExp(`[^${SPACE}]`, "ug");
const TAIL = new RegExp(`([${escaped(STOPS)}]*)([${escaped(CLOSERS)}]*)$`, "u");
const LAST_WORD = new RegExp(`[^${SPACE}${UNSPACED}]*$`, "u");
const OPENING = `(?=([${escaped(OPENERS)}]*))\\1`;
const NEXT_WORD = new RegExp(`${OPENING}((?:(?![${HAN}])[${WORD}])+)`, "uy"), NEXT_LETTER = new RegExp(`${OPENING}(.)`, "uys");
const INITIALS = /^(?:(?:[A-Za-z]\.)+[A-Za-z]?|[A-Z])$/, DIGIT = /^\p{Nd}$/u, ALNUM = /^[\p{L}\p{N}]+$/u;
const EDGE_SIGNS = new RegExp(`^[${escaped(OPENERS + CLOSERS)}]+|[${escaped(OPENERS + CLOSERS)}]+$`, "gu");

/** @param {RegExp} pattern sticky or global @param {string} text @param {number} at */
function match(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** @param {string} chars @param {string} char */
const holds = (chars, char) => char !== "" && chars.includes(char);
const isLower = (/** @type {string} */ char) => /^(?:\p{Ll}|[\p{Lo}]?\p{Lowercase})$/u.test(char);

/** @param {string} text @param {number} start @returns {number | null} where the piece that begins there ends */
export function nextPiece(text, start) {
  const found = match(PIECE, text, start);
  return found ? start + found[0].length : null;
}

/** @param {string} text @param {number} at @returns {number | null} the next index that is no white space */
export const nextNotSpace = (text, at) => match(NOT_SPACE, text, at)?.index ?? null;

/** @param {string} text @param {number} end @param {Surroundings} around @returns {number} how good a cut after text[:end] is */
export function strengthAfter(text, end, around) {
  const start = nextNotSpace(text, end);
  if (start === null) return Strength.PARAGRAPH;
  if (joinsPrevious(charAt(text, start)) || !mayCut(text, end)) return Strength.FORBIDDEN;
  if (EMPTY_LINE.test(text.slice(end, start))) return Strength.PARAGRAPH;
  const strength = start === end ? withoutSpace(text, end, around) : atSpace(text, end, start, around);
  return around.closers.length ? (QUOTED[strength] ?? strength) : strength;
}

/** @param {string} text @param {number} end @param {number} start @param {Surroundings} around */
function atSpace(text, end, start, around) {
  const strength = bySign(text, end, start, around);
  if (LINE_END.test(text.slice(end, start)) && around.column < WRAPPED_COLUMNS && strength !== Strength.GLUED) return Strength.SENTENCE;
  if (strength !== Strength.SPACE) return strength;
  if (DIGIT.test(charBefore(text, end)) && DIGIT.test(charAt(text, start))) return Strength.GLUED;
  return CONJUNCTIONS.has(nextWord(text, start)) ? Strength.CONJUNCTION : Strength.SPACE;
}

/** @param {string} text @param {number} end @param {Surroundings} around */
function withoutSpace(text, end, around) {
  const before = charBefore(text, end), next = charAt(text, end);
  if (holds(STOPS + CLAUSE_ENDS + COMMAS + CLOSERS, next) || holds(PAIRED_OPENERS, before)) return Strength.NONE;
  if (!isUnspaced(next) && !isUnspaced(before) && !holds("。！？，；：、", before)) return holds(OPENERS, next) ? Strength.RUN : Strength.NONE;
  const strength = bySign(text, end, end, around);
  return strength === Strength.SPACE ? strengthInside(text, end) : strength;
}

/** @param {string} text @param {number} end between characters of which one is written without spaces */
export function strengthInside(text, end) {
  const before = charBefore(text, end), next = charAt(text, end);
  if (!mayCut(text, end)) return Strength.FORBIDDEN;
  const isDigit = [before, next].map((char) => DIGIT.test(char)), isNumber = [before, next].map((char, i) => isDigit[i] || holds(CHINESE_DIGITS, char));
  if ((isNumber[0] && isNumber[1]) || (ALNUM.test(before + next) && (isDigit[0] || isDigit[1]))) return Strength.GLUED;
  return CHINESE_CONJUNCTIONS.has(text.slice(end, end + 2)) ? Strength.CONJUNCTION : Strength.RUN;
}

/** @param {string} text @param {number} end @param {number} start @param {Surroundings} around */
function bySign(text, end, start, around) {
  const stops = TAIL.exec(text.slice(Math.max(0, end - 12), end))?.[1] ?? "";
  if (!stops) {
    const char = charBefore(text, end);
    return holds(CLAUSE_ENDS, char) ? Strength.CLAUSE : holds(COMMAS, char) ? Strength.COMMA : Strength.SPACE;
  }
  if ("。！？｡".includes(stops[stops.length - 1])) return Strength.SENTENCE;
  const letter = match(NEXT_LETTER, text, start)?.[2];
  if (letter === undefined) return Strength.SENTENCE;
  if (stops === ".") return afterFullStop(text, end, start, around, letter);
  if (isLower(letter)) return ".…".includes(stops[stops.length - 1]) ? Strength.CLAUSE : Strength.COMMA;
  return Strength.SENTENCE;
}

/**
 * A full stop ends a sentence, or an abbreviation, or both.
 * @param {string} text @param {number} end @param {number} start @param {Surroundings} around @param {string} following
 */
function afterFullStop(text, end, start, around, following) {
  const last = LAST_WORD.exec(text.slice(Math.max(0, end - 40), end))?.[0] ?? "";
  const word = last.replace(EDGE_SIGNS, "").replace(/\.+$/, "");
  if (NEVER_LAST.has(word) || ["e.g", "i.e"].includes(word.toLowerCase())) return Strength.GLUED;
  if (/^[0-9]+$/.test(word) && Number(word) === around.item) return Strength.GLUED;
  if (NUMBERED.has(word) && DIGIT.test(following)) return Strength.GLUED;
  if (isLower(following)) return Strength.SPACE;
  if (!SELDOM_LAST.has(word) && (!INITIALS.test(word) || word === "I")) return Strength.SENTENCE;
  // After an abbreviation that seldom ends a sentence, only a usual first word begins a new one.
  return SENTENCE_STARTERS.has(nextWord(text, start).toLowerCase()) || isUnspaced(charAt(text, start)) ? Strength.SENTENCE : Strength.GLUED;
}

/** @param {string} text @param {number} start */
const nextWord = (text, start) => match(NEXT_WORD, text, start)?.[2] ?? "";

/** Seconds of silence after a segment. @param {string} text @param {number} strength @param {boolean} isLast */
export function pauseAfter(text, strength, isLast) {
  if (isLast) return 0;
  if (strength === Strength.PARAGRAPH) return 0.8;
  const bare = text.replace(new RegExp(`[${escaped(CLOSERS)}]+$`, "u"), ""), sign = charBefore(bare, bare.length) || " ";
  if (holds(STOPS, sign) || strength === Strength.SENTENCE) return 0.4;
  if (holds(CLAUSE_ENDS, sign)) return 0.25;
  return holds(COMMAS, sign) ? 0.15 : 0;
}
