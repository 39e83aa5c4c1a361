#!/usr/bin/env bash
# LiveKit's and Pipecat's own OpenAI plugins against the server. Slow, so not a part of scripts/test.sh, which has to
# have run once; options go to pytest. The plugins get an environment of their own, with what they ask for.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/environment.sh

environment=.venv-assistants
[ -x "$environment/bin/python" ] || "$(find_python)" -m venv "$environment"
"$environment/bin/python" -m pip install --quiet livekit-plugins-openai==1.8.9 'pipecat-ai[openai]==1.14.0'
export ASSISTANTS=$PWD/$environment/bin/python
.venv-test/bin/python -m pytest -q tests/server/assistants.py "$@"
