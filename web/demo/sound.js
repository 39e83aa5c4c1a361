// Sound in the page: playing chunks as they come, drawing them, recording the microphone as plain samples.

import { concatenate } from "../src/audio/signal.js";

/** Plays chunks one after another without gaps. */
export class Player {
  /** @param {number} rate */
  constructor(rate) {
    this.rate = rate;
    this.context = new AudioContext({ sampleRate: rate });
    this.next = 0;
  }

  /** @param {Float32Array} samples */
  add(samples) {
    if (!samples.length || this.context.state === "closed") return;
    const buffer = this.context.createBuffer(1, samples.length, this.rate);
    buffer.copyToChannel(/** @type {Float32Array<ArrayBuffer>} */ (samples), 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    this.next = Math.max(this.next, this.context.currentTime + 0.05);
    source.start(this.next);
    this.next += buffer.duration;
  }

  /** Close when everything was heard. */
  end() {
    setTimeout(() => this.stop(), Math.max(0, this.next - this.context.currentTime) * 1000 + 100);
  }

  stop() {
    if (this.context.state !== "closed") this.context.close();
  }
}

/**
 * Draw loudness over time.
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} samples
 */
export function drawWave(canvas, samples) {
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")), middle = canvas.height / 2;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = getComputedStyle(canvas).color;
  const perBar = Math.max(1, Math.ceil(samples.length / 400)), width = canvas.width / Math.max(1, Math.ceil(samples.length / perBar));
  for (let bar = 0; bar * perBar < samples.length; bar++) {
    let peak = 0;
    for (let i = bar * perBar; i < Math.min(samples.length, (bar + 1) * perBar); i++) peak = Math.max(peak, Math.abs(samples[i]));
    const height = Math.max(1, peak * middle * 0.95);
    pen.fillRect(bar * width, middle - height, Math.max(0.6, width * 0.8), 2 * height);
  }
}

/** Records the microphone without a codec. */
export class Recorder {
  /** @param {MediaStream} stream */
  constructor(stream) {
    this.stream = stream;
    this.context = new AudioContext();
    /** @type {Float32Array[]} */
    this.pieces = [];
  }

  static async start() {
    if (!navigator.mediaDevices) throw new Error("The browser gives the microphone only to pages over HTTPS or on this computer.");
    const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const recorder = new Recorder(await navigator.mediaDevices.getUserMedia({ audio }));
    await recorder.context.audioWorklet.addModule(new URL("recorder-worklet.js", import.meta.url));
    const node = new AudioWorkletNode(recorder.context, "recorder");
    node.port.onmessage = ({ data }) => recorder.pieces.push(data);
    recorder.context.createMediaStreamSource(recorder.stream).connect(node);
    return recorder;
  }

  /** @returns {{samples: Float32Array, sampleRate: number}} */
  stop() {
    for (const track of this.stream.getTracks()) track.stop();
    this.context.close();
    return { samples: concatenate(this.pieces), sampleRate: this.context.sampleRate };
  }
}

/**
 * A file as a recording: a WAV as it is, anything else decoded by the browser.
 * @param {File} file
 * @returns {Promise<Uint8Array | {samples: Float32Array, sampleRate: number}>}
 */
export async function recordingOf(file) {
  const data = await file.arrayBuffer(), bytes = new Uint8Array(data);
  if (String.fromCharCode(...bytes.subarray(0, 4)) === "RIFF") return bytes;
  const context = new AudioContext({ sampleRate: 48000 });
  try {
    const sound = await context.decodeAudioData(data);
    return { samples: sound.getChannelData(0), sampleRate: sound.sampleRate };
  } catch {
    throw new Error(`${file.name} cannot be decoded by this browser: give a WAV, MP3, Ogg or M4A file.`);
  } finally {
    context.close();
  }
}
