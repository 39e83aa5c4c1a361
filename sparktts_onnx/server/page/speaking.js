// The first section: speak a text, hear it while it is made, download it, find it again in the session's list.

import { ApiError, download, speak } from "./api.js";
import { $, busy, clearProblem, item, save, seconds, showProblem } from "./dom.js";
import { Player, Wave, wavOf } from "./sound.js";
import { chosenVoice } from "./voices.js";
import { SpokenText } from "./words.js";

const RATE = 24000;
const wave = new Wave($("wave"));
const spokenText = new SpokenText($("spoken"));
let running = null;
let current = null;
let player = null;

/** Rough length of a text when it is spoken, for the progress bar only. */
function expectedSeconds(text, tempo) {
  const ideographs = (text.match(/[\u3400-\u9fff]/g) ?? []).length;
  const letters = text.replace(/[\u3400-\u9fff\s]/g, "").length;
  return Math.max(1, ideographs * 0.22 + letters * 0.075) / tempo;
}

/** The text of an order without markup. */
function plainText(order) {
  if (order.input_format !== "ssml") return order.input;
  return new DOMParser().parseFromString(order.input, "application/xml").documentElement.textContent.trim();
}

function orderOf() {
  const order = { input: $("text").value, ...chosenVoice().fields };
  if ($("ssml").checked) order.input_format = "ssml";
  const tempo = Number($("tempo").value);
  if (tempo !== 1) order.speed = tempo;
  order.seed = $("seed").value === "" ? Math.floor(Math.random() * 2 ** 31) : Number($("seed").value);
  return order;
}

export async function startSpeaking(order = orderOf(), voice = chosenVoice().label) {
  stopSpeaking();
  clearProblem();
  const mine = (running = new AbortController());
  const expected = expectedSeconds(plainText(order), order.speed ?? 1);
  const began = performance.now();
  setUp();
  spokenText.begin(plainText(order));
  let first = null;
  try {
    const pieces = speak({ ...order, sample_rate: RATE }, mine.signal);
    for (;;) {
      const { done, value } = await pieces.next();
      if (mine.signal.aborted) return;
      if (done) return finish(order, voice, value, first);
      if (value.words) {
        spokenText.add(value.words);
        continue;
      }
      if (first === null && value.samples.length) first = performance.now() - began;
      player.add(value.samples);
      wave.add(value.samples);
      tellProgress(expected, first);
    }
  } catch (error) {
    if (error.name === "AbortError") return;
    $("told").textContent = "";
    showProblem(error);
  } finally {
    if (running === mine) running = null;
    $("stop").disabled = !player?.playing;
  }
}

export function stopSpeaking() {
  running?.abort();
  running = null;
  player?.stop();
  $("stop").disabled = true;
}

function setUp() {
  player = new Player(RATE);
  wave.clear(RATE);
  current = null;
  $("sound").hidden = false;
  $("player").hidden = $("download-row").hidden = true;
  $("player").pause();
  $("progress").removeAttribute("value");
  $("told").textContent = "Waiting for the first sound…";
  $("stop").disabled = false;
  follow(player);
}

function tellProgress(expected, first) {
  $("progress").value = Math.min(0.97, player.seconds / expected);
  $("told").textContent = `${seconds(player.seconds)} of about ${seconds(Math.max(expected, player.seconds))} made; first sound after ${seconds(first / 1000)}`;
}

function finish(order, voice, { info, words }, first) {
  $("progress").value = 1;
  const warned = info.warnings.length ? ` Note: ${info.warnings.join("; ")}.` : "";
  $("told").textContent =
    `${seconds(info.duration_seconds)} of speech, first sound after ${seconds((first ?? 0) / 1000)}, ` +
    `${info.real_time_factor.toFixed(1)} times real time, seed ${info.seed}.${warned}`;
  current = { order, voice, blob: wavOf(player.samples(), RATE), length: info.duration_seconds, words };
  remember(current);
  offer(current);
}

function offer(spoken) {
  current = spoken;
  URL.revokeObjectURL($("player").src);
  $("player").src = URL.createObjectURL(spoken.blob);
  $("player").hidden = $("download-row").hidden = false;
}

function remember(spoken) {
  $("history-empty").hidden = true;
  const text = plainText(spoken.order);
  const title = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  const detail = `${spoken.voice} · ${seconds(spoken.length)} · seed ${spoken.order.seed}`;
  const line = item(title, detail, [
    ["Play", () => playAgain(spoken), `Play ${title}`],
    ["Download", (button) => busy(button, () => fetchFile(spoken)), `Download ${title}`],
    ["Use text", () => useAgain(spoken), `Put ${title} into the text field`],
  ]);
  $("history").prepend(line);
}

function playAgain(spoken) {
  stopSpeaking();
  $("sound").hidden = false;
  offer(spoken);
  spokenText.begin(plainText(spoken.order));
  spokenText.add(spoken.words ?? []);
  $("player").play().catch(() => {});
}

function useAgain(spoken) {
  $("text").value = spoken.order.input;
  $("ssml").checked = spoken.order.input_format === "ssml";
  $("seed").value = spoken.order.seed;
  countCharacters();
  $("text").focus();
}

/** The same seed gives the same speech, so the server makes it again in the format that is wanted. */
async function fetchFile(spoken) {
  const format = $("format").value;
  $("told").textContent = `Making the ${format.toUpperCase()} file…`;
  try {
    save(await download(spoken.order, format), `speech-${spoken.order.seed}.${format}`);
    $("told").textContent = `Saved as ${format.toUpperCase()}.`;
  } catch (error) {
    $("told").textContent = "";
    throw error;
  }
}

/** Redraw while this player is the one that is heard. */
function follow(mine) {
  if (player !== mine) return;
  wave.draw(mine.heard, mine.seconds + (running ? 1 : 0));
  spokenText.show(mine.heard);
  $("stop").disabled = !running && !mine.playing;
  if (running || mine.playing) requestAnimationFrame(() => follow(mine));
}

/** The same while the finished sound is played once more. */
function followAgain() {
  spokenText.show($("player").currentTime);
  if (!$("player").paused) requestAnimationFrame(followAgain);
}

function countCharacters() {
  const count = $("text").value.length;
  $("characters").textContent = `${count} character${count === 1 ? "" : "s"}`;
}

export function setUpSpeaking() {
  $("speak-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if ($("text").value.trim()) startSpeaking();
    else showProblem(new ApiError("There is no text yet: type or paste what shall be spoken."));
  });
  $("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("speak-form").requestSubmit();
  });
  $("text").addEventListener("input", countCharacters);
  $("text").addEventListener("paste", () => setTimeout(() => {
    if (/^\s*<(\?xml|speak)\b/.test($("text").value)) $("ssml").checked = true;
  }));
  $("stop").addEventListener("click", () => {
    stopSpeaking();
    $("told").textContent = "Stopped.";
    $("progress").value = 0;
  });
  $("tempo").addEventListener("input", () => {
    $("tempo-shown").textContent = `${Number($("tempo").value).toFixed(1)}×`;
  });
  $("player").addEventListener("play", followAgain);
  $("download").addEventListener("click", () => busy($("download"), () => fetchFile(current)));
}
