export { SparkTTS } from "./spark_tts.js";
export { SparkTTSError } from "./errors.js";
export { formatVoice, parseVoice } from "./voices/voice.js";
export { wavFile } from "./audio/writing.js";
export { readWav } from "./audio/reading.js";
