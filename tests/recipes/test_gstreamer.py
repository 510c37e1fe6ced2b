"""The GStreamer element in real pipelines, against what rtvideo makes of the same frames."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import rtvideo

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def gst(tmp_path: Path, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program of GStreamer that finds the element, and rtvideo with what it needs."""
    env = {
        **os.environ,
        "GST_PLUGIN_PATH": str(ROOT / "recipes" / "gstreamer"),
        "GST_REGISTRY": str(tmp_path / "registry.bin"),
        "GST_REGISTRY_FORK": "no",
        "PATH": "/usr/bin:" + os.environ["PATH"],  # GStreamer's Python is the system's
        "PYTHONPATH": os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")]),
    }
    return subprocess.run([program, *words], capture_output=True, text=True, env=env, timeout=120)


@pytest.fixture
def element(tmp_path: Path) -> Path:
    if shutil.which("gst-inspect-1.0") is None or gst(tmp_path, "gst-inspect-1.0", "python").returncode:
        pytest.skip("no GStreamer with Python here")
    tried = gst(tmp_path, "/usr/bin/python3", "-c", "import gi, av, numpy")
    if tried.returncode:
        pytest.skip(f"GStreamer's Python cannot load the packages: {tried.stderr.strip().splitlines()[-1]}")
    done = gst(tmp_path, "gst-inspect-1.0", "rtvideo")
    assert "Makes night video visible" in done.stdout, done.stderr
    return tmp_path


def pictures(pix_fmt: str, width: int, height: int) -> list[av.VideoFrame]:
    y, x = np.mgrid[0:height, 0:width]
    made = []
    for number in range(3):
        grey = 20 + 30 * ((x + 2 * number) // 8 % 2) + y // 8
        rgb = np.stack([grey, grey * 0.8, grey * 0.6], -1).astype(np.uint8)
        made.append(av.VideoFrame.from_ndarray(rgb).reformat(format=pix_fmt))
        made[-1].colorspace, made[-1].color_range = 6, 1
        made[-1].pts, made[-1].time_base = number, Fraction(1, 25)
    return made


def raw(frame: av.VideoFrame, pix_fmt: str, *, marked: bool = False) -> bytes:
    """Return the rows of all planes, filled up to 4 bytes, as GStreamer lays them out.

    Args:
        marked: return what is no filling as ones.
    """
    size = 2 if "10" in pix_fmt else 1
    data = b""
    for k, plane in enumerate(frame.planes):
        bytes_of_row = plane.width * size * (2 if pix_fmt in ("nv12", "p010le") and k else 1)
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, :bytes_of_row]
        rows = np.ones_like(rows) if marked else rows
        data += np.pad(rows, ((0, 0), (0, -bytes_of_row % 4))).tobytes()
    return data


@pytest.mark.parametrize(
    ("name", "pix_fmt"), [("i420", "yuv420p"), ("nv12", "nv12"), ("i420-10le", "yuv420p10le")]
)
def test_a_pipeline_shows_what_rtvideo_makes(element: Path, name: str, pix_fmt: str) -> None:
    width, height = 98, 66
    frames = pictures(pix_fmt, width, height)
    (element / "in.raw").write_bytes(b"".join(raw(frame, pix_fmt) for frame in frames))
    parse = f"rawvideoparse format={name} width={width} height={height} framerate=25/1 colorimetry=bt601"
    words = f"filesrc location={element}/in.raw ! {parse} ! rtvideo ! filesink location={element}/out.raw"
    done = gst(element, "gst-launch-1.0", "-q", *words.split())
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    with rtvideo.Enhancer(denoise=1.0, temporal=1.0) as enhance:
        wanted = b"".join(raw(enhance(frame), pix_fmt) for frame in frames)
    made = (element / "out.raw").read_bytes()
    assert len(made) == len(wanted) and made != (element / "in.raw").read_bytes()
    kind = np.uint16 if "10" in pix_fmt else np.uint8
    shown = np.frombuffer(b"".join(raw(frame, pix_fmt, marked=True) for frame in frames), kind) > 0
    wrong = np.frombuffer(made, kind).astype(int) - np.frombuffer(wanted, kind)
    assert np.abs(wrong[shown]).max() <= 1


def test_properties_and_a_wrong_model(element: Path) -> None:
    words = "videotestsrc num-buffers=2 ! video/x-raw,format=I420,width=64,height=48 ! rtvideo {} ! fakesink"
    done = gst(element, "gst-launch-1.0", *words.format("strength=0 model=night denoise=0").split())
    assert done.returncode == 0, done.stderr
    done = gst(element, "gst-launch-1.0", *words.format("model=no-such").split())
    assert done.returncode and "no-such" in done.stderr + done.stdout
