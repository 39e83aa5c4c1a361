#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { parseArgs } from "node:util";
import { SparkTTS, SparkTTSError, formatVoice, parseVoice, wavFile } from "./index.js";
import { messageOf } from "./errors.js";

const USAGE = `usage: spark-tts-onnx --model FOLDER --text TEXT -o FILE.wav [options]
       spark-tts-onnx --model FOLDER --recording FILE.wav [--transcript TEXT] --keep VOICE.json

  --model FOLDER       a bundle made by convert_to_onnx.py, or a folder of bundles by precision
  --precision NAME     fp32, fp16, int8 or int4: which of them
  --text TEXT          what to say, with numbers written as words; - reads it from stdin
  --voice FILE.json    who speaks; without it and without --recording, a voice is created
  --recording FILE.wav enroll a recording and speak with it
  --transcript TEXT    what is said in the recording
  --keep FILE.json     write the voice that spoke
  --gender, --pitch, --speed, --seed, --temperature, --threads
  -o, --output FILE    a WAV file of 16 bits`;
const TEXTS = ["model", "precision", "text", "voice", "recording", "transcript", "keep", "gender", "pitch", "speed", "seed", "temperature", "threads"];
/** @type {NonNullable<import("node:util").ParseArgsConfig["options"]>} */
const OPTIONS = {
  ...Object.fromEntries(TEXTS.map((name) => [name, { type: "string" }])),
  output: { type: "string", short: "o" },
  help: { type: "boolean", short: "h" },
};

class UsageError extends SparkTTSError {}

/** @param {string} name @param {unknown} value */
function numberOf(name, value) {
  if (value === undefined) return undefined;
  const whole = name !== "temperature";
  if (!(whole ? /^\d+$/ : /^\d+(\.\d+)?$/).test(String(value))) {
    throw new UsageError(`--${name} is ${JSON.stringify(value)}; expected a ${whole ? "whole " : ""}number`);
  }
  if (name === "threads" && Number(value) < 1) throw new UsageError(`--threads is ${value}; expected a whole number from 1`);
  return name === "seed" ? BigInt(String(value)) : Number(value);
}

/** @param {string} path @param {string} kind */
async function read(path, kind) {
  try {
    return await readFile(path);
  } catch (error) {
    throw new SparkTTSError(`the ${kind} ${path} cannot be read: ${messageOf(error)}`);
  }
}

/** @param {string} path @param {string | Uint8Array} [data] whole or not at all; without, only sees that it could be */
async function write(path, data) {
  const part = `${path}.${process.pid}.part`;
  try {
    const there = await stat(path).catch(() => null);
    if (there && !there.isFile()) throw new Error("it is a folder, a device or a pipe, not a file");
    // /dev/stdout leads to a file where the output goes to one
    if (await realpath(dirname(path)).catch(() => "") === "/dev") throw new Error("it is a place of devices, not of files");
    await writeFile(part, data ?? "");
    if (data !== undefined) await rename(part, path);
  } catch (error) {
    throw new SparkTTSError(`${path} cannot be written: ${messageOf(error)}`);
  } finally {
    await rm(part, { force: true }).catch(() => {});
  }
}

/** @param {Record<string, any>} given */
async function run(given) {
  const { model, text, voice: voicePath, recording, output, keep } = given;
  if (!model) throw new UsageError("--model is missing");
  if ((text === undefined) !== (output === undefined)) throw new UsageError("--text and --output belong together");
  if (text === undefined && !(recording && keep)) throw new UsageError("nothing to do: give --text and -o, or --recording and --keep");
  if (given.transcript !== undefined && !recording) throw new UsageError("--transcript belongs to a recording; give it with --recording");
  if (/\.(?:mp3|flac|ogg|opus|aac|m4a|mp4)$/i.test(output ?? "")) throw new UsageError(`${output} would be a WAV file; let its name end in .wav`);
  if (voicePath && recording) throw new UsageError("--voice and --recording both say who speaks; leave one of them out");
  for (const path of [output, keep]) if (path) await write(path);
  const voice = voicePath ? parseVoice(String(await read(voicePath, "voice file")), voicePath) : null;
  const tts = await SparkTTS.open(model, { precision: given.precision, threads: /** @type {number | undefined} */ (numberOf("threads", given.threads)) });
  let speaker = voice;
  if (recording) speaker = await tts.enroll(new Uint8Array(await read(recording, "recording")), { transcript: given.transcript, origin: basename(recording) });
  if (text !== undefined) {
    const { gender, pitch, speed } = given;
    const { wav, info } = await tts.speak(text === "-" ? readFileSync(0, "utf8") : text, {
      voice: speaker, gender, pitch, speed,
      seed: /** @type {bigint | undefined} */ (numberOf("seed", given.seed)),
      temperature: /** @type {number | undefined} */ (numberOf("temperature", given.temperature)),
    });
    await write(output, wavFile(wav, tts.sampleRate));
    for (const warning of info.warnings) console.error(`warning: ${warning}`);
    console.log(`${output}: ${info.duration.toFixed(2)} s of speech in ${info.seconds.toFixed(2)} s, seed ${info.seed}`);
    speaker = info.voice;
  }
  if (keep && speaker) await write(keep, formatVoice(speaker));
  await tts.close();
}

try {
  const given = parseArgs({ options: OPTIONS }).values;
  if (given.help) console.log(USAGE);
  else await run(given);
} catch (error) {
  const isUsage = error instanceof UsageError || /** @type {any} */ (error)?.code?.startsWith?.("ERR_PARSE_ARGS");
  if (!isUsage && !(error instanceof SparkTTSError)) throw error;
  console.error(`error: ${messageOf(error)}${isUsage ? `\n\n${USAGE}` : ""}`);
  process.exitCode = isUsage ? 2 : 1;
}
