"""Make docs/viewer.png: the web viewer in a browser, with the sample clip in a loop.

    python docs/make_viewer.py [--size 640x360]

Needs Chromium and the package websockets.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

import av

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.chromium import browser
from model.scene.sample import make_clip
from rtvideo.api import Enhancer
from rtvideo.viewers.base import FrameInfo, ViewerControls
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.viewer import WebViewer

PICTURE = Path(__file__).with_name("viewer.png")

#: Frames to show before the picture is taken.
FRAMES = 100


def show(clip: Path, viewer: WebViewer, enhance: Enhancer, ended: threading.Event) -> None:
    """Play a clip again and again, at its speed."""
    while not ended.is_set():
        with av.open(str(clip)) as container:
            for frame in container.decode(video=0):
                began = time.monotonic()
                lit = enhance(frame)
                viewer.show(frame, lit, FrameInfo("fused cpu", fps=30.0, latency=time.monotonic() - began))
                if ended.wait(max(0.0, 1 / 30 - (time.monotonic() - began))):
                    return


def main() -> None:
    """Make the picture."""
    parser = argparse.ArgumentParser(description="Make docs/viewer.png.")
    parser.add_argument("--size", default="640x360")
    width, height = map(int, parser.parse_args().size.split("x"))
    with tempfile.TemporaryDirectory() as folder, Enhancer(denoise=0.0) as enhance:
        clip = Path(folder) / "night.mp4"
        make_clip(clip, seconds=4, size=(width, height))
        viewer = WebViewer(Address(), ViewerControls(), clip.name)
        ended = threading.Event()
        thread = threading.Thread(target=show, args=[clip, viewer, enhance, ended])
        thread.start()
        try:
            with browser(viewer.url, (1000, 760)) as page:
                shown = "document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames"
                page.wait_for(f"{shown} > {FRAMES}", 120)
                page.screenshot(PICTURE)
        finally:
            ended.set()
            thread.join()
            viewer.close()


if __name__ == "__main__":
    main()
