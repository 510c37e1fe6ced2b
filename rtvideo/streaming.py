"""Enhanced frames of a camera, a network stream or a file, as a program takes them: in a loop."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rtvideo.engines.registry import check_names
from rtvideo.errors import SourceLostError, UsageError
from rtvideo.options import CaptureOptions, LiveOptions, Options, flags_of, help_lines
from rtvideo.values import did_you_mean
from rtvideo.viewers.base import FrameInfo
from rtvideo.wording import in_python, python_words

if TYPE_CHECKING:
    from rtvideo.live.fanout import LiveVideo
    from rtvideo.live.frame_output import FrameOutput
    from rtvideo.live.job import LiveReport

#: What frames can be handed over as, with FFmpeg's name of the pixel format.
PIXELS = {"rgb": "rgb24", "bgr": "bgr24", "gray": "gray"}

#: Options that are about output files.
_OF_OUTPUTS = {"overwrite", "resume", "compare", "codec", "crf", "preset", "framerate", "segment"}

#: Seconds for which closing waits for a source that is silent.
_GRACE = 10.0


class FrameStream:
    """Enhanced frames of one source, in order, each once. `rtvideo.stream` opens it.

    Of a live source a program that is slower than it gets the newest frame, of a file every frame. A few
    frames are in memory, however long the source lasts. One thread at a time may take frames.

    Attributes:
        size: width and height of the frames in pixels.
        fps: frames a second that the source promises.
        time: of the frame that was taken last, in seconds; None before the first.
        stats: facts about that frame: engine, frames a second, latency, frames dropped so far; likewise.
    """

    def __init__(
        self,
        input: str,
        pixels: str | None,
        options: Options,
        live: LiveOptions,
        say: Callable[[str], object],
    ) -> None:
        """Open the source and the engine; `stream` checks the arguments."""
        from rtvideo.media.orientation import is_transposed
        from rtvideo.media.upright import UprightPixels

        self._run, self._process = _Run(), os.getpid()
        self._leave = weakref.finalize(self, self._run.end)
        try:
            video = self._run.begin(input, options, live, say)
        except BaseException:
            self._leave()
            raise
        frames, orientation = video.frames, video.parameters.orientation
        self._pairs = iter(self._run.output.pairs)
        self._pixels = None if pixels is None else UprightPixels(PIXELS[pixels], frames, orientation)
        self.size = (frames.width, frames.height)
        if pixels is not None and is_transposed(orientation):
            self.size = (frames.height, frames.width)
        self.fps = float(video.parameters.rate)
        self.time: float | None = None
        self.stats: FrameInfo | None = None

    @property
    def report(self) -> LiveReport | None:
        """What happened, once the source has ended or the stream is closed; None before."""
        return self._run.report

    def __iter__(self) -> Iterator[Any]:
        """Return itself: frames that were taken do not come again."""
        return self

    @python_words()
    def __next__(self) -> Any:
        """Wait for the next frame and return it.

        Raises:
            StopIteration: the source has ended, or the stream is closed.
            RtvideoError: the source was lost, or the engine failed.
        """
        if os.getpid() != self._process:
            raise UsageError(
                f"this stream is read by process {self._process}; call rtvideo.stream in this one, too"
            )
        pair = next(self._pairs, None) if self._leave.alive else None
        if pair is None:
            self._leave()
            self._run.raise_error()
            raise StopIteration
        self.time, self.stats = pair.lit.time, pair.info
        return pair.lit if self._pixels is None else self._pixels(pair.lit)

    def close(self) -> None:
        """Leave the source. Frames that were not taken are lost; closing twice is fine."""
        if os.getpid() == self._process:  # a fork has none of the threads
            self._leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Run:
    """The live run behind a stream, in a thread of its own. It keeps no stream alive that nobody uses."""

    output: FrameOutput
    report: LiveReport | None = None

    def __init__(self) -> None:
        self._stop, self._opened = threading.Event(), threading.Event()
        self._video: LiveVideo | None = None
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def begin(
        self, input: str, options: Options, live: LiveOptions, say: Callable[[str], object]
    ) -> LiveVideo:
        """Open everything; return what the frames are.

        Raises:
            RtvideoError: see `rtvideo.live.job.enhance_live`.
        """
        from rtvideo.live.job import enhance_live

        def warn(line: str) -> None:
            say(in_python(line))

        def work() -> None:
            try:
                self.report = enhance_live(
                    input,
                    [],
                    options,
                    live,
                    programs=[self._open],
                    say=warn,
                    stop=self._stop,
                )
            except BaseException as error:
                self._error = error
            finally:
                self._opened.set()

        self._thread = threading.Thread(target=work, name="rtvideo stream", daemon=True)
        self._thread.start()
        self._opened.wait()
        if self._video is None:
            self.raise_error()
        assert self._video is not None
        return self._video

    def _open(self, video: LiveVideo) -> FrameOutput:
        from rtvideo.live.frame_output import FrameOutput

        self.output, self._video = FrameOutput(video), video
        self._opened.set()
        return self.output

    def raise_error(self) -> None:
        """Raise what ended the run, if it was an error or the source was lost."""
        if self._error is not None:
            raise self._error
        if self.report is not None and self.report.lost:
            raise SourceLostError(f"{self.report.input}: {self.report.incomplete}")

    def end(self) -> None:
        """Leave the source and wait for the threads."""
        self._stop.set()
        if self._video is not None:
            self.output.leave()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_GRACE)


def stream(
    input: str | Path | int,
    *,
    pixels: str | None = "rgb",
    say: Callable[[str], object] = lambda line: None,
    **options: Any,
) -> FrameStream:
    """Open a camera, a network stream or a file, and return its enhanced frames, to be taken in a loop.

    Close it after use, best with a ``with`` statement. A source that is lost is tried again, as on the
    command line.

    Args:
        input: the number of a camera, ``/dev/videoN``, a URL such as ``rtsp://...``, ``-`` for stdin, or the
            path of a video file.
        pixels: what a frame is. ``rgb`` or ``bgr``: an (h, w, 3) uint8 array, upright; ``gray``: (h, w);
            None: an `av.VideoFrame` in YUV as the engine made it, with time and colour tags.
        say: called from another thread with a line for each warning and each change of state.
        options: by name, as below. Values may be the command line's words.

    Raises:
        RtvideoError: the source cannot be opened, or a value is not allowed.
        TypeError: an unknown option.
    """
    with python_words():
        if pixels is not None and pixels not in PIXELS:
            allowed = ", ".join(map(repr, PIXELS))
            raise UsageError(f"pixels: {pixels!r} is not allowed; allowed: {allowed} or None")
        wanted, live = _records(options)
        check_names(wanted.engine, wanted.device)
        return FrameStream(str(input), pixels, wanted, live, say)


def _names(record: type[Any]) -> dict[str, str]:
    """Return the names by which `stream` takes the fields of a record, and the fields."""
    return {
        (flag.name or name).replace("-", "_"): name
        for name, _, flag in flags_of(record)
        if name not in _OF_OUTPUTS
    }


def _records(given: dict[str, Any]) -> tuple[Options, LiveOptions]:
    """Return what the arguments of `stream` make of the defaults."""
    names = {record: _names(record) for record in (Options, LiveOptions, CaptureOptions)}
    known = [name for each in names.values() for name in each]
    for name in given.keys() - known:
        raise TypeError(f"{name}: no such option; allowed: {', '.join(known)}{did_you_mean(name, known)}")

    def values(record: type[Any]) -> dict[str, Any]:
        flags = {name: (default, flag) for name, default, flag in flags_of(record)}
        return {
            field: flags[field][1].value(name, given[name], flags[field][0])
            for name, field in names[record].items()
            if name in given
        }

    capture = CaptureOptions(**values(CaptureOptions))
    return Options(**values(Options)), LiveOptions(wishes=capture, **values(LiveOptions))


stream.__doc__ = f"{stream.__doc__}\n    Options:" + "".join(
    help_lines(record, _names(record)) for record in (Options, LiveOptions, CaptureOptions)
)
