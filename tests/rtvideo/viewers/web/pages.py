"""The page in a real browser, beside a run that shows it moving pictures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

pytest.importorskip("websockets", reason="websockets: not installed (pip install 'rtvideo[serve]')")

from benchmarks.live import chromium
from benchmarks.live.chromium import Page
from rtvideo.viewers.base import FrameInfo, ViewerControls
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.viewer import WebOptions, WebViewer
from tests.rtvideo.viewers.web.frames import INFO, pair

#: Mean brightness of the left and the right half of what is seen, 0..255.
MEANS = """(() => {
  const mean = (x, width) => {
    const {data} = pen.getImageData(x, 0, width, canvas.height);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2];
    return sum / data.length * 4 / 3;
  };
  return [mean(0, canvas.width / 2), mean(canvas.width / 2, canvas.width / 2)];
})()"""

#: Collects what the browser does not let the page do, by the page's own policy.
REFUSALS = """
const refused = [];
document.addEventListener("securitypolicyviolation", (event) => refused.push(event.violatedDirective));
"""

SHOWN = "drawn !== null && at('message').hidden"


@contextmanager
def browser(url: str) -> Iterator[Page]:
    with ExitStack() as stack:
        try:
            page = stack.enter_context(chromium.browser(url))
        except chromium.NoBrowser as missing:
            pytest.skip(str(missing))
        yield page


class Job:
    """A live job: frames that move, made brighter as strongly as the controls say.

    Attributes:
        silent: while set, no frames come.
    """

    def __init__(
        self,
        controls: ViewerControls,
        options: WebOptions,
        info: FrameInfo = INFO,
        size: Callable[[], tuple[int, int]] = lambda: (320, 180),
        name: str = "a night",
        interval: float = 0.03,
    ) -> None:
        self.viewer = WebViewer(options, controls, name)
        self.silent = threading.Event()
        self._controls, self._info, self._size, self._interval = controls, info, size, interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        index = 0
        while not self._ended.wait(self._interval):
            if not self.silent.is_set():
                index += 1
                gain = 1 + 2 * round(self._controls.strength, 1)
                self.viewer.show(*pair(index % 16, *self._size(), gain), self._info)

    def end(self) -> None:
        if not self._ended.is_set():
            self._ended.set()
            self._thread.join()
            self.viewer.close()


@contextmanager
def job(controls: ViewerControls, options: WebOptions | None = None, **given: Any) -> Iterator[Job]:
    running = Job(controls, options or WebOptions(Address()), **given)
    try:
        yield running
    finally:
        running.end()


@contextmanager
def opened(running: Job, before: str = "") -> Iterator[Page]:
    """Open the page; ``before`` is a script that runs ahead of it."""
    with browser("about:blank") as page:
        page.call("Page.addScriptToEvaluateOnNewDocument", source=REFUSALS + before)
        page.call("Page.navigate", url=running.viewer.url)
        page.wait_for("document.readyState === 'complete' && typeof awaitFrame === 'function'", 60)
        yield page


@contextmanager
def watching(controls: ViewerControls, before: str = "", **given: Any) -> Iterator[Page]:
    """Open the page of a job, and wait until it shows pictures."""
    with job(controls, **given) as running, opened(running, before) as page:
        page.wait_for(SHOWN, 60)
        yield page
