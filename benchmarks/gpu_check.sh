#!/usr/bin/env bash
# What needs an NVIDIA GPU, in one go: that the kernels are right, then how fast they and their rivals are. Takes
# less than nine minutes and nothing but this checkout; what is not installed is named "not measured".
#   benchmarks/gpu_check.sh [FILE.json]       PYTHON=... picks an interpreter
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3}
json=${1:-gpu_check.json}

"$python" benchmarks/fps.py --device cuda --only-look || exit
RTVIDEO_REQUIRE=gpu timeout 240 "$python" -m pytest -q -p no:cacheprovider tests/gpu
right=$?
timeout 270 "$python" benchmarks/fps.py --device cuda --json "$json"
measured=$?
if [ "$right" -ne 0 ]; then
    echo "gpu_check: the kernels are NOT right: pytest tests/gpu ended with $right; the figures above count for nothing"
    exit "$right"
fi
exit "$measured"
