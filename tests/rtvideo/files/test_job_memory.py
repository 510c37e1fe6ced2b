"""A long file costs no more memory than a short one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

pytestmark = pytest.mark.slow

# Runs in a process of its own, because a peak can only be read for a whole process.
MEASURE = """
import resource, sys
from pathlib import Path
import pytest

from rtvideo.files.job import enhance_video
from rtvideo.options import Options
from tests.helpers.doubles import FakeSession, opening
report = enhance_video(
    Path(sys.argv[1]),
    Path(sys.argv[2]),
    Options(preset="ultrafast", frames=int(sys.argv[3])),
    open_engine=opening(FakeSession()),
)
print(report.frames_out, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def write(path: Path, frames: int) -> Path:
    """Write a 360p clip with sound; the same few pictures again and again, so that it is quick."""
    pictures = [
        av.VideoFrame.from_ndarray(np.full((540, 640), 16 + i, np.uint8), "yuv420p") for i in range(8)
    ]
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=30, width=640, height=360, options={"preset": "ultrafast"})
        sound = out.add_stream("aac", rate=48000, layout="mono")
        for index in range(frames):
            picture = pictures[index % 8]
            picture.pts = index
            out.mux(video.encode(picture))
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.float32), "fltp", "mono")
            tone.pts, tone.sample_rate = index * 1600, 48000
            out.mux(sound.encode(tone))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))
    return path


def peak(source: Path, target: Path, frames: int) -> tuple[int, int]:
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(source), str(target), str(frames)],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    done_frames, kilobytes = map(int, done.stdout.split())
    return done_frames, kilobytes


def test_memory_stays_flat(tmp_path: Path) -> None:
    source = write(tmp_path / "long.mp4", 3000)
    short, long = (peak(source, tmp_path / f"{n}.mp4", n) for n in (300, 3000))
    assert (short[0], long[0]) == (300, 3000)
    assert long[1] < 1.1 * short[1], f"peak grew from {short[1]} to {long[1]} kB"
