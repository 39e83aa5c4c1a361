#!/usr/bin/env bash
# Tests of the runtime, and one greedy sentence of each precision, on 64-bit ARM under QEMU, on a Debian machine.
#
#   ./scripts/check_arm64.sh BUNDLES      BUNDLES holds a folder for each precision, as scripts/test.sh makes it
#
# What it needs is unpacked under build/arm64 and kept: Debian's Python for arm64 beside the machine's own, and wheels.
# It takes minutes: every instruction is emulated.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/environment.sh
bundles=$(realpath "${1:?give the folder of the bundles}")
python=${PYTHON:-$(find_python)} # with the runtime installed
root=$PWD/build/arm64/root wheels=$PWD/build/arm64/wheels
onnxruntime=1.22.1 # later ones end in the emulator when they are imported

need_programs qemu-aarch64-static:qemu-user-static
if [ ! -x "$root/usr/bin/python3.11" ]; then
  dpkg --add-architecture arm64
  apt-get update -qq
  mkdir -p "$root" build/arm64/packages
  packages=(libc6 libgcc-s1 libstdc++6 libgomp1 zlib1g libexpat1 libffi8 libssl3 liblzma5 libbz2-1.0 libsqlite3-0
    libuuid1 libdb5.3 libcrypt1 libreadline8 libtinfo6 libncursesw6 python3.11-minimal libpython3.11-minimal
    libpython3.11-stdlib python3.11)
  (cd build/arm64/packages && apt-get download -qq "${packages[@]/%/:arm64}")
  for package in build/arm64/packages/*.deb; do dpkg-deb -x "$package" "$root"; done
fi
if [ ! -d "$wheels" ]; then
  "$python" -m pip install --quiet --target "$wheels" --only-binary=:all: --python-version 3.11 --implementation cp \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 \
    "onnxruntime==$onnxruntime" "numpy<2.4" tokenizers soundfile soxr pytest pytest-timeout hypothesis jsonschema
fi

emulated() {
  PYTHONPATH=$PWD:$wheels PYTHONHOME=$root/usr qemu-aarch64-static -cpu cortex-a76 -L "$root" \
    "$root/usr/bin/python3.11" "$@"
}

"$python" scripts/greedy_speech.py "$bundles" --write build/arm64/here.npz
emulated scripts/greedy_speech.py "$bundles" --compare build/arm64/here.npz
emulated -m pytest -q -p no:cacheprovider --timeout 3000 tests/runtime/test_nano_bundle.py tests/runtime/codec \
  tests/runtime/voices/test_enrollment.py tests/runtime/speech/test_revoicing.py
