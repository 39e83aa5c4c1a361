// Records the microphone as plain samples, so that nothing is lost to a codec before the voice is taken.

import { wavOf } from "./sound.js";

export class Recorder {
  /** Rejects where the browser has no microphone for us, with a sentence for people. */
  static async start() {
    if (!navigator.mediaDevices) {
      throw new Error("The browser gives the microphone only to pages over HTTPS or on this computer.");
    }
    const wanted = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
    } catch (error) {
      throw new Error(`The microphone cannot be used: ${error.message}`);
    }
    const recorder = new Recorder(stream);
    await recorder.connect();
    return recorder;
  }

  constructor(stream) {
    this.stream = stream;
    this.context = new AudioContext();
    this.pieces = [];
    this.length = 0;
  }

  async connect() {
    await this.context.audioWorklet.addModule("/page/recorder-worklet.js");
    const node = new AudioWorkletNode(this.context, "recorder");
    node.port.onmessage = ({ data }) => {
      this.pieces.push(data);
      this.length += data.length;
    };
    this.context.createMediaStreamSource(this.stream).connect(node);
  }

  get seconds() {
    return this.length / this.context.sampleRate;
  }

  /** The recording as a WAV. */
  stop() {
    for (const track of this.stream.getTracks()) track.stop();
    const samples = new Float32Array(this.length);
    let at = 0;
    for (const piece of this.pieces) {
      samples.set(piece, at);
      at += piece.length;
    }
    const wav = wavOf(samples, this.context.sampleRate);
    this.context.close();
    return wav;
  }
}
