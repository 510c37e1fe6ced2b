"""A camera in OpenCV, lit: rtvideo.VideoCapture takes the place of cv2.VideoCapture.

    python recipes/opencv_camera.py 0
    python recipes/opencv_camera.py night.mp4

Needs ``pip install 'rtvideo[window]'``. A window shows the picture with its edges; a key ends it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import cv2

import rtvideo


def main(source: str, show: Callable[[Any], bool]) -> int:
    """Pass each frame's edges to ``show`` until it returns False; return the number of frames."""
    count, capture = 0, rtvideo.VideoCapture(int(source) if source.isdigit() else source)
    try:
        while True:
            there, frame = capture.read()  # BGR, as OpenCV has it
            if not there:
                return count
            count += 1
            if not show(cv2.Canny(frame, 50, 150)):
                return count
    finally:
        capture.release()


def window(picture: Any) -> bool:
    """Show a picture; return False once a key is pressed."""
    cv2.imshow("rtvideo", picture)
    return cv2.waitKey(1) < 0


if __name__ == "__main__":
    main(sys.argv[1], window)
