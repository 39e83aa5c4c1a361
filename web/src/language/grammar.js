/**
 * What the language model may write next: the phases of an answer.
 *
 *     created voice:   attributes ─▶ global ids ─▶ speech
 *     cloned voice:                                speech
 *
 * @typedef {import("../bundle/manifest.js").TokenIds} TokenIds
 * @typedef {import("../bundle/manifest.js").CodecLayout} CodecLayout
 * @typedef {[number, number]} Span a half-open range of token ids
 */

export const MAX_ATTRIBUTES = 64;

/** @param {number} id @returns {Span} */
const one = (id) => [id, id + 1];

/** An answer to a prompt that ends with a speaker: semantic ids up to an end token. */
export class SpeechGrammar {
  /**
   * @param {TokenIds} ids
   * @param {CodecLayout} codec
   * @param {boolean} [continues] the prompt already holds the start token and semantic ids
   */
  constructor(ids, codec, continues = false) {
    this.ids = ids;
    const first = ids.semantic_tokens.first;
    /** @type {Span} */
    this.semantic = [first, first + Math.min(ids.semantic_tokens.count, codec.semantic_codes)];
    this.started = continues;
    this.beforeSpeech = continues ? 0 : 1;
    /** @type {number[]} */
    this.globalIds = [];
    /** @type {number[]} */
    this.semanticIds = [];
    this.ended = false;
  }

  /** @returns {Span[]} */
  legal() {
    if (this.semanticIds.length) return [this.semantic, one(this.ids.end_semantic), one(this.ids.end_of_text)];
    return this.started ? [this.semantic] : [this.semantic, one(this.ids.start_semantic)];
  }

  /**
   * @param {number} token
   * @returns {boolean} whether the answer is over
   */
  accept(token) {
    if (token === this.ids.start_semantic) this.started = true;
    else if (token === this.ids.end_semantic || token === this.ids.end_of_text) this.ended = true;
    else this.semanticIds.push(token - this.semantic[0]);
    return this.ended;
  }
}

/** An answer to a prompt that ends with a style: attributes, a speaker, then speech. */
export class CreationGrammar {
  /**
   * @param {TokenIds} ids
   * @param {CodecLayout} codec
   * @param {number[] | null} [speaker] global ids that the answer must have
   */
  constructor(ids, codec, speaker = null) {
    const first = ids.global_tokens.first;
    this.ids = ids;
    this.codec = codec;
    /** @type {Span} */
    this.global = [first, first + Math.min(ids.global_tokens.count, codec.global_codes)];
    this.speaker = speaker;
    this.speech = new SpeechGrammar(ids, codec);
    this.attributes = 0;
    this.started = this.speakerIsOver = false;
    this.beforeSpeech = MAX_ATTRIBUTES + codec.global_tokens + 2 + this.speech.beforeSpeech;
    /** @type {number[]} */
    this.globalIds = [];
  }

  get semanticIds() {
    return this.speech.semanticIds;
  }

  get ended() {
    return this.speech.ended;
  }

  /** @returns {Span[]} */
  legal() {
    if (this.globalIds.length === this.codec.global_tokens)
      return this.speakerIsOver ? this.speech.legal() : [...this.speech.legal(), one(this.ids.end_global)];
    const next = this.speaker ? one(this.global[0] + this.speaker[this.globalIds.length]) : this.global;
    if (this.globalIds.length || this.started) return [next];
    const start = one(this.ids.start_global);
    if (this.attributes >= MAX_ATTRIBUTES) return [start];
    const attributes = this.ids.attributes.map(({ first, count }) => /** @type {Span} */ ([first, first + count]));
    return [...attributes, start, next];
  }

  /**
   * @param {number} token
   * @returns {boolean} whether the answer is over
   */
  accept(token) {
    if (this.globalIds.length === this.codec.global_tokens) {
      this.speakerIsOver = true;
      return token !== this.ids.end_global && this.speech.accept(token);
    }
    if (token >= this.global[0] && token < this.global[1]) this.globalIds.push(token - this.global[0]);
    else if (token === this.ids.start_global) this.started = true;
    else this.attributes++;
    return false;
  }
}
