"""A headless Chromium, driven through its own debugging protocol: nothing else to install but websockets.

with browser("http://127.0.0.1:8080/") as page:
    page.wait_for("document.readyState === 'complete'")
    page.screenshot(Path("page.png"))
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from websockets.sync.client import ClientConnection, connect

from rtvideo.errors import UnavailableError

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class NoBrowser(UnavailableError):
    """Chromium is not installed, or does not start."""


class Navigated(Exception):
    """The page gave way to another one before it answered."""


class NotYet(RuntimeError):
    """A script uses a name that no script of the page has given yet: the page may still be loading."""


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._numbers = socket, itertools.count(1)

    def call(self, method: str, **arguments: Any) -> Any:
        """Call a method of the protocol and wait for what it returns."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": arguments}))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == number:
                if "navigated" in answer.get("error", {}).get("message", ""):
                    raise Navigated(method)
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def run(self, script: str) -> Any:
        """Return what an expression, or the promise that it gives, comes to."""
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            kind = done["exceptionDetails"].get("exception", {}).get("className")
            error = NotYet if kind == "ReferenceError" else RuntimeError
            raise error(f"{script}: {done['exceptionDetails']}")
        return done["result"].get("value")

    def wait_for(self, script: str, seconds: float = 30.0) -> Any:
        """Wait until an expression comes to something true, and return that."""
        end = time.monotonic() + seconds
        value: Any = None
        while not value:
            if time.monotonic() > end:
                raise TimeoutError(f"{script} is still {value!r} after {seconds:g} s")
            time.sleep(0.05)
            with contextlib.suppress(Navigated, NotYet):
                value = self.run(script)
        return value

    def press(self, key: str) -> None:
        """Press a key, such as ``ArrowLeft``."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag with the left button."""
        for kind, (x, y) in (("mousePressed", begin), ("mouseMoved", end), ("mouseReleased", end)):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def screenshot(self, path: Path) -> None:
        """Write a PNG of what is seen."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


@contextmanager
def browser(url: str, size: tuple[int, int] = (1100, 760)) -> Iterator[Page]:
    """Open a page in a window of this size. Raises NoBrowser."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise NoBrowser("chromium: not installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            f"--window-size={size[0]},{size[1]}",
        ]
        process = subprocess.Popen(
            [program, *flags, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            port = _port(process, Path(profile, "DevToolsActivePort"))
            with connect(f"ws://127.0.0.1:{port}{_target(port)}", max_size=None, proxy=None) as socket:
                page = Page(socket)
                page.call("Page.enable")
                page.call("Page.navigate", url=url)
                yield page
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def _port(process: subprocess.Popen[bytes], file: Path) -> int:
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(file.read_text().split()[0])
        time.sleep(0.05)
    raise NoBrowser("chromium: does not start here")


def _target(port: int) -> str:
    with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}/json", timeout=30) as answer:
        tabs = json.load(answer)
    url = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
    return "/" + str(url).split("/", 3)[3]
