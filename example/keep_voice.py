"""Keep a voice in a file and use it again: python example/keep_voice.py [MODEL]"""

import sys
from pathlib import Path

from sparktts_onnx import SparkTTSONNX

MODEL = sys.argv[1] if len(sys.argv) > 1 else "pretrained_models/Spark-TTS-mini"
PROMPT = Path(__file__).parent / "prompt_audio.wav"
TRANSCRIPT = (
    "The wooden bridge over the river was built by soldiers. Every Saturday my parents buy fresh fish at the market."
)

with SparkTTSONNX(MODEL) as tts:
    file = tts.process_prompt(PROMPT, TRANSCRIPT, name="clara").save("outputs/clara.json")

with SparkTTSONNX(MODEL) as tts:
    voice = tts.load_voice(file)  # refused where the bundle has another codec
    wav, info = tts.inference(text="Nine people bought a ticket.", voice=voice, save_dir="outputs", seed=1)
    print(info.file)
