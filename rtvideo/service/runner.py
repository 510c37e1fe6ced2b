"""One camera under the supervisor: its process is started, watched, ended and started again."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

from rtvideo.processes import signals_blocked
from rtvideo.service.config import Camera
from rtvideo.service.messages import (
    Ended,
    Lost,
    Order,
    Page,
    Said,
    Shed,
    Stop,
    Thumbnail,
    Vitals,
    Watch,
)
from rtvideo.service.worker import run_camera

#: Seconds until a camera that ended is started again: the first time, and at most.
_SHORTEST, _LONGEST = 1.0, 30.0

#: Seconds of a run after which the next wait is the shortest again: a camera that comes and goes within a
#: minute is recorded while it is there.
_GOOD = 20.0

#: Seconds without a life sign after which a process is ended: while it starts, and later.
_STARTING, _SILENT = 120.0, 45.0

#: Seconds for which a process that is starting keeps others from it.
_BEGINS = 5.0

#: Seconds in which a process that was asked to end must do so.
PATIENCE = 7.0

#: Seconds without a picture after which a camera does not count as live.
_STALE = 5.0

#: What a camera can be doing, see `Status`.
STATES = ("starting", "live", "silent", "waiting", "off", "stopped")


@dataclass
class Status:
    """What is shown of a camera, over all its runs.

    Attributes:
        name: of the camera.
        model: as configured.
        threads: that it was given.
        state: ``starting``, ``live``, ``silent`` (no pictures come), ``waiting`` (until it is started again),
            ``off`` (by its schedule) or ``stopped``.
        since: when this state began, in seconds since 1970.
        pid: of its process, if there is one.
        restarts: how often it was started again after it had failed.
        frames, dropped: over all runs.
        last_error, last_error_at: the last failure; nothing if there was none.
        vitals: of the present run.
    """

    name: str
    model: str = ""
    threads: int = 0
    state: str = "stopped"
    since: float = 0.0
    pid: int | None = None
    restarts: int = 0
    frames: int = 0
    dropped: int = 0
    last_error: str = ""
    last_error_at: float | None = None
    vitals: Vitals = field(default_factory=Vitals)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, ready for JSON."""
        found = asdict(self)
        vitals = found.pop("vitals")
        return found | {name: value for name, value in vitals.items() if name not in ("frames", "dropped")}


class CameraRunner:
    """Keeps the process of a camera running. All methods but `watch` belong to the supervisor's thread.

    Attributes:
        wanted: how the camera is to be; None: it is to go.
        status: for others to read.
        thumbnail: the last one, if there is any.
        port: of the camera's own page on 127.0.0.1, while there is one.
    """

    def __init__(
        self,
        camera: Camera,
        order: Callable[[Camera], Order],
        say: Callable[[str, str], None],
    ) -> None:
        """Prepare; `tend` starts it.

        Args:
            order: makes what the process is told.
            say: called with a message and the camera's name.
        """
        self.wanted: Camera | None = camera
        self.status = Status(camera.name, since=time.time())
        self.thumbnail: bytes | None = None
        self.port: int | None = None
        self._order, self._tell = order, say
        self._running: Camera | None = None
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None
        self._began = self._heard = self._due = 0.0
        self._wait = _SHORTEST
        self._asked: float | None = None
        self._failed = ""
        self._before = (0, 0)
        self._floor = 0

    @property
    def connection(self) -> Connection | None:
        """What its process speaks through."""
        return self._connection

    @property
    def runs(self) -> bool:
        """Whether it has a process."""
        return self._process is not None

    @property
    def gone(self) -> bool:
        """Whether it is not wanted, and has ended."""
        return self.wanted is None and self._process is None

    def begins(self, now: float) -> bool:
        """Whether its process has been started a moment ago."""
        return self._process is not None and self.status.state == "starting" and now - self._began < _BEGINS

    def tend(self, now: float, *, begin: bool = True, stopping: bool = False) -> None:
        """Start, end or give up the process, whatever it is time for.

        Args:
            now: on the clock of `time.monotonic`.
            begin: it may be started now.
            stopping: the service ends.
        """
        wanted = self._is_wanted() and not stopping
        if self._process is None:
            if wanted and now >= self._due:
                if begin:
                    self._start(now)
            elif not wanted:
                self._set("stopped" if stopping or self.wanted is None else "off")
            return
        if (not wanted or self._running != self.wanted) and self._asked is None:
            self._asked = now
            self._send(Stop())
        if not self._process.is_alive():
            self.listen()  # what it said at last
            self._ended(now)
            return
        if self._asked is not None:
            if now - self._asked > PATIENCE:
                self._kill(f"did not end within {PATIENCE:g} s; what it recorded is kept")
            return
        if now - self._heard > (_STARTING if self._heard == self._began else _SILENT):
            self._kill(f"gave no sign of life for {now - self._heard:.0f} s")
        elif self.status.state != "starting":
            silent = self.status.vitals.silent
            self._set("silent" if silent is None or silent > _STALE else "live")

    def want(self, camera: Camera | None) -> None:
        """Take another configuration; what is new is tried at once. None: the camera is to go."""
        if camera != self.wanted:
            self.wanted, self._due, self._wait = camera, 0.0, _SHORTEST

    def listen(self) -> None:
        """Take the messages that have come."""
        try:
            while self._connection is not None and self._connection.poll():
                self._take(self._connection.recv())
        except (EOFError, OSError):
            self._close()

    def watch(self) -> None:
        """Ask for thumbnails for some seconds."""
        self._send(Watch())

    def shed(self, floor: int) -> None:
        """Let it do at least so much less, see `rtvideo.service.shedding`."""
        if floor != self._floor and self.runs:
            self._floor = floor
            self._send(Shed(floor))

    def abort(self) -> None:
        """End the process at once; its recordings stay, and are found by the next run."""
        if self._process is not None:
            self._kill("was still busy")
            self._process.join()
            self._ended(time.monotonic())

    def _is_wanted(self) -> bool:
        camera = self.wanted
        return camera is not None and (camera.schedule is None or camera.schedule.includes(datetime.now()))

    def _start(self, now: float) -> None:
        camera = self.wanted
        assert camera is not None
        order = self._order(camera)
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=run_camera, args=(theirs, order), name=camera.name)
        with signals_blocked():
            self._process.start()
        theirs.close()
        self._running, self._asked, self._failed, self._floor = camera, None, "", 0
        self._began = self._heard = now
        status = self.status
        status.model, status.threads, status.pid = camera.options.model, order.threads, self._process.pid
        status.vitals = Vitals()
        self._before = (status.frames, status.dropped)
        self._set("starting")

    def _take(self, message: object) -> None:
        self._heard = time.monotonic()
        status = self.status
        match message:
            case Vitals():
                status.vitals = message
                frames, dropped = self._before
                status.frames, status.dropped = frames + message.frames, dropped + message.dropped
                if status.state == "starting" and message.silent is not None:
                    self._set("live")
            case Said(line):
                self._tell(line, status.name)
            case Lost(line):
                self._tell(f"warning: {line}", status.name)
                self._note(line)
            case Thumbnail(jpeg):
                self.thumbnail = jpeg
            case Page(port):
                self.port = port
            case Ended(error):
                self._failed = error

    def _ended(self, now: float) -> None:
        assert self._process is not None
        code = self._process.exitcode or 0
        self._process.close()
        self._process = None
        self._close()
        self.port, self.status.pid, self.status.vitals = None, None, Vitals()
        asked, self._asked = self._asked is not None, None
        if asked:
            self._due, self._wait = now, _SHORTEST
            self._set("stopped")
            return
        if not self._failed:
            cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            self._failed = f"its process died ({cause})"
        if now - self._began > _GOOD:
            self._wait = _SHORTEST
        self._due = now + self._wait
        self._tell(f"error: {self._failed}; starts again in {self._wait:g} s", self.status.name)
        self._note(self._failed)
        self._wait = min(2 * self._wait, _LONGEST)
        self.status.restarts += 1
        self._set("waiting")

    def _kill(self, why: str) -> None:
        assert self._process is not None
        self._failed = f"its process {why}"
        if self._asked is not None:
            self._tell(f"warning: {self._failed}", self.status.name)
        self._process.kill()
        self._process.join()

    def _note(self, error: str) -> None:
        self.status.last_error, self.status.last_error_at = error, time.time()

    def _set(self, state: str) -> None:
        if self.status.state != state:
            self.status.state, self.status.since = state, time.time()

    def _send(self, message: object) -> None:
        try:
            if self._connection is not None:
                self._connection.send(message)
        except OSError:
            return

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
