"""All cameras: each has a process of its own, and a share of the processor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import wait

from rtvideo.cpus import usable_cpus
from rtvideo.service.config import Camera, ServiceConfig
from rtvideo.service.log import Log
from rtvideo.service.messages import Order
from rtvideo.service.runner import PATIENCE, CameraRunner, Status
from rtvideo.service.shedding import floors
from rtvideo.service.systemd import Notifier

#: Seconds between two looks at the cameras.
_INTERVAL = 0.25

#: Seconds in which everything must have ended: those that cameras have, and some more.
_END = PATIENCE + 0.5


class Supervisor:
    """Runs the cameras of a configuration.

    Attributes:
        runners: by name. Other threads may read it.
        publish: called with the state of all cameras whenever they were looked at.
        turned: when `run` last looked at the cameras, on the clock of `time.monotonic`.
    """

    def __init__(self, config: ServiceConfig, log: Log, token: str | None, notify: Notifier) -> None:
        """Prepare; `run` does the work.

        Args:
            token: that the pages of the cameras ask for.
        """
        self._config, self._log, self._token, self._notify = config, log, token, notify
        self._budget = config.threads or usable_cpus()
        self._shares = len(config.cameras)
        self.turned = time.monotonic()
        self.runners: dict[str, CameraRunner] = {}
        self._watch = threading.Event()
        self.publish: Callable[[list[Status]], None] = lambda cameras: None
        self._add(config.cameras)

    def run(
        self, stop: threading.Event, reload: threading.Event, read: Callable[[], ServiceConfig | None]
    ) -> None:
        """Work until ``stop`` is set; then complete all outputs.

        Args:
            reload: when set, the configuration is read again.
            read: reads it; None: there is something wrong with it, which was said.
        """
        self._turn(0.0)
        self._notify(READY="1")
        while not stop.is_set():
            if reload.is_set():
                reload.clear()
                self._notify.reloading()
                if (config := read()) is not None:
                    self._change(config)
                self._notify(READY="1")
            self._turn(_INTERVAL)
            self._notify.alive()
            self._notify(STATUS=self.summary())
        self._end()

    def watch(self) -> None:
        """Let thumbnails come for some seconds; any thread may call this."""
        self._watch.set()

    def summary(self) -> str:
        """Return how many cameras are live."""
        runners = list(self.runners.values())
        live = sum(runner.status.state == "live" for runner in runners)
        return f"{live} of {len(runners)} cameras live"

    def _turn(self, patience: float, *, stopping: bool = False) -> None:
        connections = [runner.connection for runner in self.runners.values() if runner.connection is not None]
        if connections:
            wait(connections, timeout=patience)
        else:
            time.sleep(patience)
        self.turned = time.monotonic()
        watched = self._watch.is_set()
        self._watch.clear()
        for runner in list(self.runners.values()):
            runner.listen()
            # One that starts computes for seconds: all at once would disturb those that run.
            now = time.monotonic()
            begin = sum(other.begins(now) for other in self.runners.values()) < self._budget
            runner.tend(now, begin=begin, stopping=stopping)
            if watched:
                runner.watch()
        self.runners = {name: runner for name, runner in self.runners.items() if not runner.gone}
        self._shed()
        self.publish([runner.status for runner in self.runners.values()])

    def _shed(self) -> None:
        """Let all cameras do less that others need to do less."""
        runners = self.runners.items()
        wanted = {name: (runner.wanted, runner.status.vitals.need) for name, runner in runners}
        needs = {name: (camera.priority, need) for name, (camera, need) in wanted.items() if camera}
        for name, floor in floors(needs).items():
            self.runners[name].shed(floor)

    def _end(self) -> None:
        self._notify(STOPPING="1")
        end = time.monotonic() + _END
        for runner in self.runners.values():
            runner.tend(time.monotonic(), stopping=True)
        while any(runner.runs for runner in self.runners.values()) and time.monotonic() < end:
            self._turn(0.05, stopping=True)
        for runner in self.runners.values():
            runner.abort()

    def _add(self, cameras: dict[str, Camera]) -> None:
        for name, camera in cameras.items():
            self.runners[name] = CameraRunner(camera, self._order, self._log)

    def _order(self, camera: Camera) -> Order:
        threads = camera.options.threads or max(1, self._budget // max(1, self._shares))
        share = min(1.0, self._budget / (threads * max(1, self._shares)))
        return Order(camera, threads, share, self._config.web is not None, self._token)

    def _change(self, config: ServiceConfig) -> None:
        """Take another configuration: cameras whose part is the same go on as they are."""
        before = {name: runner.wanted for name, runner in self.runners.items()}
        after = config.cameras
        for name, runner in self.runners.items():
            runner.want(after.get(name))
        new = {name: camera for name, camera in after.items() if name not in before}
        self._shares = len(after)
        self._add(new)
        changed = [name for name in after if name in before and after[name] != before[name]]
        parts = {"new": list(new), "changed": changed, "gone": [name for name in before if name not in after]}
        said = "; ".join(f"{word}: {', '.join(names)}" for word, names in parts.items() if names)
        self._log(f"configuration read again; {said or 'no camera has changed'}")
        if replace(config, cameras={}) != replace(self._config, cameras={}):
            self._log("warning: [service] has changed; that counts from the next start on")
