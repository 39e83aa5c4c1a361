#!/usr/bin/env bash
# Makes an environment, converts the checkpoint if there is no bundle yet, and speaks.
#   ./example/onnx_demo.sh ["text"]            with the small voice of the repository
#   MODEL_DIR=path ./example/onnx_demo.sh      with another checkpoint, such as Spark-TTS-0.5B, or a bundle
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/environment.sh

model_dir=${MODEL_DIR:-pretrained_models/Spark-TTS-mini}
text=${1:-The morning train is late, so we drink a cup of tea and wait.}
output_dir=${OUTPUT_DIR:-outputs}

echo "installing into .venv-demo ..." >&2
make_environment .venv-demo -e '.[cpu,convert]'
if [ ! -f "$model_dir/manifest.json" ] && [ ! -f "$model_dir/onnx/manifest.json" ]; then
  .venv-demo/bin/python convert_to_onnx.py --model_dir "$model_dir"
fi
.venv-demo/bin/python -m cli.spark_tts_onnx --model-dir "$model_dir" --prompt-path example/prompt_audio.wav \
  --text "$text" --output-dir "$output_dir" --seed "${SEED:-1}"
