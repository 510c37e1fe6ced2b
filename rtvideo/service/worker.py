"""The process of one camera: a live run, and its life signs through a pipe."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection

from rtvideo.channel import Channel
from rtvideo.console import internal
from rtvideo.errors import RtvideoError
from rtvideo.live.fanout import LiveVideo
from rtvideo.live.job import enhance_live
from rtvideo.live.loss import LossLine
from rtvideo.live.quality import CommonQuality
from rtvideo.media.location import redact
from rtvideo.processes import FROM_TERMINAL, STEPS_BACK, unblock
from rtvideo.service.config import PRIORITIES
from rtvideo.service.messages import Ended, Lost, Order, Page, Said, Shed, Stop, Thumbnail, Vitals, Watch
from rtvideo.service.probe import CameraProbe
from rtvideo.service.secrets import Scrubber
from rtvideo.viewers.base import ViewerControls
from rtvideo.viewers.web.address import Address
from rtvideo.viewers.web.tokens import Token
from rtvideo.viewers.web.viewer import WebOptions, WebViewer

#: Seconds between two life signs.
BEAT = 1.0

#: Seconds for which the run may not turn its loop; life signs end then, and the supervisor ends the process.
_HANGS = 30.0

#: Messages that wait for a supervisor that is slow, and seconds that it gets to take the last ones.
_WAITING, _GRACE = 500, 3.0


def run_camera(connection: Connection, order: Order) -> None:
    """Run a camera until it is lost, fails, or is asked to end. What a process is started with."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    for number in FROM_TERMINAL:  # they go to the supervisor too, which says what to do
        signal.signal(number, signal.SIG_IGN)
    unblock(signal.SIGTERM, *FROM_TERMINAL)
    os.nice(PRIORITIES[order.camera.priority])
    _Worker(connection, order, stop).run()


class _Worker:
    def __init__(self, connection: Connection, order: Order, stop: threading.Event) -> None:
        self._connection, self._order, self._stop = connection, order, stop
        self._scrub = Scrubber(order.camera.input, *order.camera.outputs)
        self._outbox: Channel[object] = Channel(_WAITING, drops=True)
        self._probe: CameraProbe | None = None
        self._common = CommonQuality()
        self._frames = 0
        self._turned: float | None = None
        self._sender = threading.Thread(target=self._send, name="rtvideo_send", daemon=True)
        self._ended = threading.Event()

    def run(self) -> None:
        sys.stderr = _LinesTo(self._say)
        for work in (self._receive, self._beat):
            threading.Thread(target=work, name=f"rtvideo{work.__name__}", daemon=True).start()
        self._sender.start()
        error = self._scrub(self._enhance())
        self._ended.set()
        self._outbox.put(Ended(error))
        self._outbox.close()
        self._sender.join(_GRACE)

    def _enhance(self) -> str:
        """Run the camera; return why it ended too early."""
        camera, threads = self._order.camera, self._order.threads
        STEPS_BACK.set(True)  # other cameras run
        try:
            report = enhance_live(
                camera.input,
                camera.outputs,
                replace(camera.options, threads=threads),
                camera.live,
                viewers=[self._page] if self._order.page else [],
                programs=[self._probe_of],
                say=self._warn,
                on_progress=self._turn,
                stop=self._stop,
                share=self._order.share,
                common=self._common,
            )
        except RtvideoError as error:
            return "" if self._stop.is_set() else str(error)
        except Exception as error:
            return internal(error, verbose=True)
        if self._stop.is_set():
            return ""
        return f"{redact(camera.input)}: {report.incomplete or 'the stream ended'}"

    def _page(self, controls: ViewerControls, name: str) -> WebViewer:
        token = self._order.token
        options = WebOptions(Address(), token=None if token is None else Token(token, "the service"))
        viewer = WebViewer(options, controls, self._order.camera.name, announce=lambda line: None)
        self._outbox.put(Page(viewer.port))
        return viewer

    def _probe_of(self, video: LiveVideo) -> CameraProbe:
        always = bool(self._order.camera.outputs)
        self._probe = CameraProbe(video, lambda jpeg: self._outbox.put(Thumbnail(jpeg)), always=always)
        return self._probe

    def _turn(self, frames: int) -> None:
        self._frames, self._turned = frames, time.monotonic()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            if self._turned is None or time.monotonic() - self._turned < _HANGS:
                vitals = Vitals() if self._probe is None else self._probe.vitals(self._frames)
                self._outbox.put(replace(vitals, need=self._common.need))

    def _warn(self, line: str) -> None:
        if isinstance(line, LossLine):
            self._outbox.put(Lost(self._scrub(line)))
        else:
            self._say(f"warning: {line}")

    def _say(self, line: str) -> None:
        self._outbox.put(Said(self._scrub(line)))

    def _send(self) -> None:
        try:
            for message in self._outbox:
                self._connection.send(message)
        except OSError:  # the supervisor is gone
            self._stop.set()

    def _receive(self) -> None:
        try:
            while True:
                match self._connection.recv():
                    case Stop():
                        self._stop.set()
                    case Shed(floor):
                        self._common.floor = floor
                    case Watch() if self._probe is not None:
                        self._probe.watch()
        except (EOFError, OSError):  # the supervisor is gone
            self._stop.set()


class _LinesTo(io.TextIOBase):
    """A stream that hands each line to a function."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._begun = say, ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(None, lines):
            self._say(line)
        return len(text)
