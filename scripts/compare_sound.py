"""Is the sound of a seed what it was? Speaks the same texts with this checkout and with another commit, and compares.

    python scripts/compare_sound.py REVISION BUNDLE [--voices FOLDER]

20 texts with a kept voice, a created voice and a recording with its transcript; whole, streamed, and in a batch. Prints
what differs and ends with status 1 if anything does. The bundle is one that both commits can open.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROMPT = ROOT / "example" / "prompt_audio.wav"
TRANSCRIPT = (
    "The wooden bridge over the river was built by soldiers. Every Saturday my parents buy fresh fish at the market."
)
TEXTS = (
    "The morning train is late, so we drink a cup of tea.",
    "Yes.",
    "Dr. Smith paid $12.50 on 3 May 2021.",
    "A long road. It went on and on! Did it end? Nobody knows.",
    "In 1999, 40% of people agreed; the others did not.",
    "She sells sea shells by the sea shore, and the shells she sells are sea shells for sure.",
    "Hello there.",
    "First paragraph is here.\n\nSecond paragraph follows it, after a pause.",
    "One two three four five six seven eight nine ten.",
    "Please call me at 10:30.",
    "The river was wide and slow. Birds sat on the far bank. A boy threw a stone. Nothing moved. Then it rained, and "
    "everybody went home to dry their clothes by the fire.",
    "Why?",
    "Wait... what was that?",
    'He said: "come in", and they came in.',
    "It cost 3,000 euros.",
    "The quick brown fox jumps over the lazy dog.",
    "Winter came early. The lake froze over in one night. Children brought their skates. Old men sat by the stove and "
    "talked about the year the bridge fell down, when they were young and nobody had a telephone.",
    "Apples, pears, plums and cherries.",
    "No, thank you; I have eaten.",
    "Good night.",
)


def sound(bundle: Path, voices: Path) -> dict[str, str]:
    """SHA-256 of the samples of every piece of speech, by what it is."""
    from sparktts_onnx import SparkTTSONNX, Voice

    found = {}
    with SparkTTSONNX(bundle) as tts:
        kept = Voice.load(sorted(voices.glob("*.json"))[0], tts.manifest.codec)
        cloned = tts.enroll([PROMPT], TRANSCRIPT).voice
        ways: dict[str, dict[str, Any]] = {
            "kept": {"voice": kept},
            "created": {"gender": "male", "pitch": "high"},
            "with transcript": {"voice": cloned},
        }
        for number, text in enumerate(TEXTS):
            for name, options in ways.items():
                wav, _ = tts.inference(text=text, seed=100 + number, **options)
                chunks = list(tts.stream(text=text, seed=100 + number, **options))
                found[f"text {number + 1}, {name}, whole"] = _digest([wav])
                found[f"text {number + 1}, {name}, streamed"] = _digest(chunks)
        items = [{"text": text, "voice": kept, "seed": 1, "tempo": 1.1} for text in TEXTS[:6]]
        for number, (wav, _) in enumerate(tts.inference_batch(items)):
            found[f"text {number + 1}, in a batch, at tempo 1.1"] = _digest([wav])
    return found


def _digest(pieces: list[Any]) -> str:
    return hashlib.sha256(b"".join(piece.tobytes() for piece in pieces)).hexdigest()


def spoken_by(checkout: Path, bundle: Path, voices: Path) -> dict[str, str]:
    """`sound`, in a process that imports the package from a checkout."""
    command = [sys.executable, __file__, "--speak", str(bundle.resolve()), str(voices.resolve())]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, check=True)
    digests: dict[str, str] = json.loads(done.stdout)
    return digests


def main() -> int:
    """Compare; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("revision", help="the commit to compare with")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--voices", type=Path, default=ROOT / "pretrained_models" / "Spark-TTS-mini" / "voices")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", f"{folder}/other", given.revision], check=True)
        try:
            before = spoken_by(Path(folder) / "other", given.bundle, given.voices)
        finally:
            subprocess.run([*git, "remove", "--force", f"{folder}/other"], check=True)
    after = spoken_by(ROOT, given.bundle, given.voices)
    different = [name for name, digest in after.items() if before.get(name) != digest]
    print(f"{len(after)} pieces of speech compared with {given.revision}, {len(different)} differ")
    print(*different, sep="\n", end="\n" if different else "")
    return 1 if different or len(before) != len(after) else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--speak"]:
        print(json.dumps(sound(Path(sys.argv[2]), Path(sys.argv[3]))))
    else:
        sys.exit(main())
