"""Make docs/before_after.png: a frame of the sample clip, and what rtvideo makes of it.

    python docs/make_picture.py [--model night] [--frame 75]

The whole way is taken: the clip is encoded, enhanced file to file, and decoded again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import rtvideo
from model.scene.sample import make_clip

PICTURE = Path(__file__).with_name("before_after.png")


def frame_of(path: Path, number: int) -> npt.NDArray[np.uint8]:
    """Return one decoded frame as RGB (height, width, 3)."""
    with av.open(str(path)) as container:
        for k, frame in enumerate(container.decode(video=0)):
            if k == number:
                return frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    raise SystemExit(f"make_picture: error: {path} has no frame {number}")


def main() -> None:
    """Make the picture."""
    parser = argparse.ArgumentParser(description="Make docs/before_after.png.")
    parser.add_argument("--model", default="night")
    parser.add_argument("--frame", type=int, default=75)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        night, lit = Path(folder) / "night.mp4", Path(folder) / "lit.mp4"
        make_clip(night, seconds=given.frame / 30 + 0.5)
        rtvideo.enhance_file(night, lit, model=given.model)
        before, after = frame_of(night, given.frame), frame_of(lit, given.frame)
    gap = np.full((before.shape[0], 8, 3), 255, np.uint8)
    picture = Image.fromarray(np.concatenate([before, gap, after], axis=1))
    picture.save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
