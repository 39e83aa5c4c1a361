// The text that is spoken, with the word that is heard marked.

export class SpokenText {
  constructor(paragraph) {
    this.paragraph = paragraph;
    this.begin("");
  }

  begin(text) {
    this.text = text;
    this.words = [];
    this.shown = -1;
    this.paragraph.hidden = true;
  }

  /** Words in the order of the text, each with `word`, `start` and `end` in seconds. */
  add(words) {
    for (const word of words) {
      const from = this.words.at(-1)?.to ?? 0;
      const at = this.text.indexOf(word.word, from);
      this.words.push({ ...word, at: at < 0 ? from : at, to: at < 0 ? from : at + word.word.length });
    }
    if (this.words.length && this.paragraph.hidden) this.mark(0, 0);
  }

  /** Mark what is heard at `seconds`; nothing in a pause. */
  show(seconds) {
    const now = this.words.findIndex((word) => word.start <= seconds && seconds < word.end);
    if (now === this.shown) return;
    this.shown = now;
    const { at, to } = this.words[now] ?? { at: 0, to: 0 };
    this.mark(at, to);
  }

  mark(at, to) {
    const marked = document.createElement("mark");
    marked.textContent = this.text.slice(at, to);
    this.paragraph.replaceChildren(this.text.slice(0, at), ...(to > at ? [marked] : []), this.text.slice(to));
    this.paragraph.hidden = false;
    if (to > at) this.paragraph.scrollTop = marked.offsetTop - this.paragraph.offsetTop - 60;
  }
}
