"""The window with a real OpenCV on a real, if virtual, screen, used by real key presses and clicks."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rtvideo.viewers.base import FrameInfo, ViewerControls
from rtvideo.viewers.window import Window
from tests.rtvideo.viewers.test_window import grey

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

WIDTH, HEIGHT = 320, 180


class Screen:
    """A virtual X server that keeps its picture in a file, and its user."""

    def __init__(self, number: str, folder: Path) -> None:
        self.display, self._file = f":{number}", folder / "Xvfb_screen0"

    def pixels(self) -> np.ndarray:
        """Return what is on the screen, (h, w, 3), from a file in the format of xwd."""
        data = self._file.read_bytes()
        header = struct.unpack(">25I", data[:100])
        size, width, height, line, colours = header[0], header[4], header[5], header[12], header[19]
        rows = np.frombuffer(data, np.uint8, line * height, size + 12 * colours).reshape(height, line)
        return rows[:, : 4 * width].reshape(height, width, 4)[..., 2::-1]

    def xdotool(self, *words: object) -> str:
        command = ["xdotool", *map(str, words)]
        environment = os.environ | {"DISPLAY": self.display}
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True, timeout=30
        ).stdout


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    for program in ("Xvfb", "xdotool"):
        if not shutil.which(program):
            pytest.skip(f"{program}: not installed")
    gui = "import cv2, sys; sys.exit('GUI:                           NONE' in cv2.getBuildInformation())"
    if subprocess.run([sys.executable, "-c", gui], capture_output=True, check=False, timeout=60).returncode:
        pytest.skip("opencv-python: no OpenCV with windows")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "800x600x24", "-fbdir", str(tmp_path)]
    server = subprocess.Popen(
        command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as pipe:
            yield Screen(pipe.readline().strip(), tmp_path)
    finally:
        server.terminate()
        server.wait(20)


def test_a_real_window(screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISPLAY", screen.display)
    controls = ViewerControls(strength=0.5, denoise=0.4)
    window = Window(controls, "night.mp4")
    try:

        def eventually(happened: Callable[[], object]) -> None:
            end = time.monotonic() + 40
            while not happened():
                assert time.monotonic() < end, "it did not happen"
                window.show(grey(40, WIDTH, HEIGHT), grey(200, WIDTH, HEIGHT), FrameInfo("fake engine"))
                time.sleep(0.02)

        def share(level: int) -> float:
            """Return which part of the picture has a colour; text and frame have others."""
            return float((abs(screen.pixels().astype(int) - level) <= 3).all(axis=2).sum() / (WIDTH * HEIGHT))

        number = screen.xdotool("search", "--sync", "--name", "night.mp4").split()[-1]
        eventually(lambda: "Geometry: 320x180" in screen.xdotool("getwindowgeometry", number))

        # Without a window manager, as here, Qt may take the window for hidden until it comes anew.
        screen.xdotool("windowunmap", "--sync", number, "windowmap", "--sync", number)
        eventually(lambda: share(200) > 0.7)

        screen.xdotool("mousemove", "--window", number, 10, 90, "mousedown", 1)
        screen.xdotool("mousemove", "--window", number, WIDTH // 2, 90, "mouseup", 1)
        eventually(lambda: share(40) > 0.35 and share(200) > 0.35)

        screen.xdotool("key", "minus")
        eventually(lambda: controls.strength == 0.4)
        screen.xdotool("key", "plus")
        eventually(lambda: controls.strength == 0.5)
        screen.xdotool("key", "d")
        eventually(lambda: controls.denoise == 0)
        screen.xdotool("key", "space")
        eventually(lambda: not window.watched)
        screen.xdotool("key", "space")
        eventually(lambda: window.watched)

        screen.xdotool("key", "s")
        eventually(lambda: list(tmp_path.glob("rtvideo-*.png")))
        (saved,) = tmp_path.glob("rtvideo-*.png")
        eventually(lambda: saved.read_bytes().endswith(b"IEND\xaeB`\x82"))
        pixels = np.asarray(Image.open(saved)).astype(int)
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        assert abs(pixels[90, 10] - 40).max() <= 3 and abs(pixels[90, -10] - 200).max() <= 3

        screen.xdotool("key", "q")
        assert controls.stop.wait(40)
    finally:
        window.close()
