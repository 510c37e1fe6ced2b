#!/usr/bin/env bash
# Measure all that the docs say of speed, and write the tables anew:
#
#     benchmarks/measure_speed.sh [360p 720p 1080p 2160p threads files_1080p files_360p passes]
#
# Without arguments all of it, about a quarter of an hour with nothing else running. PYTHON names the interpreter
# (python); VIDEO the folder of clips (that in ../shared).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python} video=${VIDEO:-../shared/data/video}

engines() {
    "$python" benchmarks/fps.py --sizes "$1" --engines "${3:-fused,onnx,openvino,torch,filters}" --json "docs/fps/$2.json"
}
files() {
    "$python" benchmarks/fps.py --sizes '' --engines fused,onnx --input "$video/$1" --json "docs/fps/$2.json"
}

measure() {
    case $1 in
    360p) engines 640x360 360p ;;
    720p) engines 1280x720 720p ;;
    1080p) engines 1920x1080 1080p ;;
    2160p) engines 3840x2160 2160p fused,onnx,openvino,filters ;; # torch takes a quarter of a minute a frame
    threads)
        "$python" benchmarks/fps.py --sizes 1920x1080 --engines fused --threads 1,2 --json docs/fps/threads_1080p.json
        ;;
    files_1080p) files night_city_pan_1080p30_aac.mp4 files_1080p ;;
    files_360p) files night_dashcam_360p30_aac.mp4 files_360p ;;
    passes)
        "$python" benchmarks/passes.py --isa avx512 --json docs/fps/passes_1_night.json
        "$python" benchmarks/passes.py --isa avx512-bf16 --denoise 1 --json docs/fps/passes_2_night_noise.json
        "$python" benchmarks/passes.py --isa avx512 --model paper --json docs/fps/passes_3_paper.json
        "$python" benchmarks/passes.py --isa avx512-bf16 --model paper --json docs/fps/passes_4_paper_bf16.json
        ;;
    *)
        echo "measure_speed.sh: error: $1: no such part" >&2
        exit 2
        ;;
    esac
}

for part in "${@:-360p 720p 1080p 2160p threads files_1080p files_360p passes}"; do
    for one in $part; do
        uptime
        measure "$one"
    done
done
"$python" benchmarks/report.py speed
