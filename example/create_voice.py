"""Create a voice by style and keep it: python example/create_voice.py [MODEL]"""

import sys

from sparktts_onnx import SparkTTSONNX

MODEL = sys.argv[1] if len(sys.argv) > 1 else "pretrained_models/Spark-TTS-mini"

with SparkTTSONNX(MODEL) as tts:
    wav, info = tts.inference(text="My name is new to me.", gender="male", pitch="low", speed="moderate", seed=3)
    info.voice.renamed("newcomer").save("outputs/newcomer.json")
    wav, info = tts.inference(text="But I keep my voice.", voice=info.voice, save_dir="outputs", seed=4)
    print(info.file)
