"""Open sessions for frames of different sizes and formats, which are enhanced one at a time.

Threads take turns. A fork opens sessions of its own, since it has none of the threads of its parent's.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from typing import Any

from rtvideo.engines.opening import open_session
from rtvideo.engines.session import Session, Settings, check_settings
from rtvideo.frame import Geometry, Planes
from rtvideo.models import Model

#: Sessions that are kept open; the least recently used one is closed first.
SESSIONS = 4


#: Sessions that a fork got from its parent: kept, so that nobody destroys them here.
_of_parents: list[OrderedDict[Geometry, Session]] = []


class SessionCache:
    """Sessions of one model, one for each geometry.

    Attributes:
        model: that they run.
        settings: of all of them; may be changed between frames.
    """

    def __init__(
        self,
        model: Model,
        settings: Settings,
        *,
        engine: str = "auto",
        device: str = "auto",
        threads: int = 0,
    ) -> None:
        """Open nothing yet; the arguments are those of `rtvideo.engines.opening.open_session`.

        Raises:
            UsageError: settings outside 0..1.
        """
        check_settings(settings)
        self.model, self.settings = model, settings
        self._engine, self._device, self._threads = engine, device, threads
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        """Begin without sessions, in this process."""
        self._sessions: OrderedDict[Geometry, Session] = OrderedDict()
        self._turn, self._process = threading.RLock(), os.getpid()

    def _lock(self) -> threading.RLock:
        if os.getpid() != self._process:
            _of_parents.append(self._sessions)  # closing them would wait for threads that are not there
            self._begin()
        return self._turn

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k not in ("_sessions", "_turn", "_process")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._begin()

    def session(self, geometry: Geometry) -> Session:
        """Return the session for a geometry; it is opened when it is first asked for.

        Raises:
            UnavailableError, UsageError: see `rtvideo.engines.opening.open_session`; also where ``settings``
                were changed to what the model or engine cannot do.
        """
        with self._lock():
            if self._closed:
                raise ValueError("the enhancer is closed; make a new one")
            if geometry not in self._sessions:
                session = open_session(
                    self.model,
                    geometry,
                    self.settings,
                    engine=self._engine,
                    device=self._device,
                    threads=self._threads,
                )
                if len(self._sessions) == SESSIONS:
                    self._sessions.popitem(last=False)[1].close()
                self._sessions[geometry] = session
            self._sessions.move_to_end(geometry)
            session = self._sessions[geometry]
            check_settings(self.settings, self.model, remembers=session.remembers, debands=session.debands)
            return session

    def enhance(
        self, planes: Planes, geometry: Geometry, out: Planes | None = None, time: float | None = None
    ) -> Planes:
        """Enhance one frame; see `rtvideo.enhancer.Enhancer.planes`."""
        with self._lock():
            session = self.session(geometry)
            session.submit(planes, geometry.empty() if out is None else out, time)
            done = session.receive()
            if done is None:  # an engine that works on several frames at once
                session.flush()
                done = session.receive()
            assert done is not None
            return done

    def reset(self) -> None:
        """Forget the frames so far, in all sessions."""
        with self._lock():
            for session in self._sessions.values():
                session.reset()

    def close(self) -> None:
        """Close all sessions. The cache cannot be used afterwards; closing twice is fine."""
        with self._lock():
            self._closed = True
            while self._sessions:
                self._sessions.popitem()[1].close()
