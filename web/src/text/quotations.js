/** What surrounds a place in a text: open quotations and brackets, the line, the sentence. */

import { HAN, KANA, SPACE, WORD, charBefore, isUnspaced } from "./characters.js";
import { BEFORE_AMOUNTS } from "./words.js";

export const PAIRED_OPENERS = "“‘«([{（［｛「『《〈【〔";
const PAIRED_CLOSERS = "”’»)]}）］｝」』》〉】〕";
export const OPENERS = `"'${PAIRED_OPENERS}`, CLOSERS = `"'${PAIRED_CLOSERS}`;
export const LINE_END = /[\n\r\x85\u2028\u2029]/;
const LINE_SPACE = "\\t\\v\\f\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
export const EMPTY_LINE = new RegExp(`\\n[\\r${LINE_SPACE}]*\\n|\\r[${LINE_SPACE}]*\\r|\\u2029`, "u");

/** What a cut would separate, from worst to best. */
export const Strength = Object.freeze({
  FORBIDDEN: -1, NONE: 0, GLUED: 1, RUN: 2, QUOTED_SPACE: 3, SPACE: 4, QUOTED_COMMA: 5, CONJUNCTION: 6,
  QUOTED_SENTENCE: 7, COMMA: 8, CLAUSE: 9, SENTENCE: 10, PARAGRAPH: 11,
});

/** @param {string} chars for the inside of square brackets */
export const escaped = (chars) => chars.replace(/[\\\]\[^-]/g, "\\$&");
const LETTER_OR_DIGIT = `(?![${HAN}${KANA}_])[${WORD}]`, NOT_AFTER_LETTER = `(?<!(?![${HAN}${KANA}_])[${WORD}])`;
const ELIDED = "tis|twas|em|cause|cos|til|bout|round|n".replace(/[a-z]/g, (char) => `[${char}${char.toUpperCase()}]`);
const elided = `(?:\\p{Nd}\\p{Nd}s?|${ELIDED})(?![${WORD}])`;
const single = (/** @type {string} */ openers, /** @type {string} */ closers) =>
  `${NOT_AFTER_LETTER}[${openers}](?![${SPACE}]|${elided})|(?<=[^${SPACE}])[${closers}](?!${LETTER_OR_DIGIT})`;
const OTHERS = escaped(`"${PAIRED_OPENERS}${PAIRED_CLOSERS}`.replace(/[‘’]/g, ""));
const QUOTATION_SIGN = new RegExp(`[${OTHERS}]|${single("'‘", "'’")}`, "gu");
/** @type {Record<string, RegExp>} */
const NEXT_SINGLE = Object.fromEntries(["''", "‘’"].map(([open, close]) => [open, new RegExp(`${single(open, close)}|${EMPTY_LINE.source}`, "gu")]));
const FARTHEST = 400, DEEPEST = 7;
const ITEM = new RegExp(`^[${SPACE}]*(\\p{Nd}{1,4})\\.$`, "u"), IS_SPACE = new RegExp(`^[${SPACE}]`, "u");

/**
 * @typedef {{closers: string[], column: number, item: number | null, piece: string}} Surroundings
 *   the signs that close what is open, the width of the line, the number of the item that the current list has come to
 *   (0 where a list may begin, null where it may not), and the piece of text that came last
 */

/** @type {Surroundings} */
export const NO_SURROUNDINGS = { closers: [], column: 0, item: 0, piece: " " };

/**
 * With one more piece, text[start:end], taken into account.
 * @param {Surroundings} around @param {string} text @param {number} start @param {number} end @returns {Surroundings}
 */
export function after(around, text, start, end) {
  const piece = text.slice(start, end), length = [...piece].length;
  const line = piece.split(LINE_END);
  let column = (line.length === 1 ? around.column : 0) + [...line[line.length - 1]].length;
  if (isUnspaced(charBefore(text, end))) column += length;
  let closers = around.closers;
  const read = text.slice(0, end);
  QUOTATION_SIGN.lastIndex = start;
  for (let sign = QUOTATION_SIGN.exec(read); sign; sign = QUOTATION_SIGN.exec(read)) {
    const before = charBefore(sign.index > start ? text : around.piece, sign.index > start ? sign.index : around.piece.length);
    let opened = openOrClose(closers, sign[0], before);
    if (opened.length > closers.length && NEXT_SINGLE[sign[0]] && !isClosed(text, sign.index + 1, sign[0])) opened = closers;
    closers = opened;
  }
  return { closers, column, item: itemAfter(around, piece), piece };
}

/** Past a place where a sentence may have ended. @param {Surroundings} around @param {number} strength */
export const past = (around, strength) => ({
  ...around,
  closers: strength === Strength.PARAGRAPH ? [] : around.closers,
  item: strength >= Strength.SENTENCE ? 0 : around.item,
});

/** @param {Surroundings} around @param {string} piece */
function itemAfter(around, piece) {
  const number = ITEM.exec(piece);
  const isAmount = around.item !== 0 && BEFORE_AMOUNTS.has(around.piece.trim().toLowerCase());
  if (number && !isAmount && (around.item === 0 || around.item === Number(number[1]) - 1)) return Number(number[1]);
  if (around.item) return around.item;
  return /[:：]$/.test(piece) ? 0 : null;
}

/** @param {string} text @param {number} start @param {string} opener */
function isClosed(text, start, opener) {
  const next = NEXT_SINGLE[opener];
  next.lastIndex = start;
  const sign = next.exec(text.slice(0, start + FARTHEST));
  return sign !== null && CLOSERS.includes(sign[0]) && !IS_SPACE.test(charBefore(text, sign.index));
}

/** @param {string[]} closers @param {string} sign @param {string} before */
function openOrClose(closers, sign, before) {
  let opens, closer;
  if (`"'`.includes(sign)) {
    const mayOpen = IS_SPACE.test(before) || OPENERS.includes(before) || isUnspaced(before) || "，：。".includes(before);
    opens = mayOpen && !closers.includes(sign);
    closer = sign;
    if (IS_SPACE.test(before) && !opens) return closers;
  } else {
    const pair = PAIRED_OPENERS.indexOf(sign);
    opens = pair >= 0;
    closer = opens ? PAIRED_CLOSERS[pair] : sign;
  }
  if (opens) return [...closers.slice(-DEEPEST), closer];
  return closers.includes(closer) ? closers.slice(0, closers.indexOf(closer)) : closers;
}
