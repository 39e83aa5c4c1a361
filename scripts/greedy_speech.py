"""One greedy sentence of each precision: kept on one machine, compared on another.

python scripts/greedy_speech.py BUNDLES --write FILE      # BUNDLES holds a folder for each precision
python scripts/greedy_speech.py BUNDLES --compare FILE    # are the ids equal, how far is the wave?
"""

import argparse
import platform
from pathlib import Path
from typing import Any

import numpy as np

from sparktts_onnx import SparkTTSONNX, Voice

ROOT = Path(__file__).parents[1]
VOICE = ROOT / "pretrained_models" / "Spark-TTS-mini" / "voices" / "clara.json"
TEXT = "The morning train is late."
PRECISIONS = ("fp32", "fp16", "int8", "int4")


def spoken(bundle: Path) -> tuple[Any, Any]:
    """Semantic ids int64 [T] and the wave float32 [N] of the sentence."""
    with SparkTTSONNX(bundle, threads=1) as tts:
        render, ids = tts._engine.vocoder.render, []

        def kept(tokens: Any, *rest: Any) -> Any:
            ids.append(tokens)
            return render(tokens, *rest)

        tts._engine.vocoder.render = kept  # type: ignore[method-assign]
        voice = Voice.load(VOICE, tts.manifest.codec)
        wav, _ = tts.inference(TEXT, voice=voice, temperature=0, seed=1)
    return max(ids, key=len), wav


def decibels(kept: Any, wav: Any) -> float:
    """How far below the wave its difference from the kept one is."""
    return float(10 * np.log10((kept**2).mean() / max(((wav - kept) ** 2).mean(), 1e-30)))


def compared(kept: Any, precision: str, ids: Any, wav: Any) -> str:
    """What is to be said about a sentence and the kept one."""
    before = kept[f"{precision} ids"]
    if not np.array_equal(before, ids):
        least = min(len(before), len(ids))
        same = next((i for i in range(least) if before[i] != ids[i]), least)
        return f"{len(ids)} ids, the first {same} as the kept ones"
    return f"{len(ids)} ids, equal; the wave differs at {-decibels(kept[f'{precision} wav'], wav):.0f} dB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", type=Path)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", type=Path, metavar="FILE")
    what.add_argument("--compare", type=Path, metavar="FILE")
    given = parser.parse_args()
    made: dict[str, Any] = {}
    for precision in PRECISIONS:
        ids, wav = spoken(given.bundles / precision)
        made |= {f"{precision} ids": ids, f"{precision} wav": wav}
        if given.compare is not None:
            kept = np.load(given.compare)
            print(f"{precision} on {platform.machine()}: {compared(kept, precision, ids, wav)}", flush=True)
    if given.write is not None:
        np.savez(given.write, **made)


if __name__ == "__main__":
    main()
