"""Results that stay on a GPU for its encoder (NVENC)."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

import av
from av.codec.hwaccel import HWAccel
from av.video.frame import CudaContext

from rtvideo.engines.gpu.frame import DeviceFrame
from rtvideo.engines.gpu.session import GpuSession
from rtvideo.engines.session import Session
from rtvideo.errors import UnavailableError
from rtvideo.frame import Geometry
from rtvideo.kernels.cuda.network import DevicePlane
from rtvideo.media.gpu import dlpack
from rtvideo.media.gpu.surfaces import hardware

if TYPE_CHECKING:
    from rtvideo.media.codecs import Encoding

#: Rows begin at multiples of so many bytes.
_ALIGNMENT = 256


class DeviceFrames:
    """A pool of frames in the memory of a device; a frame goes back to it when nothing refers to it any more.

    Args:
        session: works on the device; it must outlive the frames.
        geometry: NV12 or P010, of even size.
        pix_fmt: FFmpeg's name of that format.
        kind: of memory: `dlpack.CUDA`, in tests `dlpack.CPU`.
    """

    def __init__(
        self, session: GpuSession, geometry: Geometry, pix_fmt: str, kind: int = dlpack.CUDA
    ) -> None:
        self._device, self._geometry = session.device, geometry
        self._pix_fmt, self._kind = pix_fmt, kind
        self._item = 1 if geometry.depth == 8 else 2
        self._stride = -(-geometry.width * self._item // _ALIGNMENT) * _ALIGNMENT
        self._all: list[int] = []
        self._free: deque[int] = deque()
        self._context = CudaContext(session.device.index) if kind == dlpack.CUDA else None

    @property
    def hardware(self) -> HWAccel | None:
        """What PyAV opens an encoder with that takes these frames."""
        return None if self._context is None else hardware(self._device.index)

    def take(self) -> tuple[av.VideoFrame, DeviceFrame]:
        """Return a frame with undefined content, once as the encoder takes it and once as the engine does.

        Raises:
            UnavailableError: memory is short.
        """
        shapes = self._geometry.shapes()
        try:
            address = self._free.popleft()
        except IndexError:
            self._device.use()
            address = self._device.allocate(self._stride * sum(rows for rows, _ in shapes))
            self._all.append(address)
        in_use = [None] * len(shapes)

        def release() -> None:
            in_use.pop()
            if not in_use:
                self._free.append(address)

        exported, planes, begin = [], [], address
        where = (self._kind, self._device.index if self._kind == dlpack.CUDA else 0)
        for shape in shapes:
            stride, bits = self._stride // self._item, 8 * self._item
            exported.append(dlpack.DLPackPlane(begin, shape, stride, bits, where, release))
            planes.append(DevicePlane(begin, self._stride))
            begin += self._stride * shape[0]
        size = self._geometry.width, self._geometry.height
        frame = av.VideoFrame.from_dlpack(tuple(exported), self._pix_fmt, *size, cuda_context=self._context)
        return frame, DeviceFrame(planes, frame)

    def close(self) -> None:
        """Free the memory. The encoder must be done with it."""
        self._device.use()
        while self._all:
            self._device.free(self._all.pop())
        self._free.clear()


def device_frames_for(
    encoding: Encoding, geometry: Geometry, session: Session | None, kind: int = dlpack.CUDA
) -> DeviceFrames | None:
    """Return frames on the device for an encoder, after one was encoded as a trial; None if that fails.

    Args:
        geometry: that the session was opened with.
        kind: as for `DeviceFrames`.
    """
    if not encoding.encoder.on_gpu or not isinstance(session, GpuSession):
        return None
    if geometry.layout != "nv" or (geometry.width | geometry.height) % 2:
        return None
    if (geometry.width, geometry.height) != (encoding.width, encoding.height):
        return None  # two pictures side by side are put together in main memory
    frames = DeviceFrames(session, geometry, encoding.pix_fmt, kind)
    try:
        codec = av.CodecContext.create(encoding.codec, "w", hwaccel=frames.hardware)
        assert isinstance(codec, av.VideoCodecContext)
        encoding.configure(codec)
        frame, _ = frames.take()
        frame.pts, frame.time_base = 0, encoding.time_base
        codec.encode(frame)
        codec.encode(None)
    except (av.FFmpegError, ValueError, NotImplementedError, UnavailableError) as error:
        frames.close()
        logging.getLogger("rtvideo").info("codec %s takes frames from main memory: %s", encoding.codec, error)
        return None
    logging.getLogger("rtvideo").info("codec %s takes frames on the device", encoding.codec)
    return frames
