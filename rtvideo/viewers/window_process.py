"""The window: a separate program, because OpenCV's windows hang in a process that has loaded PyAV.

`rtvideo.viewers.window` starts it and sends a line of JSON for each frame, whose pixels are in shared memory.
The program answers with lines of JSON. It requests a frame only when it is ready to show one, so it never
falls behind. It imports nothing of rtvideo, and it ends when its input does.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

HELP = (
    "drag: compare   s: save   space: pause   + -: strength   [ ]: brightness   d: denoise   i: hide this   "
    "q: quit"
)

#: Keys that the run handles, and the names under which they are sent. Escape quits too.
JOB_KEYS = {"+": "+", "=": "+", "-": "-", "_": "-", "[": "[", "]": "]", "d": "d", "q": "q", "\x1b": "q"}

#: Milliseconds between two checks of keyboard and input.
_TICK = 8

#: Seconds for which a message is shown.
_STAY = 3.0

_LIGHT, _DARK, _LINE = (255, 255, 255), (0, 0, 0), (97, 200, 255)


class Screen:
    """The picture in the window, and its keys and mouse.

    Args:
        cv2: the module.
        send: sends a message to the run.
        memory: two pictures one after the other, (height, width, 3) BGR each: as recorded, then enhanced.
    """

    def __init__(self, cv2: Any, send: Callable[..., None], title: str, memory: mmap.mmap) -> None:
        self._cv2, self._send, self._title, self._memory = cv2, send, title, memory
        self._original: Pixels = np.zeros((360, 640, 3), np.uint8)
        self._lit = self._original
        self._info: dict[str, Any] = {}
        self._split = 0.0
        self._paused = self._requested = self._dirty = self._fresh = False
        self._overlay = True
        self._message, self._until = "", 0.0
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.setMouseCallback(title, self._mouse)
        cv2.imshow(title, self._lit)
        cv2.waitKey(1)

    def run(self) -> None:
        """Show frames until the input ends, the window is closed, or `q` is pressed."""
        self._send(ready=True)
        self._request_frame()
        while True:
            if select.select([sys.stdin], [], [], 0)[0]:
                line = sys.stdin.readline()
                if not line:
                    return
                self._receive(json.loads(line))
            if self._message and time.monotonic() > self._until:
                self._message, self._dirty = "", True
            if self._dirty:
                self._dirty = False
                self._show()
            code = self._cv2.waitKey(_TICK)
            if code >= 0:
                self._key(chr(code & 0xFF).lower())
            if self._cv2.getWindowProperty(self._title, self._cv2.WND_PROP_VISIBLE) < 1:
                self._send(key="q")
                return

    def _show(self) -> None:
        self._cv2.imshow(self._title, self.picture())
        if self._fresh:
            self._fresh = False
            height, width = self._lit.shape[:2]
            self._cv2.resizeWindow(self._title, min(width, 1280), min(height, 720))

    def picture(self, *, message: bool = True) -> Pixels:
        """Return the picture as the window shows it."""
        shown = self._lit.copy()
        cut = round(self._split * shown.shape[1])
        shown[:, :cut] = self._original[:, :cut]
        if 0 < cut < shown.shape[1]:
            self._cv2.line(shown, (cut, 0), (cut, shown.shape[0]), _LINE, 1)
        if self._overlay and self._info:
            lines = [*self._figures(), HELP]
            for number, text in enumerate(lines):
                self._write(shown, text, number if number < len(lines) - 1 else -1)
        if message and self._message:
            self._write(shown, self._message, -2)
        return shown

    def _figures(self) -> list[str]:
        info = self._info
        rate = [f"{info['fps']:.1f} frames/s"]
        if info["latency"] is not None:
            rate.append(f"{1000 * info['latency']:.0f} ms")
        if info["dropped"]:
            rate.append(f"{info['dropped']} dropped")
        look = "   ".join(f"{name} {info[name]:.2f}" for name in ("strength", "brightness", "denoise"))
        return [text for text in (info["engine"], "   ".join(rate), look, info["note"]) if text]

    def _write(self, shown: Pixels, text: str, row: int) -> None:
        """Write a line of text; rows below 0 count from the bottom."""
        height, width = shown.shape[:2]
        size = max(0.4, min(height / 900, width / 1400))
        step = round(34 * size)
        place = (round(12 * size), (row + 1) * step if row >= 0 else height + (row + 1) * step - step // 2)
        font = self._cv2.FONT_HERSHEY_SIMPLEX
        for colour, thickness in ((_DARK, 3), (_LIGHT, 1)):
            self._cv2.putText(shown, text, place, font, size, colour, thickness, self._cv2.LINE_AA)

    def _request_frame(self) -> None:
        if not self._requested and not self._paused:
            self._requested = True
            self._send(want=True)

    def _receive(self, info: dict[str, Any]) -> None:
        self._requested = False
        shape = (2, info["height"], info["width"], 3)
        # A copy: the run may write the next frame while this one is still shown.
        pair = np.frombuffer(self._memory, np.uint8, math.prod(shape)).reshape(shape).copy()
        self._original, self._lit = pair
        self._fresh = not self._info
        self._info, self._dirty = info, True
        self._request_frame()

    def _key(self, key: str) -> None:
        if key in JOB_KEYS:
            self._send(key=JOB_KEYS[key])
        elif key == " ":
            self._paused = not self._paused
            self._send(paused=self._paused)
            self._notify("paused" if self._paused else "")
            self._request_frame()
        elif key == "i":
            self._overlay, self._dirty = not self._overlay, True
        elif key == "s":
            self._notify(self._save())

    def _mouse(self, event: int, x: int, y: int, flags: int, _: Any) -> None:
        cv2 = self._cv2
        held = event == cv2.EVENT_MOUSEMOVE and flags & cv2.EVENT_FLAG_LBUTTON
        if held or event == cv2.EVENT_LBUTTONDOWN:
            self._split, self._dirty = min(1.0, max(0.0, x / self._lit.shape[1])), True

    def _notify(self, text: str) -> None:
        self._message, self._until, self._dirty = text, time.monotonic() + _STAY, True

    def _save(self) -> str:
        """Write the shown picture as a PNG, overwriting nothing, and return a message about it."""
        _, png = self._cv2.imencode(".png", self.picture(message=False))
        name = time.strftime("rtvideo-%Y%m%d-%H%M%S")
        for number in range(1, 100):
            path = Path(f"{name}.png" if number == 1 else f"{name}-{number}.png")
            try:
                with path.open("xb") as file:
                    file.write(png.tobytes())
            except FileExistsError:
                continue
            except OSError as error:
                return f"not saved: {error.strerror}"
            return f"saved as {path}"
        return "not saved: there are a hundred files of this second"


def main() -> None:
    """Run the window. The arguments are its title and the file descriptor of the shared memory."""
    title, descriptor = sys.argv[1:]
    messages = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # OpenCV's own output must not mix with the messages

    def send(**message: Any) -> None:
        print(json.dumps(message), file=messages, flush=True)

    try:
        import cv2
    except ImportError as error:
        send(error=f"OpenCV cannot be loaded ({error}); run: pip install opencv-python")
        return
    try:
        screen = Screen(cv2, send, title, mmap.mmap(int(descriptor), 0, prot=mmap.PROT_READ))
    except cv2.error:
        send(
            error="the OpenCV that is installed has no windows; "
            "run: pip uninstall -y opencv-python-headless && pip install --force-reinstall opencv-python"
        )
        return
    screen.run()


if __name__ == "__main__":
    main()
