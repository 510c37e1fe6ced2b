"""The Python API: enhance one frame after the other, or a whole file."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np
import numpy.typing as npt

from rtvideo.colour import Coding, Matrix
from rtvideo.engines.session import Settings
from rtvideo.engines.session_cache import SessionCache
from rtvideo.errors import InputError
from rtvideo.frame import Geometry, Planes
from rtvideo.models import find
from rtvideo.options import Options, Report

if TYPE_CHECKING:
    from av import VideoFrame


class Enhancer:
    """Enhances frames, one call a frame; keeps its engine between calls.

    A call takes

    - an (h, w, 3) uint8 RGB array and returns a new array of the same shape and type, or
    - an `av.VideoFrame` and returns a new one of the same format, with its time stamp and colour tags.

    Frames of any size may follow each other. ``settings.strength`` and ``settings.denoise`` may be changed
    between calls. Threads may share one, and take turns; a fork and a pickled copy open engines of their own.
    Use it in a ``with`` statement, or call `close`.

    Args:
        model: name of a shipped model, or path of a model file.
        denoise: noise removal, 0 (off) to 1; None takes all that the model has.
        temporal: 0 enhances each frame alone; above 0 (at most 1) frames of one size are taken for one
            stream, whose noise and flicker are reduced over time. `av.VideoFrame.time` gives the speed of the
            stream; arrays count as 30 a second. `reset` begins another stream.
        strength: 0 (frames come back unchanged) to 1.
        device, engine: by name, or ``auto`` for the fastest that works.
        threads: for the engine; 0 takes what this process may use.

    Raises:
        UsageError: an argument is not allowed (also a ValueError).
        UnavailableError: the engine, device or model file cannot work here (also a RuntimeError). The
            engine is opened with the first frame, when its size is known.
    """

    def __init__(
        self,
        model: str = "night",
        *,
        denoise: float | None = None,
        temporal: float = 0.0,
        strength: float = 1.0,
        device: str = "auto",
        engine: str = "auto",
        threads: int = 0,
    ) -> None:
        self.model = find(model)
        if denoise is None:
            denoise = float(self.model.has_denoise)
        self.settings = Settings(strength, denoise, temporal)
        self._sessions = SessionCache(
            self.model, self.settings, engine=engine, device=device, threads=threads
        )

    @overload
    def __call__(self, frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]: ...

    @overload
    def __call__(self, frame: VideoFrame) -> VideoFrame: ...

    def __call__(self, frame: npt.NDArray[np.uint8] | VideoFrame) -> npt.NDArray[np.uint8] | VideoFrame:
        """Return the enhanced frame; the one given is not changed.

        Raises:
            TypeError: neither an array nor an `av.VideoFrame`, or an array that is not uint8.
            ValueError: an array that is not (h, w, 3), or an empty one.
            InputError: a video frame that cannot be enhanced, such as HDR (also an OSError).
        """
        if isinstance(frame, np.ndarray):
            return self._array(frame)
        from av import VideoFrame

        if isinstance(frame, VideoFrame):
            return self._video_frame(frame)
        raise TypeError(
            f"frame is a {type(frame).__name__}; allowed: an (h, w, 3) uint8 array or an av.VideoFrame"
        )

    def planes(
        self, planes: Planes, geometry: Geometry, out: Planes | None = None, time: float | None = None
    ) -> Planes:
        """Enhance one frame given as planes.

        Args:
            planes: as `rtvideo.frame.Geometry.shapes` says.
            geometry: what they hold.
            out: where the result goes; None for new planes.
            time: presentation time in seconds, for ``temporal``.
        """
        return self._sessions.enhance(planes, geometry, out, time)

    def reset(self) -> None:
        """Forget the frames so far: the next one begins another stream."""
        self._sessions.reset()

    def engine(self, geometry: Geometry) -> str:
        """Return what runs for frames of this geometry, for example ``onnx cpu, 2 threads``."""
        return str(self._sessions.session(geometry))

    def close(self) -> None:
        """Close the engine. The enhancer cannot be used afterwards; closing twice is fine."""
        self._sessions.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _array(self, frame: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        if frame.dtype != np.uint8:
            raise TypeError(f"frame is {frame.dtype}; allowed: uint8, RGB in 0..255")
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.size == 0:
            raise ValueError(
                f"frame has shape {frame.shape}; allowed: (height, width, 3) of at least one pixel"
            )
        height, width, _ = frame.shape
        geometry = Geometry(width, height, "rgb", 8, Coding(Matrix.RGB, full_range=True))
        (lit,) = self.planes([np.ascontiguousarray(frame).reshape(height, 3 * width)], geometry)
        return lit.reshape(frame.shape).astype(np.uint8, copy=False)

    def _video_frame(self, frame: VideoFrame) -> VideoFrame:
        from rtvideo.media.compositor import Compositor
        from rtvideo.media.planes import FrameFormat, nearest_format
        from rtvideo.media.tags import Tags
        from rtvideo.processor import FrameProcessor

        name, tags = frame.format.name, Tags.of(frame)
        wanted = FrameFormat(name, frame.width, frame.height, tags.coding(name, frame.height))
        working = replace(wanted, pix_fmt=nearest_format(name))
        session = self._sessions.session(working.geometry)
        processor = FrameProcessor(session, working, frame, tags, tags=tags, deinterlace=False)
        (pair,) = (*processor.push(frame), *processor.flush())
        try:
            return Compositor(working, wanted, tags=tags)(pair.original, pair.lit)
        except (ValueError, OSError):
            near = working.pix_fmt
            raise InputError(f"frames of format {name} cannot be made; convert to {near} first") from None


def enhance_file(input: str | Path, output: str | Path, **options: Any) -> Report:
    """Enhance a video or an image file.

    Args:
        input, output: paths. An image (PNG, JPEG, TIFF, WebP, AVIF, HEIC, BMP, GIF) becomes an image,
            anything else a video.
        options: the fields of `rtvideo.Options`.

    Returns:
        What happened. ``incomplete`` says why a damaged input gave a shorter output.

    Raises:
        RtvideoError: one of `rtvideo.errors`; each is also the built-in exception that says the same.
        TypeError: an unknown option.
    """
    from rtvideo.files.kinds import Job, job_for

    source, target, wanted = Path(input), Path(output), Options(**options)
    job = job_for(source, target)
    if job is Job.VIDEO:
        from rtvideo.files.job import enhance_video

        return enhance_video(source, target, wanted)
    from rtvideo.files.sequence_job import enhance_sequence, enhance_to_images

    if job is Job.TO_IMAGES:
        return enhance_to_images(source, target, wanted)
    from rtvideo.files.image_job import enhance_image, sessions_for

    with closing(sessions_for(wanted)) as sessions:
        return (enhance_image if job is Job.IMAGE else enhance_sequence)(source, target, wanted, sessions)
