// The page: a model of this site, spoken by a Worker. Addresses: ?model=URL of a bundle of this site (default: model/),
// next to it `voices.json`, a list of voice files.

import { concatenate } from "../src/audio/signal.js";
import { wavFile } from "../src/audio/writing.js";
import { SparkTTSClient } from "../src/browser/client.js";
import { formatVoice, parseVoice } from "../src/voices/voice.js";
import { Player, Recorder, drawWave, recordingOf } from "./sound.js";

/** @import { Voice } from "../src/voices/voice.js" */

const KEPT = "spark-tts-voices";
const model = new URL(`${(new URLSearchParams(location.search).get("model") ?? "model").replace(/\/+$/, "")}/`, location.href);
const modules = new URL("../node_modules/", import.meta.url);

/** @param {string} id @returns {any} */
const $ = (id) => document.getElementById(id);

/** @type {SparkTTSClient | null} */
let tts = null;
/** @type {AbortController | null} */
let speaking = null;
/** @type {Float32Array} */
let spoken = new Float32Array(0);
/** @type {Voice | null} */
let spokenVoice = null;
/** @type {Recorder | null} */
let recorder = null;
/** @type {{samples: Float32Array, sampleRate: number} | null} */
let recorded = null;
/** @type {Map<string, Voice>} */
const siteVoices = new Map();

/** @returns {Record<string, Voice>} */
const keptVoices = () => JSON.parse(localStorage.getItem(KEPT) ?? "{}");

/** @param {unknown} error */
function problem(error) {
  $("problem").hidden = !error;
  $("problem").textContent = error ? (error instanceof Error ? error.message : String(error)) : "";
}

/** Run what a person asked for; what goes wrong is shown. @param {() => unknown} work */
async function attempt(work) {
  problem(null);
  try {
    await work();
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "AbortError")) problem(error);
  }
}

/** @param {string} [chosen] */
function listVoices(chosen = $("voice").value) {
  const options = [["create:female", "a made-up woman"], ["create:male", "a made-up man"]];
  for (const name of siteVoices.keys()) options.unshift([`site:${name}`, name]);
  for (const name of Object.keys(keptVoices())) options.push([`kept:${name}`, `${name} (kept here)`]);
  $("voice").replaceChildren(...options.map(([value, label]) => new Option(label, value)));
  if (options.some(([value]) => value === chosen)) $("voice").value = chosen;
}

/** @returns {{voice?: Voice, gender?: string}} */
function chosenVoice() {
  const [kind, name] = $("voice").value.split(/:(.*)/s);
  if (kind === "create") return { gender: name };
  return { voice: kind === "site" ? siteVoices.get(name) : keptVoices()[name] };
}

/** @param {string} name @param {Voice} voice */
function keep(name, voice) {
  try {
    localStorage.setItem(KEPT, JSON.stringify({ ...keptVoices(), [name]: { ...voice, name } }));
  } catch {
    throw new Error("The browser does not keep the voice: save it as a file instead.");
  }
  listVoices(`kept:${name}`);
  $("kept").textContent = `${name} is kept in this browser.`;
}

/** @param {BlobPart} data @param {string} name @param {string} type */
function download(data, name, type) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(new Blob([data], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function load() {
  const began = performance.now(), isGpu = $("device").value === "webgpu", files = new Map(), told = new Set();
  $("load").disabled = true;
  $("loading").hidden = false;
  $("model").textContent = "Loading…";
  try {
    tts = await SparkTTSClient.open(model, {
      device: $("device").value,
      worker: new URL("../src/browser/worker.js", import.meta.url),
      runtime: {
        ort: String(new URL(`onnxruntime-web/dist/ort.${isGpu ? "webgpu" : "wasm"}.min.mjs`, modules)),
        tokenizers: String(new URL("@huggingface/tokenizers/dist/tokenizers.min.mjs", modules)),
      },
      onProgress: ({ file, loaded, total }) => {
        files.set(file, [loaded, total]);
        const [done, all] = [...files.values()].reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);
        $("loading").value = done / all;
        $("model").textContent = `Loading: ${(done / 1e6).toFixed(1)} of ${(all / 1e6).toFixed(1)} MB`;
      },
      onWarning: (text) => told.add(text),
    });
    const { source, provider, threads } = tts.about;
    const how = provider === "webgpu" ? "WebGPU" : `${threads} thread${threads > 1 ? "s" : ""}`;
    $("model").textContent = [`${source} is ready after ${((performance.now() - began) / 1000).toFixed(1)} s, on ${how}.`, ...told].join(" ");
    $("speak").disabled = $("enroll").disabled = false;
    keepPage().catch(() => {}); // only for use without a network
  } catch (error) {
    $("load").disabled = false;
    $("model").textContent = "The model is not loaded.";
    throw error;
  } finally {
    $("loading").hidden = true;
  }
}

async function speak() {
  if (!tts || speaking) return;
  const player = new Player(tts.sampleRate), began = performance.now(), pieces = [];
  let first = 0;
  speaking = new AbortController();
  speaking.signal.addEventListener("abort", () => player.stop());
  $("speak").disabled = true;
  $("stop").disabled = false;
  $("player").hidden = true;
  $("told").textContent = "Speaking…";
  try {
    const seed = $("seed").value === "" ? undefined : Number($("seed").value);
    const stream = tts.stream($("text").value, { ...chosenVoice(), seed, signal: speaking.signal });
    let step = await stream.next();
    for (; !step.done; step = await stream.next()) {
      first ||= performance.now() - began;
      pieces.push(step.value);
      player.add(step.value);
      drawWave($("wave"), (spoken = concatenate(pieces)));
      $("told").textContent = `First sound after ${(first / 1000).toFixed(1)} s`;
    }
    const { duration, seconds, seed: used, voice, warnings } = step.value;
    spokenVoice = voice;
    player.end();
    $("told").textContent = [`${duration.toFixed(1)} s of speech, first sound after ${(first / 1000).toFixed(1)} s, all in ${seconds.toFixed(1)} s, seed ${used}.`, ...warnings].join(" ");
    $("player").src = URL.createObjectURL(new Blob([wavFile(spoken, tts.sampleRate)], { type: "audio/wav" }));
    $("player").hidden = false;
    $("save").disabled = $("keep-spoken").disabled = false;
  } catch (error) {
    player.stop();
    $("told").textContent = speaking.signal.aborted ? "Stopped." : "";
    throw error;
  } finally {
    speaking = null;
    $("speak").disabled = false;
    $("stop").disabled = true;
  }
}

async function toggleRecording() {
  if (!recorder) {
    recorder = await Recorder.start();
    $("recorded").textContent = "Recording… press again to stop.";
  } else {
    recorded = recorder.stop();
    recorder = null;
    $("recorded").textContent = `${(recorded.samples.length / recorded.sampleRate).toFixed(1)} s recorded.`;
  }
  $("record").setAttribute("aria-pressed", String(Boolean(recorder)));
}

async function enroll() {
  if (!tts) return;
  const [file] = $("recording").files, name = $("name").value.trim();
  if (!file && !recorded) throw new Error("There is no recording yet: choose a file, or record with the microphone.");
  $("kept").textContent = "Listening…";
  $("enroll").disabled = true;
  try {
    const recording = file ? await recordingOf(file) : /** @type {NonNullable<typeof recorded>} */ (recorded);
    const consent = `${new Date().toISOString()}: the person agreed`;
    keep(name, await tts.enroll(recording, { transcript: $("transcript").value, origin: file?.name ?? "the microphone", consent }));
  } catch (error) {
    $("kept").textContent = "";
    throw error;
  } finally {
    $("enroll").disabled = false;
  }
}

function exportVoice() {
  const { voice } = chosenVoice();
  if (!voice) throw new Error("Choose a voice first; a made-up one is kept after it has spoken.");
  download(formatVoice(voice), `${voice.name ?? "voice"}.json`, "application/json");
}

async function importVoice() {
  const [file] = $("import").files;
  const voice = parseVoice(await file.text(), file.name);
  keep(voice.name ?? file.name.replace(/\.json$/, ""), voice);
}

function removeVoice() {
  const [kind, name] = $("voice").value.split(/:(.*)/s), { [name]: _, ...rest } = keptVoices();
  if (kind !== "kept") throw new Error("Only voices that are kept here can be removed.");
  localStorage.setItem(KEPT, JSON.stringify(rest));
  listVoices();
  $("kept").textContent = `${name} is removed.`;
}

/** Have the service worker keep this page, which was here before it. */
async function keepPage() {
  if (!navigator.serviceWorker?.controller) return;
  for (const url of [location.href, ...performance.getEntriesByType("resource").map(({ name }) => name)]) await fetch(url);
}

async function begin() {
  $("load").onclick = () => attempt(load);
  $("speak-form").onsubmit = (/** @type {Event} */ event) => (event.preventDefault(), attempt(speak));
  $("text").onkeydown = (/** @type {KeyboardEvent} */ event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && !$("speak").disabled && attempt(speak);
  $("stop").onclick = () => speaking?.abort();
  $("save").onclick = () => download(wavFile(spoken, /** @type {SparkTTSClient} */ (tts).sampleRate), "speech.wav", "audio/wav");
  $("keep-spoken").onclick = () => attempt(() => {
    const name = prompt("Name of this voice", spokenVoice?.name ?? "");
    if (name?.trim() && spokenVoice) keep(name.trim(), spokenVoice);
  });
  $("record").onclick = () => attempt(toggleRecording);
  $("enroll-form").onsubmit = (/** @type {Event} */ event) => (event.preventDefault(), attempt(enroll));
  $("export").onclick = () => attempt(exportVoice);
  $("import").onchange = () => attempt(importVoice);
  $("remove").onclick = () => attempt(removeVoice);
  listVoices();
  navigator.serviceWorker?.register(new URL("../sw.js", import.meta.url)).catch(() => {}); // only for use without a network
  const response = await fetch(new URL("voices.json", model)).catch(() => null);
  if (!response?.ok) return;
  for (const { format: _, ...voice } of await response.json()) siteVoices.set(voice.name, voice);
  listVoices("");
}

attempt(begin);
