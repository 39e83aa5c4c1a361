#!/usr/bin/env bash
# Every check of the project: format, lint, types, all tests, and the runtime's tests where torch is not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/environment.sh

need_programs espeak-ng:espeak-ng chromium:chromium
make_environment .venv-test -e '.[cpu,convert,server,aac,play,ray,training]' --group dev
make_environment .venv-runtime -e '.[cpu]' --group runtime-test

bin=.venv-test/bin
$bin/ruff format --check .
$bin/ruff check .
$bin/mypy
$bin/python -m pytest -q "$@"
# The runtime alone: no torch, transformers or onnx in this environment, which speaks with bundles from the other one.
export SPEECH_BUNDLES=build/test-voice
rm -rf "$SPEECH_BUNDLES"
for precision in fp32 fp16 int8 int4; do
  $bin/python convert_to_onnx.py --model_dir pretrained_models/Spark-TTS-mini --precision "$precision" \
    --output_dir "$SPEECH_BUNDLES/$precision" --skip_verification
done
.venv-runtime/bin/python scripts/check_runtime_only.py
.venv-runtime/bin/python -m pytest -q tests/bundle tests/text tests/audio tests/runtime tests/cli tests/speech "$@"
