"""Base of synchronous engines, which finish a frame before they take the next one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque

from rtvideo.engines.session import Settings, check_settings
from rtvideo.engines.steady_noise import SteadyNoise
from rtvideo.frame import Geometry, Planes, check_planes, pass_through
from rtvideo.models import Model


class SyncSession(ABC):
    """A `rtvideo.engines.session.Session` whose `enhance` is all there is to a frame.

    `submit` and `receive` are for callers that treat all sessions alike. There is no state over time but
    of the noise (`rtvideo.engines.steady_noise`) unless a subclass has some and says so.

    Attributes:
        threads: that it uses, at least 1.
    """

    engine: str
    name: str
    remembers = False
    debands = False

    def __init__(self, model: Model, geometry: Geometry, settings: Settings, threads: int = 1) -> None:
        self.settings, self.threads = settings, threads
        self._model, self._geometry = model, geometry
        self._done: deque[Planes] = deque()
        self._noise = SteadyNoise(geometry)

    def submit(self, planes: Planes, out: Planes, time: float | None = None) -> None:
        """See `rtvideo.engines.session.Session.submit`; the frame is finished when this returns."""
        check_planes(self._geometry, planes)
        check_planes(self._geometry, out)
        self._check()
        self.enhance(planes, out, time)
        self._done.append(out)

    @abstractmethod
    def enhance(self, planes: Planes, out: Planes, time: float | None = None) -> None:
        """Fill ``out`` from ``planes``, as `submit` and `receive` do together, but without their checks."""

    def receive(self) -> Planes | None:
        """Return the oldest finished frame's ``out``, or None."""
        return self._done.popleft() if self._done else None

    def flush(self) -> None:  # noqa: B027  (nothing to do is the point)
        """Do nothing: no frame is ever held back."""

    def reset(self) -> None:
        """See `rtvideo.engines.session.Session.reset`."""
        self._noise.reset()

    def __str__(self) -> str:
        return f"{self.name}, {self.threads} thread{'' if self.threads == 1 else 's'}"

    @abstractmethod
    def close(self) -> None:
        """See `rtvideo.engines.session.Session.close`."""

    def _check(self) -> None:
        check_settings(self.settings, self._model, remembers=self.remembers, debands=self.debands)


class PassThroughSession(SyncSession):
    """No engine: frames come back bit for bit, which is what strength 0 asks for."""

    engine = "none"
    name = "none (strength 0)"

    def enhance(self, planes: Planes, out: Planes, time: float | None = None) -> None:
        """Copy the samples."""
        pass_through(planes, out)

    def close(self) -> None:
        """Do nothing: nothing is held."""

    def __str__(self) -> str:
        return self.name
