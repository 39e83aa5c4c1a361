// @ts-nocheck: the audio thread has other globals
// Runs in the audio thread: hands on every block of the microphone's first channel.
registerProcessor(
  "recorder",
  class extends AudioWorkletProcessor {
    process([input]) {
      if (input.length) this.port.postMessage(input[0].slice());
      return true;
    }
  },
);
