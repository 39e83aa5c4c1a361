// Sound in the browser: playing pieces as they come, drawing them, and writing a WAV.

/** Plays pieces one after another without gaps; keeps all of them. */
export class Player {
  constructor(rate) {
    this.rate = rate;
    this.pieces = [];
    this.length = 0;
    this.context = new AudioContext({ sampleRate: rate });
    this.starts = null;
    this.next = 0;
  }

  /** Float32Array: play it after what was added before. */
  add(samples) {
    this.pieces.push(samples);
    this.length += samples.length;
    if (!samples.length || this.context.state === "closed") return;
    const buffer = this.context.createBuffer(1, samples.length, this.rate);
    buffer.copyToChannel(samples, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    const now = this.context.currentTime;
    if (this.starts === null) this.starts = this.next = now + 0.05;
    this.next = Math.max(this.next, now + 0.02);
    source.start(this.next);
    this.next += buffer.duration;
  }

  get seconds() {
    return this.length / this.rate;
  }

  /** Seconds that were heard already, pauses for missing sound not counted out. */
  get heard() {
    if (this.starts === null) return 0;
    return Math.min(this.seconds, Math.max(0, this.context.currentTime - this.starts));
  }

  get playing() {
    return this.starts !== null && this.context.state !== "closed" && this.context.currentTime < this.next;
  }

  stop() {
    if (this.context.state !== "closed") this.context.close();
  }

  samples() {
    const all = new Float32Array(this.length);
    let at = 0;
    for (const piece of this.pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }
}

/** Draws loudness over time, what was heard in one color and a line where the ear is. */
export class Wave {
  constructor(canvas) {
    this.canvas = canvas;
    this.peaks = [];
    this.perPeak = 0;
  }

  clear(rate) {
    this.perPeak = Math.round(rate / 50);
    this.peaks = [];
    this.rest = new Float32Array(0);
    this.draw(0, 1);
  }

  add(samples) {
    const all = new Float32Array(this.rest.length + samples.length);
    all.set(this.rest);
    all.set(samples, this.rest.length);
    let at = 0;
    for (; at + this.perPeak <= all.length; at += this.perPeak) {
      let peak = 0;
      for (let i = at; i < at + this.perPeak; i++) peak = Math.max(peak, Math.abs(all[i]));
      this.peaks.push(peak);
    }
    this.rest = all.slice(at);
  }

  /** `heard` and `expected` in seconds. */
  draw(heard, expected) {
    const { canvas, peaks } = this;
    const pen = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    const bars = Math.max(peaks.length, expected * 50, 1);
    const middle = canvas.height / 2;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = style.getPropertyValue("--wave");
    const width = canvas.width / bars;
    peaks.forEach((peak, i) => {
      pen.globalAlpha = i < heard * 50 ? 1 : 0.45;
      const height = Math.max(1, peak * middle * 0.95);
      pen.fillRect(i * width, middle - height, Math.max(0.6, width * 0.8), 2 * height);
    });
    pen.globalAlpha = 1;
    if (heard > 0) {
      pen.fillStyle = style.getPropertyValue("--head");
      pen.fillRect(Math.min(canvas.width - 2, heard * 50 * width), 0, 2, canvas.height);
    }
  }
}

/** A 16-bit mono WAV of Float32Array samples. */
export function wavOf(samples, rate) {
  const data = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const word = (at, text) => [...text].forEach((letter, i) => data.setUint8(at + i, letter.charCodeAt(0)));
  word(0, "RIFF");
  data.setUint32(4, 36 + 2 * samples.length, true);
  word(8, "WAVEfmt ");
  data.setUint32(16, 16, true);
  data.setUint16(20, 1, true);
  data.setUint16(22, 1, true);
  data.setUint32(24, rate, true);
  data.setUint32(28, 2 * rate, true);
  data.setUint16(32, 2, true);
  data.setUint16(34, 16, true);
  word(36, "data");
  data.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, i) => data.setInt16(44 + 2 * i, 32767 * Math.max(-1, Math.min(1, sample)), true));
  return new Blob([data.buffer], { type: "audio/wav" });
}

/** Whatever the browser can decode, as a WAV; for files that the server cannot read itself. */
export async function decodedToWav(blob) {
  const context = new AudioContext();
  try {
    const sound = await context.decodeAudioData(await blob.arrayBuffer());
    return wavOf(sound.getChannelData(0), sound.sampleRate);
  } finally {
    context.close();
  }
}
