"""Clone a voice from a recording: python example/clone_voice.py [MODEL]"""

import sys
from pathlib import Path

from sparktts_onnx import SparkTTSONNX

MODEL = sys.argv[1] if len(sys.argv) > 1 else "pretrained_models/Spark-TTS-mini"
PROMPT = Path(__file__).parent / "prompt_audio.wav"

with SparkTTSONNX(MODEL) as tts:
    tts.process_prompt(PROMPT)
    wav, info = tts.inference(text="Good morning. The kettle is on.", save_dir="outputs", seed=1)
    print(f"{info.duration_seconds:.2f} s, {info.real_time_factor:.1f} times real time: {info.file}")
