/** Prompts: text is tokenized without control tokens, which are put around it by role, so no text can act as one. */

/** @typedef {import("../bundle/manifest.js").IdRange} IdRange */
/** @typedef {import("../voices/voice.js").Voice} Voice */
/** @typedef {import("../voices/style.js").VoiceStyle} VoiceStyle */

/** @param {IdRange} kind @param {number[]} numbers */
const numbered = (kind, numbers) => numbers.map((number) => kind.first + number);

export class Prompter {
  /**
   * @param {{encode(text: string, options: {add_special_tokens: boolean}): {ids: number[]}}} tokenizer
   * @param {import("../bundle/manifest.js").TokenIds} ids
   */
  constructor(tokenizer, ids) {
    this.tokenizer = tokenizer;
    this.ids = ids;
  }

  /** @param {string} text */
  textIds(text) {
    return this.tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  /** For speaking with a voice, and its transcript where it has one. @param {string} text @param {Voice} voice */
  clone(text, voice) {
    const ids = this.ids, content = this.textIds((voice.transcript ?? "") + text);
    const head = [ids.task_tts, ids.start_content, ...content, ids.end_content];
    const speaker = [ids.start_global, ...numbered(ids.global_tokens, voice.global_ids), ids.end_global];
    if (!voice.semantic_ids) return [...head, ...speaker];
    return [...head, ...speaker, ids.start_semantic, ...numbered(ids.semantic_tokens, voice.semantic_ids)];
  }

  /** For a voice that is made up. @param {string} text @param {[number, number, number]} levels of gender, pitch and speed */
  create(text, [gender, pitch, speed]) {
    const ids = this.ids, content = [ids.start_content, ...this.textIds(text), ids.end_content];
    const labels = [ids.gender.first + gender, ids.pitch_label.first + pitch, ids.speed_label.first + speed];
    return [ids.task_controllable_tts, ...content, ids.start_style, ...labels, ids.end_style];
  }
}
