// Another voice for a recording: a file and a voice in, sound out.

import { revoice } from "./api.js";
import { $, busy, save, seconds } from "./dom.js";
import { readable } from "./voices.js";

let made = null;

async function start() {
  const file = $("revoice-file").files[0];
  if (!file) throw new Error("There is no recording yet: choose a file.");
  const voice = $("revoice-voice").value;
  $("revoice-result").hidden = true;
  $("revoice-told").textContent = "Listening to the recording…";
  try {
    made = await revoice(await readable(file), voice, "mp3");
  } catch (error) {
    $("revoice-told").textContent = "";
    throw error;
  }
  const player = $("revoice-player");
  URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(made);
  $("revoice-result").hidden = false;
  player.onloadedmetadata = () => {
    $("revoice-told").textContent = `${seconds(player.duration)} in the voice ${voice}.`;
  };
  player.play().catch(() => {});
}

export function setUpRevoicing() {
  $("revoice-form").addEventListener("submit", (event) => {
    event.preventDefault();
    busy(event.submitter, start);
  });
  $("revoice-download").addEventListener("click", () => save(made, "revoiced.mp3"));
}
