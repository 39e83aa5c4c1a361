#!/usr/bin/env bash
# Every check of the project. Options go to pytest:  ./scripts/test.sh -k vocoder
#
# Three environments: one without torch, transformers and onnx, for everything that runs without them; one with the least
# versions that pyproject.toml names, for what depends on them; and one with everything, for the rest. The small voice is converted once, in every precision, and serves both.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/environment.sh

torch_free=(tests/bundle tests/hub tests/text tests/audio tests/runtime tests/cli tests/speech tests/test_errors.py)
least=(tests/speech/test_bundle_format.py tests/runtime/test_pipeline.py tests/runtime/test_nano_bundle.py
  tests/runtime/graphs tests/runtime/voices tests/audio/test_reading.py tests/audio/test_encoding.py tests/hub)
alone=(tests/scale tests/web tests/server/test_page.py) # a cluster or a browser takes the whole machine
export SPEECH_BUNDLES=$PWD/build/test-voice
export OMP_NUM_THREADS=1 # torch's threads wait awake, and two workers share the cores

# run_tests ENVIRONMENT WORKERS OPTION...   with options of the caller, no test may fit
run_tests() {
  local status=0
  "$1/bin/python" -m pytest -q -n "$2" --dist loadfile "${@:3}" || status=$?
  [ "$status" = 5 ] && [ -n "$chosen" ] || return "$status"
}

# beside COMMAND...   runs a command beside what follows, until `all_done`, which fails where one failed
# Each has a process group, so that it ends with this script.
running=()
beside() {
  set -m
  "$@" &
  set +m
  running+=($!)
}
trap 'for process in "${running[@]}"; do kill -INT -- "-$process" 2>/dev/null || true; done; wait' EXIT
all_done() {
  local process
  for process in "${running[@]}"; do wait "$process"; done
  running=()
}

# One after the other: each writes what is known of the package into this folder.
smaller_environments() {
  make_environment .venv-runtime -e '.[cpu]' --group runtime-test
  CONSTRAINTS=build/least.txt make_environment .venv-least -e '.[cpu,aac]' --group portable-test
}

chosen=$*
need_programs espeak-ng:espeak-ng chromium:chromium node:nodejs npm:npm
if ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
  echo "error: Node.js 20 or later is needed for web/; found $(node --version)" >&2
  exit 1
fi
mkdir -p build
"$(find_python)" scripts/least_versions.py > build/least.txt
beside npm ci --prefix web --silent --no-audit --no-fund
make_environment .venv-test -e '.[cpu,convert,lora,server,wyoming,aac,play,ray,training]' --group dev

bin=.venv-test/bin
$bin/ruff format --check .
$bin/ruff check .
beside smaller_environments
beside $bin/mypy
rm -rf "$SPEECH_BUNDLES"
$bin/python convert_to_onnx.py --model_dir pretrained_models/Spark-TTS-mini --precision fp32,fp16,int8,int4 \
  --output_dir "$SPEECH_BUNDLES" --skip_verification
all_done
if [ -z "$chosen" ]; then
  npm run check --prefix web --silent
  npm test --prefix web --silent
fi
.venv-runtime/bin/python scripts/check_runtime_only.py

run_tests .venv-least 2 "${least[@]}" "$@"
run_tests .venv-runtime 2 "${torch_free[@]}" "$@"
run_tests .venv-test 0 "${alone[@]}" "$@"
run_tests .venv-test 2 tests "${torch_free[@]/#/--ignore=}" "${alone[@]/#/--ignore=}" "$@"
