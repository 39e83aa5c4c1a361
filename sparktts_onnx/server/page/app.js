// Puts the page together.

import { onKeyNeeded, onVoiceGone, serverStatus } from "./api.js";
import { $, ask, clearProblem, showProblem } from "./dom.js";
import { setUpRevoicing } from "./revoice.js";
import { setUpSpeaking, startSpeaking } from "./speaking.js";
import { refreshVoices, setUpVoices } from "./voices.js";

const SAID = {
  ready: "The server is ready.",
  "warming up": "The server is warming up; the first sound takes a little longer.",
  "not reachable": "The server cannot be reached.",
};

async function watchServer() {
  const status = await serverStatus();
  $("server").textContent = SAID[status] ?? `The server is ${status}.`;
  setTimeout(watchServer, status === "ready" ? 30000 : 2000);
}

onKeyNeeded(async () => ((await ask($("key-dialog"))) ? $("key").value : null));
onVoiceGone(() => refreshVoices().catch(showProblem));
$("problem-close").addEventListener("click", clearProblem);
setUpSpeaking();
setUpVoices(startSpeaking);
setUpRevoicing();
watchServer();
refreshVoices().catch(showProblem);
