"""What a recipe minimises: named terms of a trace, each with a weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor
from torch.nn import functional

from model import losses
from model.ruas import Trace
from rtvideo.errors import UsageError

#: A term sees the trace, the input and the reference, each image (N, 3, H, W) and of the trace's part.
Term = Callable[[Trace, Tensor, Tensor], Tensor]


def _warm_start(trace: Trace) -> tuple[Tensor, Tensor]:
    """Return the last stage's t and what it is to be faithful to, t_hat_0 at the same size and channels."""
    t = trace.stages[-1].t
    target = trace.t_hat_0
    if target.shape[-2:] != t.shape[-2:]:
        target = functional.adaptive_avg_pool2d(target, (t.shape[-2], t.shape[-1]))
    if t.shape[1] == 1:
        target = target.amax(1, keepdim=True)
    return t, target


def _denoised(trace: Trace) -> Tensor:
    return trace.x[-1] if trace.x else trace.u


#: Terms that look at the input and the result alone. The first four are the paper's (section 3.2.3).
REFERENCE_FREE: dict[str, Term] = {
    "illumination_fidelity": lambda trace, low, high: losses.fidelity(*_warm_start(trace)),
    "illumination_rtv": lambda trace, low, high: losses.relative_total_variation(trace.stages[-1].t),
    "noise_fidelity": lambda trace, low, high: losses.fidelity(_denoised(trace), trace.u.detach()),
    "noise_tv": lambda trace, low, high: losses.total_variation(_denoised(trace)),
    "exposure_control": lambda trace, low, high: losses.exposure_control(trace.u),
    "colour_constancy": lambda trace, low, high: losses.colour_constancy(trace.u),
    "spatial_consistency": lambda trace, low, high: losses.spatial_consistency(trace.u, low),
}

#: Terms that need a reference. ``lit_*`` score the IEM's own output, so that it serves without noise removal.
SUPERVISED: dict[str, Term] = {
    "lit_brightness": lambda trace, low, high: losses.brightness(trace.u, high),
    "lit_charbonnier": lambda trace, low, high: losses.charbonnier(trace.u, high),
    "lit_dissimilarity": lambda trace, low, high: losses.dissimilarity(trace.u, high),
    "image_charbonnier": lambda trace, low, high: losses.charbonnier(_denoised(trace), high),
    "image_dissimilarity": lambda trace, low, high: losses.dissimilarity(_denoised(trace), high),
}


def needs_reference(weights: Mapping[str, float]) -> bool:
    """Return whether any term does."""
    return any(name in SUPERVISED for name in weights)


def objective(weights: Mapping[str, float], trace: Trace, low: Tensor, high: Tensor | None) -> Tensor:
    """Return the weighted sum of the terms.

    Raises:
        UsageError: a term that does not exist, or that needs the reference there is none of.
    """
    total = low.new_zeros(())
    for name, weight in weights.items():
        if name in REFERENCE_FREE:
            total = total + weight * REFERENCE_FREE[name](trace, low, low)
        elif name not in SUPERVISED:
            allowed = ", ".join((*REFERENCE_FREE, *SUPERVISED))
            raise UsageError(f"loss {name!r} does not exist; allowed: {allowed}")
        elif high is None:
            raise UsageError(f"loss {name!r} needs references; give pairs with --pairs")
        else:
            total = total + weight * SUPERVISED[name](trace, low, high)
    return total
