"""The scores of a method over time, on clips with a truth, and their table. Peers see each frame alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.common import markdown
from benchmarks.common.filters import through
from benchmarks.methods import baselines
from benchmarks.methods.contenders import network
from benchmarks.temporal import measures
from benchmarks.temporal.clips import Clip
from benchmarks.temporal.measures import Motion
from model.metrics import ssim
from rtvideo import Enhancer
from rtvideo.sample.camera_simulator import Image

#: A whole clip in, a whole clip out; the second argument is its rate.
OverTime = Callable[[Sequence[Image], float], list[Image]]

#: Seconds, after which a method that looks at the frames before has seen enough of them.
_RUN_IN = 1.0

_SSIM_EVERY = 10  # frames: it is slow, and neighbours score alike


@dataclass(frozen=True)
class Row:
    """The scores of one method on one clip, by `benchmarks.temporal.measures`; None where it has none.

    Attributes:
        flicker: of the mean luma, where the scene is static; boiling: of static pixels. Both after `_RUN_IN`.
        psnr: against the truth; ssim: of some frames.
        clean, moving_clean: PSNR against what the method makes of the clip without noise and compression,
            frame by frame and without noise removal: of all pixels, and of those that move. Exposure and
            tone, which make most of the distance to the truth, do not count here: noise does, and what is
            left behind of other frames.
        settling: seconds that a step of light is followed in; overshoot: a share of the step.
    """

    clip: str
    method: str
    brightness_variance: float
    difference_error: float
    warping_error: float
    flicker: float | None
    boiling: float | None
    psnr: float
    ssim: float
    clean: float
    moving_clean: float | None
    settling: float | None
    overshoot: float | None


def alone(method: baselines.Method) -> OverTime:
    """Return a method that looks at one frame as one for clips."""
    return lambda frames, fps: [method(frame) for frame in frames]


def ours(model: str, denoise: float, temporal: float) -> OverTime:
    """Return rtvideo itself."""

    def method(frames: Sequence[Image], fps: float) -> list[Image]:
        with Enhancer(model, denoise=denoise, temporal=temporal) as enhance:
            return [enhance(frame) for frame in frames]

    return method


def filtered(model: str, graph: str) -> OverTime:
    """Return rtvideo frame by frame behind filters of FFmpeg."""
    alone = ours(model, 0.0, 0.0)
    return lambda frames, fps: alone(through(frames, graph, fps), fps)


def contenders(
    model: str, peers: Sequence[tuple[str, Path]], filters: Sequence[str] = ()
) -> Iterator[tuple[str, OverTime, OverTime]]:
    """Yield the methods to be compared: name, the method, the same frame by frame and without ``filters``."""
    gain, gamma = baselines.fixed_gain(baselines.GAIN), baselines.adaptive_gamma(baselines.GAMMA_MEAN)
    yield f"fixed gain {baselines.GAIN:g}", alone(gain), alone(gain)
    yield "adaptive gamma", alone(gamma), alone(gamma)
    for parts, denoise in (("IEM", 0.0), ("IEM+NRM", 1.0)):
        for temporal, word in ((0.0, "frame by frame"), (1.0, "over time")):
            # A clip without noise is not to lose its texture to noise removal.
            yield f"{model}, {parts}, {word}", ours(model, denoise, temporal), ours(model, 0.0, 0.0)
    for graph in filters:
        yield f"ffmpeg {graph}, then {model}, IEM", filtered(model, graph), ours(model, 0.0, 0.0)
    for name, path in peers:
        method = alone(network(path))
        yield name, method, method


def score(name: str, method: OverTime, frame_by_frame: OverTime, clip: Clip, motion: Motion) -> Row:
    """Return the scores of a method on a clip."""
    frames = method(clip.dark, clip.fps)
    clean = frame_by_frame(clip.clean, clip.fps)
    begun = min(round(_RUN_IN * clip.fps), len(frames) // 2)
    moves = any(mask.any() for mask in clip.moving)
    everywhere = all(mask.all() for mask in clip.moving)
    steady = not moves and clip.step is None
    picked = range(0, len(frames), _SSIM_EVERY)
    return Row(
        clip.name,
        name,
        measures.brightness_variance(frames, clip.truth),
        measures.brightness_difference_error(frames, clip.truth),
        motion.warping_error(frames),
        measures.flicker(frames[begun:]) if steady else None,
        measures.boiling(frames[begun:], clip.moving) if not everywhere and clip.step is None else None,
        measures.peak_ratio(frames, clip.truth),
        sum(ssim(frames[i], clip.truth[i]) for i in picked) / len(picked),
        measures.peak_ratio(frames, clean),
        measures.peak_ratio(frames, clean, clip.moving) if moves and not everywhere else None,
        None if clip.step is None else measures.settling(frames, clip.step, clip.fps),
        None if clip.step is None else measures.overshoot(frames, clip.step),
    )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    heads = (
        "clip", "method", "AB(var)", "MABD error", "warping error", "flicker", "boiling", "PSNR", "SSIM",
        "PSNR to clean", "moving", "settles in s", "overshoot",
    )  # fmt: skip
    records = (tuple(asdict(row).values()) for row in rows)
    return markdown.table(heads, ((clip, name, *map(_number, scores)) for clip, name, *scores in records))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < 10 else f"{value:.2f}"
