#!/bin/sh
# mpv plays what rtvideo makes, without a file between them:
#     sh recipes/mpv.sh night.mp4
#     sh recipes/mpv.sh rtsp://camera/stream --fullscreen
# Everything behind the first word is for mpv.
input=$1
shift
rtvideo --input "$input" --out - | mpv "$@" -
