/** Speaks sentences and notes the ids, the sound and the time of each; runs in Node and in a page. */

/**
 * @param {import("../src/spark_tts.js").SparkTTS} tts
 * @param {{text: string, voice: import("../src/voices/voice.js").Voice, seed: number, temperature: number}[]} sentences
 * @param {(wav: Float32Array) => unknown} keep
 * @returns {Promise<{ids: number[][], wav: unknown, seconds: number, duration: number}[]>}
 */
export async function say(tts, sentences, keep) {
  /** @type {number[][]} of each segment */
  let ids = [];
  const render = tts.vocoder.render.bind(tts.vocoder);
  tts.vocoder.render = (tokens, ...rest) => {
    ids.push([...tokens]);
    return render(tokens, ...rest);
  };
  const said = [];
  for (const { text, ...options } of sentences) {
    ids = [];
    const { wav, info } = await tts.speak(text, { ...options, retries: 0 });
    said.push({ ids, wav: keep(wav), seconds: info.seconds, duration: info.duration });
  }
  return said;
}
