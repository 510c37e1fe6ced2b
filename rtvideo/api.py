"""The Python API: enhance one frame after the other, or a whole file."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np
import numpy.typing as npt

from rtvideo.colour import Coding, Matrix
from rtvideo.engines.opening import open_session
from rtvideo.engines.session import Session, Settings, check_settings
from rtvideo.errors import InputError, UsageError
from rtvideo.frame import Geometry, Planes
from rtvideo.models import find
from rtvideo.options import Options, Report, flags_of

if TYPE_CHECKING:
    from av import VideoFrame

#: Sessions that are kept for frames of different sizes or formats; the longest unused one goes first.
SESSIONS = 4


class Enhancer:
    """Enhances frames, one call a frame; keeps its engine between calls.

    A call takes

    - an (h, w, 3) uint8 RGB array and returns a new array of the same shape and type, or
    - an `av.VideoFrame` and returns a new one of the same format, with its time stamp and colour tags.

    Frames of any size may follow each other. ``settings.strength`` and ``settings.denoise`` may be changed
    between calls. One thread at a time. Use it in a ``with`` statement, or call `close`.

    Args:
        model: name of a shipped model, or path of a model file.
        denoise: noise removal, 0 (off) to 1; None takes all that the model has.
        temporal: 0 looks at each frame alone; above 0 (at most 1) frames of one size are taken for one
            stream, whose shadows become quiet and whose light steady. `av.VideoFrame.time` tells how fast
            it goes; arrays count as 30 a second. `reset` begins another stream.
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
            denoise = 1.0 if self.model.has_denoise else 0.0
        self.settings = Settings(strength, denoise, temporal)
        check_settings(self.settings)
        self._open = {"engine": engine, "device": device, "threads": threads}
        self._sessions: OrderedDict[Geometry, Session] = OrderedDict()
        self._closed = False

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
        """Enhance one frame given as planes; what the other ways come down to.

        Args:
            planes: as `rtvideo.frame.Geometry.shapes` says.
            geometry: what they hold.
            out: where the result goes; None for new planes.
            time: presentation time in seconds, for ``temporal``.
        """
        session = self._session(geometry)
        session.submit(planes, geometry.empty() if out is None else out, time)
        done = session.receive()
        if done is None:  # an engine that looks ahead: there is nothing to wait for
            session.flush()
            done = session.receive()
        assert done is not None
        return done

    def reset(self) -> None:
        """Forget the frames so far: what comes next has nothing to do with them."""
        for session in self._sessions.values():
            session.reset()

    def engine(self, geometry: Geometry) -> str:
        """Return what runs for frames of this geometry, for example ``onnx cpu, 2 threads``."""
        return str(self._session(geometry))

    def close(self) -> None:
        """Give the engine back. The enhancer cannot be used afterwards; closing twice is fine."""
        self._closed = True
        while self._sessions:
            self._sessions.popitem()[1].close()

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
        import av

        from rtvideo.media.planes import FrameConverter, geometry_of, nearest_format, views
        from rtvideo.media.tags import Tags

        form, width, height = frame.format.name, frame.width, frame.height
        tags = Tags.of(frame)
        coding = tags.coding(form, height)
        near = nearest_format(form)
        geometry = geometry_of(near, width, height, coding)
        dark = FrameConverter(near, width, height, coding)(frame, coding)
        lit = av.VideoFrame(width, height, near)
        self.planes(views(dark, geometry), geometry, views(lit, geometry), frame.time)
        try:
            lit = FrameConverter(form, width, height, coding)(lit, coding)
        except (ValueError, OSError):
            raise InputError(f"frames of format {form} cannot be made; convert to {near} first") from None
        tags.apply(lit)
        lit.pts, lit.time_base, lit.duration = frame.pts, frame.time_base, frame.duration
        return lit

    def _session(self, geometry: Geometry) -> Session:
        if self._closed:
            raise ValueError("the enhancer is closed; make a new one")
        if geometry not in self._sessions:
            session = open_session(self.model, geometry, self.settings, **self._open)  # type: ignore[arg-type]
            if len(self._sessions) == SESSIONS:
                self._sessions.popitem(last=False)[1].close()
            self._sessions[geometry] = session
        self._sessions.move_to_end(geometry)
        return self._sessions[geometry]


def enhance_file(input: str | Path, output: str | Path, **options: Any) -> Report:
    """Enhance a video or an image file.

    Args:
        input, output: paths. An image (PNG, JPEG, TIFF, WebP) becomes an image, anything else a video.
        options: the fields of `rtvideo.Options`.

    Returns:
        What happened. ``incomplete`` says why a damaged input gave a shorter output.

    Raises:
        RtvideoError: one of `rtvideo.errors`; each is also the built-in exception that says the same.
        TypeError: an unknown option.
    """
    return enhance(Path(input), Path(output), Options(**options))


def enhance(
    source: Path,
    target: Path,
    options: Options,
    *,
    enhancer: Enhancer | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
    on_warning: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
) -> Report:
    """Do what `enhance_file` does, for a caller that watches and may stop it.

    Args:
        source, target: file paths.
        options: for both kinds of files.
        enhancer: used for images instead of a new one, so that a folder of them opens its engine once.
        on_progress: called with frames done and, where known, their total.
        on_warning: called with each warning as soon as it is known; all of them are in the report too.
        stop: once set, a video is finished early and its output finalised.
    """
    from rtvideo.media.images import is_image

    if is_image(source):
        with ExitStack() as stack:
            opened = enhancer or stack.enter_context(enhancer_for(options))
            return _enhance_image(source, target, options, opened, on_warning)
    if is_image(target):
        raise UsageError(f"{target}: {source} is not an image and cannot become one; name a video file")
    from rtvideo.files.job import Progress, enhance_video

    def tick(progress: Progress) -> None:
        if on_progress is not None:
            on_progress(progress.frames, progress.total)

    return enhance_video(source, target, options, on_progress=tick, on_warning=on_warning, stop=stop)


def enhancer_for(options: Options) -> Enhancer:
    """Return the enhancer that images are given to."""
    return Enhancer(
        **{name: getattr(options, name) for name, _, flag in flags_of(options) if flag.scope == "frame"}
    )


def _enhance_image(
    source: Path,
    target: Path,
    options: Options,
    enhancer: Enhancer,
    on_warning: Callable[[str], None] | None,
) -> Report:
    from rtvideo.media import images
    from rtvideo.media.partial_file import keep_date

    begin = time.perf_counter()
    for name, default, flag in flags_of(options):
        if flag.scope == "video" and getattr(options, name) != default:
            raise UsageError(f"{source}: is an image; {name} is for videos")
    if options.temporal:
        raise UsageError(f"{source}: is an image; temporal is for videos, or off")
    images.check_target(source, target, overwrite=options.overwrite)
    picture = images.read(source)
    notes = picture.warnings + images.losses(picture, target)
    if on_warning is not None:
        for note in notes:
            on_warning(note)
    decoded = time.perf_counter()
    geometry, dark = picture.geometry, picture.pixels
    engine = enhancer.engine(geometry)
    picture.pixels = enhancer.planes([picture.plane], geometry)[0].reshape(dark.shape)
    enhanced = time.perf_counter()
    if options.compare == "split":
        half = dark.shape[1] // 2
        picture.pixels[:, :half] = dark[:, :half]
    elif options.compare == "side":
        picture.pixels = np.concatenate([dark, picture.pixels], axis=1)
        picture.alpha = None if picture.alpha is None else np.concatenate([picture.alpha] * 2, axis=1)
    images.write(picture, target)
    keep_date(source, target)
    end = time.perf_counter()
    return Report(
        input=str(source),
        output=str(target),
        engine=engine,
        model=enhancer.model.name,
        denoise=enhancer.settings.denoise,
        frames_in=1,
        frames_out=1,
        seconds=end - begin,
        fps=1 / (end - begin),
        milliseconds={
            stage: dict.fromkeys(("median", "p95", "p99"), 1e3 * seconds)
            for stage, seconds in (
                ("decode", decoded - begin),
                ("enhance", enhanced - decoded),
                ("encode", end - enhanced),
            )
        },
        warnings=notes,
    )
