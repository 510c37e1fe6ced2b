"""How steady is the light, how quiet are the shadows: methods over time, on clips with a truth.

    python benchmarks/flicker.py
    python benchmarks/flicker.py --clips static lamp day.mp4 --peer NAME=FILE.onnx --json FILE
    python benchmarks/flicker.py --uncoded

Clips are made by `benchmarks.night_clips` (a path is a daylight video, to be darkened); measures are those
of `benchmarks.over_time`. Peers see each frame alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

# The script also runs from a checkout that is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import baselines, night_clips, over_time
from benchmarks.methods import network
from benchmarks.night_clips import Clip, Scenes
from model.metrics import Image, ssim
from rtvideo import Enhancer
from rtvideo.errors import RtvideoError, UsageError

#: A whole clip in, a whole clip out; the second argument is its rate.
OverTime = Callable[[Sequence[Image], float], list[Image]]

#: Seconds, after which a method that looks at the frames before has seen enough of them.
_RUN_IN = 1.0

_SSIM_EVERY = 10  # frames: it is slow, and neighbours score alike


@dataclass(frozen=True)
class Row:
    """The scores of one method on one clip; see `benchmarks.over_time`. None: the clip has no such thing.

    Attributes:
        flicker: of the mean luma, where the scene is static; boiling: of static pixels. Both after `_RUN_IN`.
        psnr: against the truth; ssim: of some frames.
        clean, moving_clean: PSNR against what the method makes of the clip without noise and compression,
            frame by frame: of all pixels, and of those that move. Exposure and tone, which make most of the
            distance to the truth, do not count here: noise does, and what is left behind of other frames.
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


def contenders(model: str, peers: Sequence[str]) -> Iterator[tuple[str, OverTime, OverTime]]:
    """Yield the methods to be compared: name, the method, the same frame by frame."""
    gain, gamma = baselines.fixed_gain(baselines.GAIN), baselines.adaptive_gamma(baselines.GAMMA_MEAN)
    yield f"fixed gain {baselines.GAIN:g}", alone(gain), alone(gain)
    yield "adaptive gamma", alone(gamma), alone(gamma)
    for parts, denoise in (("IEM", 0.0), ("IEM+NRM", 1.0)):
        for temporal, word in ((0.0, "frame by frame"), (1.0, "over time")):
            yield f"{model}, {parts}, {word}", ours(model, denoise, temporal), ours(model, denoise, 0.0)
    for peer in peers:
        name, _, file = peer.partition("=")
        if not name or not file:
            raise UsageError(f"--peer {peer!r}: must be NAME=FILE.onnx")
        method = alone(network(Path(file)))
        yield name, method, method


def score(name: str, method: OverTime, frame_by_frame: OverTime, clip: Clip, motion: over_time.Motion) -> Row:
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
        over_time.brightness_variance(frames, clip.truth),
        over_time.brightness_difference_error(frames, clip.truth),
        motion.warping_error(frames),
        over_time.flicker(frames[begun:]) if steady else None,
        over_time.boiling(frames[begun:], clip.moving) if not everywhere and clip.step is None else None,
        over_time.peak_ratio(frames, clip.truth),
        sum(ssim(frames[i], clip.truth[i]) for i in picked) / len(picked),
        over_time.peak_ratio(frames, clean),
        over_time.peak_ratio(frames, clean, clip.moving) if moves and not everywhere else None,
        None if clip.step is None else over_time.settling(frames, clip.step, clip.fps),
        None if clip.step is None else over_time.overshoot(frames, clip.step),
    )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    titles = (
        "clip | method | AB(var) | MABD error | warping error | flicker | boiling | PSNR | SSIM "
        "| PSNR to clean | moving | settles in s | overshoot"
    )
    lines = [f"| {titles} |", "| --- " * 13 + "|"]
    for row in rows:
        clip, method, *scores = asdict(row).values()
        lines.append(f"| {clip} | {method} | " + " | ".join(map(_number, scores)) + " |")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < 10 else f"{value:.2f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; return an exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/flicker.py", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--clips",
        nargs="+",
        default=[*night_clips.NAMES, *night_clips.HARD],
        metavar="CLIP",
        help="names, or daylight videos",
    )
    parser.add_argument("--model", default="night", metavar="NAME")
    parser.add_argument("--frames", type=int, default=90, metavar="N", help="of each clip (90)")
    parser.add_argument("--uncoded", action="store_true", help="frames as the camera made them, no H.264")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=FILE.onnx")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args(argv)
    scenes = Scenes(frames=arguments.frames, seed=arguments.seed)
    rows = []
    try:
        for name in arguments.clips:
            names = (*night_clips.NAMES, *night_clips.HARD)
            if name not in names and not Path(name).is_file():
                raise UsageError(f"--clips {name!r}: no such video; names are {', '.join(names)}")
            clip = night_clips.make(scenes, name, crf=None if arguments.uncoded else night_clips.CRF)
            motion = over_time.Motion(clip.truth)
            for method, run, frame_by_frame in contenders(arguments.model, arguments.peer):
                rows.append(score(method, run, frame_by_frame, clip, motion))
    except RtvideoError as error:
        print(f"flicker.py: error: {error}", file=sys.stderr)
        return int(error.exit_code)
    print(table(rows))
    if arguments.json is not None:
        record = {"camera": asdict(night_clips.CAMERA), "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
