"""Measures the JavaScript host against the Python one, for docs/web.md: ids, sound, speed.

    PYTHONPATH=. python web/bench/measure.py --bundles FOLDER [--recording FILE]

FOLDER holds bundles of the small voice by precision. Both hosts speak the same sentences on one thread, each greedily
and with a seed, one after the other.
"""

import argparse
import base64
import json
import math
import platform
import subprocess
import tempfile
import time
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from sparktts_onnx import SparkTTSONNX, Voice
from sparktts_onnx.runtime.graphs.onnx_runtime import ort

HEADER = ("| host | ids equal | parting after ids (median) | least sound equality (dB) | times real time |",
          "|---|---|---|---|---|")  # fmt: skip
WEB = Path(__file__).parents[1]
ROOT = WEB.parent
VOICE = ROOT / "pretrained_models" / "Spark-TTS-mini" / "voices" / "adam.json"


def sentences(count: int, voice_file: Path = VOICE, most_tokens: int | None = None) -> list[dict[str, Any]]:
    """Each sentence greedily and with a seed."""
    held_out = json.loads((ROOT / "training" / "evaluation.json").read_text(encoding="utf-8"))
    short = held_out["sentences"]
    pairs = [f"{a} {b}" for a, b in zip(short, [*short[7:], *short[:7]], strict=True)]
    texts = [*short, *held_out["long"], *pairs, *(text.replace(".", "?") for text in short)][:count]
    voice = json.loads(voice_file.read_text(encoding="utf-8"))
    del voice["format"]
    limit = {} if most_tokens is None else {"maxNewTokens": most_tokens}
    return [
        {"text": text, "voice": voice, "seed": seed, "temperature": temperature} | limit
        for seed, text in enumerate(texts)
        for temperature in (0, 0.8)
    ]


def in_python(bundle: Path, said: list[dict[str, Any]], voice_file: Path = VOICE) -> list[dict[str, Any]]:
    """Ids, sound and time of each sentence."""
    done = []
    with SparkTTSONNX(bundle, device="cpu", threads=1) as tts:
        tts.warm_up()
        voice, decode = Voice.load(voice_file), tts._engine.vocoder.decode
        heard: list[list[int]] = []

        def noted(semantic_ids: Any, *rest: Any, **named: Any) -> Any:
            heard.append(list(semantic_ids))
            return decode(semantic_ids, *rest, **named)

        tts._engine.vocoder.decode = noted  # type: ignore[method-assign]
        for sentence in said:
            heard.clear()
            began = time.perf_counter()
            wav, info = tts.inference(
                sentence["text"], voice=voice, seed=sentence["seed"], temperature=sentence["temperature"],
                max_new_tokens=sentence.get("maxNewTokens"), normalize=False, retries=0,
            )  # fmt: skip
            seconds = time.perf_counter() - began
            done.append({"ids": list(heard), "wav": wav, "seconds": seconds, "duration": info.duration_seconds})
    return done


def in_node(bundle: Path, file: Path) -> list[dict[str, Any]]:
    """The same of the JavaScript host in Node."""
    command = ["node", str(WEB / "bench" / "speak.js"), str(bundle), str(file), "1"]
    done: list[dict[str, Any]] = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=WEB).stdout)
    return done


def row(name: str, expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> str:
    """A row of the table: how much is equal, and how fast it was."""
    # Python speaks segments side by side, so they come in any order.
    flat = [[list(chain.from_iterable(sorted(item["ids"]))) for item in items] for items in (expected, found)]
    equal = [a == b for a, b in zip(*flat, strict=True)]
    shared = [
        next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
        for a, b, same in zip(*flat, equal, strict=True)
        if not same
    ]
    ratios = [
        signal_to_difference(a["wav"], b["wav"]) for a, b, same in zip(expected, found, equal, strict=True) if same
    ]
    speed = sum(item["duration"] for item in found) / sum(item["seconds"] for item in found)
    least = f"{min(ratios):.1f}" if ratios and min(ratios) < math.inf else "equal" if ratios else "-"
    parting = f"{np.median(shared):.0f}" if shared else "-"
    return f"| {name} | {sum(equal)} of {len(equal)} | {parting} | {least} | {speed:.2f} |"


def signal_to_difference(expected: Any, found: Any) -> float:
    """Decibels; infinite where every bit is the same."""
    wav = np.frombuffer(base64.b64decode(found), "<f4") if isinstance(found, str) else found
    off = float(np.sum((wav.astype(np.float64) - expected) ** 2))
    return 10 * math.log10(float(np.sum(np.square(expected, dtype=np.float64))) / off) if off else math.inf


def enrolled(bundle: Path, recording: Path, folder: Path) -> list[str]:
    """Rows: of a recording at several rates, the ids that both resamplers give alike."""
    wav, rate = soundfile.read(recording, dtype="float64", always_2d=True)
    paths = []
    for target in (8_000, 11_025, 22_050, 24_000, 44_100, 48_000, 96_000):
        paths.append(folder / f"{target}.wav")
        soundfile.write(paths[-1], soxr.resample(wav[:, 0], rate, target, "VHQ"), target, "FLOAT")
    command = ["node", str(WEB / "bench" / "enroll.js"), str(bundle), *map(str, paths)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=WEB).stdout)
    rows = []
    with SparkTTSONNX(bundle, device="cpu", threads=1) as tts:
        for path, ids in zip(paths, found, strict=True):
            voice = tts.process_prompt(path, "known")
            pairs = (voice.global_ids, ids["global_ids"]), (voice.semantic_ids or (), ids["semantic_ids"])
            counts = [f"{sum(x == y for x, y in zip(a, b, strict=True))} of {len(b)}" for a, b in pairs]
            rows.append(f"| {path.stem} | {' | '.join(counts)} |")
    return rows


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bundles", type=Path, required=True, help="bundles of the small voice by precision")
    options.add_argument("--sentences", type=int, default=50)
    options.add_argument("--precisions", nargs="+", default=["fp32", "int8", "int4"])
    options.add_argument("--voice", type=Path, default=VOICE, help="a voice file for these bundles")
    options.add_argument("--most-tokens", type=int, help="of an answer; for weights that never end one")
    options.add_argument("--recording", type=Path, help="only compare what it is enrolled as")
    given = options.parse_args()
    if given.recording:
        print("| samples a second | global ids equal | semantic ids equal |\n|---|---|---|")
        with tempfile.TemporaryDirectory() as folder:
            print("\n".join(enrolled(given.bundles / "fp32", given.recording, Path(folder))))
        return
    said = sentences(given.sentences, given.voice, given.most_tokens)
    file = Path(given.bundles) / "sentences.json"
    file.write_text(json.dumps(said), encoding="utf-8")
    print(
        f"{platform.processor() or platform.machine()}, Python's ONNX Runtime {ort.__version__}, {len(said)} answers\n"
    )
    print(*HEADER, sep="\n")
    for precision in given.precisions:
        bundle = (given.bundles / precision).resolve()
        expected = in_python(bundle, said, given.voice)
        print(row(f"Python {precision}", expected, expected))
        print(row(f"Node {precision}", expected, in_node(bundle, file)), flush=True)


if __name__ == "__main__":
    main()
