"""The sample clip (``rtvideo --sample``): a dash-cam's view of a street at night, with a ground truth.

The picture is rendered by `rtvideo.sample.street`, made dark and noisy by the camera of
`rtvideo.sample.camera_simulator`, and encoded as cameras do: H.264, 8 bit, 4:2:0, BT.709. The truth is the
same scene well lit and free of noise.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Generator
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rtvideo.errors import OutputError, UsageError
from rtvideo.sample.camera_simulator import Camera, Image, capture, from_linear
from rtvideo.sample.street import Street

Size = tuple[int, int]

RATE = 48000  # samples of sound a second
DASHCAM = Camera(exposure=0.036, electrons=2000.0)


def make_clip(
    path: Path | str,
    *,
    truth: Path | str | None = None,
    seconds: float = 4.0,
    size: Size = (640, 360),
    fps: float = 30.0,
    seed: int = 0,
    crf: float = 18.0,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the dark clip with sound to ``path``, and its truth without sound to ``truth``.

    Args:
        path, truth: any container that takes H.264 and AAC, by extension.
        seconds: length, above 0.
        size: width and height in pixels, even, 32 to 4096.
        fps: frames a second, 1 to 120.
        seed: of street and noise; the same seed gives the same pictures.
        crf: quality of x264.
        overwrite: replace existing files.
        on_progress: called with frames done, from 0 on, and frames in all.

    Raises:
        UsageError: a value is out of range, or an output exists.
        OutputError: an output cannot be written.
    """
    check(seconds, size, fps)
    targets = [Path(path)] + ([Path(truth)] if truth is not None else [])
    for target in targets:
        if target.exists() and not overwrite:
            raise UsageError(f"{target}: exists already; --overwrite replaces it")
    if len({target.resolve() for target in targets}) < len(targets):
        raise UsageError(f"{path}: clip and truth must be two files")
    count = max(1, round(seconds * fps))
    parts = [target.with_name(f".{target.stem}.partial{target.suffix}") for target in targets]
    try:
        # The sound stands in the clip alone; the truth is there to be compared with.
        writers = [_write(part, size, fps, crf, k == 0, count / fps, seed) for k, part in enumerate(parts)]
        for writer in writers:
            next(writer)
        if on_progress:
            on_progress(0, count)
        street = Street(*size, fps, seed)
        for number in range(count):
            for writer, picture in zip(writers, _frame(street, number, seed), strict=False):
                writer.send(picture)
            if on_progress:
                on_progress(number + 1, count)
        for writer in writers:
            writer.close()
        for part, target in zip(parts, targets, strict=True):
            os.replace(part, target)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{path}: cannot be written: {reason}") from None
    finally:
        for part in parts:
            with contextlib.suppress(OSError):  # where nothing could be made nothing can be deleted
                part.unlink()


def render_frame(
    number: int, *, size: Size = (640, 360), fps: float = 30.0, seed: int = 0
) -> tuple[Image, Image]:
    """Return a frame of the sample as (dark, truth), each (height, width, 3) RGB, before compression."""
    return _frame(_street(size, fps, seed), number, seed)


def check(seconds: float, size: Size, fps: float) -> None:
    """Raise UsageError where a clip cannot be made so."""
    if not 0 < seconds <= 3600:
        raise UsageError(f"--duration {seconds:g}: a sample has above 0 and at most 3600 seconds")
    if not 1 <= fps <= 120:
        raise UsageError(f"--rate {fps:g}: a sample has 1 to 120 frames a second")
    if not all(32 <= v <= 4096 and v % 2 == 0 for v in size):
        raise UsageError(f"--size {size[0]}x{size[1]}: a sample has an even width and height, 32 to 4096")


@functools.lru_cache(maxsize=2)
def _street(size: Size, fps: float, seed: int) -> Street:
    return Street(*size, fps, seed)


def _frame(street: Street, number: int, seed: int) -> tuple[Image, Image]:
    night, lit = street.scene(number)
    return capture(night, np.random.default_rng((seed, number)), DASHCAM), from_linear(lit)


def _write(
    path: Path, size: Size, fps: float, crf: float, sound: bool, seconds: float, seed: int
) -> Generator[None, Image, None]:
    """Encode a clip: a generator that is sent pictures, and finishes the file when it is closed."""
    import av
    from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=rate)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.options = {"crf": f"{crf:g}", "preset": "veryfast"}
        video.codec_context.thread_count = 1
        video.codec_context.colorspace = Colorspace.ITU709
        video.codec_context.color_range = ColorRange.MPEG
        video.codec_context.color_primaries = ColorPrimaries.BT709
        video.codec_context.color_trc = ColorTrc.BT709
        audio = container.add_stream("aac", rate=RATE, layout="stereo") if sound else None
        waves = ambience(seconds, fps, seed) if sound else np.zeros((2, 0), np.float32)
        done = 0
        try:
            for number in range(1 << 31):
                picture = yield
                # Spelt out, since FFmpeg takes RGB to BT.601 unless told.
                frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(
                    format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
                )
                frame.pts, frame.time_base = number, 1 / rate
                container.mux(video.encode(frame))
                while audio and done + 1024 <= min(waves.shape[1], (number + 1) / fps * RATE):
                    piece = av.AudioFrame.from_ndarray(waves[:, done : done + 1024], "fltp", "stereo")
                    piece.sample_rate, piece.pts, piece.time_base = RATE, done, Fraction(1, RATE)
                    container.mux(audio.encode(piece))
                    done += 1024
        finally:
            for stream in (video, audio):
                if stream:
                    container.mux(stream.encode(None))


def ambience(seconds: float, fps: float, seed: int) -> npt.NDArray[np.float32]:
    """Return the drive's sound, (2, samples) in -1..1: a town's rumble, our engine, each car that passes."""
    rng = np.random.default_rng((seed, 1))
    count = int(seconds * RATE)
    time = np.arange(count) / RATE

    def rumble(low: float, high: float) -> npt.NDArray[np.float64]:
        spectrum = np.fft.rfft(rng.standard_normal(count))
        f = np.fft.rfftfreq(count, 1 / RATE)
        noise = np.fft.irfft(spectrum / (1 + (low / np.maximum(f, 1)) ** 4) / (1 + (f / high) ** 2), count)
        return np.asarray(noise / (noise.std() + 1e-12))

    engine = sum(
        np.sin(2 * np.pi * (58 * k * time + 0.4 * np.sin(2 * np.pi * 0.6 * time))) / k**1.5
        for k in (1, 2, 3, 4)
    )
    waves = np.stack([0.012 * rumble(40, 300) + 0.008 * engine for _ in range(2)])
    for passing in Street.passings(seconds):
        whoosh = rumble(200, 1500) / (1 + ((time - passing) / 0.22) ** 2)
        # Oncoming cars pass on the left, and are heard there first.
        waves += 0.05 * whoosh * np.array([[1.0], [0.55]])
    return np.clip(waves, -1, 1).astype(np.float32)
