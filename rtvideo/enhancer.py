"""Enhances frames from Python, one after the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

import numpy as np
import numpy.typing as npt

from rtvideo.arrays import Tensor, frames_of, from_tensor, to_tensor
from rtvideo.engines.registry import check_names
from rtvideo.engines.session import Settings
from rtvideo.engines.session_cache import SessionCache
from rtvideo.errors import InputError, UsageError
from rtvideo.frame import Geometry, Planes
from rtvideo.models import Model, find
from rtvideo.options import value_of
from rtvideo.wording import python_words

if TYPE_CHECKING:
    from av import VideoFrame


Sample = TypeVar("Sample", bound=np.generic)
T = TypeVar("T", bound=Tensor)


class Enhancer:
    """Enhances frames, one call a frame; keeps its engine between calls.

    A call takes

    - an (h, w, 3) array, an (h, w) array of grey, or (n, h, w, 3) of several frames, and returns a new array
      of the same shape and type. uint8 goes from 0 to 255, uint16 from 0 to 65535, floats from 0 to 1;
    - a tensor of torch, or of another library with DLPack, in main memory, whose channels may also come
      first, and returns one of that library;
    - an `av.VideoFrame`, and returns a new one of the same format, with its time stamp and colour tags.

    Frames of any size may follow each other. ``strength``, ``brightness``, ``denoise``, ``temporal`` and
    ``deband`` may be changed between calls. Threads may share one, and take turns; a fork and a pickled copy
    open engines of their own. Use it in a ``with`` statement, or call `close`.

    Defaults are those of `enhance_file`, except that ``temporal`` and ``deband`` are off: an enhancer does
    not know whether frames follow each other, or were compressed. Shares are numbers from 0 to 1 or words of
    the command line, such as ``"50%"`` and ``"off"``.

    Args:
        model: name of a shipped model, or path of a model file.
        denoise: noise removal, 0 (off) to 1; None or ``"auto"`` takes what a frame needs by its own noise,
            0.3 to 1; with ``temporal`` 0.5 to 1, and steady from frame to frame.
        temporal: 0 enhances each frame alone; above 0 (at most 1) frames of one size are taken for one
            stream, whose noise and flicker are reduced over time. `av.VideoFrame.time` gives the speed of the
            stream; arrays count as 30 a second. `reset` begins another stream.
        deband: how far the blocks that compression leaves near black are smoothed, 0 to 1; for frames of
            compressed video.
        strength: 0 (frames come back unchanged) to 1.
        brightness: -1 (darker) to 1 (brighter) than the model finds right, which is 0.
        device: by name, or ``auto`` for the fastest that works.
        engine: likewise.
        threads: for the engine; 0 takes what this process may use.
        pixels: the order of the channels in arrays and tensors, ``rgb`` or ``bgr`` (OpenCV's).

    Raises:
        UsageError: an argument is not allowed (also a ValueError).
        UnavailableError: the engine, device or model file cannot work here (also a RuntimeError). The
            engine is opened with the first frame, when its size is known.
    """

    # Without a __dict__ a misspelt setting is an AttributeError, not an attribute that does nothing.
    __slots__ = ("__weakref__", "_pixels", "_sessions")

    @python_words()
    def __init__(
        self,
        model: str | Path = "night",
        *,
        denoise: float | str | None = None,
        temporal: float | str = 0.0,
        deband: float | str = 0.0,
        strength: float | str = 1.0,
        brightness: float | str = 0.0,
        device: str = "auto",
        engine: str = "auto",
        threads: int = 0,
        pixels: str = "rgb",
    ) -> None:
        if pixels not in ("rgb", "bgr"):
            raise UsageError(f"pixels: {pixels!r} is not allowed; allowed: 'rgb' or 'bgr'")
        self._pixels = pixels
        check_names(engine, device)
        found = find(value_of("model", model))
        settings = Settings(
            value_of("strength", strength),
            _denoise(denoise, found),
            _temporal(temporal),
            _deband(deband),
            _brightness(brightness, found),
            adapts=value_of("denoise", denoise) is None,
            alone=True,
            dither=True,
        )
        self._sessions = SessionCache(
            found, settings, engine=engine, device=device, threads=value_of("threads", threads)
        )

    @property
    def model(self) -> Model:
        """The network that it runs."""
        return self._sessions.model

    @property
    def settings(self) -> Settings:
        """All of them in one record, whose values may be changed too."""
        return self._sessions.settings

    @property
    def strength(self) -> float:
        """0 (frames come back unchanged) to 1."""
        return self.settings.strength

    @strength.setter
    def strength(self, value: float | str) -> None:
        self.settings.strength = value_of("strength", value)

    @property
    def brightness(self) -> float:
        """-1 (darker) to 1 (brighter) than the model finds right, which is 0."""
        return self.settings.brightness

    @brightness.setter
    @python_words()
    def brightness(self, value: float | str) -> None:
        self.settings.brightness = _brightness(value, self.model)

    @property
    def denoise(self) -> float:
        """Noise removal: 0 (off) to 1, ``"off"``, or ``"auto"`` for what each frame needs, at most this."""
        return self.settings.denoise

    @denoise.setter
    @python_words()
    def denoise(self, value: float | str | None) -> None:
        self.settings.denoise = _denoise(value, self.model)
        self.settings.adapts = value_of("denoise", value) is None

    @property
    def temporal(self) -> float:
        """How much the frames before count: 0 (each frame alone) to 1, or ``"off"``."""
        return self.settings.temporal

    @temporal.setter
    def temporal(self, value: float | str) -> None:
        self.settings.temporal = _temporal(value)

    @property
    def deband(self) -> float:
        """How far blocks near black are smoothed: 0 to 1, or ``"off"``."""
        return self.settings.deband

    @deband.setter
    def deband(self, value: float | str) -> None:
        self.settings.deband = _deband(value)

    @overload
    def __call__(self, frame: npt.NDArray[Sample]) -> npt.NDArray[Sample]: ...

    @overload
    def __call__(self, frame: VideoFrame) -> VideoFrame: ...

    @overload
    def __call__(self, frame: T) -> T: ...

    @python_words()
    def __call__(self, frame: Any) -> Any:
        """Return the enhanced frame; the one given is not changed.

        Raises:
            TypeError: none of what is listed above, or an array of other numbers.
            ValueError: an array of another shape, or floats outside 0 to 1.
            InputError: a video frame that cannot be enhanced, such as ICtCp (also an OSError).
        """
        if isinstance(frame, np.ndarray):
            return self._array(frame)
        from av import VideoFrame

        if isinstance(frame, VideoFrame):
            return self._video_frame(frame)
        if isinstance(frame, Tensor):
            return to_tensor(self._array(from_tensor(frame), tensor=True), frame)
        raise TypeError(
            f"frame is of type {type(frame).__name__}; allowed: an (h, w, 3) array (of many things "
            "np.asarray makes one), a tensor, or an av.VideoFrame"
        )

    @python_words()
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

    @python_words()
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

    def _array(self, array: npt.NDArray[Any], *, tensor: bool = False) -> npt.NDArray[Any]:
        frames = frames_of(array, self._pixels, tensor=tensor)
        geometry = frames.geometry
        return frames.restored([self.planes([plane], geometry)[0] for plane in frames.planes])

    def _video_frame(self, frame: VideoFrame) -> VideoFrame:
        from rtvideo.media.compositor import Compositor
        from rtvideo.media.planes import FrameFormat, nearest_format
        from rtvideo.media.tags import Tags
        from rtvideo.media.transparency import alpha_of
        from rtvideo.processor import FrameProcessor

        name, tags = frame.format.name, Tags.of(frame)
        wanted = FrameFormat(name, frame.width, frame.height, tags.coding(name, frame.height))
        working = replace(wanted, pix_fmt=nearest_format(name))
        session = self._sessions.session(working.geometry)
        processor = FrameProcessor(session, working, frame, tags, tags=tags)
        (pair,) = (*processor.push(frame), *processor.flush())
        try:
            return Compositor(working, wanted, tags=tags)(
                pair.original, pair.lit, alpha_of(frame, frame.width, frame.height)
            )
        except InputError:
            near = working.pix_fmt
            raise InputError(f"frames of format {name} cannot be made; convert to {near} first") from None


def _denoise(value: float | str | None, model: Model) -> float:
    share: float | None = value_of("denoise", value)
    if share is None:
        return float(model.has_denoise)
    if share > 0:
        model.check_denoise()
    return share


def _brightness(value: float | str, model: Model) -> float:
    wish: float = value_of("brightness", value)
    if wish:
        model.check_brightness()
    return wish


def _temporal(value: float | str) -> float:
    return _told("temporal", value, "whether frames follow each other")


def _deband(value: float | str) -> float:
    return _told("deband", value, "whether frames were compressed with loss")


def _told(name: str, value: float | str, what: str) -> float:
    """Return a share; ``auto`` is refused, since ``what`` it depends on cannot be seen in frames."""
    share: float | None = value_of(name, value)
    if share is None:
        raise UsageError(
            f"{name}: {value!r} is not allowed; allowed: off, on, a number from 0 to 1, or 0% to 100%: "
            f"only the caller knows {what}"
        )
    return share
