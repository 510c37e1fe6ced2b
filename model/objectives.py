"""What a recipe minimises: named terms of a trace, each with a weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor
from torch.nn import functional

from model import losses
from model.iem import levels
from model.neighbours import neighbour_to_neighbour
from model.ruas import RUAS, Trace
from rtvideo.errors import UsageError

_DIM = 1 / 255  # of a mean: darker ones are not told apart
_THIN = (slice(None, None, 4), slice(None, None, 4))


@dataclass(frozen=True)
class Sample:
    """What a term may look at, each image (N, 3, H, W).

    Attributes:
        trace: of a part of a frame.
        low, high: the input and the reference of that part, None where there is none.
        net, frame: the network, and its input as a whole (codes of 8 bits, too), for the terms that run the
            network again.
        exposed: what is lit without a wish, where the trace follows one.
    """

    trace: Trace
    low: Tensor
    high: Tensor | None = None
    net: RUAS | None = None
    frame: Tensor | None = None
    exposed: Tensor | None = None

    @property
    def reference(self) -> Tensor:
        """The reference, where there is one."""
        assert self.high is not None
        return self.high

    @cached_property
    def scene(self) -> tuple[Tensor, Tensor]:
        """Every fourth pixel, each way, of the whole frame as lit by the IEM, and of the frame."""
        assert self.net is not None and self.frame is not None
        return self.net.illumination(self.frame, part=_THIN).u, levels(self.frame[(..., *_THIN)])

    @property
    def denoised(self) -> Tensor:
        """The result before it is clamped: what noise removal made of u, or u."""
        return self.trace.x[-1] if self.trace.x else self.trace.u


Term = Callable[[Sample], Tensor]


def _warm_start(sample: Sample) -> tuple[Tensor, Tensor]:
    """Return the last stage's t and what it is to be faithful to, t_hat_0 at the same size and channels."""
    t = sample.trace.stages[-1].t
    target = sample.trace.t_hat_0
    if target.shape[-2:] != t.shape[-2:]:
        target = functional.adaptive_avg_pool2d(target, (t.shape[-2], t.shape[-1]))
    if t.shape[1] == 1:
        target = target.amax(1, keepdim=True)
    return t, target


def _neighbours(sample: Sample) -> Tensor:
    trace, net = sample.trace, sample.net
    assert net is not None
    if net.noise is None:
        return trace.u.new_zeros(())
    return neighbour_to_neighbour(
        lambda u, t: net.remove_noise(u, t)[-1], trace.u.detach(), trace.t.detach(), trace.x[-1]
    )


def _colour(x: Tensor) -> Tensor:
    """Return what each channel is beside the mean of all three."""
    return x - x.mean(1, keepdim=True)


#: Terms that look at the input and the result alone. The first four are the paper's (section 3.2.3).
REFERENCE_FREE: dict[str, Term] = {
    "illumination_fidelity": lambda s: losses.fidelity(*_warm_start(s)),
    "illumination_rtv": lambda s: losses.relative_total_variation(s.trace.stages[-1].t),
    "noise_fidelity": lambda s: losses.fidelity(s.denoised, s.trace.u.detach()),
    "noise_tv": lambda s: losses.total_variation(s.denoised),
    "noise_colour": lambda s: losses.brightness(_colour(s.denoised), _colour(s.trace.u.detach())),
    "noise_gained_tv": lambda s: losses.gained_variation(s.denoised, s.trace.t),
    "noise_neighbours": _neighbours,
    "exposure_control": lambda s: losses.exposure_control(s.trace.u),
    "exposure_level": lambda s: losses.exposure_level(s.scene[0]),
    "colour_constancy": lambda s: losses.colour_constancy(s.trace.u),
    "spatial_consistency": lambda s: losses.spatial_consistency(s.trace.u, s.low),
    "tone": lambda s: losses.tone(*s.scene),
}

#: Terms that need a reference. ``lit_*`` score the IEM's own output, so that it serves without noise removal.
SUPERVISED: dict[str, Term] = {
    "lit_brightness": lambda s: losses.brightness(s.trace.u if s.exposed is None else s.exposed, s.reference),
    "lit_exposure": lambda s: losses.exposure(s.trace.u if s.exposed is None else s.exposed, s.reference),
    "lit_charbonnier": lambda s: losses.charbonnier(s.trace.u, s.reference),
    "lit_dissimilarity": lambda s: losses.dissimilarity(s.trace.u, s.reference),
    "image_brightness": lambda s: losses.brightness(s.denoised, s.reference),
    "image_charbonnier": lambda s: losses.charbonnier(s.denoised, s.reference),
    "image_dissimilarity": lambda s: losses.dissimilarity(s.denoised, s.reference),
}


def wish(exposed: Tensor, reference: Tensor) -> Tensor:
    """Return the brightness, (N, 1, 1, 1) in -1..1, that takes the mean of what is lit to its reference's."""
    means = (image.detach().mean((1, 2, 3), keepdim=True).clamp_min(_DIM) for image in (reference, exposed))
    wanted, found = means
    return (wanted / found).log2().clamp(-1, 1)


def of_light(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the terms that score what is lit by itself, before noise removal."""
    return {name: weight for name, weight in weights.items() if name.startswith("lit_")}


def needs_stages(weights: Mapping[str, float]) -> bool:
    """Return whether any term looks at the illumination's stages."""
    return any(name.startswith("illumination_") for name in weights)


def needs_reference(weights: Mapping[str, float]) -> bool:
    """Return whether any term does."""
    return any(name in SUPERVISED for name in weights)


def objective(weights: Mapping[str, float], sample: Sample) -> Tensor:
    """Return the weighted sum of the terms.

    Raises:
        UsageError: a term that does not exist, or that needs the reference there is none of.
    """
    total = sample.low.new_zeros(())
    for name, weight in weights.items():
        if name in REFERENCE_FREE:
            total = total + weight * REFERENCE_FREE[name](sample)
        elif name not in SUPERVISED:
            allowed = ", ".join((*REFERENCE_FREE, *SUPERVISED))
            raise UsageError(f"loss {name!r} does not exist; allowed: {allowed}")
        elif sample.high is None:
            raise UsageError(f"loss {name!r} needs references; give pairs with --pairs")
        else:
            total = total + weight * SUPERVISED[name](sample)
    return total
