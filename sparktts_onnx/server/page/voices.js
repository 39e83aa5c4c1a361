// Voices: the list to choose from, those that are kept, and two ways to make one.

import { deleteVoice, listVoices, makeVoice, renameVoice } from "./api.js";
import { $, ask, busy, item, seconds } from "./dom.js";
import { Recorder } from "./recorder.js";
import { decodedToWav } from "./sound.js";

const READABLE = /^audio\/(wav|x-wav|wave|flac|x-flac|mpeg|mp3|ogg)/;
const SAMPLE = "This is how I sound. Shall we begin?";
const tried = [];
let recording = null;
let recorder = null;
let speakSample = () => {};

/** What a request says about who speaks, and how the page calls it. */
export function chosenVoice() {
  const option = $("voice").selectedOptions[0];
  if (!option) return { fields: {}, label: "default voice" };
  const temporary = option.dataset.tried;
  const fields = temporary === undefined ? { voice: option.value } : tried[temporary].fields;
  return { fields, label: option.textContent };
}

export async function refreshVoices(select) {
  const voices = await listVoices();
  const kept = voices.filter((voice) => !voice.built_in);
  const before = select ?? $("voice").value;
  const group = (label, options) => {
    const element = document.createElement("optgroup");
    element.label = label;
    element.append(...options);
    return element;
  };
  const option = (voice) => new Option(voice.name, voice.id);
  const groups = [];
  if (tried.length) groups.push(group("Being tried, not kept", tried.map(temporaryOption)));
  const usable = kept.filter((voice) => !voice.problem);
  if (usable.length) groups.push(group("Kept", usable.map(option)));
  groups.push(group("Made up by the model", voices.filter((voice) => voice.built_in).map(option)));
  $("voice").replaceChildren(...groups);
  if ([...$("voice").options].some((one) => one.value === before)) $("voice").value = before;
  const target = $("revoice-voice").value;
  const names = [...$("voice").options].filter((one) => one.dataset.tried === undefined);
  $("revoice-voice").replaceChildren(...names.map((one) => new Option(one.textContent, one.value)));
  if (names.some((one) => one.value === target)) $("revoice-voice").value = target;
  $("voices").replaceChildren(...kept.map(line));
  $("voices-empty").hidden = kept.length > 0;
}

function temporaryOption(one, index) {
  const option = new Option(one.label, `tried-${index}`);
  option.dataset.tried = index;
  return option;
}

function line(voice) {
  const detail = voice.problem ?? voice.prompt ?? (voice.transcript ? "cloned, with its manner" : "cloned");
  const buttons = [
    ["Rename", () => rename(voice), `Rename ${voice.name}`],
    ["Delete", () => remove(voice), `Delete ${voice.name}`],
  ];
  if (!voice.problem) buttons.unshift(["Hear", () => hear(voice.id), `Hear ${voice.name}`]);
  return item(voice.name, detail, voice.problem ? buttons.slice(-1) : buttons);
}

function hear(id) {
  $("voice").value = id;
  speakSample({ input: SAMPLE, ...chosenVoice().fields, seed: 1 });
}

async function rename(voice) {
  $("new-name").value = voice.name;
  if (!(await ask($("rename-dialog")))) return;
  await busy($("new-name"), async () => {
    const renamed = await renameVoice(voice.id, $("new-name").value);
    await refreshVoices($("voice").value === voice.id ? renamed.id : undefined);
    $("made").textContent = `${voice.name} is now called ${renamed.name}.`;
  });
}

async function remove(voice) {
  $("delete-text").textContent = `Delete the voice ${voice.name} for good?`;
  if (!(await ask($("delete-dialog")))) return;
  await busy($("made"), async () => {
    await deleteVoice(voice.id);
    await refreshVoices();
    $("made").textContent = `${voice.name} is deleted.`;
  });
}

/** The chosen file or what the microphone heard, in a form that the server reads. */
async function prompt() {
  const file = $("recording").files[0];
  if (recording) return recording;
  if (!file) throw new Error("There is no recording yet: choose a file, or record one.");
  return readable(file);
}

/** A file in a form that the server reads. */
export async function readable(file) {
  if (READABLE.test(file.type)) return file;
  return decodedToWav(file).catch(() => file);
}

function requireConsent() {
  if (!$("consent").checked) {
    $("consent").focus();
    throw new Error("The recorded person has to agree: please confirm it below the recording.");
  }
}

async function keepClone() {
  const sample = await prompt();
  requireConsent();
  const name = $("clone-name").value.trim();
  if (!name) throw new Error("The voice needs a name before it can be kept.");
  const consent = $("consent-text").textContent;
  const made = await makeVoice({ name, consent, transcript: $("transcript").value, audio_sample: sample });
  await refreshVoices(made.id);
  $("made").textContent = [`${made.name} is kept.`, ...made.notes.map((note) => `Note: ${note}.`)].join(" ");
  $("clone-form").reset();
  useRecording(null);
}

async function tryClone() {
  const sample = await prompt();
  requireConsent();
  const fields = { ref_audio: await asDataUri(sample) };
  if ($("transcript").value) fields.ref_text = $("transcript").value;
  tried.push({ label: `recording ${tried.length + 1}`, fields });
  await refreshVoices(`tried-${tried.length - 1}`);
  $("made").textContent = "The recording can be chosen as a voice now; it is forgotten with this page unless you keep it.";
  speakSample({ input: SAMPLE, ...fields, seed: 1 });
}

async function create() {
  const fields = { name: $("create-name").value };
  for (const name of ["gender", "pitch", "speed"]) fields[name] = $(name).value;
  fields.seed = $("create-seed").value;
  const made = await makeVoice(fields);
  await refreshVoices(made.id);
  $("made").textContent = `${made.name} is created and kept.`;
  $("create-name").value = "";
  hear(made.id);
}

async function toggleRecording() {
  if (!recorder) {
    recorder = await Recorder.start();
    $("record").textContent = "Stop recording";
    showLength();
  } else {
    useRecording(recorder.stop());
    $("recorded").textContent = `${seconds(recorder.seconds)} recorded`;
    recorder = null;
    $("record").textContent = "Record again";
  }
  $("record").setAttribute("aria-pressed", String(recorder !== null));
}

function showLength() {
  if (!recorder) return;
  $("recorded").textContent = `Recording: ${seconds(recorder.seconds)}`;
  setTimeout(showLength, 250);
}

function useRecording(blob) {
  recording = blob;
  const heard = blob ?? $("recording").files[0] ?? null;
  if (!blob) $("recorded").textContent = "";
  URL.revokeObjectURL($("prompt-player").src);
  $("prompt-player").hidden = !heard;
  if (heard) $("prompt-player").src = URL.createObjectURL(heard);
}

function asDataUri(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(`data:audio/wav;base64,${reader.result.split(",")[1]}`);
    reader.onerror = () => reject(new Error("The recording cannot be read."));
    reader.readAsDataURL(blob);
  });
}

/** `speak` plays a request. */
export function setUpVoices(speak) {
  speakSample = (order) => speak(order, chosenVoice().label);
  for (const id of ["pitch", "speed"]) {
    const levels = ["very_low", "low", "moderate", "high", "very_high"];
    $(id).replaceChildren(...levels.map((level) => new Option(level.replace("_", " "), level)));
    $(id).value = "moderate";
  }
  $("recording").addEventListener("change", () => useRecording(null));
  $("record").addEventListener("click", () => busy($("record"), toggleRecording));
  $("try-clone").addEventListener("click", () => busy($("try-clone"), tryClone));
  $("clone-form").addEventListener("submit", (event) => {
    event.preventDefault();
    busy(event.submitter, keepClone);
  });
  $("create-form").addEventListener("submit", (event) => {
    event.preventDefault();
    busy(event.submitter, create);
  });
}
