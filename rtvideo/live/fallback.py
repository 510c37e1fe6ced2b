"""The session to change over to when the machine is too slow: opened on the side, when it is first wanted."""

from __future__ import annotations

import logging
import threading

from rtvideo.engines.session import HasFallback, Session
from rtvideo.errors import RtvideoError
from rtvideo.frame import Geometry


class FallbackSession:
    """Opens the coarser session of another one (`HasFallback`) while that one goes on.

    Attributes:
        possible: whether there is one, as far as is known before it is opened.
    """

    def __init__(self, session: Session, geometry: Geometry) -> None:
        """Open nothing yet.

        Args:
            session: what runs meanwhile.
            geometry: that it was opened for.
        """
        self.possible = isinstance(session, HasFallback)
        self._of, self._geometry = session, geometry
        self._session: Session | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def session(self) -> Session | None:
        """Return it, once it is ready. Call this from one thread."""
        if self.possible and self._thread is None:
            self._thread = threading.Thread(target=self._open, name="rtvideo coarser", daemon=True)
            self._thread.start()
            return None
        return self._session

    def _open(self) -> None:
        assert isinstance(self._of, HasFallback)
        try:
            session = self._of.coarser()
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
        """Close it; where it is just being opened, that happens after ``patience`` seconds or by itself."""
        if self._thread is not None:
            self._thread.join(patience)
        with self._lock:
            self._closed = True
            session, self._session = self._session, None
        if session is not None:
            session.close()
