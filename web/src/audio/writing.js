const COMMENT = "AI-generated: synthetic speech, not a recording of a person. Made with spark-tts-onnx.";

/** A WAV file of 16 bits that says that nobody spoke it. @param {Float32Array} wav @param {number} sampleRate */
export function wavFile(wav, sampleRate) {
  const comment = new TextEncoder().encode(COMMENT.padEnd(COMMENT.length + 2 - (COMMENT.length % 2), "\0"));
  const list = 4 + 8 + comment.length, size = 12 + 24 + 8 + list + 8 + 2 * wav.length;
  const data = new Uint8Array(size), view = new DataView(data.buffer);
  let at = 0;
  const tag = (/** @type {string} */ text) => { for (const char of text) data[at++] = char.charCodeAt(0); };
  const u32 = (/** @type {number} */ value) => { view.setUint32(at, value, true); at += 4; };
  const u16 = (/** @type {number} */ value) => { view.setUint16(at, value, true); at += 2; };
  tag("RIFF"), u32(size - 8), tag("WAVEfmt "), u32(16), u16(1), u16(1), u32(sampleRate), u32(2 * sampleRate), u16(2), u16(16);
  tag("LIST"), u32(list), tag("INFOICMT"), u32(comment.length), data.set(comment, at);
  at += comment.length;
  tag("data"), u32(2 * wav.length);
  for (const value of wav) {
    view.setInt16(at, Math.max(-32768, Math.min(32767, Math.round(value * 32767))), true);
    at += 2;
  }
  return data;
}
