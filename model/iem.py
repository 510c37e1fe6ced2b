"""The illumination estimation module (IEM, section 3.1.1): unrolled stages from a frame to its light.

`rtvideo.models.description` is the exact computation; the numbered comments below are its steps.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.cell import DistillationCell, multiply_adds
from model.clamp import clamp
from model.guided_filter import lines
from rtvideo.models.description import COLOURED, NO_COLOUR, RELEASED_T_MIN, STATISTICS, Genotype, Illumination

#: Rows and columns of a frame.
Part = tuple[slice, slice]

WHOLE: Part = (slice(None), slice(None))

#: What makes a cell for a number of channels and a genotype; a search passes its own.
CellMaker = Callable[[int, Genotype], nn.Module]

_PIXEL_LIGHT_SHARE = 0.4  # share of the pixel's own maximum before training; it was learned to about this
_KNEE = 0.02  # five codes of 255: below it 8-bit 4:2:0 video has no chroma worth keeping
_ROLLOFF_KNEE = 0.7  # share of white: below it a lit image is as without a roll-off
_SMALL = 0.1  # the last layer starts this much smaller, so that an untrained net is near the prior C = 0


class Stage(NamedTuple):
    """Illumination and image after one stage, at the stage's own size."""

    t: Tensor
    u: Tensor


class Light(NamedTuple):
    """What the module finds in a frame.

    Attributes:
        t_hat_0: (N, 3, H, W), equation 1; as codes of 8 bits where those were given and no stages asked for.
        stages: t and u after each stage; left empty unless asked for.
        t: (N, 1 or 3, H, W), the illumination as applied, strength included.
        u: (N, 3, H, W) in 0..1, the lit image.
        strength: the user's, faded out where the frame needs no light; (N, 1, 1, 1) if it may be.
    """

    t_hat_0: Tensor
    stages: list[Stage]
    t: Tensor
    u: Tensor
    strength: float | Tensor


class IEM(nn.Module):
    """Light for frames of (N, 3, H, W) RGB in 0..1, or codes of 8 bits, for any H and W from 1 on.

    Args:
        description: what is computed.
        cell: makes each stage's cell.
    """

    def __init__(self, description: Illumination, cell: CellMaker = DistillationCell) -> None:
        super().__init__()
        self.description = description
        self.cells = nn.ModuleList(cell(3, description.genotype) for _ in description.scales)
        if description.parameterisation == "equation2":
            for module in self.cells:
                shrink(module.get_submodule("c5"))
        logit = logit_of(_PIXEL_LIGHT_SHARE)
        if description.exposure == "statistics":
            self.exposure = nn.Linear(len(STATISTICS), 3)
            nn.init.zeros_(self.exposure.weight)
            with torch.no_grad():
                self.exposure.bias.copy_(torch.tensor([0.0, 0.0, logit]))
        elif description.mix:
            self.mix_logit = nn.Parameter(torch.tensor(logit))
        if description.chroma_floor:
            self.chroma_knee = nn.Parameter(torch.tensor(math.log(_KNEE)))
        if description.rolloff:
            self.rolloff_knee = nn.Parameter(torch.tensor(logit_of(_ROLLOFF_KNEE)))

    def forward(
        self,
        y: Tensor,
        strength: float | Tensor = 1.0,
        brightness: float | Tensor = 0.0,
        *,
        stages: bool = False,
        part: Part = WHOLE,
    ) -> Light:
        """Return the light of ``y``, t and u of a part (rows, columns) of it alone.

        ``stages`` asks for what each stage found, too.
        """
        if self.description.domain == "log":
            return self._log(y, strength, brightness, stages, part)
        light = self._linear(y, strength, stages)
        return light._replace(t=light.t[(..., *part)], u=light.u[(..., *part)])

    @property
    def multiply_adds(self) -> float:
        """Multiply-adds of the cells a pixel of the full-size frame."""
        scales = self.description.scales
        return sum(multiply_adds(c) / s**2 for c, s in zip(self.cells, scales, strict=True))

    def _linear(self, y: Tensor, strength: float | Tensor, keep: bool) -> Light:
        d, y = self.description, levels(y)
        t_hat_0 = t = u = self._window_max(y)  # 1
        stages = []
        for k, cell in enumerate(self.cells):  # 4
            warm = t_hat_0
            if d.warm_start == "previous":
                warm = t
            elif k > 0 and d.warm_start in ("updated", "residual"):
                warm = self._window_max(u)
                if d.warm_start == "residual":
                    warm = warm - d.gamma * (u - y)
            if d.parameterisation == "released":
                t = torch.sigmoid(cell(warm)).clamp(RELEASED_T_MIN, 1)
            else:
                t = warm - cell(t)
            u = (y / t.clamp_min(d.t_min)).clamp(0, 1)
            if keep:
                stages.append(Stage(t, u))
        t = t.clamp(d.t_min, 1) ** strength  # 7
        return Light(t_hat_0, stages, t, (y / t).clamp(0, 1), strength)

    def _log(
        self, y: Tensor, strength: float | Tensor, brightness: float | Tensor, keep: bool, part: Part
    ) -> Light:
        d = self.description
        t_hat_0 = self._window_max(y)  # 1
        padded = pad_to_multiple(t_hat_0, max(d.scales))  # 2
        grids = {s: (shrink_by(padded, s) + d.floor).log() for s in set(d.scales)}
        x = grids[d.scales[0]]
        if d.fade:
            strength = strength * need_of_light(x, d)

        n: Tensor | float = 0.0  # 3
        largest = x.amax(1, keepdim=True)
        if d.exposure != "none":
            n = largest.mean((2, 3), keepdim=True)
        x = x - n
        states = []
        for s, cell in zip(d.scales, self.cells, strict=True):  # 4
            if x.shape != grids[s].shape:
                x = resize(x, grids[s].shape[-2:])
            warm = x if d.warm_start == "previous" else grids[s] - n
            x = warm - cell(x)
            states.append(x)

        contrast: Tensor | float = 1.0  # 5
        offset, logit = n, None
        if d.exposure == "statistics":
            drift, log_contrast, logit = self.exposure(statistics(largest))[..., None, None, None].unbind(1)
            contrast, offset = log_contrast.exp(), n + drift
        elif d.mix:
            logit = self.mix_logit
        states = [contrast * x + offset for x in states]
        shared = d.channels == "shared"
        if shared:  # 6
            states = [log_t.mean(1, keepdim=True) for log_t in states]

        light = self._stages(levels(y), states) if keep else []

        near, within = around(y, part, 1)  # 7
        near = levels(near)
        m = max_3x3(near.amax(1, keepdim=True) if shared else near)[(..., *within)]
        full_size = functools.partial(enlarge, scale=d.scales[-1], size=y.shape[-2:], part=part)
        y = near[(..., *within)]
        pixel_light = ((y.mean(1, keepdim=True) if d.own == "mean" else m) + d.floor).log()
        if d.upsampling == "guided":
            guide = grids[d.scales[-1]]
            slope, intercept = lines(guide.amax(1, keepdim=True) if shared else guide, states[-1])
            log_t = full_size(slope) * pixel_light + full_size(intercept)
        else:
            log_t = full_size(states[-1])
        if d.mix:
            assert logit is not None
            pixel_light_share = torch.sigmoid(logit)
            log_t = (1 - pixel_light_share) * log_t + pixel_light_share * pixel_light
        log_t = log_t - brightness * math.log(2)
        log_t = clamp(log_t, math.log(d.t_min), 0)
        if d.signal_floor:
            log_t = log_t * (m**2 / (m**2 + d.signal_floor**2))
        t = (strength * log_t).exp()
        if d.rolloff:
            t = roll_off(t, y, torch.sigmoid(self.rolloff_knee))
        u = clamp(y / t, 0, 1)
        if d.chroma_floor:  # 8
            grey = u.mean(1, keepdim=True)
            k2 = (2 * self.chroma_knee).exp()
            u = grey + (u - grey) * (1 - strength * k2 / (m**2 + k2))
        return Light(levels(t_hat_0) if keep else t_hat_0, light, t, u, strength)

    def _stages(self, y: Tensor, states: list[Tensor]) -> list[Stage]:
        """Return each stage as it would be seen if it were the last, without the mixing at full size."""
        padded = pad_to_multiple(y, max(self.description.scales))
        stages = []
        for s, log_t in zip(self.description.scales, states, strict=True):
            t = log_t.exp()
            frame = shrink_by(padded, s)
            if s == 1:
                t, frame = t[..., : y.shape[-2], : y.shape[-1]], y
            stages.append(Stage(t, (frame / t.clamp_min(self.description.t_min)).clamp(0, 1)))
        return stages

    def _window_max(self, x: Tensor) -> Tensor:
        """Return the maximum over the window of each pixel; outside the frame is zero."""
        return max_2x2(x) if self.description.window == "2x2" else max_3x3(x)


def levels(y: Tensor) -> Tensor:
    """Return an image in 0..1, given as such or as codes of 8 bits."""
    return y.float() / 255 if y.dtype == torch.uint8 else y


def statistics(largest: Tensor) -> Tensor:
    """Return the (N, 5) `STATISTICS` of (N, 1, h, w) logarithms."""
    flat = largest.flatten(1)
    mean = flat.mean(1)
    # The root's slope is infinite at zero, where a black frame is: below a millionth it is held constant.
    deviation = (flat - mean[:, None]).square().mean(1).clamp_min(1e-12).sqrt()
    return torch.stack((mean, deviation, flat.exp().mean(1), flat.amax(1), flat.amin(1)), 1)


def need_of_light(x: Tensor, d: Illumination) -> Tensor:
    """Return the (N, 1, 1, 1) share of the strength that frames of (N, 3, h, w) logarithms need (step 2)."""
    level = x.mean((1, 2, 3), keepdim=True)
    colour = (x.amax(1, keepdim=True) - x.amin(1, keepdim=True)).mean((2, 3), keepdim=True)
    grey = 1 - smoothstep((colour - NO_COLOUR) / (COLOURED - NO_COLOUR))
    low, high = (math.log(a) + grey * math.log(b / a) for a, b in zip(d.fade, d.fade_grey, strict=True))
    return 1 - smoothstep((level - low) / (high - low))


def smoothstep(x: Tensor) -> Tensor:
    """Return a smooth way from 0 where x <= 0 to 1 where x >= 1."""
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)


def roll_off(t: Tensor, y: Tensor, knee: Tensor) -> Tensor:
    """Return the (N, 1, H, W) illumination under which no channel of ``y`` burns.

    With z the largest channel over t, the share of z that is left above the knee k is
    r(z) / z = (e + k (1 - k)) / ((e + 1 - k) (e + k)), e = z - k.
    """
    above = functional.relu(y.amax(1, keepdim=True) / t - knee)
    kept = (above + knee * (1 - knee)) / ((above + (1 - knee)) * (above + knee))
    return clamp(t / kept, 0, 1)


def logit_of(share: float) -> float:
    """Return what a sigmoid makes a share of."""
    return math.log(share / (1 - share))


# Pooling finds places as well as values, and is 20 times slower than maxima of shifted views. Images are not
# negative, so zero outside the frame is as good as nothing there.


def max_2x2(x: Tensor) -> Tensor:
    """Return the largest of each pixel, its right, its lower and its lower right neighbour; x >= 0."""
    x = functional.pad(x, (0, 1, 0, 1))
    x = torch.maximum(x[..., :-1, :], x[..., 1:, :])
    return torch.maximum(x[..., :-1], x[..., 1:])


def max_3x3(x: Tensor) -> Tensor:
    """Return the largest of each pixel and its eight neighbours; x >= 0."""
    x = functional.pad(x, (1, 1, 1, 1))
    x = torch.maximum(torch.maximum(x[..., :-2, :], x[..., 1:-1, :]), x[..., 2:, :])
    return torch.maximum(torch.maximum(x[..., :-2], x[..., 1:-1]), x[..., 2:])


def pad_to_multiple(x: Tensor, s: int) -> Tensor:
    """Replicate the right and lower edges up to the next multiple of ``s``."""
    right, down = (-side % s for side in x.shape[:-3:-1])
    return functional.pad(x, (0, right, 0, down), mode="replicate") if right or down else x


def shrink_by(x: Tensor, s: int) -> Tensor:
    """Return the mean over blocks of ``s x s`` pixels, in 0..1."""
    if s == 1:
        return levels(x)
    mean = functional.avg_pool2d(x.float() if x.dtype == torch.uint8 else x, s)
    return mean / 255 if x.dtype == torch.uint8 else mean


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resize bilinearly, half-pixel centres, to a height and width."""
    return functional.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


def around(x: Tensor, part: Part, reach: int) -> tuple[Tensor, Part]:
    """Return the part of ``x`` with ``reach`` pixels around it, and where in that the part is."""
    outer: list[slice] = []
    inner: list[slice] = []
    for piece, length in zip(part, x.shape[-2:], strict=True):
        start, stop, step = piece.indices(length)
        low = max(0, start - reach)
        outer.append(slice(low, min(length, stop + reach)))
        inner.append(slice(start - low, stop - low, step))
    return x[..., outer[0], outer[1]], (inner[0], inner[1])


def enlarge(x: Tensor, scale: int, size: Sequence[int], part: Part) -> Tensor:
    """Return a part of the frame of ``size`` to which cells of ``scale`` pixels a side are resized."""
    if scale == 1:
        return x[..., : size[0], : size[1]][(..., *part)]
    pieces = [piece.indices(length) for piece, length in zip(part, size, strict=True)]
    cells = [slice(start // scale, (stop - 1) // scale + 1) for start, stop, _ in pieces]
    # The middle of a pixel lies between the middles of its cell and of a neighbour.
    x, (rows, columns) = around(x, (cells[0], cells[1]), 1)
    inner: list[slice] = []
    for skipped, (start, stop, step) in zip((rows, columns), pieces, strict=True):
        first = skipped.start * scale + start % scale
        inner.append(slice(first, first + stop - start, step))
    return resize(x, [scale * side for side in x.shape[-2:]])[..., inner[0], inner[1]]


def shrink(layer: nn.Module) -> None:
    """Scale a layer's initial weights down and clear its bias."""
    assert isinstance(layer, nn.Conv2d) and layer.bias is not None
    with torch.no_grad():
        layer.weight.mul_(_SMALL)
        layer.bias.zero_()
