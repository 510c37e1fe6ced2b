"""The methods that are compared on clips of the night: baselines, FFmpeg's filters, and rtvideo itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.common.filters import through
from benchmarks.methods import baselines
from benchmarks.night.clips import Clip
from benchmarks.night.scenes import FPS
from rtvideo import Enhancer, models
from rtvideo.sample.camera_simulator import Image
from rtvideo.sample.encoder import rgb

FILTERS = "eq=gamma=2.2,hqdn3d"  # what a user of FFmpeg would take


@dataclass(frozen=True)
class Method:
    """A method by name: a clip in, as many pictures out; of photographs none that work ``over_time``."""

    name: str
    light: Callable[[Clip], Sequence[Image]]
    over_time: bool = False


def methods(names: Sequence[str]) -> Iterator[Method]:
    """Yield the baselines, then each of the models, by name or path, without and with noise removal.

    The last way of each is that of the command line, for video.

    FFmpeg's filters need the program ``ffmpeg``, and are left out where it is not there.

    Raises:
        UsageError, UnavailableError: there is no such model.
    """
    yield Method("input", lambda clip: clip.dark)
    yield Method("adaptive gamma", _alone(baselines.adaptive_gamma(baselines.GAMMA_MEAN)))
    yield Method("CLAHE", _alone(baselines.clahe))
    if shutil.which("ffmpeg"):
        yield Method(f"ffmpeg {FILTERS}", filtered)
    for name in names:
        for parts, denoise in (("IEM", 0.0), ("IEM+NRM", 1.0)):
            if denoise and not models.find(name).has_denoise:
                continue
            yield Method(f"{name}, {parts}", ours(name, denoise))
            yield Method(f"{name}, {parts}, debanded", ours(name, denoise, deband=1.0))
            lit = ours(name, denoise, deband=1.0, temporal=1.0)
            yield Method(f"{name}, {parts}, debanded, over time", lit, over_time=True)


def ours(
    model: str, denoise: float, deband: float = 0.0, temporal: float = 0.0
) -> Callable[[Clip], list[Image]]:
    """Return rtvideo itself, on the planes that a decoder delivers."""

    def method(clip: Clip) -> list[Image]:
        with Enhancer(model, denoise=denoise, deband=deband, temporal=temporal, engine="fused") as enhance:
            lit = [enhance(frame) for frame in clip.frames]
        return [frame if isinstance(frame, np.ndarray) else rgb(frame) for frame in lit]

    return method


def filtered(clip: Clip) -> list[Image]:
    """Return what ``ffmpeg -vf`` with `FILTERS` makes of a clip.

    Raises:
        UnavailableError: the program fails.
    """
    runs = [clip.dark] if clip.moving else [[image] for image in clip.dark]
    return [image for run in runs for image in through(run, FILTERS, FPS)]


def _alone(method: baselines.Method) -> Callable[[Clip], list[Image]]:
    return lambda clip: [method(image) for image in clip.dark]
