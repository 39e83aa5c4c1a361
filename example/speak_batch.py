"""Speak many texts at once: python example/speak_batch.py [MODEL]"""

import sys
from pathlib import Path

from sparktts_onnx import SparkTTSONNX, save_speech

MODEL = sys.argv[1] if len(sys.argv) > 1 else "pretrained_models/Spark-TTS-mini"
PROMPT = Path(__file__).parent / "prompt_audio.wav"
TEXTS = ("One ticket, please.", "The second door is open.", "Three is enough.")

with SparkTTSONNX(MODEL) as tts:
    voice = tts.process_prompt(PROMPT)
    items = [{"text": text, "voice": voice, "seed": seed} for seed, text in enumerate(TEXTS)]
    for number, (wav, info) in enumerate(tts.inference_batch(items)):
        print(save_speech(f"outputs/batch-{number}.wav", wav, info.sample_rate))
