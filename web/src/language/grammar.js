/**
 * What the language model may write next: the phases of an answer.
 *
 *     created voice:   attributes ─▶ global ids ─▶ speech
 *     cloned voice:                                speech
 *
 * @import { CodecLayout, IdRange, TokenIds } from "../bundle/manifest.js"
 * @typedef {[number, number]} Span a half-open range of token ids
 */

export const MAX_ATTRIBUTES = 64;

/** @param {number} id @returns {Span} */
const one = (id) => [id, id + 1];

/** @param {IdRange} ids @param {number} [codes] that the codec knows @returns {Span} */
const span = ({ first, count }, codes = count) => [first, first + Math.min(count, codes)];

/** An answer to a prompt that ends with a speaker: semantic ids up to an end token. */
export class SpeechGrammar {
  /** @type {number[]} */
  semanticIds = [];
  ended = false;

  /** @param {TokenIds} ids @param {CodecLayout} codec @param {boolean} [continues] the prompt holds semantic ids already */
  constructor(ids, codec, continues = false) {
    this.ids = ids;
    this.semantic = span(ids.semantic_tokens, codec.semantic_codes);
    this.started = continues;
    this.beforeSpeech = continues ? 0 : 1;
  }

  /** @returns {Span[]} */
  legal() {
    if (this.semanticIds.length) return [this.semantic, one(this.ids.end_semantic), one(this.ids.end_of_text)];
    return this.started ? [this.semantic] : [this.semantic, one(this.ids.start_semantic)];
  }

  /** @param {number} token */
  accept(token) {
    if (token === this.ids.start_semantic) this.started = true;
    else if (token === this.ids.end_semantic || token === this.ids.end_of_text) this.ended = true;
    else this.semanticIds.push(token - this.semantic[0]);
  }
}

/** An answer to a prompt that ends with a style: attributes, a speaker, then speech. */
export class CreationGrammar extends SpeechGrammar {
  /** @type {number[]} */
  globalIds = [];
  attributes = 0;
  speakerStarted = false;
  speakerEnded = false;

  /** @param {TokenIds} ids @param {CodecLayout} codec @param {number[] | null} [speaker] global ids that it must have */
  constructor(ids, codec, speaker = null) {
    super(ids, codec);
    this.global = span(ids.global_tokens, codec.global_codes);
    this.globalTokens = codec.global_tokens;
    this.speaker = speaker;
    this.beforeSpeech += MAX_ATTRIBUTES + codec.global_tokens + 2;
  }

  /** @returns {Span[]} */
  legal() {
    if (this.globalIds.length === this.globalTokens)
      return this.speakerEnded ? super.legal() : [...super.legal(), one(this.ids.end_global)];
    const next = this.speaker ? one(this.global[0] + this.speaker[this.globalIds.length]) : this.global;
    if (this.globalIds.length || this.speakerStarted) return [next];
    const start = one(this.ids.start_global);
    if (this.attributes >= MAX_ATTRIBUTES) return [start];
    return [...this.ids.attributes.map((ids) => span(ids)), start, next];
  }

  /** @param {number} token */
  accept(token) {
    if (this.globalIds.length === this.globalTokens) {
      this.speakerEnded = true;
      if (token !== this.ids.end_global) super.accept(token);
    } else if (token >= this.global[0] && token < this.global[1]) this.globalIds.push(token - this.global[0]);
    else if (token === this.ids.start_global) this.speakerStarted = true;
    else this.attributes++;
  }
}
