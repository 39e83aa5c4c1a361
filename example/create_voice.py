"""Create a voice by style and keep it: python example/create_voice.py pretrained_models/Spark-TTS-mini"""

import sys

from sparktts_onnx import SparkTTSONNX

with SparkTTSONNX(sys.argv[1]) as tts:
    wav, info = tts.inference(text="My name is new to me.", gender="male", pitch="low", speed="moderate", seed=3)
    info.voice.renamed("newcomer").save("outputs/newcomer.json")
    wav, info = tts.inference(text="But I keep my voice.", voice=info.voice, save_dir="outputs", seed=4)
    print(info.file)
