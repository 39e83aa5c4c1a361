"""Hear speech while it is made: python example/stream_speech.py [MODEL]"""

import sys
import time
from pathlib import Path

import numpy as np

from sparktts_onnx import SparkTTSONNX, save_speech

MODEL = sys.argv[1] if len(sys.argv) > 1 else "pretrained_models/Spark-TTS-mini"
PROMPT = Path(__file__).parent / "prompt_audio.wav"

with SparkTTSONNX(MODEL) as tts:
    voice = tts.process_prompt(PROMPT)
    began = time.perf_counter()
    with tts.stream("The first words come early. The others follow while you listen.", voice=voice, seed=1) as stream:
        chunks = []
        for chunk in stream:  # float32 samples; give them to a sound device here
            chunks.append(chunk)
            print(f"{time.perf_counter() - began:.2f} s: {len(chunk) / stream.sample_rate:.2f} s of sound")
    print(save_speech("outputs/stream.wav", np.concatenate(chunks), stream.sample_rate))
