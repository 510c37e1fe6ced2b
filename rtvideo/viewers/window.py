"""A window that shows frames (``--preview``): the side of the run, which feeds the process that draws."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from rtvideo.console import printable, say
from rtvideo.errors import UnavailableError
from rtvideo.viewers.base import FrameInfo, ViewerControls
from rtvideo.viewers.preview import Preview

#: Width and height of the largest picture that is shown.
LARGEST = (1920, 1080)

#: Seconds that the window gets to open (OpenCV loads slowly on a busy machine), and to close.
_OPENING, _CLOSING = 60.0, 5.0

#: Seconds to wait for the window. After that a newer frame is the better one to show.
_DRAWING = 0.05

#: Change of strength or brightness by one press of + or -, [ or ].
_STEP = 0.1

_PROGRAM = Path(__file__).with_name("window_process.py")
_ELSE = "use --serve to watch in a browser, or --out for a file"


class Window:
    """Shows frames in a window; see `rtvideo.viewers.base.Viewer`.

    Raises:
        UnavailableError: there is no display, or no OpenCV with windows.
    """

    def __init__(self, controls: ViewerControls, name: str) -> None:
        if not hasattr(os, "memfd_create"):
            raise UnavailableError(f"no window: on Linux alone; {_ELSE}")
        if not os.environ.get("DISPLAY"):
            raise UnavailableError(f"no window: DISPLAY is not set, so there is no screen; {_ELSE}")
        self._controls = controls
        self._denoise = controls.denoise or 1.0
        self._wanted = threading.Event()
        self._paused = False
        self._preview = Preview("bgr24", LARGEST)
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        size = 2 * 3 * LARGEST[0] * LARGEST[1]
        # Memory without a name cannot outlive both processes, however they end.
        descriptor = os.memfd_create("rtvideo-window")
        try:
            os.ftruncate(descriptor, size)
            self._memory = mmap.mmap(descriptor, size)
            self._process = self._start(f"{printable(os.path.basename(name) or name)} - rtvideo", descriptor)
        finally:
            os.close(descriptor)
        opened: Queue[str | None] = Queue()
        self._reader = threading.Thread(
            target=self._read, args=[opened.put], name="rtvideo_window", daemon=True
        )
        self._reader.start()
        try:
            problem = opened.get(timeout=_OPENING)
        except Empty:
            problem = f"it did not come up within {_OPENING:g} s"
        if problem is not None:
            self.close()
            raise UnavailableError(f"no window: {problem}; or {_ELSE}")

    def _start(self, title: str, descriptor: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            # -P: the folder of the program holds modules that are called like Python's own.
            [sys.executable, "-P", str(_PROGRAM), title, str(descriptor)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            pass_fds=[descriptor],
            text=True,
            start_new_session=True,  # Ctrl-C in the terminal is for the job
        )

    @property
    def watched(self) -> bool:
        """Whether the window is not paused. If its process has ended, `show` raises the error."""
        return not (self._paused and self._reader.is_alive())

    def show(self, original: av.VideoFrame, lit: av.VideoFrame, info: FrameInfo) -> None:
        """Send a frame to the window, or drop it while the window still draws the last one."""
        if not self._reader.is_alive() and not self._controls.stop.is_set():
            raise UnavailableError(f"the window ended by itself: {self._complaint()}")
        if self._paused or not self._wanted.wait(_DRAWING):
            return
        self._wanted.clear()
        upright = [self._upright(frame, info) for frame in (original, lit)]
        height, width, _ = upright[0].shape
        shape = (2, height, width, 3)
        pictures = np.frombuffer(self._memory, np.uint8, 2 * 3 * width * height).reshape(shape)
        for picture, pixels in zip(pictures, upright, strict=True):
            picture[:] = pixels
        asked = {name: getattr(self._controls, name) for name in ("strength", "brightness", "denoise")}
        self._send(asdict(info) | asked | {"width": width, "height": height})

    def _upright(self, frame: av.VideoFrame, info: FrameInfo) -> npt.NDArray[np.uint8]:
        """Return a frame's BGR pixels, (height, width, 3), as a view."""
        made = self._preview(frame, info.aspect)
        (plane,) = made.planes
        rows = np.frombuffer(plane, np.uint8).reshape(made.height, plane.line_size)  # type: ignore[call-overload]
        pixels = rows[:, : 3 * made.width].reshape(made.height, made.width, 3)
        return np.rot90(pixels, -info.turn // 90)

    def close(self) -> None:
        """Close the window and end its process."""
        with contextlib.suppress(OSError):
            self._pipe.close()
        try:
            self._process.wait(_CLOSING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._complaints.close()

    @property
    def _pipe(self) -> Any:
        return self._process.stdin

    def _send(self, message: dict[str, Any]) -> None:
        # If the process has just ended, the next frame raises the error.
        with contextlib.suppress(OSError):
            self._pipe.write(json.dumps(message) + "\n")
            self._pipe.flush()

    def _read(self, opened: Callable[[str | None], None]) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                message = json.loads(line)
                if "ready" in message:
                    opened(None)
                elif "error" in message:
                    opened(message["error"])
                elif "want" in message:
                    self._wanted.set()
                elif "paused" in message:
                    self._paused = message["paused"]
                elif "key" in message:
                    self._key(message["key"])
        self._process.wait()
        opened(self._complaint())

    def _key(self, key: str) -> None:
        controls = self._controls
        if key == "q":
            controls.stop.set()
        elif key == "d" and controls.removes_noise:
            if controls.denoise:
                self._denoise, controls.denoise = controls.denoise, 0.0
            else:
                controls.denoise = self._denoise
        elif key == "d":
            say("this model removes no noise")
        elif key in "[]" and controls.sets_brightness:
            step = _STEP if key == "]" else -_STEP
            controls.brightness = round(min(1.0, max(-1.0, controls.brightness + step)), 2)
        elif key in "[]":
            say("this model has no adjustable brightness")
        else:
            step = _STEP if key == "+" else -_STEP
            controls.strength = round(min(1.0, max(0.0, controls.strength + step)), 2)

    def _complaint(self) -> str:
        """Return the most telling line that the process wrote to stderr."""
        self._complaints.seek(0)
        text = self._complaints.read().decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()] or ["it gave no reason"]
        # Qt writes the reason first, and much after it; Python writes it last.
        return next((line for line in lines if "could not" in line.lower()), lines[-1])
