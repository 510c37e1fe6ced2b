"""The cheaper session for a machine that is too slow: opened in the background when it is first wanted."""

from __future__ import annotations

import logging
import threading

from rtvideo.engines.session import HasFallback, Session
from rtvideo.errors import RtvideoError
from rtvideo.frame import Geometry
from rtvideo.processes import STEPS_BACK


class FallbackOpener:
    """Opens the fallback of a session (`HasFallback`) in a thread, while the session itself goes on.

    Attributes:
        possible: whether there is a fallback, as far as is known before it is opened.
    """

    def __init__(self, session: Session, geometry: Geometry) -> None:
        """Open nothing yet.

        Args:
            session: what runs meanwhile.
            geometry: that it was opened for.
        """
        self.possible = isinstance(session, HasFallback)
        self._preferred, self._geometry = session, geometry
        self._session: Session | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def session(self) -> Session | None:
        """Return the fallback once it is open; the first call begins to open it. Call from one thread."""
        if self.possible and self._thread is None:
            self._thread = threading.Thread(target=self._open, name="rtvideo fallback", daemon=True)
            self._thread.start()
            return None
        return self._session

    def _open(self) -> None:
        assert isinstance(self._preferred, HasFallback)
        STEPS_BACK.set(True)
        try:
            session = self._preferred.coarser()
        except RtvideoError as error:
            logging.getLogger("rtvideo").info("no coarser illumination: %s", error)
            self.possible = False
            return
        # The first frame takes longer.
        session.submit(self._geometry.empty(), self._geometry.empty())
        session.flush()
        session.receive()
        with self._lock:
            if not self._closed:
                self._session = session
                return
        session.close()

    def close(self, patience: float = 1.0) -> None:
        """Close the fallback. One that is not open after ``patience`` seconds closes itself when it is."""
        if self._thread is not None:
            self._thread.join(patience)
        with self._lock:
            self._closed = True
            session, self._session = self._session, None
        if session is not None:
            session.close()
