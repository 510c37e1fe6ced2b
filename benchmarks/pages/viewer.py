"""A picture of the web viewer in a browser, with the sample clip in a loop."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import av

from benchmarks.live.chromium import browser
from rtvideo.enhancer import Enhancer
from rtvideo.sample.clip import make_clip
from rtvideo.viewers.base import FrameInfo, ViewerControls
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.viewer import WebOptions, WebViewer

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


def photograph(size: tuple[int, int], path: Path) -> None:
    """Write a PNG of the page. Raises UnavailableError where there is no Chromium."""
    with tempfile.TemporaryDirectory() as folder, Enhancer(denoise=0.0) as enhance:
        clip = Path(folder) / "night.mp4"
        make_clip(clip, seconds=4, size=size)
        viewer = WebViewer(WebOptions(Address()), ViewerControls(), clip.name)
        ended = threading.Event()
        thread = threading.Thread(target=show, args=[clip, viewer, enhance, ended])
        thread.start()
        try:
            with browser(viewer.url, (1000, 760)) as page:
                shown = "document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames"
                page.wait_for(f"{shown} > {FRAMES}", 120)
                page.screenshot(path)
        finally:
            ended.set()
            thread.join()
            viewer.close()
