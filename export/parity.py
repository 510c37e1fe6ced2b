"""Exported networks against torch: the gate that nothing passes without agreeing.

The reference is the torch network in float64. Inputs are random, dark, black and white frames of sizes from
one pixel to 1080p, odd ones included, at full and at partial strength.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime  # type: ignore[import-untyped]
import torch

from model.ruas import RUAS
from rtvideo.errors import ExitCode, RtvideoError

Array = npt.NDArray[np.float32]

#: (height, width) of the frames; the last is a real video's.
SIZES = ((1, 1), (7, 5), (33, 17), (401, 601), (1080, 1920))


@dataclass(frozen=True)
class Tolerance:
    """The largest and the mean absolute difference allowed, on a scale of 0..1."""

    worst: float
    mean: float


#: f32 differs by rounding alone. f16 may move some pixels by a few codes of 255, the mean by half.
F32 = Tolerance(1e-5, 1e-6)
F16 = Tolerance(6 / 255, 0.5 / 255)


class ParityError(RtvideoError):
    """An exported network does not compute what torch computes."""

    exit_code = ExitCode.INTERNAL


@dataclass(frozen=True)
class Case:
    """One input: an image (1, 3, H, W) in 0..1, f32, and the user's settings."""

    name: str
    image: Array
    strength: float
    denoise: float
    brightness: float = 0.0


@dataclass(frozen=True)
class Difference:
    """What was found for one variant over all cases."""

    worst: float
    mean: float
    case: str


def check(
    net: RUAS, variants: Mapping[str, onnx.ModelProto], sizes: Sequence[tuple[int, int]] = SIZES
) -> dict[str, Difference]:
    """Compare every variant (see `rtvideo.models.VARIANTS`) with ``net`` and return the largest differences.

    Raises:
        ParityError: a variant differs by more than `F32` or `F16` allow, or is not finite; it says where.
    """
    reference = RUAS(net.description).double().eval()
    reference.load_state_dict(net.state_dict())
    sessions = {variant: _open(model) for variant, model in variants.items()}
    found = dict.fromkeys(variants, Difference(0.0, 0.0, ""))
    for case in cases(sizes):
        with torch.inference_mode():
            image = torch.from_numpy(case.image).double()
            trace = reference.trace(image, case.strength, case.denoise, case.brightness)
        for variant, session in sessions.items():
            wanted = trace.image if "nrm" in variant else trace.u
            difference = np.abs(_run(session, case) - wanted.numpy())
            now = Difference(float(difference.max()), float(difference.mean()), case.name)
            _require(variant, now, F16 if "fp16" in variant else F32)
            found[variant] = max(found[variant], now, key=lambda d: d.worst)
    return found


def cases(sizes: Sequence[tuple[int, int]]) -> Iterator[Case]:
    """Yield the inputs, always the same ones."""
    rng = np.random.default_rng(0)
    for height, width in sizes:
        shape = (1, 3, height, width)
        size = f"{width}x{height}"
        yield Case(f"dark {size}", dark_frame(rng, height, width), 1.0, 1.0)
        if height * width > 1 << 20:
            continue  # the double-precision reference takes seconds a frame at this size
        yield Case(f"random {size}", rng.random(shape, np.float32), 1.0, 1.0)
        dark = dark_frame(rng, height, width)
        yield Case(f"dark {size} at 0.6", dark, 0.6, 0.5)
        yield Case(f"darker {size}", dark, 1.0, 1.0, -0.7)
        yield Case(f"black {size}", np.zeros(shape, np.float32), 1.0, 1.0)
        yield Case(f"white {size}", np.ones(shape, np.float32), 1.0, 1.0)


def dark_frame(rng: np.random.Generator, height: int, width: int) -> Array:
    """Return a dim gradient with two lights and noise, in steps of 1/255 as 8-bit video has them."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    scene = 0.02 + 0.05 * y + np.exp(-400 * ((x - 0.3) ** 2 + (y - 0.2) ** 2))
    scene = scene + 0.5 * np.exp(-900 * ((x - 0.7) ** 2 + (y - 0.4) ** 2))
    noisy = scene * np.array([1.0, 0.8, 0.5])[:, None, None] + rng.normal(0, 0.01, (3, height, width))
    image: Array = (np.round(noisy.clip(0, 1) * 255) / 255).astype(np.float32)[None]
    return image


def _open(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # torch takes turns with it
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _run(session: onnxruntime.InferenceSession, case: Case) -> Array:
    values = {name: getattr(case, name) for name in ("strength", "denoise", "brightness")}
    feeds = {i.name: np.array(values[i.name], np.float32) for i in session.get_overridable_initializers()}
    if (
        case.strength == case.denoise == 1 and case.brightness == 0
    ):  # left out, the optional inputs must mean just this
        feeds = {}
    half = session.get_inputs()[0].type == "tensor(float16)"
    image = case.image.astype(np.float16) if half else case.image
    enhanced: Array = session.run(None, {"image": image, **feeds})[0].astype(np.float32)
    return enhanced


def _require(variant: str, found: Difference, allowed: Tolerance) -> None:
    # Written so that NaN fails too.
    if not (found.worst <= allowed.worst and found.mean <= allowed.mean):
        raise ParityError(
            f"{variant} differs from torch by {found.worst:.2g} (mean {found.mean:.2g}) on {found.case}; "
            f"allowed: {allowed.worst:.2g} (mean {allowed.mean:.2g}); nothing was written"
        )
