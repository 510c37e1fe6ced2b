"""The methods that are compared on clips of the night: baselines, FFmpeg's filters, and rtvideo itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks.methods import baselines
from benchmarks.night.clips import Clip
from benchmarks.night.scenes import FPS
from rtvideo import Enhancer, models
from rtvideo.errors import UnavailableError
from rtvideo.sample.camera_simulator import Image
from rtvideo.sample.encoder import rgb

#: A clip in, as many pictures out.
Method = Callable[[Clip], Sequence[Image]]

FILTERS = "eq=gamma=2.2,hqdn3d"  # what a user of FFmpeg would take


def methods(names: Sequence[str]) -> Iterator[tuple[str, Method]]:
    """Yield the methods by name: the baselines, then each of the models, by name or path, in four ways.

    FFmpeg's filters need the program ``ffmpeg``, and are left out where it is not there.

    Raises:
        UsageError, UnavailableError: there is no such model.
    """
    yield "input", lambda clip: clip.dark
    yield "adaptive gamma", _alone(baselines.adaptive_gamma(baselines.GAMMA_MEAN))
    yield "CLAHE", _alone(baselines.clahe)
    if shutil.which("ffmpeg"):
        yield f"ffmpeg {FILTERS}", filtered
    for name in names:
        for parts, denoise in (("IEM", 0.0), ("IEM+NRM", 1.0)):
            if denoise and not models.find(name).has_denoise:
                continue
            for temporal, words in ((0.0, "frame by frame"), (1.0, "over time")):
                yield f"{name}, {parts}, {words}", ours(name, denoise, temporal)


def ours(model: str, denoise: float, temporal: float) -> Method:
    """Return rtvideo itself, on the planes that a decoder delivers; photographs are each for themselves."""

    def method(clip: Clip) -> list[Image]:
        over_time = temporal if clip.moving else 0.0
        with Enhancer(model, denoise=denoise, temporal=over_time, engine="fused") as enhance:
            lit = [enhance(frame) for frame in clip.frames]
        return [frame if isinstance(frame, np.ndarray) else rgb(frame) for frame in lit]

    return method


def filtered(clip: Clip) -> list[Image]:
    """Return what ``ffmpeg -vf`` with `FILTERS` makes of a clip.

    Raises:
        UnavailableError: the program fails.
    """
    runs = [clip.dark] if clip.moving else [[image] for image in clip.dark]
    return [image for run in runs for image in _filter(run)]


def _filter(frames: Sequence[Image]) -> list[Image]:
    height, width, _ = frames[0].shape
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24"]
    command = ["ffmpeg", "-v", "error", *raw, "-s", f"{width}x{height}", "-r", f"{FPS}", "-i", "-"]
    done = subprocess.run(
        [*command, "-vf", FILTERS, *raw, "-"], input=np.stack(frames).tobytes(), capture_output=True
    )
    if done.returncode:
        raise UnavailableError(f"ffmpeg -vf {FILTERS}: {done.stderr.decode(errors='replace').strip()}")
    return list(np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3))


def _alone(method: baselines.Method) -> Method:
    return lambda clip: [method(image) for image in clip.dark]
