"""Results of a GPU in frames that it writes into by itself, for encoders that read main memory."""

from __future__ import annotations

from collections import deque

import av

from rtvideo.engines.gpu.session import GpuSession
from rtvideo.engines.session import Session
from rtvideo.errors import UnavailableError
from rtvideo.frame import Planes
from rtvideo.media.gpu import dlpack
from rtvideo.media.planes import FrameFormat, FramePool


class PinnedFrames(FramePool):
    """A pool of frames in pinned memory; a frame goes back to it when nothing refers to it any more.

    Args:
        session: whose results the frames take.
        working: their format, which the session was opened for.
    """

    def __init__(self, session: GpuSession, working: FrameFormat) -> None:
        super().__init__(working.pix_fmt, working.width, working.height)
        self._session, self._unused = session, deque[Planes]()
        self._closed = False

    def take(self) -> av.VideoFrame:
        """Return a frame with undefined content, which nothing else refers to.

        Raises:
            UnavailableError: memory is short.
        """
        try:
            planes = self._unused.popleft()
        except IndexError:
            planes = self._session.lend()
        in_use = [None] * len(planes)

        def release() -> None:
            in_use.pop()
            if not in_use:
                self._take_back(planes)

        exported = [
            dlpack.DLPackPlane(
                plane.ctypes.data, plane.shape, plane.strides[0] // plane.itemsize, 8 * plane.itemsize,
                (dlpack.CPU, 0), release,
            )
            for plane in planes
        ]  # fmt: skip
        width, height, pix_fmt = self._shape
        return av.VideoFrame.from_dlpack(tuple(exported), pix_fmt, width, height)

    def give(self, frame: av.VideoFrame) -> None:
        """Do nothing: a frame comes back by itself."""

    def close(self) -> None:
        """Give the memory back, that of frames in use when they are no longer."""
        self._closed = True
        while self._unused:
            self._session.take_back(self._unused.popleft())

    def _take_back(self, planes: Planes) -> None:
        if self._closed:
            self._session.take_back(planes)
        else:
            self._unused.append(planes)


def pinned_frames_for(session: Session, working: FrameFormat) -> PinnedFrames | None:
    """Return frames for the results of a session on a GPU; None for others, or if PyAV cannot borrow such."""
    if not isinstance(session, GpuSession):
        return None
    frames = PinnedFrames(session, working)
    try:
        frames.take()
    except (ValueError, TypeError, NotImplementedError, UnavailableError):
        frames.close()
        return None
    return frames
