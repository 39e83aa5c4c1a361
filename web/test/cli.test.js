/** The command: a file or one message. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseVoice, readWav, wavFile } from "../src/index.js";
import { BUNDLE, VECTORS, floats } from "./nano.js";

const CLI = fileURLToPath(new URL("../src/cli.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "cli-"));

/** @param {...string} args */
function run(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: "utf8", input: "From a pipe." });
  return { status, stdout, stderr };
}

test("the file may be run, so that npm need not change it in a clone", () => {
  assert.ok(statSync(CLI).mode & 0o100);
});

test("text and a created voice make a file and a voice that makes the same file", () => {
  const [one, two, voice] = ["one.wav", "two.wav", "voice.json"].map((name) => join(folder, name));
  const made = run("--model", BUNDLE, "--text", "Hello.", "--seed", "1", "-o", one, "--keep", voice);
  assert.equal(made.status, 0, made.stderr);
  assert.match(made.stdout, /one\.wav: \d\.\d\d s of speech in .* s, seed 1\n/);
  assert.ok(readWav(readFileSync(one)).samples.length > 1000);
  assert.match(readFileSync(one, "latin1"), /AI-generated/);
  assert.equal(parseVoice(readFileSync(voice, "utf8")).style?.gender, "female");
  assert.equal(run("--model", BUNDLE, "--text", "-", "--voice", voice, "--temperature", "0", "-o", two).status, 0);
});

test("a recording is enrolled", () => {
  const recording = join(folder, "me.wav"), voice = join(folder, "me.json");
  writeFileSync(recording, wavFile(floats(VECTORS.recording.wav), 16000));
  const made = run("--model", BUNDLE, "--recording", recording, "--transcript", "One.", "--keep", voice);
  assert.equal(made.status, 0, made.stderr);
  const kept = parseVoice(readFileSync(voice, "utf8"));
  assert.deepEqual([kept.global_ids, kept.transcript, kept.origin], [VECTORS.recording.global_ids, "One.", "me.wav"]);
});

test("bad input is one message, and nothing is written", () => {
  const bad = join(folder, "bad.json"), target = join(folder, "none.wav"), pipe = join(folder, "pipe.wav");
  assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
  writeFileSync(bad, "{}");
  const speak = ["--model", BUNDLE, "--text", "Hi.", "-o", target];
  /** @type {[string[], number, RegExp][]} */
  const cases = [
    [[], 2, /^error: --model is missing\n\nusage:/],
    [["--model", BUNDLE, "--text", "Hi."], 2, /^error: --text and --output belong together/],
    [[...speak, "--sed", "1"], 2, /^error: Unknown option '--sed'/],
    [[...speak, "--seed", "x"], 2, /^error: --seed is "x"; expected a whole number/],
    [[...speak, "--seed", "1.5"], 2, /^error: --seed is "1\.5"; expected a whole number/],
    [[...speak, "--threads", "0"], 2, /^error: --threads is 0; expected a whole number from 1\n/],
    [[...speak, "--temperature", "hot"], 2, /^error: --temperature is "hot"; expected a number/],
    [[...speak, "--transcript", "One."], 2, /^error: --transcript belongs to a recording/],
    [["--model", BUNDLE, "--text", "Hi.", "-o", `${target}.MP3`], 2, /^error: .*\.MP3 would be a WAV file/],
    [["--model", "/nowhere", "--text", "Hi.", "-o", target], 1, /^error: there is no folder \/nowhere[^\n]*\n$/],
    [[...speak, "--voice", join(folder, "no.json")], 1, /^error: the voice file .*no\.json cannot be read[^\n]*\n$/],
    [[...speak, "--voice", bad], 1, /^error: .*bad\.json is not a voice file[^\n]*\n$/],
    [["--model", BUNDLE, "--text", " ", "-o", target], 1, /^error: the text is empty[^\n]*\n$/],
    // no model is looked for where the output cannot be
    [["--model", "/nowhere", "--text", "Hi.", "-o", join(bad, "x.wav")], 1, /^error: .*bad\.json\/x\.wav cannot be written[^\n]*\n$/],
    [["--model", "/nowhere", "--text", "Hi.", "-o", "/dev/none.wav"], 1, /^error: .* cannot be written: it is a place of devices, not of files\n$/],
    [["--model", "/nowhere", "--text", "Hi.", "-o", folder], 1, /^error: .* cannot be written: it is a folder, a device or a pipe, not a file\n$/],
    [["--model", "/nowhere", "--text", "Hi.", "-o", target, "--keep", "/nowhere/x.json"], 1, /^error: \/nowhere\/x\.json cannot be written[^\n]*\n$/],
    [["--model", BUNDLE, "--text", "Hi.", "-o", "/nowhere/x.wav"], 1, /^error: \/nowhere\/x\.wav cannot be written[^\n]*\n$/],
    [["--model", BUNDLE, "--text", "Hi.", "-o", pipe], 1, /^error: .*pipe\.wav cannot be written: it is a folder, a device or a pipe[^\n]*\n$/],
  ];
  for (const [args, status, message] of cases) {
    const found = run(...args);
    assert.equal(found.status, status, found.stderr);
    assert.match(found.stderr, message);
    assert.doesNotMatch(found.stderr, /\n {4}at /);
  }
  assert.ok(!existsSync(target) && !existsSync(`${target}.MP3`) && readdirSync(folder).every((name) => !name.endsWith(".part")));
});
