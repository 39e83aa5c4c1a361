// Talks to the server: JSON, forms, and speech as events. Errors become ApiError with a sentence for people.

const KEY = "spark-tts-key";
let askForKey = async () => null;
let voiceIsGone = () => {};

export class ApiError extends Error {}

/** `ask` shows a dialog and gives the key that a person typed, or null. */
export function onKeyNeeded(ask) {
  askForKey = ask;
}

/** `react` is called where a voice that the page shows is not there any more. */
export function onVoiceGone(react) {
  voiceIsGone = react;
}

async function request(path, options = {}) {
  const key = sessionStorage.getItem(KEY);
  const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server cannot be reached. Is it still running?");
  }
  if (answer.status === 401) {
    const typed = await askForKey();
    if (typed) {
      sessionStorage.setItem(KEY, typed);
      return request(path, options);
    }
  }
  if (!answer.ok) throw await problemOf(answer);
  return answer;
}

async function problemOf(answer) {
  const wait = answer.headers.get("Retry-After");
  const busy = answer.status === 429 && wait ? ` (about ${wait} s)` : "";
  try {
    const { error } = await answer.json();
    if (["invalid_voice", "voice_not_found"].includes(error.code)) voiceIsGone();
    return new ApiError(error.message[0].toUpperCase() + error.message.slice(1) + busy);
  } catch {
    return new ApiError(`The server answered with status ${answer.status}${busy}.`);
  }
}

const asJson = (method, body, signal) => ({
  method,
  signal,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

const voicePath = (id) => `/v1/audio/voices/${encodeURIComponent(id)}`;

export const listVoices = async () => (await (await request("/v1/audio/voices")).json()).data;
export const deleteVoice = (id) => request(voicePath(id), { method: "DELETE" });
export const renameVoice = async (id, name) => (await request(voicePath(id), asJson("PATCH", { name }))).json();

/** `fields` of the form; an `audio_sample` is a Blob. */
export async function makeVoice(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value !== "") form.append(name, value);
  return (await request("/v1/audio/voices", { method: "POST", body: form })).json();
}

export async function download(order, format) {
  const answer = await request("/v1/audio/speech", asJson("POST", { ...order, response_format: format }));
  return answer.blob();
}

/** A recording in another voice. */
export async function revoice(file, voice, format) {
  const form = new FormData();
  for (const [name, value] of Object.entries({ voice, response_format: format })) form.append(name, value);
  form.append("file", file, file.name ?? "recording.wav");
  return (await request("/v1/audio/revoice", { method: "POST", body: form })).blob();
}

export async function serverStatus() {
  try {
    return (await (await fetch("/ready")).json()).status;
  } catch {
    return "not reachable";
  }
}

/** Speech as it is made: yields pieces { samples: Float32Array } at `order.sample_rate`, and { words } as they are
 *  known; returns { info, words } of the server at the end. */
export async function* speak(order, signal) {
  const words = { timestamp_granularities: ["word"] };
  const body = { ...order, ...words, response_format: "pcm", stream_format: "sse" };
  const answer = await request("/v1/audio/speech", asJson("POST", body, signal));
  for await (const event of eventsOf(answer.body)) {
    if (event.type === "error") throw new ApiError(event.error.message);
    if (event.type === "speech.audio.done") return event;
    yield event.type === "speech.audio.words" ? event : { samples: samplesOf(event.audio) };
  }
  throw new ApiError("The speech broke off: the server closed the connection.");
}

async function* eventsOf(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice(6));
    }
  }
}

function samplesOf(base64) {
  const bytes = atob(base64);
  const samples = new Float32Array(bytes.length >> 1);
  for (let i = 0; i < samples.length; i++) {
    const value = bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8);
    samples[i] = (value << 16 >> 16) / 32768;
  }
  return samples;
}
