#!/usr/bin/env bash
# What needs an NVIDIA GPU, in one go; gpu_check.py says what and how.
#   benchmarks/gpu_check.sh [--prepare] DIR       PYTHON=... picks an interpreter
exec "${PYTHON:-python3}" "$(dirname "${BASH_SOURCE[0]}")/gpu_check.py" "$@"
