"""A double of OpenCV's windows: a folder, named by ``RTVIDEO_FAKE_CV2``, is screen, keyboard and mouse.

``NNNN.npy`` is the picture of each `imshow`, ``NNNN.txt`` the text in it. ``event-N.json`` is taken in turn
by `waitKey`: ``{"key": "s"}`` or ``{"mouse": [event, x, y, flags]}``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(os.environ["RTVIDEO_FAKE_CV2"])
MODE = os.environ.get("RTVIDEO_FAKE_CV2_MODE", "")

if MODE == "missing":
    raise ImportError("libGL.so.1: cannot open shared object file")

WINDOW_NORMAL, WINDOW_KEEPRATIO, WINDOW_GUI_NORMAL, WND_PROP_VISIBLE = 0, 0, 16, 4
EVENT_MOUSEMOVE, EVENT_LBUTTONDOWN, EVENT_FLAG_LBUTTON = 0, 1, 1
FONT_HERSHEY_SIMPLEX, LINE_AA = 0, 16


class error(Exception): ...


_shown = _events = 0
_texts: list[str] = []
_mouse: Callable[..., None]


def namedWindow(title: str, flags: int) -> None:
    os.write(1, b"OpenCV likes to talk\n")
    if MODE == "headless":
        raise error(
            "The function is not implemented. Rebuild the library with Windows, GTK+ 2.x or Cocoa support"
        )
    assert not {"av", "rtvideo"} & set(sys.modules), "the window's process must be free of these"
    (FOLDER / "pid").write_text(str(os.getpid()))


def setMouseCallback(title: str, callback: Callable[..., None]) -> None:
    global _mouse
    _mouse = callback


def resizeWindow(title: str, width: int, height: int) -> None: ...


def line(*args: Any) -> None: ...


def putText(picture: Any, text: str, *args: Any) -> None:
    _texts.append(text)


def imshow(title: str, picture: np.ndarray) -> None:
    global _shown
    (FOLDER / f"{_shown:04}.txt").write_text("\n".join(dict.fromkeys(_texts)))
    _texts.clear()
    np.save(FOLDER / "unfinished.npy", picture)
    os.replace(FOLDER / "unfinished.npy", FOLDER / f"{_shown:04}.npy")
    _shown += 1


def imencode(suffix: str, picture: np.ndarray) -> tuple[bool, np.ndarray]:
    return True, np.frombuffer(picture.tobytes(), np.uint8)


def getWindowProperty(title: str, number: int) -> float:
    return 0.0 if (FOLDER / "closed").exists() else 1.0


def waitKey(milliseconds: int) -> int:
    global _events
    if (FOLDER / "crash").exists():
        print("QFontDatabase: no fonts", file=sys.stderr)
        print("qt.qpa.xcb: could not connect to display", file=sys.stderr)
        print("Available platform plugins are: xcb.", file=sys.stderr, flush=True)
        os._exit(134)
    event = FOLDER / f"event-{_events}.json"
    if not event.exists():
        time.sleep(milliseconds / 1000)
        return -1
    _events += 1
    done = json.loads(event.read_text())
    if "mouse" in done:
        _mouse(*done["mouse"], None)
        return -1
    return ord(done["key"])
