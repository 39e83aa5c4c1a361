"""Writes golden_wave.npz: what the small voice says with one text and one seed, in single precision.

python tests/speech/make_golden_wave.py            # how far the present sound is from the kept one, part of its level
python tests/speech/make_golden_wave.py --write    # where the sound is meant to change
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.export.conversion import convert
from sparktts_onnx.export.options import ConversionOptions

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("golden_wave.npz")
TEXT = "The morning train is late."
SEED = 7


def spoken() -> np.ndarray:
    """The small voice of the repository, converted and speaking with the voice of the example: float32 [N]."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "onnx"
        voice = ROOT / "pretrained_models" / "Spark-TTS-mini"
        convert(ConversionOptions(voice, bundle, precision="fp32", verify=False))
        with SparkTTSONNX(bundle) as tts:
            prompt = tts.process_prompt(ROOT / "example" / "prompt_audio.wav")
            return tts.inference(TEXT, voice=prompt, seed=SEED)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="replace the kept sound")
    given = parser.parse_args()
    wav = spoken()
    if given.write:
        np.savez_compressed(GOLDEN, text=TEXT, seed=SEED, wav=wav.astype(np.float16))
        return
    kept = np.load(GOLDEN)["wav"].astype(np.float32)
    if len(kept) != len(wav):
        raise SystemExit(f"the kept sound has {len(kept)} samples, the present one {len(wav)}")
    print(f"{np.sqrt(((wav - kept) ** 2).mean() / (wav**2).mean()):.5f}")


if __name__ == "__main__":
    main()
